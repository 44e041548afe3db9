import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_ofer.evaluation.subsets import chosen

IDS = ["a.png", "b.png", "c.png", "d.png", "e.png"]


def test_the_subset_is_the_same_on_any_machine() -> None:
    # `printf 7:a.png | sha256sum` begins d8, b 17, c 05, d 41, e a8: the order is c, b, d, e, a.
    assert chosen(IDS, 2, 7).tolist() == [1, 2]
    assert chosen(IDS, 3, 7).tolist() == [1, 2, 3]


def test_the_same_faces_are_chosen_from_a_list_in_another_order() -> None:
    backwards = IDS[::-1]
    assert {backwards[row] for row in chosen(backwards, 3, 1)} == {
        IDS[row] for row in chosen(IDS, 3, 1)
    }


@settings(max_examples=30, deadline=None)
@given(st.sets(st.text(min_size=1), min_size=1, max_size=30), st.integers(0, 99))
def test_a_larger_limit_keeps_the_faces_of_a_smaller_one(names: set[str], seed: int) -> None:
    ids = sorted(names)
    before: set[int] = set()
    for limit in range(1, len(ids) + 2):
        rows = chosen(ids, limit, seed).tolist()
        assert rows == sorted(rows)
        assert len(rows) == min(limit, len(ids))
        assert before <= set(rows)
        before = set(rows)


def test_another_seed_chooses_others_and_no_limit_takes_all() -> None:
    ids = [f"{row}.png" for row in range(100)]
    assert chosen(ids, 50, 1).tolist() != chosen(ids, 50, 2).tolist()
    assert chosen(ids, None, 1).tolist() == list(range(100))
    with pytest.raises(ValueError, match="from 1 up"):
        chosen(ids, 0, 1)
