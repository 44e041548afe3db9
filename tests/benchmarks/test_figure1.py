"""Areas under the curves of Figure 1, on made-up answers."""

from pathlib import Path

import pytest
from figure1 import areas

from latent_ofer.evaluation.conditions import SHARES

FACES = {"a.png": "happiness", "b.png": "anger", "c.png": "neutral", "d.png": "fear"}


def write(folder: Path, who: str, condition: str, right: int) -> None:
    """Answers of which the first `right` are so, and one is missing where none is."""
    lines = [
        f"{face}\t{label if number < right else 'disgust'}"
        for number, (face, label) in enumerate(FACES.items())
    ]
    (folder / "answers" / f"{who}-{condition}.tsv").write_text("\n".join(lines[right == 0 :]))


@pytest.fixture
def report(tmp_path: Path) -> Path:
    (tmp_path / "answers").mkdir()
    lines = ["path\tlabel", *(f"{face}\t{label}" for face, label in FACES.items())]
    (tmp_path / "labels.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_the_area_is_the_mean_accuracy_over_the_hidden_shares(report: Path) -> None:
    for who, hidden in (("pipeline", 2), ("plain", 0)):
        write(report, who, "clean", 4)
        for sweep in ("random", "grad-cam"):
            for share in SHARES:
                write(report, who, f"{sweep}-{share}", hidden if sweep == "random" else 3)
    found = areas(report, 7)
    # From 1 at nothing hidden it falls to a half, or to nought, over the first tenth of the 70 %.
    assert found["random"]["pipeline"]["area"]["value"] == pytest.approx(0.5 + 0.25 / 7)
    assert found["random"]["plain"]["area"]["value"] == pytest.approx(0.5 / 7)
    less = found["random"]["plain"]["less"]
    assert less["value"] == pytest.approx(0.5 - 0.25 / 7)
    assert less["low"] <= less["value"] <= less["high"]
    assert found["grad-cam"]["plain"]["less"]["value"] == 0
    assert found["n"] == 4 and "less" not in found["random"]["pipeline"]


def test_who_has_not_answered_under_every_condition_has_no_area(report: Path) -> None:
    write(report, "plain", "clean", 4)
    for share in SHARES:
        write(report, "plain", f"random-{share}", 4)
    found = areas(report, 7)
    assert list(found["random"]) == ["plain"] and not found["grad-cam"]
    assert found["random"]["plain"]["area"]["value"] == 1
