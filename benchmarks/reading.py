"""How fast pictures are read with two workers, against a loop that only decodes.

Draws 4,000 faces of 112 px, half of them JPEG and half WebP, and reads them several times over: by
`mapped` with two workers, and by a bare Pillow loop on two processes, in turn. Both times
include the start of the processes. Prints JSON.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from latent_ofer.datasets.tree import Tree
from latent_ofer.workers import mapped

WORKERS = 2
SIDE = 112
FORMATS = (("jpg", 90), ("webp", 80))
"""File name ending and quality."""


def main() -> None:
    """Draw, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    parser.add_argument("--files", type=int, default=4_000, help="pictures drawn (4000)")
    parser.add_argument("--passes", type=int, default=15, help="reads of each in a round (15)")
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each way (9)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        draw_faces(Path(folder), options.files)
        result = measure(Path(folder), options.passes, options.rounds)
    text = json.dumps(result, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


def draw_faces(folder: Path, count: int) -> None:
    """Cartoon faces with noise, which compress about as photos of this size do."""
    rng = np.random.default_rng(0)
    for number in range(count):
        image = Image.new("RGB", (SIDE, SIDE), tuple(rng.integers(40, 200, 3).tolist()))
        draw = ImageDraw.Draw(image)
        draw.ellipse((12, 4, 100, 118), fill=tuple(rng.integers(110, 230, 3).tolist()))
        for x, y, width, height in (
            (36, 42, 9, 5),
            (75, 42, 9, 5),
            (55, 66, 5, 8),
            (55, 86, 16, 5),
        ):
            x, y = x + int(rng.integers(-4, 5)), y + int(rng.integers(-4, 5))
            dark = tuple(rng.integers(10, 90, 3).tolist())
            draw.ellipse((x - width, y - height, x + width, y + height), fill=dark)
        smooth = np.asarray(image.filter(ImageFilter.GaussianBlur(1)), dtype=np.float64)
        noisy = smooth + rng.normal(0, 5, (SIDE, SIDE, 1))
        face = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
        ending, quality = FORMATS[number % len(FORMATS)]
        face.save(folder / f"{number:05}.{ending}", quality=quality)


def measure(folder: Path, passes: int, rounds: int) -> dict[str, object]:
    """Pictures a second of both ways, by turns, and what the one is of the other."""
    tree = Tree(folder)
    paths = tree.paths * passes
    bare, ours = [], []
    for _ in range(rounds):
        bare.append(len(paths) / bare_seconds([str(folder / path) for path in paths]))
        ours.append(len(paths) / our_seconds(tree, paths))
    ratios = [one / other for one, other in zip(ours, bare, strict=True)]
    return {
        "pictures_a_round": len(paths),
        "rounds": rounds,
        "mean_file_bytes": round(statistics.mean(f.stat().st_size for f in folder.iterdir())),
        "bare_loop_two_processes_per_s": round(statistics.median(bare)),
        "mapped_two_workers_per_s": round(statistics.median(ours)),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_lowest": round(min(ratios), 3),
        "ratio_highest": round(max(ratios), 3),
        "cores": os.cpu_count(),
        "load_average_at_end": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": sys.version.split()[0],
    }


def bare_seconds(files: Sequence[str]) -> float:
    """Wall-clock time of a loop that only decodes, on two processes."""
    context = multiprocessing.get_context("spawn")
    start = time.perf_counter()
    processes = [
        context.Process(target=only_decode, args=(files[first::WORKERS],))
        for first in range(WORKERS)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        if process.exitcode:
            raise SystemExit("the bare loop failed")
    return time.perf_counter() - start


def only_decode(files: Sequence[str]) -> None:
    """The least that one can do."""
    for file in files:
        np.asarray(Image.open(file).convert("RGB"))


def our_seconds(tree: Tree, paths: Sequence[str]) -> float:
    """Wall-clock time of `mapped`; each picture is looked at, so that none is missing."""
    start = time.perf_counter()
    count = 0
    for picture in mapped(tree.read, paths, WORKERS):
        if not isinstance(picture, np.ndarray) or picture.shape != (SIDE, SIDE, 3):
            raise SystemExit(f"not a picture: {picture}")
        count += 1
    seconds = time.perf_counter() - start
    if count != len(paths):
        raise SystemExit(f"{count} pictures of {len(paths)}")
    return seconds


if __name__ == "__main__":
    main()
