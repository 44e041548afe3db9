"""The figures of the detection test against slow, obvious versions of themselves."""

import json
from pathlib import Path

import numpy as np
import pytest

from detecting import CUTOUTS, figures_of, greenness, photos, resamples, scored
from latent_ofer.datasets.pool import Pixels, protocol_copy
from latent_ofer.evaluation.bootstrap import Intervals
from latent_ofer.evaluation.detection_figures import (
    Scored,
    by_group,
    worst_group,
)
from latent_ofer.evaluation.grouping import groups, occluder_groups
from latent_ofer.occlusion.patches import occluded_patches, patch_share
from latent_ofer.weights_folder import Thresholds


def test_a_detector_that_sees_the_objects_is_nearly_perfect(tmp_path: Path) -> None:
    pool = photos(12)
    s = scored(pool, greenness, tmp_path)
    report = figures_of(s)
    json.dumps(report, allow_nan=False)
    assert report["n"] == 12
    assert report["auroc"]["value"] > 0.99
    assert report["recall"]["value"] > 0.95
    assert report["accuracy"]["value"] > 0.98
    for name in ("auroc", "average_precision", "accuracy", "precision", "recall"):
        assert report[name]["low"] <= report[name]["value"] <= report[name]["high"]


def test_a_blind_detector_scores_one_half(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    s = scored(
        photos(12), lambda faces: rng.random((len(faces), 14, 14)), tmp_path, Thresholds(0.9, 0.9)
    )
    report = figures_of(s)
    assert report["auroc"]["value"] == pytest.approx(0.5, abs=0.05)
    assert report["average_precision"]["value"] == pytest.approx(report["hidden_share"], abs=0.07)
    assert report["false_positive_share_clean"]["value"] == pytest.approx(0.1, abs=0.02)
    assert report["recall"]["value"] == pytest.approx(0.1, abs=0.05)


def test_figures_at_the_threshold_count_both_copies_and_no_border_patch(tmp_path: Path) -> None:
    pool = photos(3)
    copies = [protocol_copy(pool.native(row), CUTOUTS, 7) for row in range(3)]
    share = np.stack([patch_share(covered) for _, covered, _ in copies])
    hidden = np.stack([occluded_patches(covered) for _, covered, _ in copies])
    scored_patches = (share == 0) | hidden

    def always(faces: Pixels) -> np.ndarray:
        return np.ones((len(faces), 14, 14))

    s = scored(pool, always, tmp_path, Thresholds(0.5, 0.5))
    report = figures_of(s)
    everything = scored_patches.sum() + 3 * 196
    assert scored_patches.sum() < 3 * 196
    assert report["recall"]["value"] == 1
    assert report["precision"]["value"] == pytest.approx(hidden.sum() / everything)
    assert report["accuracy"]["value"] == pytest.approx(hidden.sum() / everything)
    assert report["false_positive_share_clean"]["value"] == 1


def test_grey_faces_are_held_against_the_grey_threshold(tmp_path: Path) -> None:
    pool = photos(2)
    images = pool.sets[0].images
    images[1] = images[1][..., :1]

    def half(faces: Pixels) -> np.ndarray:
        return np.full((len(faces), 14, 14), 0.5)

    s = scored(pool, half, tmp_path, Thresholds(colour=0.4, grey=0.6))
    assert s.clean_above[0].all()
    assert not s.clean_above[1].any()


def test_each_group_counts_its_own_people(tmp_path: Path) -> None:
    rows = [
        {"sex": "0", "race": "1", "age": "8"},
        {"sex": "1", "race": "1", "age": "34"},
        {"sex": "", "race": "", "age": ""},
    ]

    def first_only(faces: Pixels) -> np.ndarray:
        return np.arange(len(faces))[:, None, None] == np.zeros((1, 14, 14))

    s = scored(photos(3), first_only, tmp_path, Thresholds(0.5, 0.5))
    report = by_group(s, groups(rows), resamples(3))
    json.dumps(report, allow_nan=False)
    marked = {name: one["false_positive_share_clean"]["value"] for name, one in report.items()}
    assert marked["sex: male"] == marked["age: 0-12"] == 1
    assert marked["sex: female"] == 0
    assert marked["race: Black"] == 0.5
    assert "race: other" not in report
    assert report["race: Black"]["n"] == 2 and report["race: Black"]["small"] is True


def test_figures_of_a_group_are_those_of_its_faces_alone() -> None:
    rng = np.random.default_rng(1)
    hidden = rng.random((120, 196)) < 0.2
    clean, occluded = rng.normal(0, 1, (2, 120, 196)).astype(np.float32)
    occluded += hidden
    used = rng.random((120, 196)) < 0.9
    things = np.where(rng.random(120) < 0.9, "card", "sheet")
    every = np.ones_like(used)
    s = Scored(clean, occluded, clean > 1, occluded > 1, hidden, used, every)
    members = occluder_groups(things.tolist(), rng.random(120))
    members["nearly all"] = np.arange(120) < 110
    among = Intervals(resamples(120).counts[:100])
    report = by_group(s, members, among)
    assert sum(one["n"] for name, one in report.items() if name.startswith("occluder")) == 120
    assert {name for name, one in report.items() if not one.get("small")} == {"nearly all"} | {
        name for name, some in members.items() if some.sum() >= 100
    }
    for name, some in members.items():
        alone = figures_of(s.take(some), among.take(some))
        for key in ("auroc", "recall", "false_positive_share_clean"):
            assert report[name][key] == alone[key]
            assert alone[key]["low"] < alone[key]["value"] < alone[key]["high"]


def test_a_group_without_a_hidden_patch_has_only_false_positives(tmp_path: Path) -> None:
    s = scored(photos(2), greenness, tmp_path)
    s.hidden[1] = False
    report = by_group(s, {"second": np.array([False, True])}, resamples(2))
    assert set(report["second"]) == {"n", "small", "false_positive_share_clean"}


def test_patches_that_are_left_out_count_in_neither_copy(tmp_path: Path) -> None:
    s = scored(photos(4), greenness, tmp_path)
    wrong = np.zeros((4, 196), dtype=bool)
    wrong[:, 5] = True
    s.clean_above[wrong] = True
    s.occluded[wrong] = 2
    s.hidden[wrong] = False
    s.used[wrong] = True
    before, after = figures_of(s), figures_of(s.without(wrong))
    assert before["false_positive_share_clean"]["value"] == pytest.approx(1 / 196)
    assert after["false_positive_share_clean"]["value"] == 0
    assert after["auroc"]["value"] > before["auroc"]["value"]
    # Nothing else is left out: what was right stays right.
    right = (s.occluded_above == s.hidden) & s.used & ~wrong
    assert after["accuracy"]["value"] == pytest.approx(
        (right.sum() + 4 * 195) / ((s.used & ~wrong).sum() + 4 * 195)
    )


def test_the_worst_group_is_the_worst_of_those_that_are_large_enough() -> None:
    def group(n: int, share: float) -> dict[str, object]:
        small = {"small": True} if n < 100 else {}
        marked = {"value": share, "low": 0.0, "high": 1.0}
        return {"n": n, **small, "false_positive_share_clean": marked}

    report = {"sex: male": group(900, 0.01), "age: 0-12": group(100, 0.03)}
    worst = worst_group({**report, "race: other": group(99, 0.2)})
    assert worst == {
        "name": "age: 0-12",
        "n": 100,
        "false_positive_share_clean": {"value": 0.03, "low": 0.0, "high": 1.0},
    }
    assert worst_group({"race: other": group(99, 0.2)}) is None


def test_many_photos_of_one_person_make_wider_intervals(tmp_path: Path) -> None:
    people = ["a"] * 6 + ["b"] * 6
    clean = np.repeat(np.array([[0.0], [1.0]], dtype=np.float32), 6, axis=0) * np.ones((1, 196))
    s = scored(photos(12), greenness, tmp_path)
    s.clean_above[:] = clean > 0.5
    apart, together = (
        figures_of(s, resamples(12, who))["false_positive_share_clean"] for who in (None, people)
    )
    assert apart["value"] == together["value"] == 0.5
    assert (together["low"], together["high"]) == (0, 1)
    assert apart["low"] > 0 and apart["high"] < 1
