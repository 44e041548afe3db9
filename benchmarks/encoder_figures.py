"""What the face encoder has learnt: holes filled in, and expressions in its latents.

Validation faces, colour and grey apart, with holes of four kinds and sizes; a linear probe on
FERPlus, beside the same on random weights and on coarse pixels. A quarter of an hour on one core.
Prints JSON.
"""

import argparse
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from encoder_holes import filling_figures
from encoder_probe import Features, latents_of, mean_levels, probe_figures
from encoder_samples import draw_samples, portrait_face

from latent_ofer.backends.torch import load_networks
from latent_ofer.cli.demo import PORTRAIT
from latent_ofer.cli.output import print_report
from latent_ofer.datasets.sources import Sources
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import MaeRecipe
from latent_ofer.evaluation.faces import choose_faces, kinds_of, subset
from latent_ofer.files import file_sha256, whole_file
from latent_ofer.weights_folder import SHIPPED, WeightsFolder

SEED = 7
FACES = 1000
PROBE_FACES = 8000


def main() -> None:
    """Measure the encoder and print; draw samples where they are wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the archives")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--weights", type=Path, help="in place of the shipped ones")
    parser.add_argument("--faces", type=int, default=FACES, help="of each kind that get holes")
    parser.add_argument("--probe-faces", type=int, default=PROBE_FACES, help="training faces")
    parser.add_argument("--limit", type=int, help="faces at most in every part: a quick look")
    parser.add_argument("--samples", type=Path, help="draw holes in the own portrait: PNG")
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    options = parser.parse_args()
    encoder = open_encoder(options.weights)
    if options.samples is not None:
        sheet = draw_samples(encoder.mae, portrait_face(PORTRAIT), SEED)
        with whole_file(options.samples) as partial:
            sheet.save(partial, "PNG")
    figures = evaluate_encoder(
        Sources(options.data, options.cache),
        encoder,
        faces=options.faces,
        probe_faces=options.probe_faces,
        limit=options.limit,
    )
    print_report({"figure": "encoder", **figures}, options.output)


@dataclass(frozen=True)
class Encoder:
    """The autoencoder of a folder of weights, and what it was made by.

    Attributes
    ----------
    mae : MaskedAutoencoder
        In evaluation mode, frozen.
    recipe : MaeRecipe
    digest : str
        SHA-256 of the folder's manifest, which holds the hash of every file.
    """

    mae: MaskedAutoencoder
    recipe: MaeRecipe
    digest: str


def open_encoder(weights: Path | None = None) -> Encoder:
    """The encoder of a folder of weights, of the shipped ones by default.

    Raises
    ------
    WeightsError
        When the folder is missing or broken.
    """
    folder = WeightsFolder.open(weights or SHIPPED)
    recipe = MaeRecipe(**folder.manifest["recipes"]["mae"])
    mae = load_networks(folder).mae.eval().requires_grad_(False)
    return Encoder(mae, recipe, file_sha256(folder.path / "manifest.json"))


def evaluate_encoder(
    sources: Sources,
    encoder: Encoder,
    *,
    faces: int = FACES,
    probe_faces: int = PROBE_FACES,
    limit: int | None = None,
    seed: int = SEED,
) -> dict[str, Any]:
    """Measure the trained autoencoder on validation faces.

    Parameters
    ----------
    sources : Sources
    encoder : Encoder
    faces : int
        So many of each kind, colour and grey, get holes.
    probe_faces : int
        So many training faces the linear probe is fitted to.
    limit : int, optional
        So many faces at most in every part, those that choose the probe's strength and those
        that it is scored on among them.
    seed : int
        Of the holes, the faces that are picked, the random network and the resamples.

    Returns
    -------
    dict
        Plain values: what the figures depend on; ``"filling"``, by kind of face what
        `filling_figures` gives; ``"probe"``, what `probe_figures` gives.

    Raises
    ------
    DataError
        When data are missing or broken.
    """
    recipe, model = encoder.recipe, encoder.mae
    filled = {
        kind: filling_figures(model, subset(pool, _least(faces, limit), seed), seed, recipe.bf16)
        for kind, pool in kinds_of(sources.pool("val")).items()
    }
    features: dict[str, Features] = {
        "trained": latents_of(model, recipe.bf16),
        "random": latents_of(random_network(recipe, seed), recipe.bf16),
        "pixels": mean_levels,
    }
    probed = probe_figures(
        features,
        train=choose_faces(sources, "train", _least(probe_faces, limit), seed).pool,
        dev=choose_faces(sources, "dev", limit, seed).pool,
        val=choose_faces(sources, "val", limit, seed).pool,
        rng=np.random.default_rng(seed),
    )
    return {
        "split": "validation",
        "seed": seed,
        "limit": limit,
        "data": sources.digests("faces"),
        "weights": encoder.digest,
        "recipe": recipe.digest(),
        "version": version("latent-ofer"),
        "filling": filled,
        "probe": probed,
    }


def random_network(recipe: MaeRecipe, seed: int) -> MaskedAutoencoder:
    """The same network before any training; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return recipe.build().eval().requires_grad_(False)


def _least(count: int, limit: int | None) -> int:
    return count if limit is None else min(count, limit)


if __name__ == "__main__":
    main()
