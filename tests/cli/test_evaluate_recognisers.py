"""`latent-ofer evaluate occlusion` on drawn faces, by all kinds of doors."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from archives import write_ferplus, write_occluders
from latent_ofer.cli.main import app, main

USAGES = {"Training": 4, "PublicTest": 6, "PrivateTest": 14}
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


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write_ferplus(folder, (4, 2, 14))
    write_occluders(folder)
    (tmp_path / "tool.py").write_text(TOOL)
    return folder


def evaluate(name: str, *words: object, report: Path) -> dict[str, Any]:
    command = ["evaluate", name, *map(str, words), "--output", str(report)]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert (report / "table.md").read_text() in result.stdout
    written: dict[str, Any] = json.loads((report / "summary.json").read_text())
    return written


def test_the_three_doors_give_the_same_figures(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Plots take longer than all the rest, and are drawn elsewhere.
    monkeypatch.setattr("latent_ofer.evaluation.recogniser_tables.draw", lambda *_: None)
    tool = tmp_path / "tool.py"
    doors = [f"python:{tool}:read", f"command:{shlex.quote(sys.executable)} {tool}"]
    common = ["--data", data, "--runs", tmp_path / "runs", "--limit", 8]
    common += ["--conditions", "clean, objects, random-30"]
    words = [word for door in doors for word in ("--recogniser", door)]
    pictures = tmp_path / "pictures"
    first = evaluate(
        "occlusion", *common, *words, "--pictures", pictures, report=tmp_path / "first"
    )
    # Somebody reads the pictures with a tool of his own and hands in its answers.
    import numpy as np
    from PIL import Image

    space: dict[str, Any] = {"__name__": "tool"}
    exec(TOOL, space)
    lines = []
    for path in sorted(pictures.rglob("*.png")):
        row = space["read"](np.asarray(Image.open(path))[None])[0]
        name = ["neutral", "happiness"][int(row.argmax())]
        values = ",".join(map(repr, row.tolist()))
        lines.append(f"{path.relative_to(pictures).as_posix()}\t{name}\t{values}")
    (tmp_path / "theirs.tsv").write_text("\n".join(lines))
    doors.append(f"file:{tmp_path / 'theirs.tsv'}")
    second = evaluate(
        "occlusion", *common, *words, "--recogniser", doors[-1], report=tmp_path / "second"
    )
    python, command, file = (row["figures"] for row in second["rows"])
    assert python == command == file
    assert python.keys() == {"clean", "objects", "random-30"}
    assert [row["figures"] for row in first["rows"]] == [python, command]
    assert [row["name"] for row in second["rows"]] == doors
    scores = second["details"]["conditions"]["objects"]["scores"]
    assert scores[doors[0]]["brier"] == scores[doors[2]]["brier"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--conditions", "clean,dirty"], "dirty: no such condition"),
        (["--recogniser", "nobody"], "'nobody' is no recogniser"),
        (["--list", "list.txt"], "--list goes with one --set"),
        (["--split", "test"], "no test face has a label"),
    ],
)
def test_what_is_wrong_is_one_line(
    words: list[str], message: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    door = [] if "--recogniser" in words else ["--recogniser", f"python:{tmp_path}/tool.py:read"]
    common = ["--data", str(data), "--runs", str(tmp_path / "runs"), *door]
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", "occlusion", *common, *words])
    assert stop.value.code == 2
    complaint = capsys.readouterr().err
    assert message in complaint
    assert complaint.count("\n") == 1
