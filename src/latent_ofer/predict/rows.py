"""An image's rows of results, as plain Python that is safe for JSON."""

import os
from pathlib import Path
from typing import Any

from latent_ofer.results import Outcome


def rows_of(path: Path, outcome: Outcome) -> list[dict[str, Any]]:
    """One image's rows: one a face, or one that says why there is none."""
    where = {"path": os.fspath(path)}
    if not isinstance(outcome, list):
        error = {"code": outcome.code, "message": outcome.message}
        return [{**where, "status": "error", "error": error}]
    if not outcome:
        return [{**where, "status": "no_face", "faces": 0}]
    return [
        {**where, "status": "ok", "faces": len(outcome), "face": index, **face.to_dict()}
        for index, face in enumerate(outcome)
    ]
