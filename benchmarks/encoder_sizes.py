"""Sizes and stems of the face encoder at equal processor time.

Each is trained by the shipped recipe but for what its line says, with the learning rate's course
laid over processor time instead of steps, then measured on dev faces. Prints JSON.
"""

import argparse
import json
import math
import time
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Sources
from latent_ofer.encoder.mae import STD, MaskedAutoencoder
from latent_ofer.encoder.masks import HoleBank
from latent_ofer.encoder.train import DEV_FACES, MaeRecipe, greyed, hidden_error, to_tensor
from latent_ofer.training.recipe import load_recipe

VARIANTS: dict[str, dict[str, Any]] = {
    "d128-l8": {"dim": 128, "depth": 8, "heads": 2},
    "d192-l8": {},
    "d192-l8-two-layer-stem": {"stem": "two-layer"},
    "d192-l12": {"depth": 12},
    "d256-l8": {"dim": 256, "heads": 4},
}
SHARES = (0.15, 0.3, 0.5, 0.7)
"""Hidden shares that the dev figures are given for."""
TIMED_FACES = 32


def main() -> None:
    """Train one variant, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant", choices=VARIANTS)
    parser.add_argument("--data", type=Path, required=True, help="folder of the archives")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--minutes", type=float, default=10, help="processor time (10)")
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    parser.add_argument("--save", type=Path, help="also keep the weights in this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sources = Sources(options.data, options.cache)
    recipe = load_recipe(MaeRecipe, "small", "mae").model_copy(update=VARIANTS[options.variant])
    model, seen = train(recipe, sources.pool("train"), 60 * options.minutes)
    if options.save:
        torch.save(model.state_dict(), options.save)
    result = {
        "variant": options.variant,
        "processor_minutes": options.minutes,
        "images": seen,
        "encoder_parameters": sum(
            p.numel() for n, p in model.named_parameters() if "decoder" not in n
        ),
        "encode_ms": encode_ms(model),
        "dev_psnr_hidden_db": dev_psnr(model, sources.pool("dev")),
    }
    text = json.dumps(result, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


def train(recipe: MaeRecipe, pool: FacePool, seconds: float) -> tuple[MaskedAutoencoder, int]:
    """Train for so many seconds of processor time; the network and how many faces it saw."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    model = recipe.build()
    holes = HoleBank(model.grid, rng)
    rate = recipe.learning_rate
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=recipe.weight_decay
    )
    started = time.process_time()
    for step in count():
        way = (time.process_time() - started) / seconds
        if way >= 1:
            return model.eval(), step * recipe.batch_size
        rise = min(1.0, way / recipe.warmup)
        optimiser.param_groups[0]["lr"] = rate * rise * (0.01 + 0.5 * (1 + math.cos(math.pi * way)))
        faces = pool.batch(rng.integers(len(pool), size=recipe.batch_size))
        grey = torch.from_numpy(rng.random(len(faces)) < recipe.grey)
        visible = torch.from_numpy(holes.draw_kept(rng, len(faces), recipe.draw_kept(rng)))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.bf16):
            loss = hidden_error(model, greyed(to_tensor(faces), grey), visible)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    raise AssertionError("unreachable")


@torch.inference_mode()
def dev_psnr(model: MaskedAutoencoder, pool: FacePool) -> dict[str, float]:
    """Over hidden pixels, in dB, by hidden share; every kind of hole."""
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(pool))[:DEV_FACES]
    holes = HoleBank(model.grid, rng)
    figures = {}
    for share in SHARES:
        visible = holes.draw_kept(rng, len(rows), round(model.grid**2 * (1 - share)))
        errors = [
            hidden_error(
                model,
                to_tensor(pool.batch(rows[start : start + 64])),
                torch.from_numpy(visible[start : start + 64]),
            )
            for start in range(0, len(rows), 64)
        ]
        mean = float(torch.stack(errors).mean()) * STD**2
        figures[f"{share:.0%}"] = round(-10 * math.log10(mean), 3)
    return figures


@torch.inference_mode()
def encode_ms(model: MaskedAutoencoder) -> float:
    """Processor time of one face in a batch, one thread, 32 bits: median of 5."""
    faces = torch.rand(TIMED_FACES, 3, model.image_size, model.image_size)
    times = []
    for _ in range(5):
        started = time.process_time()
        model.encode(faces)
        times.append((time.process_time() - started) / TIMED_FACES * 1000)
    return round(sorted(times)[2], 2)


if __name__ == "__main__":
    main()
