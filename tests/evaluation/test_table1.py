import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from archives import write_archives
from helpers import drawn_face
from latent_ofer.datasets.pool import FacePool, FaceSet, Pixels
from latent_ofer.datasets.sources import Sources
from latent_ofer.detector.scores import auroc
from latent_ofer.evaluation.bootstrap import resample_counts
from latent_ofer.evaluation.detection import scored
from latent_ofer.evaluation.detection_figures import figures
from latent_ofer.evaluation.detector_differences import BASELINES
from latent_ofer.evaluation.patch_scores import Detectors, Truth, read_scores
from latent_ofer.evaluation.table1 import (
    against,
    errors_by_place,
    evaluate_table1,
    measured_kind,
    roc,
    shipped_names,
    table,
)
from latent_ofer.evaluation.table1_report import write_table1
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.occlusion.patches import patch_share
from latent_ofer.weights_folder import SHIPPED, Thresholds, WeightsFolder

GREEN = np.zeros((40, 40, 4), dtype=np.uint8)
GREEN[..., 1] = 255
GREEN[..., 3] = 255
CUTOUTS = [Cutout(GREEN, "card", "any", "card/1"), Cutout(GREEN, "sheet", "nose", "sheet/1")]
SETTINGS = {"kind": "colour", "seed": 7}


def photos(count: int, source: str = "utkface", grey: bool = False) -> FaceSet:
    drawn = [drawn_face(seed=seed) for seed in range(count)]
    return FaceSet(
        images=np.stack([face for face, _ in drawn]),
        landmarks=np.stack([points for _, points in drawn]),
        sources=[source] * count,
        names=[f"{i}.webp" for i in range(count)],
        colour=np.full(count, not grey),
        labels=np.full(count, -1),
        targets=np.zeros((count, 8), dtype=np.float32),
        subjects=[""] * count,
        tags=[{"sex": str(i % 2), "age": "40"} for i in range(count)],
    )


def greenness(faces: Pixels) -> np.ndarray:
    levels = faces.astype(float)
    green = levels[..., 1] - np.maximum(levels[..., 0], levels[..., 2]) > 60
    return patch_share(green)


def blind(faces: Pixels) -> np.ndarray:
    """Says the same of every picture, whatever is on it."""
    return np.tile(np.random.default_rng(0).random((14, 14)), (len(faces), 1, 1))


def detectors(name: str, look: Callable[[Pixels], np.ndarray], digest: str = "0") -> Detectors:
    return Detectors(digest, {name: Thresholds(0.3, 0.3)}, lambda faces: {name: look(faces)})


def test_figures_are_those_of_the_detection_test(tmp_path: Path) -> None:
    pool = FacePool([photos(10)])
    both = [detectors("default", greenness), detectors("paper", blind)]
    kept = measured_kind(pool, CUTOUTS, both, tmp_path, SETTINGS)
    report = table({"colour": kept}, both, seed=3)
    json.dumps(report, allow_nan=False)
    for name, look in (("default", greenness), ("paper", blind)):
        alone = scored(pool, np.arange(10), CUTOUTS, look, Thresholds(0.3, 0.3), seed=7)
        expected = figures(alone, resample_counts(10, np.random.default_rng(3)))
        assert {key: report[name]["colour"][key] for key in expected} == expected
    better = report["paper"]["colour"]["default_better_by"]
    assert better["low"] > 0.2
    assert better["value"] == pytest.approx(
        report["default"]["colour"]["auroc"]["value"] - report["paper"]["colour"]["auroc"]["value"]
    )
    assert "default_better_by" not in report["default"]["colour"]


def test_the_replicated_border_of_photos_counts_for_no_detector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, both = FacePool([photos(6)]), [detectors("default", greenness), detectors("paper", blind)]
    streaks = np.zeros((6, 196), dtype=bool)
    streaks[:, :70] = True
    monkeypatch.setattr(FacePool, "borders", streaks)
    kept = measured_kind(pool, CUTOUTS, both, tmp_path, SETTINGS)
    report = table({"colour": kept}, both, seed=3)
    for name, look in (("default", greenness), ("paper", blind)):
        alone = scored(pool, np.arange(6), CUTOUTS, look, Thresholds(0.3, 0.3), seed=7)
        counts = resample_counts(6, np.random.default_rng(3))
        expected = figures(alone.without(streaks), counts)
        assert {key: report[name]["colour"][key] for key in expected} == expected
        assert expected != figures(alone, counts)


def test_a_detector_with_a_radius_is_also_held_against_it(tmp_path: Path) -> None:
    some = replace(detectors("paper", greenness), radii={"paper": 0.7})
    plain = replace(some, thresholds={"paper": Thresholds(0.7, 0.7)}, radii={})
    kept = measured_kind(FacePool([photos(6)]), CUTOUTS, [some], tmp_path, SETTINGS)
    row = table({"colour": kept}, [some], seed=3)["paper"]["colour"]
    at_radius = table({"colour": kept}, [plain], seed=3)["paper"]["colour"]
    assert "by_radius" not in at_radius and set(row["by_radius"]) < set(row)
    assert row["by_radius"] == {key: at_radius[key] for key in row["by_radius"]}
    assert row["by_radius"]["recall"] != row["recall"]
    rows = {"paper": table({"colour": kept}, [some], seed=3)["paper"]}
    write_table1({"split": "val", "seed": 3, "detectors": rows}, tmp_path / "report")
    text = (tmp_path / "report" / "table.md").read_text()
    (line,) = [line for line in text.splitlines() if "decided by its radius" in line]
    assert f"{100 * row['by_radius']['recall']['value']:.1f} [" in line


def test_scores_are_made_once_and_anew_for_other_weights_or_settings(tmp_path: Path) -> None:
    pool = FacePool([photos(4)])
    asked: list[str] = []

    def counted(name: str, digest: str = "0") -> Detectors:
        def look(faces: Pixels) -> np.ndarray:
            asked.append(f"{name} {digest}")
            return greenness(faces)

        return detectors(name, look, digest)

    def run(*which: Detectors, seed: int = 7) -> tuple[Truth, dict[str, np.ndarray]]:
        asked.clear()
        return read_scores(pool, CUTOUTS, which, tmp_path, {**SETTINGS, "seed": seed})

    first, scores = run(counted("one"))
    assert asked == ["one 0"] * 2
    again, same = run(counted("one"))
    assert asked == []
    assert np.array_equal(scores["one"], same["one"])
    assert np.array_equal(first.hidden, again.hidden)
    assert again.category.tolist() == first.category.tolist()
    run(counted("one"), counted("two"))
    assert asked == ["two 0"] * 2
    run(counted("one", digest="1"), counted("two"))
    assert asked == ["one 1"] * 2
    other, _ = run(counted("one"), seed=8)
    assert asked == ["one 0"] * 2
    assert not np.array_equal(first.hidden, other.hidden)


def test_a_broken_off_run_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    def broken(faces: Pixels) -> np.ndarray:
        raise KeyboardInterrupt

    pool = FacePool([photos(3)])
    with pytest.raises(KeyboardInterrupt):
        read_scores(pool, CUTOUTS, [detectors("one", broken)], tmp_path, SETTINGS)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_grey_copies_are_held_against_the_grey_threshold() -> None:
    one = np.ones((2, 4), dtype=bool)
    grey = np.array([[True, False], [True, True]])
    truth = Truth(one, one, np.array(["a", "b"]), np.array([0.1, 0.2]), grey)
    scores = np.full((2, 2, 4), 0.5, dtype=np.float32)
    s = against(truth, one, scores, Thresholds(colour=0.4, grey=0.6))
    assert s.clean_above.any(axis=1).tolist() == [False, True]
    assert s.occluded_above.any(axis=1).tolist() == [False, False]


def made_up(faces: int = 60, seed: int = 0) -> tuple[Truth, np.ndarray]:
    """Truth of some faces and scores (2, n, 196) that know a little of it."""
    rng = np.random.default_rng(seed)
    hidden = rng.random((faces, 196)) < 0.3
    used = rng.random((faces, 196)) < 0.9
    grey = np.zeros((2, faces), dtype=bool)
    truth = Truth(hidden, used, np.full(faces, "card"), np.full(faces, 0.2), grey)
    noise = rng.normal(0, 1, (2, faces, 196))
    return truth, (noise + np.stack([np.zeros_like(hidden), hidden])).astype(np.float32)


def test_the_area_under_the_points_of_the_curve_is_the_auroc() -> None:
    truth, scores = made_up()
    s = against(truth, np.ones_like(truth.used), scores, Thresholds(0.5, 0.5))
    curve = roc(s)
    false, recall = curve["false_positive"], curve["recall"]
    assert false[0] == 0 and false[-1] == recall[-1] == 1
    assert all(np.diff(false) >= 0) and all(np.diff(recall) >= 0)
    expected = auroc(scores[1][truth.used], truth.hidden[truth.used])
    assert np.trapezoid(recall, false) == pytest.approx(expected, abs=0.005)


def test_errors_are_counted_where_they_are() -> None:
    truth, _ = made_up(2)
    truth.hidden[:] = False
    truth.used[:] = True
    truth.hidden[0, [0, 15]] = truth.hidden[1, 15] = True
    truth.used[1, 0] = False
    photo = np.ones((2, 196), dtype=bool)
    photo[0, 4] = photo[:, 5] = False
    scores = np.zeros((2, 2, 196), dtype=np.float32)
    scores[0, 1, 3:6] = 1  # raised on a clean copy
    scores[1, 0, 15] = 1  # found on one of two
    places = errors_by_place(against(truth, photo, scores, Thresholds(0.5, 0.5)))
    false, miss = places["false_positive"], places["miss"]
    assert false[0][3:6] == [0.5, 1, None]
    assert sum(value or 0 for row in false for value in row) == 1.5
    assert miss[0][0] == 1 and miss[1][1] == 0.5
    assert miss[5][5] is None


def test_photos_of_one_person_are_drawn_together(tmp_path: Path) -> None:
    faces = photos(12)
    same = replace(faces, subjects=["one"] * 6 + ["other"] * 6)
    some = detectors("default", greenness)
    widths = []
    for pool in (FacePool([faces]), FacePool([same])):
        kind = measured_kind(pool, CUTOUTS, [some], tmp_path, SETTINGS)
        kind.scores["default"][0] = np.repeat([0, 1], 6)[:, None]
        clean = table({"colour": kind}, [some], seed=3)["default"]["colour"]
        for report in (clean, clean["by_group"]["age: 30-49"]):
            share = report["false_positive_share_clean"]
            widths.append(share["high"] - share["low"])
    assert widths[0] == widths[1] < widths[2] == widths[3] == 1


def test_the_detectors_are_those_of_the_weights_and_the_default_one_comes_first() -> None:
    folder = WeightsFolder.open(SHIPPED)
    pairs = {name: Thresholds(0.3, 0.3) for name in ("paper", "one-class", "synthetic")}

    def names(default: str) -> list[str]:
        return shipped_names(replace(folder, thresholds=pairs, default_detector=default))

    assert names("synthetic") == ["synthetic", "paper", "one-class"]
    assert names("paper") == ["paper", "one-class", "synthetic"]


def test_detectors_that_are_not_trained_say_so_and_the_rest_is_measured(tmp_path: Path) -> None:
    sources = Sources(write_archives(tmp_path / "data"), tmp_path / "cache")
    report = evaluate_table1(sources, tmp_path / "runs", backend="onnxruntime", threads=1)
    json.dumps(report)
    shipped = shipped_names(WeightsFolder.open(SHIPPED))
    assert list(report["detectors"]) == [*shipped, *BASELINES]
    for name in BASELINES:
        assert "train detector_baselines" in report["detectors"][name]["missing"]
    assert report["detectors"]["paper"]["colour"]["n"] == 2
    assert report["detectors"][shipped[0]]["grey"]["n"] == 2
    assert report["seed"] == 7 and report["split"] == "val"
    for kind in ("colour", "grey"):
        groups = report["detectors"]["paper"][kind]["by_group"]
        # The one category that training has never seen.
        assert {name for name in groups if name.startswith("occluder")} == {"occluder: hand"}


def test_the_report_has_a_row_for_each_kind_and_detector_and_the_paper_beside(
    tmp_path: Path,
) -> None:
    pool = FacePool([photos(4)])
    both = [detectors("default", greenness), detectors("paper", blind)]
    kept = measured_kind(pool, CUTOUTS, both, tmp_path / "cache", SETTINGS)
    missing = {name: {"missing": "Train them first."} for name in BASELINES}
    rows = {**table({"colour": kept}, both, seed=3), **missing}
    write_table1({"split": "val", "seed": 3, "detectors": rows}, tmp_path)
    text = (tmp_path / "table.md").read_text()
    shown = [line for line in text.splitlines() if line.startswith("| colour")]
    assert len(shown) == 6
    assert "94.1" in shown[1] and "Train them first." in shown[2]
    assert "shipped minus this, AUROC" in text and "one-class minus this" not in text
    summary = json.loads((tmp_path / "summary.json").read_text())
    group = summary["details"]["detectors"]["paper"]["colour"]["by_group"]
    assert all(one["small"] for one in group.values())
    assert {"sex: male", "age: 30-49"} < set(group)
    found = summary["details"]["detectors"]["default"]["colour"]["by_group"]
    groups = {
        line.split(" | ")[0]: line.split(" | ")
        for line in (tmp_path / "groups.md").read_text().splitlines()
        if line.startswith("| colour")
    }
    assert list(groups) == [f"| colour, {name}" for name in found]
    assert any(name.startswith("| colour, occluder: ") for name in groups)
    assert any(name.startswith("| colour, coverage: ") for name in groups)
    cells = groups["| colour, sex: male"]
    assert cells[1] == "2" and "fewer than 100" in cells[-1]
    assert cells[3].startswith(f"{found['sex: male']['auroc']['value']:.3f} [")
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "roc.png",
        "errors-by-place.png",
        "colour-false-positive-by-place.png",
        "colour-miss-by-place.png",
    }
