import json

import numpy as np
import pytest

from helpers import drawn_face
from latent_ofer.datasets.faces import Faces
from latent_ofer.datasets.pool import FacePool, Pixels, protocol_copy
from latent_ofer.evaluation.detection import by_group, figures, real_found, scored
from latent_ofer.evaluation.people import groups
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.occlusion.patches import occluded_patches, patch_share
from latent_ofer.weights_folder import Thresholds

GREEN = np.zeros((40, 40, 4), dtype=np.uint8)
GREEN[..., 1] = 255
GREEN[..., 3] = 255
CUTOUTS = [Cutout(GREEN, "card", "any", "card/1"), Cutout(GREEN, "sheet", "nose", "sheet/1")]


def photos(count: int) -> FacePool:
    drawn = [drawn_face(seed=seed) for seed in range(count)]
    faces = Faces(
        [f"images/utkface/{i}.webp" for i in range(count)],
        np.stack([face for face, _ in drawn]),
        np.stack([points for _, points in drawn]),
        [{"source": "utkface"}] * count,
    )
    return FacePool([faces.as_face_set()])


def greenness(faces: Pixels) -> np.ndarray:
    levels = faces.astype(float)
    green = levels[..., 1] - np.maximum(levels[..., 0], levels[..., 2]) > 60
    return patch_share(green)


def test_a_detector_that_sees_the_objects_is_nearly_perfect() -> None:
    pool = photos(12)
    s = scored(pool, np.arange(12), CUTOUTS, greenness, Thresholds(0.3, 0.3), seed=7)
    report = figures(s, np.random.default_rng(0))
    json.dumps(report, allow_nan=False)
    assert report["n"] == 12
    assert report["auroc"]["value"] > 0.99
    assert report["recall"]["value"] > 0.95
    assert report["accuracy"]["value"] > 0.98
    assert sum(group["n"] for group in report["by_category"].values()) == 12
    assert sum(group["n"] for group in report["by_coverage"].values()) == 12
    for name in ("auroc", "average_precision", "accuracy", "precision", "recall"):
        assert report[name]["low"] <= report[name]["value"] <= report[name]["high"]


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
    report = figures(s, rng)
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
    report = figures(s, np.random.default_rng(0))
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


def test_real_masks_are_looked_for_where_masks_are() -> None:
    scores = np.zeros((2, 14, 14))
    scores[0, 9:13, 4:10] = 1
    scores[1, 9:11, 4:10] = 1
    places = [(row, column) for row in range(9, 13) for column in range(4, 10)]
    assert real_found(scores, 0.5, places).tolist() == [1.0, 0.5]
    assert real_found(scores, 1.0, places).tolist() == [0.0, 0.0]


def test_each_group_counts_its_own_people() -> None:
    rows = [
        {"sex": "0", "race": "1", "age": "8"},
        {"sex": "1", "race": "1", "age": "34"},
        {"sex": "", "race": "", "age": ""},
    ]
    people = groups(rows)
    assert people["sex: female"].tolist() == [False, True, False]
    assert people["race: Black"].tolist() == [True, True, False]
    assert people["age: 0-12"].tolist() == [True, False, False]

    def first_only(faces: Pixels) -> np.ndarray:
        return np.arange(len(faces))[:, None, None] == np.zeros((1, 14, 14))

    s = scored(photos(3), np.arange(3), CUTOUTS, first_only, Thresholds(0.5, 0.5), seed=7)
    report = by_group(s, people, np.random.default_rng(0))
    assert report["sex: male"]["false_positive_share_clean"]["value"] == 1
    assert report["sex: female"]["false_positive_share_clean"]["value"] == 0
    assert report["race: Black"]["false_positive_share_clean"]["value"] == 0.5
    assert "race: other" not in report
