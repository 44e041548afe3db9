import numpy as np

from latent_ofer.evaluation.grouping import groups, occluder_groups, size_of


def members(found: dict[str, np.ndarray]) -> dict[str, list[int]]:
    return {name: np.flatnonzero(faces).tolist() for name, faces in found.items()}


def test_people_are_grouped_by_sex_race_and_age_band() -> None:
    tags = [
        {"sex": "0", "race": "0", "age": "12"},
        {"sex": "1", "race": "4", "age": "13"},
        {"sex": "1", "race": "0", "age": "29.5"},
        {"sex": "", "race": "", "age": ""},
        {"angle": "S"},
        {"age": "120"},
        {"age": "unknown"},
    ]
    assert members(groups(tags)) == {
        "sex: male": [0],
        "sex: female": [1, 2],
        "race: White": [0, 2],
        "race: other": [1],
        "age: 0-12": [0],
        "age: 13-29": [1, 2],
        "age: 50-120": [5],
    }


def test_hidden_faces_are_grouped_by_what_hides_them_and_how_much() -> None:
    found = occluder_groups(["mug", "", "scarf", "mug"], np.array([0.1, 0.0, 0.11, 0.9]))
    assert members(found) == {
        "occluder: mug": [0, 3],
        "occluder: scarf": [2],
        "coverage: 0-10 %": [0],
        "coverage: 10-20 %": [2],
        "coverage: 30-100 %": [3],
    }


def test_what_is_not_known_makes_no_group() -> None:
    assert groups([{}, {}]) == {}
    assert occluder_groups() == {}


def test_groups_below_a_hundred_faces_are_marked() -> None:
    faces = np.arange(200)
    assert size_of(faces < 99) == {"n": 99, "small": True}
    assert size_of(faces < 100) == {"n": 100}
