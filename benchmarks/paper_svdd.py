"""Why one centre for all places is weak: the paper's deep SVDD (Eq. 1), taken apart.

Trains it on the latents of clean faces with one centre and with one for each place, and measures,
on dev faces with objects kept from training: AUROC before training, after it, and with the
distances of each place divided by what clean faces have there; and how much of the variance of
clean faces' distances is only that of places. Prints JSON.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latent_ofer.datasets.sources import Sources
from latent_ofer.detector.dev import DevFaces, apply, read_dev
from latent_ofer.detector.recipe import DetectorRecipe
from latent_ofer.detector.svdd import LatentSVDD
from latent_ofer.detector.train_svdd import train_svdd
from latent_ofer.encoder.train import load_mae
from latent_ofer.training.recipe import load_recipe

CENTRES = (1, 196)


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the archives")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="with a trained encoder")
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sources = Sources(options.data, options.runs / "cache")
    recipe = load_recipe(DetectorRecipe, "small", "detector")
    mae, dev = load_mae(options.runs, "small"), read_dev(sources)

    def latents(faces: NDArray[np.uint8]) -> Tensor:
        return apply(lambda x: mae.encode(x)[:, 1:], faces)

    clean = {kind: latents(faces.clean) for kind, faces in dev.items()}
    occluded = {kind: latents(faces.occluded) for kind, faces in dev.items()}

    def figures(model: LatentSVDD) -> dict[str, dict[str, float]]:
        return {
            kind: of_kind(model, clean[kind], occluded[kind], faces) for kind, faces in dev.items()
        }

    result = {}
    for centres in CENTRES:
        changed = recipe.model_copy(update={"svdd_centres": centres})
        with tempfile.TemporaryDirectory() as folder:
            trained = train_svdd(sources, mae, Path(folder), changed, dev, "", False)
        result[f"centres: {centres}"] = {
            "untrained": figures(untrained(changed, mae.dim, clean)),
            "trained": figures(trained),
        }
    text = json.dumps(result, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


def untrained(recipe: DetectorRecipe, dim: int, clean: dict[str, Tensor]) -> LatentSVDD:
    """Random weights, centres at the means of the latents of clean faces."""
    torch.manual_seed(recipe.seed)
    model = LatentSVDD(dim, recipe.svdd_hidden, recipe.svdd_out, recipe.svdd_centres)
    model.set_centre(clean.values())
    return model


@torch.no_grad()
def of_kind(
    model: LatentSVDD, clean: Tensor, occluded: Tensor, faces: DevFaces
) -> dict[str, float]:
    """Figures from the latents (n, N, D) of one kind of dev faces."""
    at_rest, found = model(clean).numpy(), model(occluded).numpy()
    return {
        "auroc": round(faces.auroc(found), 4),
        "auroc, by place": round(faces.auroc(found / at_rest.mean(axis=0)), 4),
        "variance that is of places": round(between_places(at_rest), 3),
    }


def between_places(distances: NDArray[np.float32]) -> float:
    """Share of the variance of distances (n, N) that is of their means by place."""
    return float(distances.mean(axis=0).var() / distances.var())


if __name__ == "__main__":
    main()
