"""What each part of the `one-class` detector buys, on dev faces with objects kept from training.

Takes the trained encoder and the trained network of places; fits the Gaussians anew for each line.
Prints JSON: AUROC of colour and grey dev faces by part.
"""

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

from latent_ofer.datasets.sources import Sources
from latent_ofer.detector import one_class
from latent_ofer.detector.dev import DevFaces, apply, read_dev
from latent_ofer.detector.one_class import CLIPPED, KINDS, OneClassDetector
from latent_ofer.detector.recipe import DetectorRecipe
from latent_ofer.detector.train import load_detector
from latent_ofer.detector.train_one_class import fit_one_class
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import load_mae
from latent_ofer.training.recipe import load_recipe

Figures = dict[str, float]
BLOCKS = (1, 2, 4, 8)


def main() -> None:
    """Fit, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the archives")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="with trained detectors")
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sources = Sources(options.data, options.runs / "cache")
    recipe = load_recipe(DetectorRecipe, "small", "detector")
    mae, dev = load_mae(options.runs, "small"), read_dev(sources)
    place = load_detector(options.runs, "small").one_class.place

    def fitted(blocks: int, complexity: float) -> dict[str, Figures]:
        one_class.COMPLEXITY = complexity
        changed = recipe.model_copy(update={"gaussian_blocks": blocks})
        return figures(fit_one_class(sources, mae, place, changed, dev), mae, dev)

    shipped = one_class.COMPLEXITY
    whole = fitted(recipe.gaussian_blocks, shipped)
    result = {
        "Gaussians, nothing forgiven": fitted(recipe.gaussian_blocks, 0)["Gaussians"],
        **whole,
        "Gaussians after so many blocks": {
            blocks: fitted(blocks, shipped)["Gaussians"] for blocks in BLOCKS
        },
    }
    text = json.dumps(result, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


def figures(
    model: OneClassDetector, mae: MaskedAutoencoder, dev: dict[str, DevFaces]
) -> dict[str, Figures]:
    """AUROC of each opinion, of both, and of both blurred."""
    report: dict[str, Figures] = {}

    def standard(faces: Tensor) -> Tensor:
        opinions = model.opinions(faces, mae.encode_early(faces, model.blocks))
        return ((opinions - model.centre[:, :, None]) / model.scale[:, :, None]).permute(2, 0, 1, 3)

    for number, kind in enumerate(KINDS):
        faces = dev[kind]
        opinions = apply(standard, faces.occluded)[:, :, number]
        both = opinions.clamp(*CLIPPED).sum(1)
        final = apply(lambda x: model(x, mae.encode_early(x, model.blocks)), faces.occluded)
        scores = {
            "Gaussians": opinions[:, 0],
            "places": opinions[:, 1],
            "both": both,
            "both, blurred": final,
        }
        for name, values in scores.items():
            report.setdefault(name, {})[kind] = round(faces.auroc(values.numpy()), 4)
    return report


if __name__ == "__main__":
    main()
