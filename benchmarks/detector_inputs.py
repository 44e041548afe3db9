"""What the `synthetic` detector should look at: pixels, the encoder's latents, or both.

Each is trained on the same stream of occluded faces for the same processor time (the encoder's
included), with the learning rate's course laid over that time, and measured on dev faces: AUROC
behind objects kept from training, and what is found of the eyes behind real sunglasses, on the
faces that `dev_sunglasses.txt` names, picked by eye. Prints JSON.
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import torch
from masked_faces import BOTH_EYES, FALSE_POSITIVES, marked_share
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from latent_ofer.datasets.covers import shipped_covers
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Sources
from latent_ofer.detector.dev import DevFaces, apply, dev_figures, read_dev
from latent_ofer.detector.recipe import DetectorRecipe
from latent_ofer.detector.regions import RegionDetector
from latent_ofer.detector.scores import threshold_at
from latent_ofer.detector.synthetic import DRAWN, Mix, Occluder
from latent_ofer.detector.train_labelled import real_dev
from latent_ofer.detector.train_regions import Known, patch_loss
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import load_mae, to_tensor
from latent_ofer.training.checkpoint import MODEL
from latent_ofer.training.recipe import load_recipe
from latent_ofer.weights_folder import SHIPPED

EARLY, GRID, DILATIONS = 2, 14, (1, 2, 4)
Score = Callable[[Tensor], Tensor]
BEFORE = Mix(clean=0.25, objects=0.36, procedural=0.25, patchwork=0.14)
"""Without hands, blanks and wearables."""
TRAINED = "trained"
"""The `synthetic` detector of a folder of weights, as it is."""
ANY, BARE = "pixels-any", "pixels-bare"
"""What a clean set is worth: FERPlus faces at random, and as many over which nothing lies."""
VARIANTS = ("pixels", "pixels-before", "pixels-cutouts", ANY, BARE, "latents", "both", TRAINED)
SUNGLASSES = Path(__file__).with_name("dev_sunglasses.txt")
"""Dev faces that count as clean and wear sunglasses: source/name, a line each."""


class LatentHead(nn.Module):
    """Scores (B, N) from latents (B, N, D): the same kind of layers as `RegionDetector`'s."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, width), nn.ReLU())
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=d, dilation=d, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            )
            for d in DILATIONS
        )
        self.score = nn.Conv2d(width, 1, 1)

    def forward(self, latents: Tensor) -> Tensor:
        """Logits, row-major."""
        x = self.first(latents).transpose(1, 2).unflatten(2, (GRID, GRID))
        for block in self.blocks:
            x = x + block(x)
        out: Tensor = self.score(x).flatten(1)
        return out


def main() -> None:
    """Train one variant, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant", choices=VARIANTS)
    parser.add_argument("--data", type=Path, required=True, help="folder of the archives")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="with a trained encoder")
    parser.add_argument("--weights", type=Path, help="for `trained`; the shipped ones by default")
    parser.add_argument("--minutes", type=float, default=8, help="processor time (8)")
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    sources = Sources(options.data, options.runs / "cache")
    recipe = load_recipe(DetectorRecipe, "small", "detector")
    model: nn.Module
    score: Score
    if options.variant == TRAINED:
        model = score = trained(options.weights or SHIPPED, recipe.width)
        seen = options.minutes = 0
    else:
        model, score = network(options.variant, load_mae(options.runs, "small"), recipe.width)
        mix = BEFORE if options.variant == "pixels-before" else recipe.mix
        drawn = 0 if options.variant == "pixels-cutouts" else DRAWN
        pool = sources.pool("train")
        if options.variant in (ANY, BARE):
            pool = pool.take(looked_at(pool, options.variant == BARE))
        seen = train(model, score, sources, pool, recipe, mix, drawn, 60 * options.minutes)
    model.eval()
    dev, real = read_dev(sources), real_dev(sources)
    result = {
        "variant": options.variant,
        "processor_minutes": options.minutes,
        "images": seen,
        "parameters": sum(p.numel() for p in model.parameters()),
        "dev_auroc": dev_figures(score, dev),
        "dev_sunglasses_found": sunglasses_found(score, dev, sources.pool("dev")),
        "dev_real": real and real.figures(score),
        "dev_real_n": real and {name: int(here.sum()) for name, here in real.of.items()},
    }
    text = json.dumps(result, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


def looked_at(pool: FacePool, nothing: bool) -> NDArray[np.int64]:
    """FERPlus faces that were looked at: those with nothing over them, or as many at random."""
    covers = shipped_covers()
    known = [covers.get(face) if face[0] == "ferplus" else None for face in pool.keys]
    every = np.array([row for row, cover in enumerate(known) if cover is not None])
    bare = np.array([row for row, cover in enumerate(known) if cover and not cover.named])
    if nothing:
        return bare
    return np.sort(np.random.default_rng(0).choice(every, len(bare), replace=False))


def trained(weights: Path, width: int) -> RegionDetector:
    """The network of a folder of weights."""
    model = RegionDetector(width)
    tensors = load_file(weights / MODEL)
    model.load_state_dict({name: tensors[f"regions.{name}"] for name in model.state_dict()})
    return model


def network(variant: str, mae: MaskedAutoencoder, width: int) -> tuple[nn.Module, Score]:
    """What is trained, and how it scores faces (B, 3, S, S) in [0, 1] as (B, N)."""
    pixels, head = RegionDetector(width), LatentHead(2 * mae.dim, width)

    def of_latents(faces: Tensor) -> Tensor:
        with torch.no_grad():
            x = mae.encode_early(faces, EARLY)
            latents = torch.cat([x, mae.encode(faces)[:, 1:]], dim=-1)
        out: Tensor = head(latents)
        return out

    if variant == "latents":
        return head, of_latents
    if variant == "both":
        return nn.ModuleList([pixels, head]), lambda faces: pixels(faces) + of_latents(faces)
    return pixels, pixels


def train(
    model: nn.Module,
    score: Score,
    sources: Sources,
    pool: FacePool,
    recipe: DetectorRecipe,
    mix: Mix,
    drawn: float,
    seconds: float,
) -> int:
    """Train for so many seconds of processor time; how many faces were seen."""
    rng = np.random.default_rng(recipe.seed)
    streaks = pool.borders
    occluder = Occluder(pool, streaks, sources.cutouts("train"), mix, drawn)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=recipe.weight_decay)
    average = {name: value.clone() for name, value in model.state_dict().items()}
    started = time.process_time()
    for step in count(1):
        way = (time.process_time() - started) / seconds
        if way >= 1:
            model.load_state_dict(average)
            return (step - 1) * recipe.batch_size
        rise = min(1.0, way / recipe.warmup)
        course = rise * (0.01 + 0.5 * (1 + math.cos(math.pi * way)))
        optimiser.param_groups[0]["lr"] = recipe.learning_rate * course
        rows = rng.integers(len(pool), size=recipe.batch_size)
        batch = occluder.batch(rows, rng)
        faces = to_tensor(batch.face)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.bf16):
            logits = score(faces).float()
        loss = patch_loss(logits, Known.of(batch.covered, batch.unlabelled))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        keep = min(0.995, step / (step + 10))
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                average[name].lerp_(value, 1 - keep)
            else:
                average[name].copy_(value)
    raise AssertionError("unreachable")


def sunglasses_found(
    score: Score, dev: dict[str, DevFaces], pool: FacePool
) -> dict[str, dict[str, float]]:
    """By kind: how many faces wear them, and the share of the patches of the eyes above the
    threshold that 2 % of the patches of clean dev faces reach.
    """
    names = set(SUNGLASSES.read_text().split())
    natives = (pool.native(row) for row in range(len(pool)))
    worn = np.array([f"{face.source}/{face.name}" in names for face in natives])
    found = {}
    for kind, faces in dev.items():
        rows = np.flatnonzero(worn & (pool.colour == (kind == "colour")))
        clean = apply(score, faces.clean).numpy()[~faces.clean_streaks]
        threshold = threshold_at(clean, FALSE_POSITIVES)
        seen = apply(score, pool.batch(rows)).numpy()
        share = float(marked_share(seen, threshold, BOTH_EYES).mean())
        found[kind] = {"faces": len(rows), "found": round(share, 3)}
    return found


if __name__ == "__main__":
    main()
