"""The recogniser's CNN: what it looks at, and what it is told not to."""

import numpy as np
import pytest
import torch
from torch import Tensor

from latent_ofer.recogniser.cnn import LEAST_SPREAD, ExpressionCNN, blanked


def network() -> ExpressionCNN:
    torch.manual_seed(0)
    return ExpressionCNN([8, 8, 16, 16], heads=2, head_width=4, dropout=0.0).eval()


def some_faces(count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    faces = torch.rand(count, 3, 112, 112, generator=generator)
    masks = torch.rand(count, 14, 14, generator=generator) < 0.3
    return faces, masks


def slowly_blanked(face: np.ndarray, mask: np.ndarray) -> np.ndarray:
    side = len(face) // 14
    hidden = np.zeros(face.shape, dtype=bool)
    for row in range(14):
        for column in range(14):
            if mask[row, column]:
                hidden[row * side : (row + 1) * side, column * side : (column + 1) * side] = True
    seen = face[~hidden]
    plane = (face - seen.mean()) / (seen.std() + LEAST_SPREAD)
    plane[hidden] = 0
    return np.stack([plane, hidden.astype(float)])


def test_faces_are_standardised_over_what_is_visible() -> None:
    faces, masks = some_faces(3)
    grey = faces[:, :1, ::2, ::2]
    found = blanked(grey, masks).numpy()
    for face, mask, planes in zip(grey[:, 0].numpy(), masks.numpy(), found, strict=True):
        np.testing.assert_allclose(planes, slowly_blanked(face, mask), atol=1e-5)


def test_a_face_hidden_whole_is_no_division_by_zero() -> None:
    faces, _ = some_faces(1)
    assert blanked(faces[:, :1], torch.ones(1, 14, 14, dtype=torch.bool)).isfinite().all()


def test_what_lies_below_the_mask_changes_nothing() -> None:
    faces, masks = some_faces(2)
    changed = torch.where(
        masks.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, None], 0.9, faces
    )
    net = network()
    with torch.inference_mode():
        for first, second in zip(net(faces, masks), net(changed, masks), strict=True):
            torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-5)


def test_hue_changes_nothing_where_luma_stays() -> None:
    faces, masks = some_faces(2)
    grey = (faces * torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)).sum(1, keepdim=True)
    net = network()
    with torch.inference_mode():
        first, _ = net(faces, masks)
        second, _ = net(grey.expand(-1, 3, -1, -1), masks)
    torch.testing.assert_close(first, second, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("count", [2, 5])
def test_a_face_gets_the_same_answer_alone_and_in_a_batch(count: int) -> None:
    faces, masks = some_faces(count)
    net = network()
    with torch.inference_mode():
        together, _ = net(faces, masks)
        alone = torch.cat([net(faces[i : i + 1], masks[i : i + 1])[0] for i in range(count)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_attention_is_a_map_of_seven_by_seven_without_negative_values() -> None:
    faces, masks = some_faces(2)
    logits, attention = network()(faces, masks)
    assert logits.shape == (2, 8) and attention.shape == (2, 7, 7) and (attention >= 0).all()
