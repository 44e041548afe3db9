"""Faces whose covers are known, measured slowly and plainly."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from fakes import TypesBackend, fake_model
from helpers import drawn_face
from latent_ofer.datasets.covers import Cover
from latent_ofer.datasets.pool import FacePool, FaceSet
from latent_ofer.errors import DataError
from latent_ofer.evaluation.bench import Bench
from latent_ofer.evaluation.faces import ChosenFaces
from latent_ofer.evaluation.real_covers import evaluate_real_covers
from latent_ofer.evaluation.recognisers import pipeline_recogniser
from latent_ofer.images.face_regions import region_pixels
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.pipeline import LatentOFER
from latent_ofer.recogniser.views import Fusion
from latent_ofer.results import HIDING
from latent_ofer.weights_folder import SHIPPED, Thresholds, WeightsFolder

LOOKS = {
    "hand": ("hand", "hand"),
    "hand and text": ("hand+text", "hand"),
    "hair": ("hair", "hair"),
    "glasses": ("glasses", "glasses"),
    "glasses before a hand": ("glasses+hand", "glasses"),
    "text": ("text", "text+shade"),
    "disagreed": ("hand", ""),
    "nothing": ("", ""),
}
KINDS = [*LOOKS, *LOOKS, *LOOKS, *["nothing"] * 20, "not named"]
Key = tuple[str, str]


def looked(kind: str) -> Cover:
    first, second = (frozenset(text.split("+")) - {""} for text in LOOKS[kind])
    return Cover(first, second)


def photos() -> FacePool:
    """Drawn faces, patches of which are painted more or less red; every fifth has no label."""
    rng = np.random.default_rng(5)
    images = []
    for seed in range(len(KINDS)):
        face = drawn_face(seed=seed)[0]
        for _ in range(int(rng.integers(0, 9))):
            row, column = 8 * rng.integers(0, 14, 2)
            face[row : row + 8, column : column + 8] = rng.integers(60, 256), 0, 0
        if seed % 3 == 0:
            face[56:112, 56 * (seed % 2) : 56 * (seed % 2) + 56] = 200, 0, 0
        images.append(face)
    count = len(KINDS)
    labels = np.where(np.arange(count) % 5 == 4, -1, np.arange(count) % 8)
    return FacePool(
        [
            FaceSet(
                np.stack(images),
                np.stack([drawn_face(seed=seed)[1] for seed in range(count)]),
                np.ones(count, dtype=np.bool_),
                ["set"] * count,
                [f"{row}.png" for row in range(count)],
                labels,
                np.zeros((count, 8), np.float32),
                [""] * count,
                [{}] * count,
            )
        ]
    )


POOL = photos()
COVERS = {("set", f"{row}.png"): looked(kind) for row, kind in enumerate(KINDS) if kind in LOOKS}


def measure(
    covers: dict[Key, Cover] = COVERS,
    outlines: dict[Key, np.ndarray] | None = None,
    model: LatentOFER | None = None,
) -> dict[str, Any]:
    keys = [row for row, key in enumerate(POOL.keys) if key in covers]
    faces = ChosenFaces(POOL.take(np.array(keys)), {"set": "0"}, {"split": "val"})
    weights = WeightsFolder.open(SHIPPED)
    model = model or fake_model()[0]
    pipeline = pipeline_recogniser("pipeline", model, weights, "synthetic", "views")
    with TemporaryDirectory() as folder:
        bench = Bench(faces, [], Path(folder))
        return evaluate_real_covers(bench, pipeline, covers, outlines or {})


def area(high: list[float], low: list[float]) -> float:
    """The share of pairs that stand in the right order; a tie is half a pair."""
    won = sum((one > other) + (one == other) / 2 for one in high for other in low)
    return won / (len(high) * len(low))


def belongs(cover: Cover, name: str) -> bool:
    both = cover.first & cover.second
    if name == "nothing":
        return not cover.first and not cover.second
    if name == "object, hair, cloth":
        return bool(both & {"object", "hair", "cloth"})
    if name == "really covered":
        return bool(both & set(HIDING))
    if name == "glasses or letters only":
        hides = (cover.first | cover.second) & set(HIDING)
        return bool(both & {"glasses", "text"}) and not hides
    return name in both


def test_every_figure_is_that_of_a_slow_count() -> None:
    report = measure()
    rows = [row for row, kind in enumerate(KINDS) if kind in LOOKS]
    read = {
        row: fake_model()[0].predict(POOL.batch(np.array([row]))[0], crops=True)[0] for row in rows
    }
    fourth = {row: sorted(read[row].occlusion.scores.ravel())[-4] for row in rows}
    nothing = [fourth[row] for row in rows if KINDS[row] == "nothing"]
    limit = min(s for s in nothing if sum(t > s for t in nothing) <= 0.05 * len(nothing))
    assert report["n"] == len(rows) == len(KINDS) - 1
    assert report["threshold_at_5_percent"] == pytest.approx(limit)
    assert set(report["covers"]) == {
        *("hand", "hair", "glasses", "text", "nothing"),
        *("object, hair, cloth", "really covered", "glasses or letters only"),
    }
    unlabelled = 0
    for name, row in report["covers"].items():
        here = [one for one in rows if belongs(COVERS["set", f"{one}.png"], name)]
        assert row["n"] == len(here) > 0
        assert row["found"]["value"] == pytest.approx(np.mean([fourth[i] > limit for i in here]))
        # Four patches and more above the detector's own threshold.
        own = [int((read[i].occlusion.scores > 0.5).sum()) >= 4 for i in here]
        assert row["flagged"]["value"] == pytest.approx(np.mean(own))
        if name == "nothing":
            assert "auroc" not in row
        else:
            expected = area([fourth[i] for i in here], nothing)
            assert row["auroc"]["value"] == pytest.approx(expected)
        labelled = [i for i in here if POOL.labels[i] >= 0]
        unlabelled += len(here) - len(labelled)
        names = [EXPRESSIONS[POOL.labels[i]] for i in labelled]
        before = [read[i].before.expression == k for i, k in zip(labelled, names, strict=True)]
        after = [read[i].expression == k for i, k in zip(labelled, names, strict=True)]
        assert row["before"]["value"] == pytest.approx(np.mean(before))
        assert row["after"]["value"] == pytest.approx(np.mean(after))
        gain = np.mean(after) - np.mean(before)
        assert row["after_minus_before"]["value"] == pytest.approx(gain)
        for figure in row.values():
            assert isinstance(figure, int) or figure["low"] <= figure["value"] <= figure["high"]
    assert unlabelled > 0
    assert report["covers"]["glasses or letters only"]["n"] == 6
    assert "patches" not in report


def test_really_covered_faces_are_told_apart_by_the_regions_that_are_found_hidden() -> None:
    report = measure()
    rows = [
        row
        for row, kind in enumerate(KINDS)
        if kind in LOOKS
        and belongs(COVERS["set", f"{row}.png"], "really covered")
        and POOL.labels[row] >= 0
    ]
    expected: dict[str, list[float]] = {}
    for row in rows:
        face = fake_model()[0].predict(POOL.batch(np.array([row]))[0], crops=True)[0]
        name = EXPRESSIONS[POOL.labels[row]]
        hidden = (face.occlusion.scores > face.occlusion.threshold).repeat(8, 0).repeat(8, 1)
        for region, pixels in region_pixels(None).items():
            if hidden[pixels].mean() >= 0.5:
                expected.setdefault(region, []).append(float(face.expression == name))
    assert expected
    assert {name: row["n"] for name, row in report["regions"].items()} == {
        name: len(right) for name, right in expected.items()
    }
    for name, right in expected.items():
        assert report["regions"][name]["after"]["value"] == pytest.approx(np.mean(right))


def test_what_hides_most_of_a_face_is_counted_by_what_covers_it() -> None:
    assert "types" not in measure()
    model = LatentOFER(TypesBackend(), Thresholds(0.5, 0.25), fusion=Fusion(1.0, ((1, 0, 0),) * 3))
    counts = measure(model=model)["types"]
    expected = {name: dict.fromkeys((*HIDING, "nothing"), 0) for name in counts}
    for row, kind in enumerate(KINDS):
        if kind not in LOOKS:
            continue
        (face,) = model.predict(POOL.batch(np.array([row]))[0], crops=True)
        mask = face.occlusion.mask
        upper, lower = int(mask[:7].sum()), int(mask[7:].sum())
        said = "nothing" if not mask.any() else "hand" if upper >= lower else "object"
        for name in counts:
            expected[name][said] += belongs(COVERS["set", f"{row}.png"], name)
    assert counts == expected
    assert counts["hand"]["object"] and counts["nothing"]["nothing"]


def test_patches_of_outlined_faces_are_pooled() -> None:
    rng = np.random.default_rng(2)
    chosen = [row for row, kind in enumerate(KINDS) if kind == "hand"]
    outlines = {("set", f"{row}.png"): rng.random((14, 14)) < 0.2 for row in chosen}
    # Of a face that no look is known of, an outline says nothing.
    outlines["set", f"{KINDS.index('not named')}.png"] = np.ones((14, 14), dtype=bool)
    report = measure(outlines=outlines)
    hidden, visible = [], []
    for row in chosen:
        scores = fake_model()[0].detect(POOL.batch(np.array([row]))[0]).scores
        mask = outlines["set", f"{row}.png"]
        hidden += list(scores[mask])
        visible += list(scores[~mask])
    assert report["patches"]["n"] == len(chosen) == 3
    assert report["patches"]["auroc"]["value"] == pytest.approx(area(hidden, visible), abs=1e-6)


def test_a_list_without_bare_faces_is_refused() -> None:
    hands = {key: cover for key, cover in COVERS.items() if cover.named}
    with pytest.raises(DataError, match="over which nothing lies"):
        measure(hands)
