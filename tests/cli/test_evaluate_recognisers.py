"""`latent-ofer evaluate occlusion` on drawn faces, by all kinds of doors."""

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from latent_ofer.cli.main import main
from own_recogniser import TOOL, evaluate, write_faces_and_tool


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_faces_and_tool(tmp_path)


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
