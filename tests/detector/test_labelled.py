"""What the `labelled` detector learns from, and its loss."""

import numpy as np
import pytest
import torch
from torch import Tensor

from chosen import disc
from helpers import drawn_face
from latent_ofer.datasets.covers import TYPES, Cover, Face
from latent_ofer.datasets.pool import FacePool, FaceSet
from latent_ofer.detector.labelled import (
    UNKNOWN,
    Batch,
    LabelledFaces,
    Shares,
    labelled_loss,
)
from latent_ofer.detector.synthetic import Mix, Occluder
from latent_ofer.results import HIDING

CLEAN, GLASSES, HAND, DISAGREED, UNSEEN, TEXT, COLOUR_UNSEEN, COLOUR_CLEAN = range(8)
"""Rows of the pool; the last two are in colour."""


def looks(first: str, second: str) -> Cover:
    return Cover(frozenset(first.split("+")) - {""}, frozenset(second.split("+")) - {""})


TABLE: dict[Face, Cover] = {
    ("set", f"{CLEAN}.png"): looks("", ""),
    ("set", f"{GLASSES}.png"): looks("glasses", "glasses"),
    ("set", f"{HAND}.png"): looks("hand+text", "hand"),
    ("set", f"{DISAGREED}.png"): looks("hand", ""),
    ("set", f"{TEXT}.png"): looks("text", ""),
    ("set", f"{COLOUR_CLEAN}.png"): looks("", ""),
    ("other", f"{UNSEEN}.png"): looks("", ""),
}
OUTLINE = np.zeros((14, 14), dtype=np.bool_)
OUTLINE[3:7, 1:5] = OUTLINE[12:, 11] = True


def pool(images: np.ndarray | None = None) -> FacePool:
    drawn = [drawn_face(seed=row) for row in range(8)]
    faces = np.stack([face for face, _ in drawn]) if images is None else images
    colour = np.arange(8) >= COLOUR_UNSEEN
    faces = np.where(colour[:, None, None, None], faces, faces[..., 1:2])
    nothing = np.full(8, -1)
    points = np.stack([places for _, places in drawn])
    names = [f"{row}.png" for row in range(8)]
    targets = np.zeros((8, 8), np.float32)
    made = FaceSet(faces, points, colour, ["set"] * 8, names, nothing, targets, [""] * 8, [{}] * 8)
    return FacePool([made])


def labelled(
    table: dict[Face, Cover],
    outlines: dict[Face, np.ndarray] | None = None,
    images: np.ndarray | None = None,
) -> LabelledFaces:
    faces = pool(images)
    nothing = np.zeros((8, 196), dtype=np.bool_)
    occluder = Occluder(faces, nothing, [disc()], Mix(0, 1, 1, 1))
    return LabelledFaces(faces, occluder, table, outlines or {})


def drawn(faces: LabelledFaces, shares: Shares, seed: int = 0) -> Batch:
    torch_rng = torch.Generator().manual_seed(seed)
    rows, inputs = faces.batch(shares, np.random.default_rng(seed), torch_rng)
    assert isinstance(inputs, Batch) and len(rows) == len(inputs.faces)
    return inputs


def rows_of(faces: LabelledFaces) -> dict[str, list[int]]:
    return {kind: rows.tolist() for kind, rows in faces.kinds.items()}


def test_a_table_says_which_faces_are_of_which_kind() -> None:
    assert rows_of(labelled(TABLE)) == {
        "clean": [CLEAN],
        "clean_colour": [COLOUR_UNSEEN, COLOUR_CLEAN],
        "harmless": [GLASSES, TEXT],
        "covered": [HAND],
        "pasted": [CLEAN, GLASSES, TEXT],
        "pasted_colour": [COLOUR_UNSEEN, COLOUR_CLEAN],
    }


def test_where_nobody_has_looked_at_any_face_all_count_as_clean() -> None:
    faces = labelled({})
    assert rows_of(faces) == {
        "clean": list(range(6)),
        "clean_colour": [COLOUR_UNSEEN, COLOUR_CLEAN],
        "harmless": [],
        "covered": [],
        "pasted": list(range(6)),
        "pasted_colour": [COLOUR_UNSEEN, COLOUR_CLEAN],
    }
    batch = drawn(faces, Shares(2, 1, 3, 4, 2, 1))
    assert len(batch.faces) == 6 and not batch.covered.any()
    assert batch.hidden[:3].sum() == 0 and batch.hidden[3:].any(1).all()


def test_a_batch_tells_what_is_known_and_no_more() -> None:
    batch = drawn(labelled(TABLE), Shares(1, 4, 6, 2, 3, 2))
    assert batch.faces.shape == (18, 3, 112, 112)
    assert batch.faces.min() >= 0 and batch.faces.max() <= 1
    assert not (batch.hidden & batch.visible).any()
    clean, harmless, covered, pasted = (
        slice(0, 5),
        slice(5, 11),
        slice(11, 13),
        slice(13, 18),
    )
    for part in (clean, harmless):
        assert batch.visible[part].all() and not batch.covered[part].any()
    # Something hides these, nobody has said where.
    assert batch.covered[covered].all()
    assert not batch.hidden[covered].any() and not batch.visible[covered].any()
    assert batch.hidden[pasted].any(1).all() and batch.visible[pasted].any(1).all()
    assert not batch.covered[pasted].any()


def test_types_are_known_where_both_looks_agree_and_unknown_below_something_pasted() -> None:
    batch = drawn(labelled(TABLE), Shares(1, 6, 8, 1, 3, 2))
    types = batch.types.tolist()

    def row(**named: int) -> list[int]:
        return [named.get(name, 0) for name in TYPES]

    unknown = [UNKNOWN] * len(TYPES)
    assert types[0] == row()
    assert {tuple(known) for known in types[1:7]} == {tuple(row()), tuple(unknown)}
    assert {tuple(known) for known in types[7:15]} == {
        tuple(row(glasses=1)),
        tuple(row(text=UNKNOWN)),
    }
    assert types[15] == row(hand=1, text=UNKNOWN)
    assert batch.over.tolist()[:16] == [UNKNOWN] * 15 + [HIDING.index("hand")]
    pasted = [*[unknown] * 5, row(object=1, glasses=UNKNOWN, text=UNKNOWN, shade=UNKNOWN)]
    assert all(known in pasted for known in types[16:19])
    # Nobody has looked at all of the colour faces.
    assert all(known in (*pasted, [UNKNOWN, 1, *unknown[2:]]) for known in types[19:])
    for known, over in zip(types[16:], batch.over.tolist()[16:], strict=True):
        assert over == (HIDING.index("object") if known != unknown else UNKNOWN)
    assert not all(known == unknown for known in types[16:])


def test_rare_covers_are_drawn_more_often_than_their_number() -> None:
    table: dict[Face, Cover] = {("set", f"{row}.png"): looks("hand", "hand") for row in range(4)}
    table["set", "4.png"] = looks("hand+cloth", "hand+cloth")
    faces = labelled(table)
    assert faces.covered_odds == pytest.approx(np.array([5**-0.5] * 4 + [1]) / (4 * 5**-0.5 + 1))


def test_a_face_that_several_types_hide_does_not_say_which_hides_a_patch() -> None:
    table: dict[Face, Cover] = {("set", f"{HAND}.png"): looks("hand+cloth", "hand")}
    faces = labelled(table, {("set", f"{HAND}.png"): OUTLINE})
    assert drawn(faces, Shares(0, 0, 0, 2, 0, 0)).over.tolist() == [UNKNOWN] * 2


def outlined() -> LabelledFaces:
    """Faces of even tone, on each of which the outline is bright."""
    tones = np.where(OUTLINE.repeat(8, 0).repeat(8, 1), 220, 60).astype(np.uint8)
    images = np.repeat(np.repeat(tones[None, ..., None], 8, 0), 3, 3)
    return labelled(TABLE, {("set", f"{HAND}.png"): OUTLINE}, images)


def grown(mask: np.ndarray) -> np.ndarray:
    out = np.zeros_like(mask)
    for row, column in np.argwhere(mask):
        out[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = True
    return out


def test_an_outline_is_mirrored_with_its_face_and_the_ring_around_it_is_unknown() -> None:
    faces, flips = outlined(), set()
    for seed in range(12):
        sample = faces._real(HAND, np.random.default_rng(seed))
        flipped = not np.array_equal(sample.covered[::8, ::8], OUTLINE)
        mask = OUTLINE[:, ::-1] if flipped else OUTLINE
        flips.add(flipped)
        assert np.array_equal(sample.covered, mask.repeat(8, 0).repeat(8, 1))
        assert np.array_equal(sample.unlabelled, grown(mask) & ~mask)
        tones = sample.face.mean(axis=2)
        bright = tones > (tones.min() + tones.max()) / 2
        assert (bright == sample.covered).mean() > 0.97
    assert flips == {False, True}


def test_an_outline_moves_with_its_face() -> None:
    faces = outlined()
    hidden, visible = [], []
    for seed in range(6):
        batch = drawn(faces, Shares(0, 0, 0, 4, 0, 0), seed)
        assert not batch.covered.any()
        tones = batch.faces.mean(1).reshape(4, 14, 8, 14, 8).mean((2, 4)).flatten(1)
        low, high = tones.min(1, keepdim=True).values, tones.max(1, keepdim=True).values
        tones = (tones - low) / (high - low)
        hidden.append(tones[batch.hidden])
        visible.append(tones[batch.visible])
        # The outline's own patches and its ring are a part of the face, not all of it.
        known = batch.hidden | batch.visible
        assert 0.5 < known.float().mean() < 0.9
        assert 0.05 < batch.hidden.float().mean() < 0.2
        first = batch.hidden[0]
        assert not all(torch.equal(first, other) for other in batch.hidden[1:])
    assert torch.cat(hidden).quantile(0.1) > 0.3
    assert torch.cat(visible).quantile(0.9) < 0.1


def made_up(covered: list[bool]) -> Batch:
    count = len(covered)
    generator = torch.Generator().manual_seed(3)
    draw = torch.rand(count, 196, generator=generator)
    is_open = torch.tensor(covered)
    return Batch.of(
        torch.zeros(count, 3, 112, 112),
        (draw < 0.2) & ~is_open[:, None],
        (draw > 0.4) & ~is_open[:, None],
        is_open,
        torch.randint(-1, 2, (count, len(TYPES)), generator=generator),
        torch.arange(count) % (len(HIDING) + 1) - 1,
    )


def guesses(count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    scores = 4 * torch.randn(count, 196, generator=generator)
    types = torch.randn(count, len(TYPES), 196, generator=generator)
    return scores.requires_grad_(), types.requires_grad_()


def test_the_loss_is_its_slow_sum() -> None:
    batch = made_up([False, True, False, True])
    scores, types = (guess.detach() for guess in guesses(4))
    sure = 3.0
    known, weak = [], []
    for face in range(4):
        for patch in range(196):
            score = float(scores[face, patch])
            if batch.hidden[face, patch]:
                known.append(np.log1p(np.exp(-score)))
            elif batch.visible[face, patch]:  # one given up costs nothing, and counts
                known.append(np.log1p(np.exp(score)) if score <= sure else 0)
        if batch.covered[face]:
            ranked = sorted(scores[face].tolist(), reverse=True)
            high = np.mean([np.log1p(np.exp(-score)) for score in ranked[:8]])
            weak.append(high + np.mean([np.log1p(np.exp(score)) for score in ranked[98:]]))
    kinds = []
    for face in range(4):
        for place in range(len(TYPES)):
            says = np.mean(sorted(types[face, place].tolist())[-4:])
            if batch.types[face, place] >= 0:
                sign = -1 if batch.types[face, place] else 1
                kinds.append(np.log1p(np.exp(sign * says)))
    sole = []
    for face in range(4):
        for patch in range(196):
            if batch.hidden[face, patch] and batch.over[face] >= 0:
                for place in range(len(HIDING)):
                    sign = -1 if place == batch.over[face] else 1
                    sole.append(np.log1p(np.exp(sign * float(types[face, place, patch]))))
    expected = np.mean(known) + 0.3 * np.mean(weak) * 2 / 4
    expected += 0.2 * np.mean(kinds) + 0.2 * np.mean(sole)
    assert float(labelled_loss(scores, types, batch, sure)) == pytest.approx(expected, rel=1e-5)


def test_the_highest_patches_of_a_covered_face_are_pushed_up_and_the_lower_half_down() -> None:
    batch = made_up([False, True])
    scores, types = guesses(2)
    labelled_loss(scores, types, batch, sure=3.0).backward()
    assert scores.grad is not None
    order = scores[1].argsort(descending=True)
    push = -scores.grad[1][order]
    assert (push[:8] > 0).all() and (push[98:] < 0).all() and (push[8:98] == 0).all()


def test_a_visible_patch_that_looks_surely_hidden_is_not_unlearned() -> None:
    batch = made_up([False, False])
    scores, types = guesses(2)
    labelled_loss(scores, types, batch, sure=3.0).backward()
    assert scores.grad is not None
    doubted = batch.visible & (scores > 3.0)
    assert doubted.any() and (scores.grad[doubted] == 0).all()
    assert (scores.grad[batch.visible & ~doubted] > 0).all()
    assert (scores.grad[batch.hidden] < 0).all()
    assert (scores.grad[~batch.visible & ~batch.hidden] == 0).all()


def test_what_nobody_knows_of_types_changes_nothing() -> None:
    batch = made_up([False, False])._replace(over=torch.tensor([UNKNOWN, UNKNOWN]))
    scores, types = guesses(2)
    labelled_loss(scores, types, batch, sure=3.0).backward()
    assert types.grad is not None
    told = types.grad.abs().sum(2) > 0
    assert torch.equal(told, batch.types >= 0)
    nothing = batch._replace(types=torch.full_like(batch.types, UNKNOWN))
    assert labelled_loss(scores, types, nothing, sure=3.0).isfinite()
