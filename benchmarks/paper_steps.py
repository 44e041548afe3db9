"""Two steps of every stage by the recipes of `paper`, on drawn faces: that its code runs.

    python benchmarks/paper_steps.py --output docs/reports/paper-steps.json

Trains all stages in their order with the networks of `src/latent_ofer/recipes/paper`, batches of
two faces (six of `labelled`), and writes the release. Prints JSON: seconds and loss of each stage,
the greatest memory. Needs 8 GB of memory and of disk, and minutes.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path
from typing import Any

import torch
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from archives import RECIPES, write_archives
from latent_ofer.datasets.sources import Sources
from latent_ofer.encoder.masks import HoleBank
from latent_ofer.train_all import STAGES, release
from latent_ofer.training.checkpoint import STATE
from latent_ofer.training.how import How

PAPER = Path(str(resources.files("latent_ofer"))) / "recipes" / "paper"
LENGTH = {
    **{"epochs": 1, "epoch_images": 4, "batch_size": 2, "first_epochs": 1, "small_epochs": 0},
    **{"place_epochs": 1, "gaussian_faces": 8, "faces": 8, "copies": 4, "cnn_epochs": 1},
    **{"covers": 4, "sizes": [112]},
}
"""What of a recipe is only how long it takes."""
SHARES = ("clean", "clean_colour", "harmless", "covered", "pasted", "pasted_colour")


def main() -> None:
    """Train, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    HoleBank.__init__.__defaults__ = (10,)
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="paper-steps-") as name:
        folder = Path(name)
        config = shortened(folder / "paper")
        sources = Sources(write_archives(folder / "data"), folder / "cache")
        runs = folder / "runs"
        for stage in STAGES:
            report[stage] = trained(stage, sources, runs, config)
            print(json.dumps({stage: report[stage]}), flush=True)
        begun = time.monotonic()
        written = release(sources, runs, config)
        size = sum(file.stat().st_size for file in written.iterdir())
        report["release"] = {"seconds": round(time.monotonic() - begun), "bytes": size}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report["peak_mib"] = round(peak / 1024)
    print(json.dumps(report, indent=1))
    if options.output:
        options.output.write_text(json.dumps(report, indent=1) + "\n")


def shortened(folder: Path) -> str:
    """The recipes, two steps long."""
    folder.mkdir()
    for stage in RECIPES:
        recipe = yaml.safe_load((PAPER / f"{stage}.yaml").read_text())
        changes = {key: value for key, value in LENGTH.items() if key in recipe}
        if stage != "detector_paper":
            changes["epoch_images"] = LENGTH["epoch_images"]
        if stage == "detector_labelled":
            changes |= dict.fromkeys(SHARES, 1) | {"batch_size": 6, "epoch_images": 12}
        (folder / f"{stage}.yaml").write_text(yaml.safe_dump(recipe | changes))
    return str(folder)


def trained(stage: str, sources: Sources, runs: Path, config: str) -> dict[str, Any]:
    """Train one stage; the checkpoints, which nobody needs any more, are removed."""
    begun = time.monotonic()
    STAGES[stage].train(sources, runs, config, How(quiet=True))
    found: dict[str, Any] = {"seconds": round(time.monotonic() - begun)}
    log = runs / stage / "log.jsonl"
    if log.exists():
        found["loss"] = json.loads(log.read_text().splitlines()[-1])["loss"]
    for state in runs.glob(f"*/{STATE}"):
        state.unlink()
    return found


if __name__ == "__main__":
    main()
