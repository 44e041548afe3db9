"""The recogniser of several views as it is exported: a face and its mirror image count alike."""

import torch

from latent_ofer.backends.networks import RecogniseViews
from latent_ofer.recogniser.cnn import ExpressionCNN


def test_a_mirrored_face_with_a_mirrored_mask_gets_the_same_answer() -> None:
    torch.manual_seed(0)
    network = RecogniseViews(ExpressionCNN([8, 8, 16, 16], 2, 4, 0.0)).eval()
    faces, mask = torch.rand(2, 3, 112, 112), torch.zeros(2, 14, 14, dtype=torch.bool)
    mask[0, 3:8, :5] = True
    with torch.inference_mode():
        logits, attention = network(faces, mask)
        mirrored, mirrored_attention = network(faces.flip(3), mask.flip(2))
        unmirrored, _ = network(faces.flip(3), mask)
    torch.testing.assert_close(mirrored, logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(mirrored_attention.flip(2), attention, atol=1e-6, rtol=1e-5)
    assert not torch.allclose(unmirrored[0], logits[0], atol=1e-4)
