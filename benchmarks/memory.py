"""Memory while a set of 300,000 small pictures is read with two workers (Linux).

Writes 16 x 16 px PNG files in seven class folders, reads them once with `mapped`, and adds
up the resident memory of this process and its workers at every hundredth of the way. Prints JSON:
the median of the first and of the last quarter.
"""

import argparse
import io
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from latent_ofer.datasets.tree import Tree
from latent_ofer.workers import mapped

WORKERS = 2
SIDE = 16
CLASSES = 7
DIFFERENT = 64
"""Pictures that are drawn; the files repeat them."""
SAMPLES = 100


def main() -> None:
    """Write, read, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    parser.add_argument("--count", type=int, default=300_000, help="pictures (300000)")
    parser.add_argument(
        "--folder", type=Path, help="where to write them (a temporary folder); deleted afterwards"
    )
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder, prefix="small-pictures-"))
    try:
        write_pictures(folder, options.count)
        result = measure(folder, options.count)
    finally:
        shutil.rmtree(folder)
    text = json.dumps(result, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


def write_pictures(folder: Path, count: int) -> None:
    """Class folders 1 ... 7 of small PNG files."""
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(DIFFERENT):
        stream = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(stream, "PNG")
        drawn.append(stream.getvalue())
    for label in range(CLASSES):
        (folder / str(label + 1)).mkdir()
    for number in range(count):
        path = folder / str(number % CLASSES + 1) / f"{number:06}.png"
        path.write_bytes(drawn[number % DIFFERENT])


def measure(folder: Path, count: int) -> dict[str, object]:
    """Resident memory along the way."""
    tree = Tree(folder)
    step = max(1, count // SAMPLES)
    resident = []
    for number, picture in enumerate(mapped(tree.read, tree.paths, WORKERS), start=1):
        if not isinstance(picture, np.ndarray) or picture.shape != (SIDE, SIDE, 3):
            raise SystemExit(f"not a picture: {picture}")
        if number % step == 0:
            resident.append(tree_rss() / 2**20)
    if number != count:
        raise SystemExit(f"{number} pictures of {count}")
    quarter = len(resident) // 4
    first, last = statistics.median(resident[:quarter]), statistics.median(resident[-quarter:])
    return {
        "pictures": count,
        "layout": f"{SIDE} px PNG files in {CLASSES} class folders",
        "workers": WORKERS,
        "first_quarter_mib": round(first, 1),
        "last_quarter_mib": round(last, 1),
        "growth_percent": round(100 * (last / first - 1), 1),
        "highest_mib": round(max(resident), 1),
    }


def watched_predict(begin: Callable[[], "subprocess.Popen[str]"]) -> tuple[list[float], float]:
    """Run a `latent-ofer predict`: MiB of its processes, second by second, and its rate.

    `begin` starts it, with its standard output piped; the rate is what it says itself, images a
    second.
    """
    own = tree_rss()
    process, resident = begin(), list[float]()
    while process.poll() is None:
        time.sleep(1)
        resident.append((tree_rss() - own) / 2**20)
    assert process.stdout is not None
    found = re.search(r"Time: .* ([\d.]+) a second", process.stdout.read())
    assert found is not None and process.returncode == 0
    return resident, float(found[1])


def tree_rss() -> int:
    """Bytes of resident memory of this process and all below it; pages that they share count
    for each.
    """
    parents, resident = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            parents[int(entry.name)] = int(fields[1])
            resident[int(entry.name)] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    mine = {os.getpid()}
    while below := {process for process, parent in parents.items() if parent in mine} - mine:
        mine |= below
    return sum(resident[process] for process in mine)


if __name__ == "__main__":
    main()
