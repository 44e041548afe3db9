"""What each protocol does to one face."""

import numpy as np
import pytest
from PIL import Image

from helpers import drawn_face
from latent_ofer.datasets.pool import Native, protocol_copy
from latent_ofer.occlusion.cutouts import Cutout
from latent_ofer.occlusion.irregular import BINS
from latent_ofer.synthesis.protocols import Protocol, Settings, occlude

PROTOCOLS: tuple[Protocol, ...] = (
    "objects",
    "procedural",
    "irregular",
    "random",
    "grad-cam",
    "eyes",
    "mouth",
)


def native(size: int = 112, name: str = "a.png", grey: bool = False) -> Native:
    face, landmarks = drawn_face(size, seed=len(name))
    if grey:
        face = np.repeat(face[..., 1:2], 3, axis=2)
    return Native(face, landmarks, grey, "drawn", name)


def discs() -> list[Cutout]:
    found = []
    for number, colour in enumerate(((250, 20, 20), (20, 20, 250))):
        rgba = np.zeros((60, 60, 4), np.uint8)
        rgba[..., :3] = colour
        rgba[..., 3] = 255 * (np.hypot(*(np.mgrid[:60, :60] - 29.5)) < 28)
        found.append(Cutout(rgba, f"disc{number}", "any", f"{number}.png"))
    return found


@pytest.mark.parametrize("size", [48, 112])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_hides_part_of_a_face_and_leaves_the_rest(
    protocol: Protocol, size: int
) -> None:
    face = native(size)
    before = face.image.copy()
    settings = Settings(protocol, share=30, hole=BINS[2])
    heat = np.random.default_rng(0).random((14, 14))
    made = occlude(face, settings, discs(), heat)
    again = occlude(face, settings, discs(), heat)
    clean = np.asarray(Image.fromarray(before).resize((112, 112), Image.Resampling.BICUBIC))
    assert made.image.shape == (112, 112, 3) and made.image.dtype == np.uint8
    assert made.covered.shape == (112, 112) and 0.02 < made.covered.mean() < 0.45
    assert (made.image != clean).any(axis=2)[made.covered].mean() > 0.5
    if protocol not in ("objects", "procedural"):  # those two have soft edges and shadows
        np.testing.assert_array_equal(made.image[~made.covered], clean[~made.covered])
    np.testing.assert_array_equal(made.image, again.image)
    np.testing.assert_array_equal(face.image, before)


def test_objects_are_the_copies_that_training_and_evaluation_use() -> None:
    for face in (native(48, "b.png", grey=True), native(name="cc.png"), native(name="ddd.png")):
        made = occlude(face, Settings("objects"), discs())
        image, covered, category = protocol_copy(face, discs(), 7)
        np.testing.assert_array_equal(made.image, image)
        np.testing.assert_array_equal(made.covered, covered)
        assert made.category == category
        assert made.occluder == f"{category[-1]}.png"
        assert made.wanted is not None and abs(made.covered.mean() - made.wanted) < 0.01


@pytest.mark.parametrize("protocol", ["objects", "procedural"])
def test_coverage_is_drawn_from_the_range_asked_for(protocol: Protocol) -> None:
    settings = Settings(protocol, coverage=(0.2, 0.25))
    for name in ("a", "bb", "ccc", "dddd"):
        made = occlude(native(name=name), settings, discs())
        assert made.wanted is not None and 0.2 <= made.wanted <= 0.25
        assert abs(made.covered.mean() - made.wanted) < 0.03


def test_grey_faces_stay_grey() -> None:
    for protocol in PROTOCOLS:
        settings = Settings(protocol, share=20)
        image = occlude(native(grey=True), settings, discs(), np.eye(14)).image
        assert (image == image[..., :1]).all(), protocol


def test_patches_are_black_and_holes_have_the_mean_colour() -> None:
    face = native()
    for protocol in ("random", "grad-cam", "eyes", "mouth"):
        made = occlude(face, Settings(protocol, share=30), [], np.eye(14))
        assert (made.image[made.covered] == 0).all()
    made = occlude(face, Settings("irregular", hole=(0.1, 0.2)), [])
    mean = np.rint(face.image.reshape(-1, 3).mean(axis=0))
    assert (made.image[made.covered] == mean).all()
    assert 0.1 < made.covered.mean() <= 0.2


def test_eyes_and_mouth_follow_the_landmarks_of_a_small_face() -> None:
    for protocol, rows in (("eyes", (32, 55)), ("mouth", (72, 95))):
        places = np.argwhere(occlude(native(48), Settings(protocol), []).covered)
        assert (places[:, 0].min(), places[:, 0].max()) == rows


def test_grad_cam_takes_the_hottest_patches_and_needs_heat() -> None:
    heat = np.zeros((14, 14))
    heat[3, 4:8] = 1
    covered = occlude(native(), Settings("grad-cam", share=2), [], heat).covered
    assert covered.sum() == 4 * 64 and covered[24:32, 32:64].all()
    with pytest.raises(ValueError, match="heat map"):
        occlude(native(), Settings("grad-cam", share=2), [])


def test_seed_and_name_change_what_is_hidden() -> None:
    one = occlude(native(), Settings("random", share=30), []).covered
    assert (one != occlude(native(), Settings("random", seed=8, share=30), []).covered).any()
    other = Native(
        *[getattr(native(), key) for key in ("image", "landmarks", "grey")], "drawn", "z"
    )
    assert (one != occlude(other, Settings("random", share=30), []).covered).any()
