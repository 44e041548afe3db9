"""An image's rows of results, as plain Python that is safe for JSON."""

import os
from base64 import b64encode
from pathlib import Path
from typing import Any

from latent_ofer.names import utf8_text
from latent_ofer.results import Outcome


def rows_of(path: Path, outcome: Outcome) -> list[dict[str, Any]]:
    """One image's rows: one a face, or one that says why there is none.

    A path that is no UTF-8 is written as `utf8_text`, with its very bytes beside it.
    """
    where = _where(os.fspath(path))
    if not isinstance(outcome, list):
        error = {"code": outcome.code, "message": utf8_text(outcome.message)}
        return [{**where, "status": "error", "error": error}]
    if not outcome:
        return [{**where, "status": "no_face", "faces": 0}]
    return [
        {**where, "status": "ok", "faces": len(outcome), "face": index, **face.to_dict()}
        for index, face in enumerate(outcome)
    ]


def _where(path: str) -> dict[str, str]:
    text = utf8_text(path)
    if text == path:
        return {"path": path}
    return {"path": text, "path_b64": b64encode(os.fsencode(path)).decode()}
