from pathlib import Path

import numpy as np
import pytest

from chosen import chosen_faces, disc
from latent_ofer.datasets.pool import protocol_copy, resized
from latent_ofer.errors import DataError, WeightsError
from latent_ofer.evaluation.answers import read
from latent_ofer.evaluation.conditions import CONDITIONS, Heat, HiddenFaces, condition
from latent_ofer.evaluation.faces import ChosenFaces
from latent_ofer.evaluation.heat import heat_method
from latent_ofer.occlusion.blocks import (
    eye_patches,
    hottest_patches,
    mouth_patches,
    random_patches,
)
from latent_ofer.occlusion.patches import patch_pixels
from latent_ofer.occlusion.seeds import image_rng
from latent_ofer.recogniser.heat import plain_heat_maps
from latent_ofer.synthesis.jobs import HeatMaps


def heat(faces: ChosenFaces) -> Heat:
    values = np.random.default_rng(3).normal(size=(len(faces), 14, 14)).astype(np.float32)
    return Heat(HeatMaps(lambda pictures: pictures[:, ::8, ::8, 0], "some network"), values)


def under(name: str, faces: ChosenFaces, seed: int = 7) -> HiddenFaces:
    return HiddenFaces(faces, condition(name, seed), [disc(), disc("cup")], heat(faces))


def test_the_usual_conditions_are_those_of_the_protocol() -> None:
    assert len(set(CONDITIONS)) == 19
    assert {condition(name, 7).protocol for name in CONDITIONS} == {
        "clean",
        "covered",
        "objects",
        "eyes",
        "mouth",
        "random",
        "grad-cam",
    }


def test_clean_faces_and_faces_behind_objects_are_those_that_training_measures_on() -> None:
    faces = chosen_faces(4)
    clean, objects = under("clean", faces), under("objects", faces)
    for row in range(4):
        face = faces.pool.native(row)
        np.testing.assert_array_equal(clean.made(row).image, resized(face.image))
        pasted, covered, category = protocol_copy(face, [disc(), disc("cup")], 7)
        np.testing.assert_array_equal(objects.made(row).image, pasted)
        np.testing.assert_array_equal(objects.made(row).covered, covered)
        assert objects.made(row).category == category
    assert not clean.made(0).covered.any()


@pytest.mark.parametrize("name", ["random-30", "grad-cam-30", "eyes", "mouth"])
def test_patches_are_hidden_in_black_as_the_protocol_draws_them(name: str) -> None:
    faces = chosen_faces(3)
    hidden = under(name, faces)
    for row in range(3):
        face = faces.pool.native(row)
        points = (face.landmarks + 0.5) * 112 / 48 - 0.5
        patches = {
            "random-30": random_patches(image_rng(7, "random", "set", face.name), 30),
            "grad-cam-30": hottest_patches(heat(faces).values[row], 30),
            "eyes": eye_patches(points),
            "mouth": mouth_patches(points),
        }[name]
        black = patch_pixels(patches, 112)
        expected = resized(face.image)
        expected[black] = 0
        np.testing.assert_array_equal(hidden.made(row).image, expected)
        np.testing.assert_array_equal(hidden.made(row).covered, black)


def test_a_free_form_hole_has_the_share_of_its_bin() -> None:
    hidden = under("irregular-20-30", chosen_faces(4))
    assert all(0.2 < hidden.made(row).covered.mean() <= 0.3 for row in range(4))


@pytest.mark.parametrize("name", ["objects", "random-30", "irregular-20-30"])
def test_neither_order_nor_company_changes_a_face(name: str) -> None:
    faces = chosen_faces(6)
    rows = np.array([4, 1])
    some = faces.take(rows)
    everybody, few = under(name, faces), under(name, some)
    np.testing.assert_array_equal(few.made(1).image, everybody.made(1).image)
    np.testing.assert_array_equal(few.made(0).image, everybody.made(4).image)
    assert (under(name, faces, seed=8).made(1).image != everybody.made(1).image).any()
    assert under(name, faces, seed=8).key != everybody.key == few.key


def test_the_key_tells_what_the_pictures_depend_on() -> None:
    faces = chosen_faces(2)
    clean = [HiddenFaces(faces, condition("clean", seed)) for seed in (7, 8)]
    assert clean[0].key == clean[1].key
    other = HiddenFaces(faces, condition("objects", 7), [disc("hat")], None)
    assert other.key != under("objects", faces).key
    assert "some network" in under("grad-cam-10", faces).key


@pytest.mark.parametrize(
    "name", ["", "dirty", "random", "random-0", "random-101", "irregular-3-4", "20-30"]
)
def test_an_unknown_condition_names_some_that_exist(name: str) -> None:
    with pytest.raises(DataError, match=r"no such condition; write clean, covered, objects"):
        condition(name, 7)


def test_pictures_are_written_under_the_paths_that_predictions_name(tmp_path: Path) -> None:
    from PIL import Image

    faces = under("random-30", chosen_faces(2))
    faces.write_pictures(tmp_path)
    assert faces.paths == ["random-30/set/face0.png", "random-30/set/face1.png"]
    for row, path in enumerate(faces.paths):
        np.testing.assert_array_equal(
            np.asarray(Image.open(tmp_path / path)), faces.made(row).image
        )


def test_heat_is_computed_once_for_a_network_and_its_faces(tmp_path: Path) -> None:
    faces, asked = chosen_faces(3), []

    def look(pictures: np.ndarray) -> np.ndarray:
        asked.append(len(pictures))
        return pictures[:, ::8, ::8, 0].astype(np.float32)

    def heat_of(faces: ChosenFaces, network: str) -> np.ndarray:
        clean = HiddenFaces(faces, condition("clean", 7))
        return read(heat_method(HeatMaps(look, network)), clean, tmp_path)["heat"]

    first = heat_of(faces, "one")
    np.testing.assert_array_equal(
        first[2], resized(faces.pool.native(2).image)[::8, ::8, 0].astype(np.float32)
    )
    np.testing.assert_array_equal(heat_of(faces, "one"), first)
    # One at a time: the last bits depend on the size of the batch.
    assert asked == [1, 1, 1]
    heat_of(faces, "another")
    assert len(asked) == 6


def test_without_the_plain_cnn_there_is_no_heat(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="train plain"):
        plain_heat_maps(tmp_path, "small")
