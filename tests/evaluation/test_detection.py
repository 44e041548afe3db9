import json
from pathlib import Path

import numpy as np
import pytest

from archives import write_archives
from helpers import drawn_set
from latent_ofer.datasets.archives import read_ferplus
from latent_ofer.datasets.pool import FacePool, Pixels, protocol_copy
from latent_ofer.evaluation import detection
from latent_ofer.evaluation.bootstrap import resample_counts
from latent_ofer.evaluation.detection import cover_groups, evaluate_detection, scored
from latent_ofer.evaluation.detection_figures import (
    Scored,
    by_group,
    face_groups,
    figures,
    worst_group,
)
from latent_ofer.evaluation.grouping import groups, occluder_groups
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.occlusion.patches import occluded_patches, patch_share
from latent_ofer.weights_folder import Thresholds

GREEN = np.zeros((40, 40, 4), dtype=np.uint8)
GREEN[..., 1] = 255
GREEN[..., 3] = 255
CUTOUTS = [Cutout(GREEN, "card", "any", "card/1"), Cutout(GREEN, "sheet", "nose", "sheet/1")]


def photos(count: int) -> FacePool:
    return FacePool([drawn_set(count)])


def greenness(faces: Pixels) -> np.ndarray:
    levels = faces.astype(float)
    green = levels[..., 1] - np.maximum(levels[..., 0], levels[..., 2]) > 60
    return patch_share(green)


def resamples(faces: int, people: list[str] | None = None) -> np.ndarray:
    return resample_counts(faces, np.random.default_rng(0), people=people)


def test_a_detector_that_sees_the_objects_is_nearly_perfect() -> None:
    pool = photos(12)
    s = scored(pool, np.arange(12), CUTOUTS, greenness, Thresholds(0.3, 0.3), seed=7)
    report = figures(s, resamples(12))
    json.dumps(report, allow_nan=False)
    assert report["n"] == 12
    assert report["auroc"]["value"] > 0.99
    assert report["recall"]["value"] > 0.95
    assert report["accuracy"]["value"] > 0.98
    for name in ("auroc", "average_precision", "accuracy", "precision", "recall"):
        assert report[name]["low"] <= report[name]["value"] <= report[name]["high"]


def test_faces_and_objects_are_those_that_training_has_never_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection, "evaluate_masked_faces", lambda *_: {})
    data = write_archives(tmp_path / "data")
    limits = Thresholds(0.3, 0.3)
    report = evaluate_detection(data, tmp_path / "cache", greenness, limits)
    for kind in ("colour", "grey"):
        assert report[kind]["n"] == 2
        groups = {name for name in report[kind]["by_group"] if name.startswith("occluder")}
        assert groups == {"occluder: hand"}


def test_faces_of_one_person_stay_together_in_the_resamples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[object] = []

    def noted(faces: int, rng: np.random.Generator, people: list[str] | None = None) -> np.ndarray:
        drawn.append(people)
        return resample_counts(faces, rng, people=people)

    monkeypatch.setattr(FacePool, "people", property(lambda pool: ["anna"] * len(pool)))
    monkeypatch.setattr(detection, "evaluate_masked_faces", lambda *_: {})
    monkeypatch.setattr(detection, "resample_counts", noted)
    data = write_archives(tmp_path / "data")
    evaluate_detection(data, tmp_path / "cache", greenness, Thresholds(0.3, 0.3))
    assert drawn == [["anna", "anna"]] * 2


def test_a_blind_detector_scores_one_half() -> None:
    rng = np.random.default_rng(0)
    s = scored(
        photos(12),
        np.arange(12),
        CUTOUTS,
        lambda faces: rng.random((len(faces), 14, 14)),
        Thresholds(0.9, 0.9),
        seed=7,
    )
    report = figures(s, resamples(12))
    assert report["auroc"]["value"] == pytest.approx(0.5, abs=0.05)
    assert report["average_precision"]["value"] == pytest.approx(report["hidden_share"], abs=0.07)
    assert report["false_positive_share_clean"]["value"] == pytest.approx(0.1, abs=0.02)
    assert report["recall"]["value"] == pytest.approx(0.1, abs=0.05)


def test_figures_at_the_threshold_count_both_copies_and_no_border_patch() -> None:
    pool = photos(3)
    copies = [protocol_copy(pool.native(row), CUTOUTS, 7) for row in range(3)]
    share = np.stack([patch_share(covered) for _, covered, _ in copies])
    hidden = np.stack([occluded_patches(covered) for _, covered, _ in copies])
    scored_patches = (share == 0) | hidden

    def always(faces: Pixels) -> np.ndarray:
        return np.ones((len(faces), 14, 14))

    s = scored(pool, np.arange(3), CUTOUTS, always, Thresholds(0.5, 0.5), seed=7)
    report = figures(s, resamples(3))
    everything = scored_patches.sum() + 3 * 196
    assert scored_patches.sum() < 3 * 196
    assert report["recall"]["value"] == 1
    assert report["precision"]["value"] == pytest.approx(hidden.sum() / everything)
    assert report["accuracy"]["value"] == pytest.approx(hidden.sum() / everything)
    assert report["false_positive_share_clean"]["value"] == 1


def test_grey_faces_are_held_against_the_grey_threshold() -> None:
    pool = photos(2)
    images = pool.sets[0].images
    images[1] = images[1][..., :1]

    def half(faces: Pixels) -> np.ndarray:
        return np.full((len(faces), 14, 14), 0.5)

    s = scored(pool, np.arange(2), CUTOUTS, half, Thresholds(colour=0.4, grey=0.6), seed=7)
    assert s.clean_above[0].all()
    assert not s.clean_above[1].any()


def test_each_group_counts_its_own_people() -> None:
    rows = [
        {"sex": "0", "race": "1", "age": "8"},
        {"sex": "1", "race": "1", "age": "34"},
        {"sex": "", "race": "", "age": ""},
    ]

    def first_only(faces: Pixels) -> np.ndarray:
        return np.arange(len(faces))[:, None, None] == np.zeros((1, 14, 14))

    s = scored(photos(3), np.arange(3), CUTOUTS, first_only, Thresholds(0.5, 0.5), seed=7)
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
    s = Scored(
        clean, occluded, clean > 1, occluded > 1, hidden, used, every, things, rng.random(120)
    )
    members = occluder_groups(s.category.tolist(), s.coverage)
    members["nearly all"] = np.arange(120) < 110
    counts = resamples(120)[:100]
    report = by_group(s, members, counts)
    assert sum(one["n"] for name, one in report.items() if name.startswith("occluder")) == 120
    assert {name for name, one in report.items() if not one.get("small")} == {"nearly all"} | {
        name for name, some in members.items() if some.sum() >= 100
    }
    for name, some in members.items():
        alone = figures(s.take(some), counts[:, some])
        for key in ("auroc", "recall", "false_positive_share_clean"):
            assert report[name][key] == alone[key]
            assert alone[key]["low"] < alone[key]["value"] < alone[key]["high"]


def test_a_group_without_a_hidden_patch_has_only_false_positives() -> None:
    s = scored(photos(2), np.arange(2), CUTOUTS, greenness, Thresholds(0.3, 0.3), seed=7)
    s.hidden[1] = False
    report = by_group(s, {"second": np.array([False, True])}, resamples(2))
    assert set(report["second"]) == {"n", "small", "false_positive_share_clean"}


def test_patches_that_are_left_out_count_in_neither_copy() -> None:
    s = scored(photos(4), np.arange(4), CUTOUTS, greenness, Thresholds(0.3, 0.3), seed=7)
    wrong = np.zeros((4, 196), dtype=bool)
    wrong[:, 5] = True
    s.clean_above[wrong] = True
    s.occluded[wrong] = 2
    s.hidden[wrong] = False
    s.used[wrong] = True
    counts = resamples(4)
    before, after = figures(s, counts), figures(s.without(wrong), counts)
    assert before["false_positive_share_clean"]["value"] == pytest.approx(1 / 196)
    assert after["false_positive_share_clean"]["value"] == 0
    assert after["auroc"]["value"] > before["auroc"]["value"]
    # Nothing else is left out: what was right stays right.
    right = (s.occluded_above == s.hidden) & s.used & ~wrong
    assert after["accuracy"]["value"] == pytest.approx(
        (right.sum() + 4 * 195) / ((s.used & ~wrong).sum() + 4 * 195)
    )


def test_faces_are_grouped_by_source_and_by_what_is_known_of_them() -> None:
    pool = photos(3)
    pool.sets[0].sources[1] = "celeba"
    pool.sets[0].tags[2] = {"sex": "1"}
    members = {name: some.tolist() for name, some in face_groups(pool).items()}
    assert members == {
        "sex: female": [False, False, True],
        "source: celeba": [False, True, False],
        "source: utkface": [True, False, True],
    }


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


def test_many_photos_of_one_person_make_wider_intervals() -> None:
    people = ["a"] * 6 + ["b"] * 6
    clean = np.repeat(np.array([[0.0], [1.0]], dtype=np.float32), 6, axis=0) * np.ones((1, 196))
    s = scored(photos(12), np.arange(12), CUTOUTS, greenness, Thresholds(0.3, 0.3), seed=7)
    s.clean_above[:] = clean > 0.5
    apart, together = (
        figures(s, resamples(12, who))["false_positive_share_clean"] for who in (None, people)
    )
    assert apart["value"] == together["value"] == 0.5
    assert (together["low"], together["high"]) == (0, 1)
    assert apart["low"] > 0 and apart["high"] < 1


def test_faces_are_grouped_by_what_really_covers_them_where_a_table_says_so(
    tmp_path: Path,
) -> None:
    data = write_archives(tmp_path / "data")
    pool = FacePool([read_ferplus(data, "val", tmp_path / "cache")])
    table = tmp_path / "covers.csv"
    assert cover_groups(pool, table) == {}
    first, second = [name for _, name in pool.keys][:2]
    looks = {first: ",", second: "hand,hand", "unknown.png": ","}
    rows = [f"{name},{both}" for name, both in looks.items()]
    table.write_text("\n".join(["file,pass_a,pass_b", *rows]))
    groups_found = cover_groups(pool, table)
    assert {group: np.flatnonzero(here).tolist() for group, here in groups_found.items()} == {
        "cover: nothing": [0],
        "cover: really covered": [1],
    }
