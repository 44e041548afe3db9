"""What `latent-ofer predict --engine ray` promises: the local engine's rows, its rate, its memory.

    python benchmarks/ray_rows.py --data DIR --output docs/reports/ray-rows.json

On FERPlus validation crops, with the shipped weights. Each check is a name that may be given, all
of them by default: `same` (5,000 crops, 50 bad files among them: rows of two workers of one core
against those of the local engine; the same with a worker killed in the middle; and with the
program killed once and started again), `rate` (one and two workers of one core against a local
process with two threads, and the fixed cost: each is run on a number of crops and on a quarter of
it), `memory` (20,000 crops: psutil looks at program, workers and object store). The last two want
a machine that does nothing else. A check that is not run keeps its figures in the report.
"""

import argparse
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
import psutil
from checks import in_folder, parser_of, run_checks
from long_runs import started, write_crops

RAY = ("--engine", "ray", "--workers")
ACTOR = "ray::MapWorker"


def main() -> None:
    """Check, print, write."""
    checks = {
        name: in_folder(check, "ray-rows-")
        for name, check in {"same": same, "rate": rate, "memory": memory}.items()
    }
    parser = parser_of(__doc__, checks)
    parser.add_argument("--crops", type=int, default=5_000, help="of `same` (5000)")
    parser.add_argument("--bad", type=int, default=50, help="of them (50)")
    parser.add_argument("--shard", type=int, default=500, help="crops a shard of `same` (500)")
    parser.add_argument("--some", type=int, default=4_000, help="crops of `rate` (4000)")
    parser.add_argument("--many", type=int, default=20_000, help="crops of `memory` (20000)")
    run_checks(parser, checks)


def same(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Rows of two workers, undisturbed, with one killed, and with the program killed."""
    write_crops(folder / "crops", options, options.crops, options.bad)
    words = ["--crops", folder / "crops", "--output"]
    end(start(*words, folder / "local.parquet", "--threads", 1))
    wanted = rows(folder / "local.parquet")
    ray = [*RAY, 2, "--shard-size", options.shard, *words]
    end(start(*ray, folder / "whole"))
    process = start(*ray, folder / "worker")
    wait_for_shards(process, folder / "worker", options)
    killed = min(actors(process), key=lambda one: one.pid)
    killed.send_signal(signal.SIGKILL)
    end(process)
    process = start(*ray, folder / "program")
    wait_for_shards(process, folder / "program", options)
    process.kill()
    process.communicate()
    found = {path.name: path.stat().st_mtime_ns for path in shards(folder / "program")}
    end(start(*ray, folder / "program"))
    now = {path.name: path.stat().st_mtime_ns for path in shards(folder / "program")}
    return {
        **{"crops": options.crops, "bad": options.bad, "rows": len(wanted)},
        "errors": int((wanted.status == "error").sum()),
        "same_rows": wanted.equals(rows(folder / "whole" / "results")),
        "same_rows_worker_killed": wanted.equals(rows(folder / "worker" / "results")),
        "same_rows_program_killed": wanted.equals(rows(folder / "program" / "results")),
        **{"shards": len(now), "shards_at_kill": len(found)},
        "shards_kept": sum(now[name] == found[name] for name in found),
    }


def rate(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Crops a second, and what comes on top of them, from two numbers of crops."""
    few = options.some // 4
    write_crops(folder / "some", options, options.some, 0)
    write_crops(folder / "few", options, few, 0)
    ways = {
        "local, two threads": ["--threads", 2],
        "one worker": [*RAY, 1, "--threads", 1],
        "two workers": [*RAY, 2, "--threads", 1],
    }
    found: dict[str, Any] = {}
    for number, (name, words) in enumerate(ways.items()):
        seconds = [
            timed("--crops", *words, folder / crops, "--output", folder / f"{crops}{number}")
            for crops in ("few", "some")
        ]
        a_second = (options.some - few) / (seconds[1] - seconds[0])
        fixed = seconds[1] - options.some / a_second
        found[name] = {"per_s": round(a_second, 2), "fixed_s": round(fixed, 1)}
    local = found["local, two threads"]["per_s"]
    ratio = round(found["two workers"]["per_s"] / local, 3)
    return {"crops": [few, options.some], **found, "two_workers_of_local": ratio}


def memory(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Memory of the program, its workers and the object store, all along the way."""
    write_crops(folder / "crops", options, options.many, 0)
    process = start("--crops", *RAY, 2, folder / "crops", "--output", folder / "out")
    wait_for_shards(process, folder / "out", options, 1)  # all are at work
    samples: list[dict[str, float]] = []
    while process.poll() is None:
        samples.append(memory_now(process))
        time.sleep(2)
    end(process)
    samples = [one for one in samples if one][:-1]
    quarter = max(1, len(samples) // 4)
    report: dict[str, Any] = {"crops": options.many, "samples": len(samples)}
    for what in ("program", "workers"):
        first, last = (
            statistics.median(one[what] for one in part)
            for part in (samples[:quarter], samples[-quarter:])
        )
        report[what] = {"first_quarter_mib": round(first, 1), "last_quarter_mib": round(last, 1)}
        report[what]["growth_percent"] = round(100 * (last / first - 1), 1)
    report["object_store_highest_mib"] = round(max(one["store"] for one in samples), 1)
    return report


def memory_now(process: "subprocess.Popen[str]") -> dict[str, float]:
    """MiB that nobody else has, of the program and its workers; what the store shares."""
    try:
        below = psutil.Process(process.pid).children(recursive=True)
        workers = actors(process)
        # A worker's decoder is a process below it.
        workers += [one for worker in workers for one in worker.children(recursive=True)]
        stores = [one.memory_info().shared for one in below if one.name() == "raylet"]
        return {
            "program": psutil.Process(process.pid).memory_full_info().uss / 2**20,
            "workers": sum(one.memory_full_info().uss for one in workers) / 2**20,
            "store": max(stores) / 2**20,
        }
    except (psutil.Error, ValueError):  # something has just ended
        return {}


def actors(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """The pool's processes."""
    return list(_actors(process))


def _actors(process: "subprocess.Popen[str]") -> Iterator[psutil.Process]:
    for one in psutil.Process(process.pid).children(recursive=True):
        try:
            if " ".join(one.cmdline()).startswith(ACTOR):
                yield one
        except psutil.Error:
            continue


def start(*words: object) -> "subprocess.Popen[str]":
    """`latent-ofer predict`; the words say all of it."""
    return started(*words, options=argparse.Namespace(threads=0))


def end(process: "subprocess.Popen[str]") -> None:
    """Wait for it, and stop where it could not run."""
    _, told = process.communicate()
    if process.returncode not in (0, 1):
        raise SystemExit(f"exit code {process.returncode}: {told}")


def timed(*words: object) -> float:
    """Seconds from the command to its end."""
    begun = time.monotonic()
    end(start(*words))
    return time.monotonic() - begun


def wait_for_shards(
    process: "subprocess.Popen[str]", folder: Path, options: argparse.Namespace, count: int = 0
) -> None:
    """Until `count` shards are there, or a third of those of `same`."""
    count = count or max(1, options.crops // options.shard // 3)
    while len(shards(folder)) < count:
        if process.poll() is not None:
            raise SystemExit(f"it ended before it was to be disturbed: {process.communicate()}")
        time.sleep(0.2)


def shards(folder: Path) -> list[Path]:
    """Those that are there, in order."""
    return sorted((folder / "results").glob("shard-*.parquet"))


def rows(place: Path) -> pandas.DataFrame:
    """Rows of a table or a folder of shards, sorted."""
    return pandas.read_parquet(place).sort_values(["file", "face"]).reset_index(drop=True)


if __name__ == "__main__":
    main()
