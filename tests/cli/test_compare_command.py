import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from latent_ofer.cli.main import app, main
from latent_ofer.evaluation.prediction_lines import text_of
from latent_ofer.evaluation.predictions import Predictions

TRUTH = "path\tlabel\n" + "".join(f"set/{row}.png\thappy\n" for row in range(8))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two sides, as a report and a tool leave them, the same faces: 6 of 8 and 3 of 8 right."""
    ids = [f"set/{row}.png" for row in range(8)]
    rows = np.eye(8)[[1, 1, 1, 1, 1, 1, 0, 0]]
    ours = Predictions.from_probabilities("pipeline", ids, rows)
    (tmp_path / "ours.tsv").write_text(text_of(ours))
    words = ["happy"] * 3 + ["sad"] * 5
    theirs = "".join(f"{face}\t{word}\n" for face, word in zip(ids, words, strict=True))
    (tmp_path / "theirs.tsv").write_text(theirs)
    (tmp_path / "truth.tsv").write_text(TRUTH)
    return tmp_path


def run(files: Path, *more: str) -> str:
    words = ["compare", "ours.tsv", "theirs.tsv", "--labels", "truth.tsv", *more]
    paths = [str(files / word) if (files / word).exists() else word for word in words]
    result = CliRunner().invoke(app, paths, catch_exceptions=False, env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    return result.stdout


def test_two_files_are_compared(files: Path) -> None:
    found = json.loads(run(files, "--json"))
    assert (found["n"], found["n_without_label"], found["seed"]) == (8, 0, 7)
    accuracy = found["figures"]["accuracy"]
    # 6 / 8 and 3 / 8; only a is right on faces 3, 4 and 5: p = 2 / 2^3.
    assert (accuracy["a"], accuracy["b"]) == (0.75, 0.375)
    assert accuracy["difference"]["value"] == 0.375
    assert found["mcnemar"] == {"only_a": 3, "only_b": 0, "p": 0.25}
    assert json.loads(run(files, "--json")) == found
    assert json.loads(run(files, "--json", "--seed", "8")) != found


def test_the_table_shows_both_the_difference_and_who_is_better(files: Path) -> None:
    shown = run(files)
    assert "A: " in shown and "ours.tsv" in shown
    row = next(line for line in shown.splitlines() if line.lstrip("│ ").startswith("accuracy"))
    assert [part.strip() for part in row.strip("│").split("│")][:4] == [
        "accuracy, %",
        "75.0",
        "37.5",
        "+37.5",
    ]
    assert row.rstrip(" │").endswith("A")
    assert "8 faces, 8 expressions, 1000 resamples, seed 7" in shown


def test_faces_without_a_label_are_left_out_and_people_kept_together(files: Path) -> None:
    lines = [f"set/{row}.png\thappy\tperson{row // 3}" for row in range(6)]
    (files / "truth.tsv").write_text("\n".join(lines))
    found = json.loads(run(files, "--json"))
    assert (found["n"], found["n_without_label"]) == (6, 2)
    # The two people are right on 3 of 3 each with A, on 3 and on none with B.
    gap = found["figures"]["accuracy"]["difference"]
    assert (gap["low"], gap["high"]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("theirs.tsv", "set/0.png\thappy\n"), "--common compares those"),
        (("theirs.tsv", "set/0.png\trage\n"), "theirs.tsv:1: unknown label"),
        (("truth.tsv", "set/0.png\n"), "truth.tsv:1: expected path<TAB>label"),
        (("truth.tsv", "other.png\tsad\n"), "none of the faces (such as set/0.png) has a label"),
        (("truth.tsv", "a\tsad\na\thappy\n"), "truth.tsv:2: a has another label further up"),
    ],
)
def test_what_is_wrong_is_one_line(
    files: Path, change: tuple[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / change[0]).write_text(change[1])
    with pytest.raises(SystemExit) as stop:
        main(
            [
                "compare",
                *(str(files / name) for name in ("ours.tsv", "theirs.tsv")),
                "--labels",
                str(files / "truth.tsv"),
            ]
        )
    assert stop.value.code == 2
    complaint = capsys.readouterr().err
    assert message in complaint
    assert complaint.count("\n") == 1


def test_only_the_common_faces_are_compared_on_request(files: Path) -> None:
    (files / "theirs.tsv").write_text("set/0.png\tsad\nset/7.png\thappy\n")
    found = json.loads(run(files, "--json", "--common"))
    assert found["n"] == 2
    assert found["mcnemar"] == {"only_a": 1, "only_b": 1, "p": 1.0}
