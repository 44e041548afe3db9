"""Random changes of training faces."""

import pytest
import torch

from helpers import drawn_face
from latent_ofer.encoder.train import to_tensor
from latent_ofer.recogniser.augment import augment, erase_boxes, move, relight


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_faces(count: int) -> torch.Tensor:
    import numpy as np

    return to_tensor(np.stack([drawn_face(seed=seed)[0] for seed in range(count)]))[:, :1]


@pytest.mark.parametrize("size", [64, 112])
def test_changed_faces_keep_their_range_and_get_the_size_asked_for(size: int) -> None:
    changed = augment(some_faces(6), size, 0.5, generator())
    assert changed.shape == (6, 1, size, size)
    assert changed.min() >= 0 and changed.max() <= 1
    assert torch.equal(changed, augment(some_faces(6), size, 0.5, generator()))
    assert not torch.equal(changed, augment(some_faces(6), size, 0.5, generator(1)))


def test_a_face_and_its_mask_move_together() -> None:
    faces = some_faces(8)
    bright = (faces > 0.5).float()
    moved = move(torch.cat([bright, bright], 1), 112, generator())
    assert torch.equal(moved[:, 0], moved[:, 1])
    assert (moved[:, 0] - bright[:, 0]).abs().mean((1, 2)).min() > 0.005


def test_moves_stay_small_and_half_of_them_mirror() -> None:
    dot = torch.zeros(400, 1, 112, 112)
    dot[:, :, 40:45, 26:31] = 1
    moved = move(dot, 112, generator())
    weight = moved / moved.sum((2, 3), keepdim=True)
    x = (weight.sum(2) * torch.arange(112.0)).sum(-1)[:, 0]
    y = (weight.sum(3) * torch.arange(112.0)).sum(-1)[:, 0]
    mirrored = x > 55.5
    assert mirrored.float().mean() == pytest.approx(0.5, abs=0.08)
    x = torch.where(mirrored, 111 - x, x)
    assert (x - 28).abs().max() < 16 and (y - 42).abs().max() < 16
    assert x.std() > 1.5 and y.std() > 1.5


def test_light_changes_do_not_move_anything() -> None:
    faces = some_faces(4) * 0.2 + 0.4
    relit = relight(faces, generator())
    for before, after in zip(faces, relit, strict=True):
        stacked = torch.stack([before.flatten(), after.flatten()])
        assert torch.corrcoef(stacked)[0, 1] > 0.999
    assert not torch.allclose(faces, relit, atol=0.02)


def test_the_asked_share_of_faces_gets_one_box_of_one_tone() -> None:
    faces = torch.rand(300, 1, 56, 56, generator=generator(3))
    erased = erase_boxes(faces, 0.4, generator())
    changed = (erased != faces)[:, 0]
    chosen = changed.any(2).any(1)
    assert chosen.float().mean() == pytest.approx(0.4, abs=0.08)
    assert changed.float().mean((1, 2)).max() < 0.22
    for face, where in zip(erased[chosen, 0], changed[chosen], strict=True):
        assert face[where].unique().numel() == 1
        rows, columns = where.any(1), where.any(0)
        assert where[rows][:, columns].all()
    assert torch.equal(erase_boxes(faces, 0.0, generator()), faces)
