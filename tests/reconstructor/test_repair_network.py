"""The repair network: what it may touch, what it sees, how it is exported."""

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers import drawn_face
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import to_tensor
from latent_ofer.reconstructor.unet import Reconstructor, RepairUNet, mean_fill, pixels_of


@pytest.fixture(scope="module")
def stage() -> Reconstructor:
    torch.manual_seed(0)
    mae = MaskedAutoencoder(112, 8, 8, 1, 1, 8, 1, 1)
    return Reconstructor(mae, RepairUNet((8, 8, 8, 16))).eval()


@pytest.fixture(scope="module")
def faces() -> Tensor:
    return to_tensor(np.stack([drawn_face(seed=seed)[0] for seed in range(4)]))


@pytest.fixture(scope="module")
def mask() -> Tensor:
    shares = torch.tensor([0.0, 0.3, 0.7, 1.1])[:, None, None]
    return torch.rand(4, 14, 14, generator=torch.Generator().manual_seed(0)) < shares


def test_visible_pixels_come_back_exactly(
    stage: Reconstructor, faces: Tensor, mask: Tensor
) -> None:
    with torch.no_grad():
        repaired = stage(faces, mask)
    visible = ~pixels_of(mask, 112).expand_as(faces)
    assert torch.equal(repaired[visible], faces[visible])
    assert torch.equal(repaired[0], faces[0])
    assert (repaired[1] != faces[1]).any()
    assert repaired.min() >= 0 and repaired.max() <= 1


def test_what_stands_in_the_hole_is_never_looked_at(
    stage: Reconstructor, faces: Tensor, mask: Tensor
) -> None:
    hole = pixels_of(mask, 112)
    with torch.no_grad():
        torch.testing.assert_close(
            stage(torch.where(hole, torch.rand_like(faces), faces), mask),
            stage(faces, mask),
        )


def test_a_face_alone_is_repaired_as_in_a_batch(
    stage: Reconstructor, faces: Tensor, mask: Tensor
) -> None:
    with torch.no_grad():
        together = stage(faces, mask)
        for row in range(len(faces)):
            alone = stage(faces[row : row + 1], mask[row : row + 1])[0]
            torch.testing.assert_close(alone, together[row], atol=1e-5, rtol=0)


def test_the_hole_is_filled_with_the_mean_of_what_is_visible(faces: Tensor, mask: Tensor) -> None:
    filled = mean_fill(faces, mask)
    hole = pixels_of(mask, 112)[1, 0]
    expected = faces[1][:, ~hole].mean(1)
    torch.testing.assert_close(filled[1][:, hole].amax(1), expected)
    torch.testing.assert_close(filled[1][:, hole].amin(1), expected)
    assert (filled[3] == 0.5).all()


def test_patches_become_their_pixels() -> None:
    mask = torch.zeros(1, 14, 14, dtype=torch.bool)
    mask[0, 2, 5] = True
    pixels = pixels_of(mask, 112)[0, 0]
    assert pixels.sum() == 64
    assert pixels[16:24, 40:48].all()


def test_gradients_reach_every_weight_of_the_unet_and_none_of_the_autoencoder(
    stage: Reconstructor, faces: Tensor, mask: Tensor
) -> None:
    stage.zero_grad()
    stage(faces[1:3], mask[1:3]).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in stage.unet.parameters())
    assert all(p.grad is None for p in stage.mae.parameters())


@pytest.mark.slow
def test_the_exported_graph_gives_the_same_for_any_batch(
    stage: Reconstructor, faces: Tensor, mask: Tensor
) -> None:
    import onnxruntime

    with torch.no_grad():
        program = torch.onnx.export(
            stage,
            (faces[:2], mask[:2]),
            dynamo=True,
            optimize=False,
            input_names=["faces", "mask"],
            dynamic_shapes=({0: "batch"}, {0: "batch"}),
        )
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    for count in (1, 3, 4):
        feed = {"faces": faces[-count:].numpy(), "mask": mask[-count:].numpy()}
        (out,) = session.run(None, feed)
        with torch.no_grad():
            expected = stage(faces[-count:], mask[-count:])
        np.testing.assert_allclose(out, expected, atol=1e-5)
