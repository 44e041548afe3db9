"""Covers over small faces: whose light they take, where they lie, how they move."""

import numpy as np
import pytest
import torch

from latent_ofer.recogniser import pasted
from latent_ofer.recogniser.cnn import SIDE
from latent_ofer.recogniser.pasted import CoverBank, made_covers, outlined_covers


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Covers stay where they were made, up to a mirror image."""
    for limit in ("TURN", "STRETCH", "SHIFT"):
        monkeypatch.setattr(pasted, limit, 0.0)


def bank(mean: float = 100, spread: float = 20) -> CoverBank:
    """One face of a certain light, with its middle covered by something as bright as its mean."""
    face = np.random.default_rng(0).normal(mean, spread, (1, SIDE, SIDE))
    opacity = np.zeros((1, SIDE, SIDE), dtype=np.float32)
    opacity[:, 20:36, 20:36] = 1
    face[opacity > 0] = mean
    return CoverBank(np.clip(face, 0, 255).astype(np.uint8), opacity)


def some_faces(count: int) -> torch.Tensor:
    return torch.rand(count, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("dark", [1.0, 0.4])
def test_a_cover_hides_its_own_pixels_in_the_light_of_the_face_below(dark: float) -> None:
    faces = some_faces(4) * dark
    found, opacity = bank().over(faces, torch.Generator().manual_seed(0))
    hidden = opacity > 0.99
    assert hidden.float().mean() == pytest.approx((16 / SIDE) ** 2, rel=0.05)
    assert torch.allclose(found[opacity < 0.01], faces[opacity < 0.01], atol=1e-6)
    for one, face, here in zip(found, faces, hidden, strict=True):
        assert one[here].std() < 0.01
        assert float(one[here].mean()) == pytest.approx(float(face.mean()), abs=0.02)


def test_covers_lie_elsewhere_on_every_face_and_anew_every_time() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (bank().over(some_faces(6), generator)[1] for _ in range(2))
    places = [tuple(opacity.flatten().round().tolist()) for opacity in (*first, *second)]
    assert len(set(places)) == 12
    again = bank().over(some_faces(6), torch.Generator().manual_seed(0))[1]
    assert torch.equal(first, again)


def test_made_covers_are_grey_halves_of_what_was_drawn() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 256, (5, 112, 112, 3), dtype=np.uint8)
    covered = rng.random((5, 112, 112)) < 0.5
    faces, opacity = made_covers(lambda row, _: (drawn[row], covered[row]), np.array([3, 1]), rng)
    assert faces.shape == opacity.shape == (2, SIDE, SIDE)
    square = drawn[3, 10:12, 20:22] @ [0.299, 0.587, 0.114]
    assert abs(faces[0, 5, 10] - square.mean()) <= 0.51
    assert opacity[1, 5, 10] == covered[1, 10:12, 20:22].mean()


def test_an_outline_covers_its_patches_with_a_soft_edge() -> None:
    outline = np.zeros((14, 14), dtype=np.bool_)
    outline[4:9, 2:7] = True
    faces = np.zeros((1, SIDE, SIDE), dtype=np.uint8)
    _, opacity = outlined_covers(faces, [outline])
    assert np.all(opacity[0, 18:34, 10:26] == 1) and np.all(opacity[0, 40:] == 0)
    assert 0 < opacity[0, 16, 15] < 1
    patches = opacity.reshape(14, 4, 14, 4).mean((1, 3))
    assert np.array_equal(patches > 0.5, outline)
