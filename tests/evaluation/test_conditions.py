from pathlib import Path

import numpy as np
import pytest

from archives import write_ferplus
from chosen import chosen_faces, disc
from latent_ofer.datasets.pool import protocol_copy, resized
from latent_ofer.datasets.sources import Sources
from latent_ofer.errors import DataError, WeightsError
from latent_ofer.evaluation.chosen_faces import ChosenFaces, choose_faces
from latent_ofer.evaluation.conditions import (
    CONDITIONS,
    ConditionedFaces,
    condition,
    write_pictures,
)
from latent_ofer.evaluation.heat import Heat, heat_of, plain_heat_maps
from latent_ofer.occlusion.blocks import (
    eye_patches,
    hottest_patches,
    mouth_patches,
    random_patches,
)
from latent_ofer.occlusion.patches import patch_pixels
from latent_ofer.occlusion.seeds import image_rng
from latent_ofer.synthesis.jobs import HeatMaps


def heat(faces: ChosenFaces) -> Heat:
    values = np.random.default_rng(3).normal(size=(len(faces), 14, 14)).astype(np.float32)
    return Heat(HeatMaps(lambda pictures: pictures[:, ::8, ::8, 0], "some network"), values)


def under(name: str, faces: ChosenFaces, seed: int = 7) -> ConditionedFaces:
    return ConditionedFaces(faces, condition(name, seed), [disc(), disc("cup")], heat(faces))


def test_the_usual_conditions_are_those_of_the_protocol() -> None:
    assert len(set(CONDITIONS)) == 18
    assert {condition(name, 7).protocol for name in CONDITIONS} == {
        "clean",
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
        np.testing.assert_array_equal(clean[row], resized(face.image))
        pasted, covered, category = protocol_copy(face, [disc(), disc("cup")], 7)
        np.testing.assert_array_equal(objects[row], pasted)
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
        np.testing.assert_array_equal(hidden[row], expected)
        np.testing.assert_array_equal(hidden.made(row).covered, black)


def test_a_free_form_hole_has_the_share_of_its_bin() -> None:
    hidden = under("irregular-20-30", chosen_faces(4))
    assert all(0.2 < hidden.made(row).covered.mean() <= 0.3 for row in range(4))


@pytest.mark.parametrize("name", ["objects", "random-30", "irregular-20-30"])
def test_neither_order_nor_company_changes_a_face(name: str) -> None:
    faces = chosen_faces(6)
    rows = np.array([4, 1])
    some = ChosenFaces(
        faces.pool.take(rows),
        [faces.ids[row] for row in rows],
        None,
        [{}, {}],
        faces.digests,
        faces.about,
    )
    everybody, few = under(name, faces), under(name, some)
    np.testing.assert_array_equal(few[1], everybody[1])
    np.testing.assert_array_equal(few[0], everybody[4])
    assert (under(name, faces, seed=8)[1] != everybody[1]).any()
    assert under(name, faces, seed=8).key != everybody.key == few.key


def test_the_key_tells_what_the_pictures_depend_on() -> None:
    faces = chosen_faces(2)
    clean = [ConditionedFaces(faces, condition("clean", seed)) for seed in (7, 8)]
    assert clean[0].key == clean[1].key
    other = ConditionedFaces(faces, condition("objects", 7), [disc("hat")], None)
    assert other.key != under("objects", faces).key
    assert "some network" in under("grad-cam-10", faces).key


@pytest.mark.parametrize(
    "name", ["", "dirty", "random", "random-0", "random-101", "irregular-3-4", "20-30"]
)
def test_an_unknown_condition_names_some_that_exist(name: str) -> None:
    with pytest.raises(DataError, match=r"no such condition; write clean, objects"):
        condition(name, 7)


def test_pictures_are_written_under_the_paths_that_predictions_name(tmp_path: Path) -> None:
    from PIL import Image

    faces = under("random-30", chosen_faces(2))
    write_pictures(faces, tmp_path)
    assert faces.paths == ["random-30/set/face0.png", "random-30/set/face1.png"]
    for row, path in enumerate(faces.paths):
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / path)), faces[row])


def test_a_limit_and_a_seed_choose_the_same_faces_and_more_of_them_keep_those(
    tmp_path: Path,
) -> None:
    write_ferplus(tmp_path, (12, 4, 24))
    sources = Sources(tmp_path, tmp_path / "cache")
    everybody = choose_faces(sources, "val", None, 7)
    five, nine = (choose_faces(sources, "val", limit, 7) for limit in (5, 9))
    other = choose_faces(sources, "val", 5, 8)
    # Of 24 faces one got no vote that counts and one is no face.
    assert (len(everybody), len(five), len(nine)) == (22, 5, 9)
    assert five.ids == choose_faces(sources, "val", 5, 7).ids
    assert set(five.ids) < set(nine.ids) < set(everybody.ids)
    assert set(five.ids) != set(other.ids)
    assert five.about["n"] == 5
    assert five.about["of"] == 22
    assert five.about["split"] == "validation"
    rows = [everybody.ids.index(face) for face in five.ids]
    np.testing.assert_array_equal(five.labels, everybody.labels[rows])
    np.testing.assert_array_equal(
        five.pool.batch(np.arange(5)), everybody.pool.batch(np.array(rows))
    )


def test_test_faces_are_not_in_the_archives(tmp_path: Path) -> None:
    write_ferplus(tmp_path)
    with pytest.raises(DataError, match="no test faces"):
        choose_faces(Sources(tmp_path, tmp_path / "cache"), "test", None, 7)


def test_heat_is_computed_once_for_a_network_and_its_faces(tmp_path: Path) -> None:
    faces, asked = chosen_faces(3), []

    def look(pictures: np.ndarray) -> np.ndarray:
        asked.append(len(pictures))
        return pictures[:, ::8, ::8, 0].astype(np.float32)

    maps = HeatMaps(look, "one")
    first = heat_of(faces, maps, tmp_path)
    np.testing.assert_array_equal(
        first.values[2], resized(faces.pool.native(2).image)[::8, ::8, 0].astype(np.float32)
    )
    np.testing.assert_array_equal(heat_of(faces, maps, tmp_path).values, first.values)
    assert asked == [1, 1, 1]
    heat_of(faces, HeatMaps(look, "another"), tmp_path)
    heat_of(chosen_faces(2), maps, tmp_path)
    assert len(asked) == 8


def test_without_the_plain_cnn_there_is_no_heat(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="train plain"):
        plain_heat_maps(tmp_path, "small")
