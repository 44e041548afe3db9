"""Holes that the autoencoder is trained on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_ofer.encoder.masks import (
    KINDS,
    HoleBank,
    block_order,
    irregular_order,
    object_order,
    random_order,
)

BANK = HoleBank(14, np.random.default_rng(0), each=30)


def holes(kind: int, hidden: int) -> np.ndarray:
    orders = BANK.orders[30 * kind : 30 * (kind + 1)]
    mask = np.zeros(orders.shape, dtype=bool)
    np.put_along_axis(mask, orders[:, :hidden], True, axis=1)
    return mask.reshape(-1, 14, 14)


def alike(masks: np.ndarray) -> float:
    """Share of neighbours that are both hidden or both visible."""
    return float((masks[:, :, 1:] == masks[:, :, :-1]).mean())


def test_every_kind_visits_every_patch_once() -> None:
    assert BANK.orders.shape == (30 * len(KINDS), 196)
    assert (np.sort(BANK.orders, axis=1) == np.arange(196)).all()


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), batch=st.integers(1, 4), kept=st.integers(0, 196))
def test_drawn_patches_are_sorted_distinct_and_as_many_as_asked(
    seed: int, batch: int, kept: int
) -> None:
    rows = BANK.draw_kept(np.random.default_rng(seed), batch, kept)
    assert rows.shape == (batch, kept) and rows.dtype == np.int64
    assert (np.diff(rows, axis=1) > 0).all()
    assert not kept or (rows.min() >= 0 and rows.max() < 196)


def test_a_hole_of_few_patches_is_part_of_the_same_hole_of_more() -> None:
    few = BANK.draw_kept(np.random.default_rng(3), 50, 150)
    more = BANK.draw_kept(np.random.default_rng(3), 50, 80)
    for visible_of_few, visible_of_more in zip(few.tolist(), more.tolist(), strict=True):
        assert set(visible_of_more) < set(visible_of_few)


def test_scattered_patches_lie_apart_and_the_others_together() -> None:
    kinds = [KINDS.index(kind) for kind in KINDS]
    together = dict(zip(KINDS, [alike(holes(kind, 98)) for kind in kinds], strict=True))
    assert together[random_order] == pytest.approx(0.5, abs=0.03)
    assert together[irregular_order] > 0.7
    assert together[object_order] > 0.8
    assert together[block_order] > 0.8


def test_a_block_is_a_full_rectangle() -> None:
    for mask in holes(KINDS.index(block_order), 4):
        rows, columns = np.nonzero(mask)
        box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert box - 4 < columns.max() - columns.min() + 1
