import hashlib

from hypothesis import given
from hypothesis import strategies as st

from latent_ofer.datasets.listing import Sample
from latent_ofer.datasets.people import split_by_people, subjects_in_two_splits

NAMES = st.lists(st.text("ABCDEFGHIJ0123456789", min_size=1, max_size=3), min_size=1, max_size=60)


@given(NAMES, st.randoms())
def test_the_order_and_the_number_of_pictures_do_not_matter(names, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = names + names[:3]
    random.shuffle(shuffled)
    assert split_by_people("kdef", shuffled) == split_by_people("kdef", names)


@given(NAMES)
def test_a_fifth_of_the_people_is_test_by_the_written_rule(names: list[str]) -> None:
    splits = split_by_people("ck+", names)

    def rank(subject: str) -> str:
        return hashlib.sha256(b"latent-ofer:ck+:" + subject.encode()).hexdigest()

    people = sorted(set(names), key=rank)
    count = 0 if len(people) == 1 else max(1, round(len(people) / 5))
    assert [subject for subject in people if splits[subject] == "test"] == people[:count]
    assert set(splits) == set(people)


def test_each_stratum_gives_its_own_fifth() -> None:
    people = [f"F{n:02}" for n in range(1, 36)] + [f"M{n:02}" for n in range(1, 11)]
    splits = split_by_people("kdef", people, stratum=lambda subject: subject[0])
    tested = [subject for subject in people if splits[subject] == "test"]
    assert sum(subject[0] == "F" for subject in tested) == 7
    assert sum(subject[0] == "M" for subject in tested) == 2


def test_a_person_in_two_splits_is_told_once_with_a_picture_of_each() -> None:
    samples = [
        Sample("train/a.jpg", "train", 0, subject="F01"),
        Sample("train/b.jpg", "train", 0, subject="F02"),
        Sample("test/c.jpg", "test", 0, subject="F01"),
        Sample("test/d.jpg", "test", 0, subject="F01"),
        Sample("train/e.jpg", "train", 0),
        Sample("test/f.jpg", "test", 0),
    ]
    (problem,) = subjects_in_two_splits(samples)
    assert (problem.kind, problem.place) == ("subject_in_two_splits", "F01")
    assert "train/a.jpg" in problem.message and "test/c.jpg" in problem.message
