import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import TEMPLATE
from latent_ofer.images.align import similarity
from latent_ofer.images.face_regions import hidden_shares, region_pixels
from latent_ofer.results import REGIONS


def turned(degrees: float, scale: float = 1.0) -> np.ndarray:
    """The template's landmarks, turned about the middle of the frame and scaled."""
    angle = np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (TEMPLATE - 55.5) @ turn.T + 55.5


def centre(pixels: np.ndarray) -> np.ndarray:
    return np.argwhere(pixels).mean(axis=0)[::-1]


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in REGIONS)


def test_each_landmark_lies_in_its_region_and_the_others_lie_around() -> None:
    regions = region_pixels(TEMPLATE)
    assert tuple(regions) == REGIONS
    at = np.rint(TEMPLATE).astype(int)
    for name, places in {
        "left_eye": at[:1],
        "right_eye": at[1:2],
        "nose": at[2:3],
        "mouth": at[3:],
    }.items():
        assert all(regions[name][y, x] for x, y in places)
    centres = {name: centre(pixels) for name, pixels in regions.items()}
    assert centres["forehead"][1] < 30 < centres["left_eye"][1]
    assert centres["mouth"][1] < 95 < centres["chin"][1]
    assert centres["left_cheek"][0] < centres["nose"][0] - 20
    assert centres["right_cheek"][0] > centres["nose"][0] + 20


@settings(max_examples=30, deadline=None)
@given(st.floats(-25, 25), st.floats(0.75, 1.25), st.integers(0, 2**32 - 1))
def test_no_pixel_lies_in_two_regions_and_none_is_empty(
    degrees: float, scale: float, seed: int
) -> None:
    points = turned(degrees, scale) + np.random.default_rng(seed).uniform(-3, 3, (5, 2))
    regions = np.stack(list(region_pixels(points).values()))
    assert regions.sum(axis=0).max() == 1
    # Of a face a quarter larger than the template, little of the chin is left in the frame.
    assert (regions.sum(axis=(1, 2)) > (50 if scale < 1.2 else 0)).all()


def test_the_regions_turn_and_shrink_with_the_face() -> None:
    upright, moved = region_pixels(TEMPLATE), region_pixels(turned(20, 0.7))
    matrix = similarity(TEMPLATE, turned(20, 0.7))
    for name in set(REGIONS) - {"chin"}:  # the frame cuts the upright chin off
        expected = matrix[:, :2] @ centre(upright[name]) + matrix[:, 2]
        assert np.linalg.norm(centre(moved[name]) - expected) < 0.5, name
        assert moved[name].sum() == pytest.approx(0.49 * upright[name].sum(), rel=0.05), name


def test_the_left_and_right_of_a_mirrored_face_change_places() -> None:
    points = turned(10)
    mirrored = np.column_stack((111 - points[:, 0], points[:, 1]))[[1, 0, 2, 4, 3]]
    regions, seen = region_pixels(points), region_pixels(mirrored)
    swap = {"left": "right", "right": "left"}
    for name in REGIONS:
        side, _, rest = name.partition("_")
        other = f"{swap[side]}_{rest}" if side in swap else name
        assert np.array_equal(regions[name], seen[other][:, ::-1]), name


@pytest.mark.parametrize(
    "landmarks",
    [
        None,
        np.full((5, 2), np.nan),
        np.full((5, 2), 55.5),
        np.where(np.arange(10).reshape(5, 2) == 3, np.inf, TEMPLATE),
        np.zeros((4, 2)),
        TEMPLATE + 200,
        TEMPLATE[::-1],
        TEMPLATE[[1, 0, 2, 3, 4]],
        TEMPLATE * 9,
        np.concatenate([TEMPLATE[:2], TEMPLATE[2:3] - (0, 28), TEMPLATE[3:]]),
    ],
    ids=repr,
)
def test_landmarks_that_cannot_be_a_face_give_way_to_the_template(
    landmarks: np.ndarray | None,
) -> None:
    assert same(region_pixels(landmarks), region_pixels(TEMPLATE))
    assert not same(region_pixels(turned(20)), region_pixels(TEMPLATE))


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
@settings(max_examples=10, deadline=None)
def test_a_share_is_the_part_of_the_region_that_hidden_patches_cover(
    seed: int, much: float
) -> None:
    mask = np.random.default_rng(seed).random((14, 14)) < much
    points = turned(15)
    shares = hidden_shares(mask, points)
    for name, pixels in region_pixels(points).items():
        inside = [(y, x) for y, x in np.argwhere(pixels)]
        hidden = [mask[y // 8, x // 8] for y, x in inside]
        assert shares[name] == pytest.approx(sum(hidden) / len(inside))


def test_a_mask_over_the_lower_face_hides_mouth_and_chin_and_spares_the_eyes() -> None:
    mask = np.zeros((14, 14), dtype=bool)
    mask[8:, 1:13] = True
    shares = hidden_shares(mask, None)
    assert shares["mouth"] == shares["chin"] == 1
    assert shares["left_eye"] == shares["right_eye"] == shares["forehead"] == 0
    assert 0 < shares["nose"] < 0.5
