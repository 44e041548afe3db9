"""The network that says where on a face a window comes from."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from latent_ofer.detector.place import (
    LEFT_OUT,
    NEAR,
    SHIFT,
    PlaceNetwork,
    elsewhere,
    place_loss,
    places,
    relit,
    shifted,
)
from latent_ofer.training.batch import shared_out


def some_faces(count: int = 3) -> Tensor:
    return torch.rand(count, 3, 112, 112, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def model() -> PlaceNetwork:
    torch.manual_seed(0)
    network = PlaceNetwork(width=16)
    network(torch.rand(8, 3, 112, 112))
    return network.eval()


def test_a_window_is_judged_by_itself(model: PlaceNetwork) -> None:
    faces = some_faces(1)
    changed = faces.clone()
    changed[:, :, :48] = 0
    with torch.no_grad():
        before, after = (model(x).reshape(1, 197, 14, 14) for x in (faces, changed))
    assert torch.allclose(before[..., 9:, :], after[..., 9:, :], atol=1e-5)
    assert not torch.allclose(before[..., :6, :], after[..., :6, :], atol=1e-3)


def test_a_window_does_not_see_where_it_is(model: PlaceNetwork) -> None:
    faces = some_faces(1)[:, :, :56, :56].repeat(1, 1, 2, 2)
    with torch.no_grad():
        logits = model(faces).reshape(1, 197, 14, 14)
    # Where the tiled picture repeats itself far from its edges, so do the answers.
    assert torch.allclose(logits[..., 3, 3], logits[..., 10, 3], atol=1e-4)
    assert torch.allclose(logits[..., 3, 3], logits[..., 3, 10], atol=1e-4)


def test_surprise_against_slow_probabilities(model: PlaceNetwork) -> None:
    faces = some_faces(2)
    with torch.no_grad():
        probability = model(faces).double().softmax(dim=1)
        surprise = model.surprise(faces)
    for row, column in ((0, 0), (6, 7), (13, 2)):
        window = 14 * row + column
        about = sum(
            probability[:, 14 * r + c, window]
            for r in range(max(0, row - NEAR), min(14, row + NEAR + 1))
            for c in range(max(0, column - NEAR), min(14, column + NEAR + 1))
        )
        expected = (probability[:, -1, window] / about).log()
        assert torch.allclose(surprise[:, window].double(), expected, atol=1e-4)


def test_loss_asks_for_the_own_place_and_for_none_of_altered_faces() -> None:
    logits = torch.randn(3, 197, 196, generator=torch.Generator().manual_seed(1))
    streaks = torch.zeros(2, 196, dtype=torch.bool)
    streaks[1, 5:] = True
    terms = []
    for face in range(3):
        for window in range(196):
            if face < 2 and streaks[face, window]:
                continue
            wanted = window if face < 2 else 196
            terms.append(F.cross_entropy(logits[face, :, window][None], torch.tensor([wanted])))
    place = places(streaks, altered=1)
    loss = place_loss(logits, place, shared_out(place != LEFT_OUT))
    assert torch.allclose(loss, torch.stack(terms).mean(), atol=1e-5)


def test_altered_faces_have_nothing_where_it_was() -> None:
    coarse = torch.rand(40, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    faces = F.interpolate(coarse, size=(112, 112), mode="bilinear")
    altered = elsewhere(faces, np.random.default_rng(0))
    assert altered.shape == faces.shape
    assert float(altered.min()) >= 0 and float(altered.max()) <= 1
    light = [x.mean(1).flatten(1) - x.mean((1, 2, 3))[:, None] for x in (faces, altered)]
    alike = F.cosine_similarity(*light, dim=1)
    assert float(alike.abs().mean()) < 0.35


def test_light_changes_and_places_do_not() -> None:
    coarse = torch.rand(20, 3, 14, 14, generator=torch.Generator().manual_seed(0))
    faces = F.interpolate(coarse, size=(112, 112), mode="bilinear")
    for seed in range(6):
        changed = relit(faces, np.random.default_rng(seed))
        assert float(changed.min()) >= 0 and float(changed.max()) <= 1
        flat = [x.flatten(1) - x.flatten(1).mean(1, keepdim=True) for x in (faces, changed)]
        assert float(F.cosine_similarity(*flat, dim=1).min()) > 0.8


def test_batches_move_by_up_to_half_a_patch() -> None:
    faces = some_faces(2)
    seen = set()
    for seed in range(30):
        moved = shifted(faces, np.random.default_rng(seed))
        middle = moved[:, :, 20:60, 20:60]
        steps = range(-SHIFT, SHIFT + 1)
        found = [
            (dy, dx)
            for dy in steps
            for dx in steps
            if torch.equal(middle, faces[:, :, 20 + dy : 60 + dy, 20 + dx : 60 + dx])
        ]
        assert len(found) == 1 and moved.shape == faces.shape
        seen |= set(found)
    assert len({dy for dy, _ in seen}) > 4 and len({dx for _, dx in seen}) > 4
