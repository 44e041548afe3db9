from dataclasses import replace

import numpy as np
import pytest

from helpers import drawn_face, drawn_set
from latent_ofer.datasets.pool import FacePool, protocol_copy, resized
from latent_ofer.detector import synthetic
from latent_ofer.detector.synthetic import (
    Mix,
    Occluder,
    greyed,
    neighbour,
    patches_of,
    type_of,
    varied,
    worn,
)
from latent_ofer.occlusion.drawn_wear import draw_wearable
from latent_ofer.occlusion.objects import Cutout

DISC = np.zeros((60, 60, 4), dtype=np.uint8)
DISC[..., :3] = (20, 220, 40)
DISC[..., 3] = 255 * (np.hypot(*(np.mgrid[:60, :60] - 29.5)) < 28)
CUTOUTS = [
    Cutout(DISC, "ball", "any", "ball/1"),
    Cutout(DISC, "ball", "any", "ball/2"),
    Cutout(DISC, "ball", "any", "ball/3"),
    Cutout(DISC, "ball", "any", "ball/4"),
    Cutout(DISC[:, 30:], "half", "mouth", "half/1"),
]
KINDS = {
    "objects": Mix(0, 1, 0, 0),
    "procedural": Mix(0, 0, 1, 0),
    "patchwork": Mix(0, 0, 0, 1),
    "hands": Mix(0, 0, 0, 0, 1),
    "blanks": Mix(0, 0, 0, 0, 0, 1),
    "wearables": Mix(0, 0, 0, 0, 0, 0, 1),
    "cloth": Mix(0, 0, 0, 0, cloth=1),
    "hair": Mix(0, 0, 0, 0, hair=1),
}
NO_STREAKS = np.zeros((6, 196), dtype=bool)


def small_pool() -> FacePool:
    """Rows 0-1 colour, 2-3 grey photos, 4-5 FERPlus."""
    photos = drawn_set(4, sources=["utkface", "celeba", "lfw", "imfdb"], colour=np.arange(4) < 2)
    photos.images[2:] = [greyed(face) for face in photos.images[2:]]
    small = drawn_set(
        2, 48, 8, sources=["ferplus"] * 2, names=["fer0.png", "fer1.png"], colour=np.zeros(2, bool)
    )
    grey = np.stack([greyed(face)[..., 0] for face in small.images])
    return FacePool([photos, replace(small, images=grey)])


def test_the_pool_knows_which_faces_are_grey_and_how_large() -> None:
    pool = small_pool()
    faces = [pool.native(row) for row in range(len(pool))]
    assert [face.grey for face in faces] == [False, False, True, True, True, True]
    assert [len(face.image) for face in faces] == [112, 112, 112, 112, 48, 48]
    assert faces[4].source == "ferplus" and faces[5].name == "fer1.png"
    assert faces[1].source == "celeba" and faces[1].name == "1.webp"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", [0, 2, 4])
def test_pixels_change_where_they_are_covered_and_hardly_elsewhere(
    kind: str, row: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latent_ofer.detector.synthetic.worn", lambda face, rng: face)
    pool = small_pool()
    occluder = Occluder(pool, NO_STREAKS, CUTOUTS, KINDS[kind])
    clean = resized(pool.native(row).image).astype(float)
    grey = greyed(clean.astype(np.uint8)).astype(float)
    inside, outside = [], []
    for seed in range(12):
        face, covered, _ = occluder.sample(row, np.random.default_rng(seed))
        # Flipped and greyed at random: the nearest of the four is what it was made from.
        copies = [clean, clean[:, ::-1], grey, grey[:, ::-1]]
        change = min((np.abs(face - copy).mean(axis=2) for copy in copies), key=np.median)
        assert 0.01 < covered.mean() < 0.72
        inside.append(change[covered].mean())
        outside.append(np.median(change[~covered]))
    assert np.mean(inside) > 8
    assert np.median(outside) <= 1


def test_clean_samples_have_nothing_covered() -> None:
    occluder = Occluder(small_pool(), NO_STREAKS, CUTOUTS, Mix(1, 0, 0, 0))
    for row in range(6):
        face, covered, _ = occluder.sample(row, np.random.default_rng(row))
        assert face.shape == (112, 112, 3) and face.dtype == np.uint8
        assert not covered.any()


def test_streaks_are_mirrored_with_their_face(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latent_ofer.detector.synthetic.worn", lambda face, rng: face)
    pool = small_pool()
    streaks = NO_STREAKS.copy().reshape(6, 14, 14)
    streaks[2, :, 0] = True
    occluder = Occluder(pool, streaks.reshape(6, 196), CUTOUTS, Mix(1, 0, 0, 0))
    face = resized(pool.native(2).image)
    sides = set()
    for seed in range(10):
        sample = occluder.sample(2, np.random.default_rng(seed))
        side = 0 if np.array_equal(sample.face, face) else 13
        assert sample.unlabelled[:, side].all() and sample.unlabelled.sum() == 14
        sides.add(side)
    assert sides == {0, 13}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", [2, 4])
def test_grey_faces_stay_grey(kind: str, row: int) -> None:
    occluder = Occluder(small_pool(), NO_STREAKS, CUTOUTS, KINDS[kind])
    for seed in range(6):
        face, _, _ = occluder.sample(row, np.random.default_rng(seed))
        assert np.ptp(face.astype(int), axis=2).max() <= 1


@pytest.mark.parametrize("kind", ["cloth", "hair"])
def test_what_lies_beside_the_face_counts_neither_way(kind: str) -> None:
    occluder = Occluder(small_pool(), NO_STREAKS, CUTOUTS, KINDS[kind])
    samples = [occluder.sample(0, np.random.default_rng(seed)) for seed in range(8)]
    # The top row of patches shows no face: hair and hats there hide nothing.
    assert not any(sample.covered[:8].any() for sample in samples)
    assert any(sample.unlabelled[0].any() for sample in samples)


def test_a_sample_says_which_type_of_real_cover_it_is_like() -> None:
    said = {}
    for kind, mix in {"clean": Mix(1, 0, 0, 0), **KINDS}.items():
        occluder = Occluder(small_pool(), NO_STREAKS, CUTOUTS, mix)
        rng = np.random.default_rng(0)
        said[kind] = {occluder.typed_sample(0, rng)[1] for _ in range(12)}
    none = dict.fromkeys(("clean", "procedural", "patchwork", "blanks"), {None})
    assert said == none | {
        "objects": {"object"},
        "hands": {"hand"},
        "wearables": {"sunglasses", "cloth", "object"},
        "cloth": {"cloth"},
        "hair": {"hair"},
    }
    clear = Cutout(DISC, "eyeglasses", "eyes", "eyeglasses/1")
    assert type_of(clear) is None


def test_shares_added_at_the_end_leave_the_draws_of_the_others_as_they_were() -> None:
    mix = Mix(0.2, 0.3, 0.15, 0.07, 0.11, 0.07, 0.4)
    odds = Occluder(small_pool(), NO_STREAKS, CUTOUTS, mix).kind_odds
    for seed in range(50):
        drawn = np.random.default_rng(seed).choice(len(odds), p=odds)
        assert drawn == np.random.default_rng(seed).choice(7, p=odds[:7] / odds[:7].sum())


def test_patches_of_pixels_are_those_that_hold_any() -> None:
    pixels = np.zeros((112, 112), dtype=np.bool_)
    pixels[7, 8] = pixels[100, 111] = True
    assert np.argwhere(patches_of(pixels)).tolist() == [[0, 1], [12, 13]]


def test_a_neighbour_is_of_the_same_set() -> None:
    pool = small_pool()
    rng = np.random.default_rng(0)
    assert {len(neighbour(pool, 0, rng)) for _ in range(20)} == {112}
    assert {len(neighbour(pool, 4, rng)) for _ in range(20)} == {48}
    assert all(np.ptp(neighbour(pool, 2, rng).astype(int), axis=2).max() == 0 for _ in range(20))


def test_large_categories_are_drawn_less_than_their_size() -> None:
    odds = Occluder(small_pool(), NO_STREAKS, CUTOUTS, Mix(0, 1, 0, 0)).cutout_odds
    assert odds[:4].sum() == pytest.approx(2 * odds[4])
    assert odds.sum() == pytest.approx(1)


def test_protocol_copies_depend_on_seed_and_face_alone() -> None:
    pool = small_pool()
    first, covered, category = protocol_copy(pool.native(4), CUTOUTS, 7)
    protocol_copy(pool.native(0), CUTOUTS, 7)
    again, _, _ = protocol_copy(pool.native(4), CUTOUTS, 7)
    other, _, _ = protocol_copy(pool.native(4), CUTOUTS, 8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert category in ("ball", "half")
    assert 0.04 <= covered.mean() <= 0.41


def test_varying_keeps_what_a_cutout_covers() -> None:
    rng = np.random.default_rng(0)
    variants = [varied(CUTOUTS[4], rng) for _ in range(40)]
    alpha = CUTOUTS[4].rgba[..., 3]
    assert all(
        np.array_equal(v.rgba[..., 3], alpha) or np.array_equal(v.rgba[:, ::-1, 3], alpha)
        for v in variants
    )
    assert {v.anchor for v in variants} == {"any", "mouth"}
    assert len({tuple(v.rgba[30, 15, :3]) for v in variants}) > 1


def test_wear_changes_levels_and_not_places() -> None:
    face, _ = drawn_face()
    for seed in range(20):
        changed = worn(face, np.random.default_rng(seed))
        assert changed.shape == face.shape and changed.dtype == np.uint8
        assert np.corrcoef(changed.ravel(), face.ravel())[0, 1] > 0.85
        mirrored = np.corrcoef(changed[:, ::-1].ravel(), face.ravel())[0, 1]
        assert np.corrcoef(changed.ravel(), face.ravel())[0, 1] > mirrored


def test_without_cutouts_to_wear_all_wearables_are_drawn() -> None:
    balls = [cutout for cutout in CUTOUTS if cutout.anchor == "any"]
    occluder = Occluder(small_pool(), NO_STREAKS, balls, KINDS["wearables"])
    rng = np.random.default_rng(0)
    assert all(occluder.sample(0, rng).covered.any() for _ in range(10))


@pytest.mark.parametrize("drawn", [0, 1])
def test_how_many_wearables_are_drawn_is_as_asked(
    drawn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Cutout] = []

    def draw(rng: np.random.Generator) -> Cutout:
        made.append(draw_wearable(rng))
        return made[-1]

    monkeypatch.setattr(synthetic, "draw_wearable", draw)
    occluder = Occluder(small_pool(), NO_STREAKS, CUTOUTS, KINDS["wearables"], drawn)
    rng = np.random.default_rng(0)
    for _ in range(5):
        occluder.sample(0, rng)
    assert len(made) == 5 * drawn
