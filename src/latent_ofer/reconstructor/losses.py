"""What the repair network learns from (paper, Eq. 4-5, without the adversarial terms).

Four departures from Eq. 5. There are no discriminators, hence no L_d and L_df. L_re looks at the
hole alone. The recipes weigh L_sc by 0.02, the paper by 1. And the frozen features of the
consistency loss L_c come from the teacher's second stage instead of VGG-16: no ImageNet weights
are needed, and at 112 px these features have the self-assembly layer's own shape, 128 channels in
14 x 14 cells, as relu4_3 has in the paper.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from latent_ofer.encoder.mae import MEAN, STD
from latent_ofer.recogniser.attention_cnn import PlainCNN
from latent_ofer.reconstructor.unet import pixels_of

LUMA = (0.299, 0.587, 0.114)
"""Red, green, blue: the teacher knows grey faces only."""


def reconstruction_loss(raw: Tensor, truth: Tensor, mask: Tensor, each: Tensor) -> Tensor:
    """L_re: mean absolute error over hidden pixels; the visible ones are put back anyway.

    Parameters
    ----------
    raw, truth : (B, 3, S, S) float in [0, 1]
    mask : (B, 14, 14) bool
    each : (B,) float
        Cells that a face of the batch has hidden on average.
    """
    hole = pixels_of(mask, truth.shape[-1])
    pixels = truth[0].numel() / mask[0].numel()
    return ((raw - truth).abs() * hole).sum() / (pixels * each.sum())


def consistency_loss(
    assembled: Tensor, twin: Tensor, features: Tensor, mask: Tensor, each: Tensor
) -> Tensor:
    """L_c: squared error of both maps against frozen features of the truth, in masked cells.

    Parameters
    ----------
    assembled, twin, features : (B, C, 14, 14) float
    mask : (B, 14, 14) bool
    each : (B,) float
        Cells that a face of the batch has hidden on average.
    """
    error = (assembled.float() - features).square() + (twin.float() - features).square()
    return (error * mask[:, None]).sum() / (features.shape[1] * each.sum())


def semantic_loss(logits: Tensor, true_logits: Tensor) -> Tensor:
    """L_sc: cross-entropy between the teacher's answers (Eq. 4, with the sign that makes sense).

    Parameters
    ----------
    logits : (B, 8)
        For the repaired faces.
    true_logits : (B, 8)
        For the true ones.
    """
    return F.cross_entropy(logits.float(), true_logits.detach().float().softmax(1))


def teacher_view(teacher: PlainCNN, faces: Tensor) -> tuple[Tensor, Tensor]:
    """What the frozen teacher sees in faces, differentiable in the faces.

    Parameters
    ----------
    faces : (B, 3, S, S) float in [0, 1]

    Returns
    -------
    features : (B, 128, S / 8, S / 8) float
        Of the second stage, which L_c uses.
    logits : (B, 8) float
    """
    backbone = teacher.backbone
    luma = torch.tensor(LUMA, device=faces.device).reshape(1, 3, 1, 1)
    grey = (faces * luma).sum(1, keepdim=True).expand_as(faces)
    x = ((grey - MEAN) / STD).contiguous(memory_format=torch.channels_last)
    x = backbone.maxpool(backbone.bn1(backbone.conv1(x)).relu())
    features = backbone.layer2(backbone.layer1(x))
    logits = teacher.fc(backbone.layer4(backbone.layer3(features)).mean((2, 3)))
    return features.float(), logits.float()
