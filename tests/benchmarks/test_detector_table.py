"""Table 1 on drawn photos: every detector meets the same faces, and differences are paired."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from baseline_detectors import BASELINES, baseline_detectors, shipped_detectors
from detector_curves import errors_by_place, roc
from detector_table import differences, evaluate_table1, table1_figures

from detecting import bench_for, blind, figures_of, greenness, looking, photos, resamples
from latent_ofer.datasets.pool import FacePool
from latent_ofer.detector.scores import auroc, average_precision
from latent_ofer.evaluation.answers import Method
from latent_ofer.evaluation.detection_figures import Areas, Scored
from latent_ofer.evaluation.detectors import Detector
from latent_ofer.weights_folder import SHIPPED, Thresholds, WeightsFolder


def test_figures_are_those_of_each_detector_alone_and_differences_are_paired(
    tmp_path: Path,
) -> None:
    bench = bench_for(photos(10), tmp_path)
    both = [looking(greenness), looking(blind, name="paper")]
    report = table1_figures({"colour": bench}, both)
    json.dumps(report, allow_nan=False)
    for one in both:
        expected = figures_of(one.scored(bench), bench.intervals())
        found = report[one.name]["colour"]
        assert {key: found[key] for key in expected} == expected
    better = report["paper"]["colour"]["default_better_by"]
    assert better["low"] > 0.2
    assert better["value"] == pytest.approx(
        report["default"]["colour"]["auroc"]["value"] - report["paper"]["colour"]["auroc"]["value"]
    )
    assert "default_better_by" not in report["default"]["colour"]


def test_the_replicated_border_of_photos_counts_for_no_detector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    borders = np.zeros((6, 196), dtype=bool)
    borders[:, :70] = True
    monkeypatch.setattr(FacePool, "borders", borders)
    bench = bench_for(photos(6), tmp_path)
    both = [looking(greenness), looking(blind, name="paper")]
    report = table1_figures({"colour": bench}, both)
    for one in both:
        whole, found = one.scored(bench), report[one.name]["colour"]
        expected = figures_of(whole.without(borders), bench.intervals())
        assert {key: found[key] for key in expected} == expected
        assert expected != figures_of(whole, bench.intervals())


def test_a_detector_with_a_radius_is_decided_by_it_in_a_row_of_its_own(tmp_path: Path) -> None:
    bench, one = bench_for(photos(4), tmp_path / "answers"), looking(greenness)
    table = evaluate_table1({"colour": bench}, [one], tmp_path, {one.name: 0.6})
    first, second = table.rows
    assert second.name == f"{first.name}, decided by its radius"
    rule = looking(greenness, Thresholds(0.6, 0.6)).scored(bench)
    expected = figures_of(rule, bench.intervals())
    assert second.figures == {key: expected[key] for key in second.figures}
    assert second.figures["recall"] != first.figures["recall"]
    assert "auroc" not in second.figures


def test_photos_of_one_person_are_drawn_together(tmp_path: Path) -> None:
    widths = []
    for subjects in (None, ["one"] * 6 + ["other"] * 6):
        bench = bench_for(photos(12, subjects), tmp_path)
        half = Detector("half", Method("half", "0", half_marked), looking(greenness).thresholds)
        clean = table1_figures({"colour": bench}, [half])["half"]["colour"]
        for report in (clean, clean["by_group"]["age: 30-49"]):
            share = report["false_positive_share_clean"]
            widths.append(share["high"] - share["low"])
    assert widths[0] == widths[1] < widths[2] == widths[3] == 1


def half_marked(batch: object) -> dict[str, np.ndarray]:
    """Marks every patch of the second six of twelve faces."""
    ids = batch.ids  # type: ignore[attr-defined]
    marked = [int(face.removeprefix("utkface/").removesuffix(".webp")) >= 6 for face in ids]
    return {"half": np.repeat(np.array(marked, dtype=np.float32)[:, None], 196, axis=1)}


def test_the_detectors_are_those_of_the_weights_and_the_default_one_comes_first() -> None:
    folder = WeightsFolder.open(SHIPPED)
    limits = {name: folder.thresholds[name] for name in ("paper", "synthetic")}

    def names(default: str) -> list[str]:
        some = replace(folder, thresholds=limits, default_detector=default)
        return [one.name for one in shipped_detectors(some, "onnxruntime", 1)]

    assert names("synthetic") == ["synthetic", "paper"]
    assert names("paper") == ["paper", "synthetic"]


def test_baselines_that_are_not_trained_say_so(tmp_path: Path) -> None:
    found = baseline_detectors(tmp_path, "small")
    assert [one.name for one in found] == list(BASELINES)
    assert all("train_baselines.py detector_baselines" in one.method.note for one in found)
    assert all(one.thresholds is None for one in found)


def test_the_report_has_a_row_for_each_kind_and_detector_and_the_paper_beside(
    tmp_path: Path,
) -> None:
    bench = bench_for(photos(4), tmp_path / "answers")
    both = [looking(greenness), looking(blind, name="paper")]
    missing = [Detector(name, Method(name, note="Train them first.")) for name in BASELINES]
    evaluate_table1({"colour": bench}, [*both, *missing], tmp_path)
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


def made_up(faces: int = 60) -> Scored:
    """Scores of some faces that know a little of the truth."""
    rng = np.random.default_rng(0)
    hidden = rng.random((faces, 196)) < 0.3
    used = rng.random((faces, 196)) < 0.9
    scores = (rng.normal(0, 1, (faces, 196)) + hidden).astype(np.float32)
    above = scores > 0.5
    return Scored(scores, scores, above, above, hidden, used, np.ones_like(used))


def test_the_area_under_the_points_of_the_curve_is_the_auroc() -> None:
    s = made_up()
    curve = roc(s)
    false, recall = curve["false_positive"], curve["recall"]
    assert false[0] == 0 and false[-1] == recall[-1] == 1
    assert all(np.diff(false) >= 0) and all(np.diff(recall) >= 0)
    expected = auroc(s.occluded[s.used], s.hidden[s.used])
    assert np.trapezoid(recall, false) == pytest.approx(expected, abs=0.005)


def test_errors_are_counted_where_they_are() -> None:
    nothing = np.zeros((2, 196), dtype=bool)
    clean_above, above, hidden, used = (nothing.copy() for _ in range(4))
    used[:] = True
    hidden[0, [0, 15]] = hidden[1, 15] = True
    used[1, 0] = False
    clean_above[1, 3:6] = True  # raised on a clean copy
    clean_used = ~nothing
    clean_used[0, 4] = clean_used[0, 5] = clean_used[1, 5] = False
    above[0, 15] = True  # found on one of two
    scores = np.zeros((2, 196), dtype=np.float32)
    s = Scored(scores, scores, clean_above, above, hidden, used, clean_used)
    places = errors_by_place(s)
    false, miss = places["false_positive"], places["miss"]
    assert false[0][3:6] == [0.5, 1, None]
    assert sum(value or 0 for row in false for value in row) == 1.5
    assert miss[0][0] == 1 and miss[1][1] == 0.5
    assert miss[5][5] is None


def noisier(scores: np.ndarray, by: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, by, scores.shape)
    return (scores + noise).astype(np.float32)


def report(**scores: np.ndarray) -> dict[str, dict[str, dict[str, float]]]:
    truth = made_up()
    every = {
        {"one_class": "one-class"}.get(name, name): Areas.of(
            replace(truth, occluded=one), resamples(60)
        )
        for name, one in scores.items()
    }
    return {name: differences(name, every) for name in every}


def test_differences_are_those_of_the_two_figures_and_paired() -> None:
    truth = made_up()
    scores = truth.occluded
    worse = noisier(scores, 0.3)
    paper = report(default=scores, paper=worse)["paper"]
    used, hidden = truth.used, truth.hidden
    for key, figure in (
        ("default_better_by", auroc),
        ("default_better_by_average_precision", average_precision),
    ):
        expected = figure(scores[used], hidden[used]) - figure(worse[used], hidden[used])
        assert paper[key]["value"] == pytest.approx(expected)
        # Unpaired, intervals of so few faces would be several times as wide.
        assert 0 < paper[key]["low"] < expected < paper[key]["high"] < 0.05


def test_a_detector_that_ranks_alike_is_no_better() -> None:
    scores = made_up().occluded
    for one in report(default=scores, paper=3 * scores + 1)["paper"].values():
        assert (one["value"], one["low"], one["high"]) == pytest.approx((0, 0, 0), abs=1e-6)


def test_each_detector_is_compared_with_those_that_it_has_to_beat() -> None:
    scores = made_up().occluded
    rows = report(
        synthetic=scores,
        one_class=noisier(scores, 0.5),
        paper=noisier(scores, 1),
        patch_svdd=noisier(scores, 2),
    )
    assert rows["synthetic"] == {}
    shipped = {"default_better_by", "default_better_by_average_precision"}
    one_class = {"one_class_better_by", "one_class_better_by_average_precision"}
    assert set(rows["one-class"]) == shipped
    assert set(rows["paper"]) == set(rows["patch_svdd"]) == shipped | one_class
    for row in (rows["paper"], rows["patch_svdd"]):
        assert row["default_better_by"]["value"] > row["one_class_better_by"]["value"] > 0


def test_the_default_is_not_compared_twice_where_it_is_the_one_class_detector() -> None:
    scores = made_up().occluded
    rows = report(one_class=scores, paper=noisier(scores, 1))
    assert rows["one-class"] == {}
    paper = rows["paper"]
    assert paper["one_class_better_by"] == paper["default_better_by"]
