"""Made-up occluders, patchwork and the demo's cup."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import drawn_face
from latent_ofer.occlusion import shapes, textures
from latent_ofer.occlusion.patches import patch_share
from latent_ofer.occlusion.procedural import (
    draw_demo_occluder,
    paste_patchwork,
    paste_procedural,
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_a_made_up_thing_covers_a_share_in_the_range_and_hides_the_face_there(seed):
    face, _ = drawn_face()
    pasted, covered = paste_procedural(face, np.random.default_rng(seed))
    assert pasted.shape == face.shape and pasted.dtype == np.uint8
    assert covered.shape == (112, 112) and covered.dtype == bool
    assert 0.03 < covered.mean() < 0.41
    assert (pasted != face).any(axis=-1)[covered].mean() > 0.85


def test_without_a_shadow_nothing_far_from_the_thing_changes():
    face, _ = drawn_face()
    untouched = 0
    for seed in range(12):
        pasted, covered = paste_procedural(face, np.random.default_rng(seed), coverage=(0.05, 0.1))
        changed = (pasted != face).any(axis=-1)
        assert changed.mean() < 0.45
        untouched += not changed[patch_pixels_far(covered)].any()
    assert untouched == 12


def patch_pixels_far(covered):
    """Pixels more than two patches (16 px) away from anything covered."""
    near = patch_share(covered) > 0
    for _ in range(3):
        near = near | np.roll(near, 1, 0) | np.roll(near, -1, 0)
        near = near | np.roll(near, 1, 1) | np.roll(near, -1, 1)
    return ~near.repeat(8, 0).repeat(8, 1)


def test_a_grey_face_stays_grey_and_comes_back_at_the_size_asked_for():
    face = np.repeat(drawn_face(48)[0].mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        pasted, covered = paste_procedural(face, rng, size=112, grey=True)
        assert pasted.shape == (112, 112, 3) and covered.shape == (112, 112)
        assert np.ptp(pasted.astype(int), axis=2).max() <= 1


def test_things_differ_from_seed_to_seed_and_not_for_one_seed():
    face, _ = drawn_face()
    pictures = [paste_procedural(face, np.random.default_rng(i))[0] for i in (0, 0, 1, 2)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert all((pictures[0] != other).any() for other in pictures[2:])


@pytest.mark.parametrize("shape", sorted(set(shapes.SHAPES), key=lambda f: f.__name__))
def test_every_shape_stays_about_its_origin_and_has_an_area(shape):
    for seed in range(10):
        parts = shape(np.random.default_rng(seed))
        points = np.concatenate([part.outline for part in parts])
        assert np.isfinite(points).all() and np.abs(points).max() < 6
        drawn = np.asarray(shapes.drawn(parts, 20.0, 0.5, np.array([56.0, 56.0]), 112))
        assert 0.005 < (drawn > 127).mean() < 0.7


def test_a_hole_is_cut_out_of_the_parts_before_it():
    ring = (shapes.Part(shapes.CIRCLE), shapes.Part(shapes.CIRCLE / 2, False))
    drawn = np.asarray(shapes.drawn(ring, 40.0, 0.0, np.array([56.0, 56.0]), 112))
    assert drawn[56, 56] == 0 and drawn[56, 86] == 255
    assert drawn.mean() / 255 == pytest.approx(np.pi * 1200 / 112**2, rel=0.03)


def test_a_shape_turns_clockwise_on_the_screen():
    bar = (shapes.capsule(np.zeros(2), np.array([1.0, 0.0]), 0.1, 0.1),)
    drawn = np.asarray(shapes.drawn(bar, 40.0, np.pi / 2, np.array([56.0, 56.0]), 112))
    assert drawn[80, 56] == 255 and drawn[56, 80] == 0


@pytest.mark.parametrize(
    "paint", sorted({*textures.TEXTURES, textures.skin}, key=lambda f: f.__name__)
)
def test_every_texture_is_a_finite_picture(paint):
    rng = np.random.default_rng(0)
    first, second = textures.palette(rng, np.full(3, 120, np.float32))
    for side in (48, 112):
        picture = paint(rng, side, first, second)
        assert picture.shape == (side, side, 3) and np.isfinite(picture).all()
        assert picture.min() > -60 and picture.max() < 320


def test_patchwork_shows_the_other_face_out_of_its_place():
    face = np.zeros((112, 112, 3), np.uint8)
    row, column = np.mgrid[:112, :112].astype(np.uint8)
    other = np.stack([row, column, np.full_like(row, 200)], axis=2)
    for seed in range(30):
        pasted, covered = paste_patchwork(face, other, np.random.default_rng(seed))
        assert 0.04 < covered.mean() < 0.41
        solid = pasted[..., 2] == 200
        assert solid.sum() > 100
        moved = np.abs(pasted.astype(int) - other)[..., :2].max(axis=2)[solid]
        assert (moved > 4).mean() > 0.6
        assert (pasted[..., 2][covered] >= 99).all() and (pasted[..., 2][~covered] <= 101).all()


def test_the_demo_cup_hides_the_mouth_and_not_the_eyes():
    face, landmarks = drawn_face(336)
    photo = np.pad(face, ((100, 60), (40, 90), (0, 0)), mode="edge")
    points = landmarks + [40, 100]
    before = photo.copy()
    pasted, covered = draw_demo_occluder(photo, points)
    np.testing.assert_array_equal(photo, before)
    assert pasted.shape == photo.shape and covered.shape == photo.shape[:2]
    x, y = np.rint(points).astype(int).T
    assert covered[y, x].tolist() == [False, False, False, True, True]
    assert (pasted[covered] != photo[covered]).any(axis=-1).mean() > 0.95
    again, _ = draw_demo_occluder(photo, points)
    np.testing.assert_array_equal(pasted, again)


def test_the_demo_cup_turns_and_grows_with_the_face():
    photo = np.zeros((600, 600, 3), np.uint8)
    upright = drawn_face()[1] - 55.5
    straight = draw_demo_occluder(photo, upright + 300)[1]
    double = draw_demo_occluder(photo, 2 * upright + 300)[1]
    assert double.sum() / straight.sum() == pytest.approx(4, rel=0.03)
    quarter = np.stack([-upright[:, 1], upright[:, 0]], axis=1) + 299
    turned = draw_demo_occluder(photo, quarter)[1]
    expected = np.argwhere(straight).mean(axis=0) - 300
    np.testing.assert_allclose(
        np.argwhere(turned).mean(axis=0) - 299, [expected[1], -expected[0]], atol=1.5
    )
