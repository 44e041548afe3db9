"""Grad-CAM of the plain CNN: which patches its own prediction rests on (*Grad-CAM* protocol)."""

import torch
from torch import Tensor, nn

from latent_ofer.occlusion.patches import GRID
from latent_ofer.recogniser.baselines import nothing_hidden
from latent_ofer.recogniser.cnn import ExpressionCNN


def grad_cam(model: ExpressionCNN, faces: Tensor) -> Tensor:
    """Heat of the last feature map for the class that the model gives the most.

    Grad-CAM (Selvaraju et al., ICCV 2017, Eq. 1-2): the channels, weighted by the mean gradient
    of the logit, are added up. The final ReLU is left out: it keeps the order of what it does
    not cut, and the cut patches need an order too when many are to be hidden.

    Parameters
    ----------
    model : ExpressionCNN
        In evaluation mode; its parameters need no gradient.
    faces : (B, 3, 112, 112) float in [0, 1]

    Returns
    -------
    (B, 14, 14) float of any sign, enlarged bilinearly from the feature map's 7 x 7
    """
    with torch.no_grad():
        features = model.features(faces, nothing_hidden(faces))
    with torch.enable_grad():
        features.requires_grad_()
        logits, _ = model.answer(features)
        # No face sees another, so the sum's gradient is each logit's own.
        (gradient,) = torch.autograd.grad(logits.amax(dim=1).sum(), features)
    heat = (gradient.mean((2, 3), keepdim=True) * features.detach()).sum(1, keepdim=True)
    wide: Tensor = nn.functional.interpolate(heat, size=(GRID, GRID), mode="bilinear")
    return wide[:, 0]
