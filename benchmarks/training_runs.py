"""What `latent-ofer train` promises: killed, and in several processes, it learns the same.

    python benchmarks/training_runs.py --output docs/reports/training-runs.json

Each check is a name that may be given, both by default. `killed`: each stage that takes steps is
trained on drawn faces, for seconds, with a checkpoint after every step; it is killed (SIGKILL) at
random moments, every second time while a file is being written, and gone on with until it ends.
`together`: the same trainings in two processes (gloo), in one that cuts its batches in two, and in
one that does neither; in 32 bits and in 64, in which rounding is out of the way, without dropout,
with the statistics of batch norm held still. A check that is not run keeps its figures in the
report.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: what is forked must have no threads

import argparse
import random
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from checks import parser_of, run_checks
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from archives import RECIPES, write_archives
from latent_ofer.datasets.sources import Sources
from latent_ofer.encoder.masks import HoleBank
from latent_ofer.files import _PARTIAL
from latent_ofer.train_all import STAGES
from latent_ofer.training import loop, processes
from latent_ofer.training.checkpoint import WEIGHTS
from latent_ofer.training.how import How

TRAINED = (
    *("mae", "detector", "detector_labelled", "teacher", "reconstructor"),
    *("recogniser", "recogniser_paper"),
)
"""Stages that take steps, in the order in which they need each other."""
COUNTED = ("kills", "inside_a_save", "trainings", "same")
LOOK = 0.002
"""Seconds between two looks at a training that is to be killed."""


@dataclass(frozen=True)
class Place:
    """Where trainings find data and recipes, and leave their runs."""

    folder: Path
    sources: Sources
    config: str

    def runs(self, name: str, stage: str) -> Path:
        """A new folder of runs, the parents of a stage among them."""
        runs = self.folder / name
        runs.mkdir()
        for parent in (self.folder / "whole").iterdir():
            if (
                not parent.name.startswith(stage.removesuffix("_paper"))
                or parent.name in STAGES[stage].parents
            ):
                (runs / parent.name).symlink_to(parent)
        return runs

    def begin(self, stage: str, runs: Path, how: How, before: Callable[[], object]) -> int:
        """Train in a process of its own; gives its number."""
        number = os.fork()
        if number:
            return number
        code = 1
        try:
            before()
            with processes.joined(how.device):
                STAGES[stage].train(self.sources, runs, self.config, how)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)


def main() -> None:
    """Check, print, write."""
    checks = {"killed": killed, "together": together}
    parser = parser_of(__doc__, checks)
    parser.add_argument("--kills", type=int, default=100, help="of `killed` (100)")
    parser.add_argument("--stages", nargs="+", default=TRAINED, help="which (all)")
    torch.set_num_threads(1)
    HoleBank.__init__.__defaults__ = (10,)  # drawing the others takes seconds
    run_checks(parser, checks)


@contextmanager
def prepared(exact: bool) -> Iterator[Place]:
    """Drawn faces, and recipes of some steps; `exact` ones draw nothing that parts would."""
    with tempfile.TemporaryDirectory(prefix="training-runs-") as name:
        yield _written(Path(name), exact)


def _written(folder: Path, exact: bool) -> Place:
    config = folder / "recipes"
    config.mkdir()
    for stage, text in RECIPES.items():
        kept = [line for line in text.splitlines() if not line.startswith(("epochs", "bf16"))]
        kept.append("epochs: 3")
        if exact and stage in TRAINED:
            kept.append("bf16: false")
        if exact and stage in ("teacher", "recogniser", "recogniser_paper"):
            kept.append("dropout: 0")
        (config / f"{stage}.yaml").write_text("\n".join(kept))
    data = write_archives(folder / "data")
    (folder / "whole").mkdir()
    return Place(folder, Sources(data, folder / "cache"), str(config))


def whole(place: Place, stage: str, before: Callable[[], object]) -> float:
    """Train as if nothing happened, the parents before it; gives the seconds it took."""
    for parent in STAGES[stage].parents:
        if not (place.folder / "whole" / parent).exists():
            whole(place, parent, before)
    begun = time.monotonic()
    number = place.begin(stage, place.folder / "whole", How(quiet=True), before)
    if os.waitpid(number, 0)[1]:
        raise SystemExit(f"{stage}: failed")
    return time.monotonic() - begun


def killed(options: argparse.Namespace) -> dict[str, Any]:
    """Weights of trainings that were killed again and again, against those of one that was not."""
    rng = random.Random(options.kills)
    quota = -(-options.kills // len(options.stages))
    with prepared(exact=False) as place:
        stages = {stage: killed_stage(place, stage, quota, rng) for stage in options.stages}
    sums = {key: sum(int(one[key]) for one in stages.values()) for key in COUNTED}
    return {**sums, "stages": stages}


def killed_stage(place: Place, stage: str, quota: int, rng: random.Random) -> dict[str, float]:
    """One stage; after so many kills, the training under way is let end."""
    seconds = whole(place, stage, _save_often)
    found = dict.fromkeys(COUNTED, 0)
    expected = (place.folder / "whole" / stage / WEIGHTS).read_bytes()
    while found["kills"] < quota:
        runs = place.runs(f"{stage}-{found['trainings']}", stage)
        ended = False
        while not ended:
            number = place.begin(stage, runs, How(resume=True, quiet=True), _save_often)
            moment = rng.uniform(0, 0.7 * seconds) if found["kills"] < quota else float("inf")
            ended = not _killed(number, runs, moment, inside=found["kills"] % 2 == 1)
            if not ended:
                found["kills"] += 1
                found["inside_a_save"] += bool(_partial(runs))
        found["trainings"] += 1
        found["same"] += (runs / stage / WEIGHTS).read_bytes() == expected
    return {**found, "seconds": round(seconds, 1)}


def _save_often() -> None:
    loop.SAVE_SECONDS = 0


def _killed(number: int, runs: Path, moment: float, inside: bool) -> bool:
    """Kill a training at a moment or, `inside`, with the next file after it; False if it ends."""
    begun = time.monotonic()
    while True:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            if status:
                raise SystemExit("a training failed")
            return False
        if time.monotonic() - begun > moment and (not inside or _partial(runs)):
            os.kill(number, signal.SIGKILL)
            return os.waitpid(number, 0)[1] != 0
        time.sleep(LOOK)


def _partial(runs: Path) -> list[Path]:
    """Files that are being written, or that nobody writes any more."""
    found: list[Path] = []
    for folder in runs.iterdir():
        with suppress(OSError):
            if not folder.is_symlink():
                found += [file for file in folder.iterdir() if _PARTIAL.fullmatch(file.name)]
    return found


def together(options: argparse.Namespace) -> dict[str, Any]:
    """How far apart weights end, by stage: of two processes, and of two slices, from a whole's."""
    found = {}
    for bits, before in (("32", _hold_still), ("64", _in_64_bits)):
        with prepared(exact=True) as place:
            stages = {stage: together_stage(place, stage, before) for stage in options.stages}
        found[bits] = {"stages": stages}
    return found


def together_stage(place: Place, stage: str, before: Callable[[], object]) -> dict[str, float]:
    """One stage; each process calls `before` first."""
    whole(place, stage, before)
    two, cut = (place.runs(f"{stage}-{way}", stage) for way in ("two", "cut"))
    port = _free_port()
    numbers = [place.begin(stage, two, How(quiet=True), _meeting(n, port, before)) for n in (0, 1)]
    numbers.append(place.begin(stage, cut, How(quiet=True, slices=2), before))
    if any(os.waitpid(number, 0)[1] for number in numbers):
        raise SystemExit(f"{stage}: failed")
    weights, of_two, of_cut = (
        load_file(runs / stage / WEIGHTS) for runs in (place.folder / "whole", two, cut)
    )
    return {
        "two_processes": _furthest(weights, of_two),
        "two_slices": _furthest(weights, of_cut),
    }


def _hold_still() -> None:
    """Keep batch norm at the statistics it begins with."""
    _BatchNorm.train = lambda self, mode=True: nn.Module.train(self, False)  # type: ignore[method-assign]


def _in_64_bits() -> None:
    """And compute in 64 bits, where the code says 32 too."""
    _hold_still()
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign]
    shared = torch.from_numpy

    def wide(array: NDArray[Any]) -> torch.Tensor:
        tensor = shared(array)
        return tensor.double() if tensor.is_floating_point() else tensor

    torch.from_numpy = wide


def _meeting(number: int, port: int, before: Callable[[], object]) -> Callable[[], object]:
    """What torchrun tells a process, which calls `before` first."""

    def told() -> None:
        before()
        os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
        os.environ |= {"WORLD_SIZE": "2", "RANK": str(number), "LOCAL_RANK": str(number)}

    return told


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def _furthest(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    return max(float((first[name] - second[name]).abs().max()) for name in first)


if __name__ == "__main__":
    main()
