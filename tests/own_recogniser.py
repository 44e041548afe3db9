"""Somebody's own recogniser, faces for it to read, and `latent-ofer evaluate` run on them."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from archives import write_ferplus, write_occluders
from latent_ofer.cli.main import app

TOOL = '''
"""Somebody's recogniser: happy where the picture's mean is even, neutral elsewhere."""
import sys
import numpy as np
from PIL import Image

def read(pictures):
    even = pictures.reshape(len(pictures), -1).mean(axis=1).astype(int) % 2 == 0
    return np.where(even[:, None], np.eye(8)[1] * 0.5 + 0.0625, np.eye(8)[0] * 0.5 + 0.0625)

if __name__ == "__main__":
    for path in sys.stdin.read().splitlines():
        row = read(np.asarray(Image.open(path))[None])[0]
        name = ["neutral", "happiness"][int(row.argmax())]
        print(path, name, ",".join(map(repr, row.tolist())), sep="\\t")
'''


def write_faces_and_tool(tmp_path: Path) -> Path:
    """Archives of faces and objects in a folder, which is returned; `tool.py` beside it."""
    folder = tmp_path / "data"
    folder.mkdir()
    write_ferplus(folder, (4, 2, 14))
    write_occluders(folder)
    (tmp_path / "tool.py").write_text(TOOL)
    return folder


def evaluate(name: str, *words: object, report: Path, measurements: Any = None) -> dict[str, Any]:
    """Run a measurement, of others than the package's where given; returns its summary."""
    command = ["evaluate", name, *map(str, words), "--output", str(report)]
    result = CliRunner().invoke(app, command, catch_exceptions=False, obj=measurements)
    assert result.exit_code == 0, result.output
    assert (report / "table.md").read_text() in result.stdout
    written: dict[str, Any] = json.loads((report / "summary.json").read_text())
    return written
