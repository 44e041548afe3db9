"""The paper's detector (Eq. 1), taken apart: which forms of Phi keep what tells objects from faces.

Fits each form to latents of clean training faces and measures, on dev faces with objects kept from
training, the AUROC of patches and the mean squared distance of clean ones, as training goes on.
Prints JSON.
"""

import argparse
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from latent_ofer.datasets.sources import Sources
from latent_ofer.detector.clean import clean_faces
from latent_ofer.detector.dev import apply, read_dev
from latent_ofer.detector.one_class import KINDS
from latent_ofer.detector.svdd import LatentSVDD
from latent_ofer.detector.train_svdd import STAGE, PaperRecipe, fit_svdd, least_phi
from latent_ofer.encoder.train import load_mae
from latent_ofer.training.recipe import load_recipe

STEPS = (0, 100, 400)
BATCH = 2048
"""Latents a step."""
Figures = dict[str, float]
Map = Callable[[Tensor], Tensor]
Squared = Callable[[Tensor], Tensor]
"""Vectors (..., K) to squared distances (...)."""


class Bounded(nn.Module):
    """Phi(x) = x + V tanh(U x): begins as the identity; a far latent cannot be drawn in."""

    def __init__(self, dim: int, hidden: int = 64) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, hidden, bias=False)
        self.outer = nn.Linear(hidden, dim, bias=False)
        nn.init.orthogonal_(self.inner.weight, 0.5)
        nn.init.zeros_(self.outer.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(..., K) -> (..., K)."""
        out: Tensor = x + self.outer(torch.tanh(self.inner(x)))
        return out


def three_layers(*widths: int) -> nn.Sequential:
    """Phi as released code has it: widths (D, H, H, K), no biases, which could collapse it."""
    first, second, third = (nn.Linear(*pair, bias=False) for pair in pairwise(widths))
    return nn.Sequential(first, nn.LeakyReLU(0.1), second, nn.LeakyReLU(0.1), third)


def orthogonal(dim: int) -> nn.Module:
    """Three layers that begin orthogonal."""
    phi = three_layers(dim, dim, dim, dim)
    for weight in phi.parameters():
        nn.init.orthogonal_(weight)
    return phi


def main() -> None:
    """Fit, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the archives")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="with an encoder, trained or of --from"
    )
    parser.add_argument("--faces", type=int, default=300, help="of each kind, to fit to")
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sources = Sources(options.data, options.runs / "cache")
    recipe = load_recipe(PaperRecipe, "small", STAGE)
    mae, dev = load_mae(options.runs, "small"), read_dev(sources)
    kinds = [clean_faces(sources, kind, options.faces, recipe.seed) for kind in KINDS]

    def encode(faces: Tensor) -> Tensor:
        return mae.encode(faces)[:, 1:]

    latents = torch.cat([apply(encode, faces.pixels) for faces in kinds])
    photo = torch.from_numpy(np.concatenate([faces.photo for faces in kinds]))
    occluded = {kind: apply(encode, dev[kind].occluded) for kind in KINDS}
    linear = fit_svdd(latents, photo.numpy(), recipe)

    def measured(squared: Squared, of: Map) -> Figures:
        with torch.no_grad():
            found = {k: round(dev[k].auroc(squared(of(x)).numpy()), 4) for k, x in occluded.items()}
            found["loss"] = float(squared(of(latents[::8]))[photo[::8]].mean())
        return found

    def steps(
        phi: nn.Module, of: Callable[[Tensor], Tensor], decay: float, nu: float = 0
    ) -> dict[str, Figures]:
        return trained(phi, of(latents)[photo], decay, nu, lambda far: measured(far, of))

    def raw(x: Tensor) -> Tensor:
        return x

    torch.manual_seed(recipe.seed)
    white = linear.phi

    def bounded() -> nn.Module:
        return Bounded(recipe.kept)

    report: dict[str, object] = {
        "three layers, as released": steps(three_layers(mae.dim, 128, 128, 64), raw, 1e-6),
        "one Gaussian for all places": measured(*one_gaussian(latents[photo], recipe.decay)),
        "whitened, three layers, orthogonal": steps(orthogonal(recipe.kept), white, 1e-6),
        "whitened, bounded": steps(bounded(), white, 1e-3),
        "whitened, bounded, decay that acts": steps(bounded(), white, 1),
        "whitened, bounded, soft boundary": steps(bounded(), white, 1, 0.1),
        "linear, of fixed volume: a Gaussian for each place": measured(length, white),
        "the same, in units of the face's own": measured(length, lambda x: own_units(linear, x)),
        "the same, with its neighbours (shipped)": measured(torch.square, linear.distances),
    }
    text = json.dumps({"faces": len(latents), **report}, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


def length(x: Tensor) -> Tensor:
    """Squared, of vectors (..., K)."""
    return x.square().sum(-1)


def own_units(model: LatentSVDD, latents: Tensor) -> Tensor:
    """Phi in units of the face's root mean square."""
    phi = model.phi(latents)
    return phi / length(phi).mean(1)[:, None, None].sqrt()


def one_gaussian(clean: Tensor, decay: float) -> tuple[Squared, Map]:
    """One mean and one covariance, wherever on the face a latent (n, D) is from."""
    mean, weights = (torch.from_numpy(part).float() for part in least_phi(clean.numpy(), decay))
    return length, lambda x: (x - mean) @ weights.mT


def trained(
    phi: nn.Module, clean: Tensor, decay: float, nu: float, look: Callable[[Squared], Figures]
) -> dict[str, Figures]:
    """Minimise Eq. 1 over vectors (n, K) of clean faces; what `look` says after so many `STEPS`.

    With `nu` the soft boundary: only what lies beyond the (1 - nu) quantile is drawn in.
    """
    with torch.no_grad():
        centre = phi(clean[::16]).mean(0)
    optimiser = torch.optim.Adam(phi.parameters(), 1e-3)
    generator = torch.Generator().manual_seed(0)

    def far(x: Tensor) -> Tensor:
        return length(phi(x) - centre)

    found = {}
    for step in range(max(STEPS) + 1):
        if step in STEPS:
            found[f"step {step}"] = look(far)
        squared = far(clean[torch.randint(len(clean), (BATCH,), generator=generator)])
        if nu:
            edge = squared.detach().quantile(1 - nu)
            squared = (squared - edge).clamp(min=0) / nu
        weights = torch.stack([weight.square().sum() for weight in phi.parameters()]).sum()
        optimiser.zero_grad()
        (squared.mean() + decay / 2 * weights).backward()
        optimiser.step()
    return found


if __name__ == "__main__":
    main()
