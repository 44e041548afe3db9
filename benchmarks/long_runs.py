"""What `latent-ofer predict` promises for thousands of photos: killed, watched, measured.

    python benchmarks/long_runs.py --data DIR --output docs/reports/long-runs.json

Each check is a name that may be given, all of them by default: `killed` (2,000 FERPlus crops, 100
bad files among them, killed at 20 random moments and started again), `watched` (60 photos, with no
CI in the environment and an empty home: files and sockets), `two` (two runs on one folder, each
in a namespace of processes where it is number 1), `start` (one photo from a cold start), `rate`
(20,000 crops, against the bare pipeline; memory). The last two want a machine that does nothing
else. A check that is not run keeps its figures in the report.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from checks import in_folder, parser_of, run_checks
from memory import watched_predict

PORTRAIT = Path(str(resources.files("latent_ofer"))) / "assets" / "portrait.jpg"
RESULTS = "results.jsonl"
WAYS = ("whole", "cut")
BARE = """
import sys, time
from pathlib import Path
from latent_ofer import LatentOFER
model = LatentOFER.from_pretrained(threads=int(sys.argv[2]) or None)
paths = sorted(Path(sys.argv[1]).iterdir())[: int(sys.argv[3])]
start = time.perf_counter()
count = sum(1 for _ in model.predict_each(paths, crops=True))
print(count / (time.perf_counter() - start))
"""


def main() -> None:
    """Check, print, write."""
    checks = {
        name: in_folder(check, "long-runs-")
        for name, check in {
            **{"killed": killed, "watched": watched, "two": two, "start": start, "rate": rate}
        }.items()
    }
    parser = parser_of(__doc__, checks)
    parser.add_argument("--crops", type=int, default=2_000, help="of `killed` (2000)")
    parser.add_argument("--kills", type=int, default=20, help="of `killed` (20)")
    parser.add_argument("--photos", type=int, default=60, help="of `watched` (60)")
    parser.add_argument("--many", type=int, default=20_000, help="crops of `rate` (20000)")
    parser.add_argument("--rounds", type=int, default=5, help="of `start` (5)")
    parser.add_argument("--threads", type=int, default=0, help="the engine's choice by default")
    run_checks(parser, checks)


def killed(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Rows of a run that was killed again and again, against those of one that was not."""
    bad = options.crops // 20
    write_crops(folder / "crops", options, options.crops, bad)
    words = ["--crops", "--batch-size", "8", str(folder / "crops"), "--output"]
    begun = time.monotonic()
    code = run(*words, folder / "whole", options=options).returncode
    seconds = time.monotonic() - begun
    rng = random.Random(options.kills)
    done = []
    for _ in range(options.kills):
        process = started(*words, folder / "cut", options=options)
        try:
            process.wait(rng.uniform(0, 2 * seconds / options.kills))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        journal = folder / "cut" / "results.unfinished.jsonl"
        done.append(journal.read_bytes().count(b"\n") - 1 if journal.exists() else 0)
    last = run(*words, folder / "cut", options=options).returncode
    whole, cut = (sorted((folder / way / RESULTS).read_text().splitlines()) for way in WAYS)
    statuses = Counter(json.loads(row)["status"] for row in cut)
    return {
        **{"images": options.crops, "bad": bad, "kills": len(done), "seconds_whole": seconds},
        **{"done_at_kills": done, "rows": len(cut), "statuses": statuses},
        **{"same_rows": whole == cut, "exit_codes": [code, last]},
        "left": sorted(path.name for path in (folder / "cut").iterdir()),
    }


def watched(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Sockets, and files that are written outside the output, as strace sees them."""
    for name in ("photos", "home", "temporary", "work"):
        (folder / name).mkdir()
    for number in range(options.photos):
        shutil.copyfile(PORTRAIT, folder / "photos" / f"{number:03}.jpg")
    environment = {
        **{"PATH": os.environ["PATH"], "HOME": str(folder / "home")},
        **{"TMPDIR": str(folder / "temporary"), "PYTHONDONTWRITEBYTECODE": "1"},
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    log = folder / "log"
    calls = "%network,openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat"
    strace = ["strace", "-f", "-qq", "-s", "300", "-o", str(log), "-e", f"trace={calls}"]
    words = ["predict", str(folder / "photos"), "--figures", "--output", "out"]
    done = subprocess.run(
        [*strace, sys.executable, "-m", "latent_ofer", *words, *threads(options)],
        **{"env": environment, "cwd": folder / "work", "capture_output": True},  # type: ignore[call-overload]
    )
    lines = [line.partition(" ")[2].strip() for line in log.read_text().splitlines()]
    writing = ("O_WRONLY", "O_RDWR", "O_CREAT", "mkdir", "rename", "link", "creat(")
    network = ("socket(", "connect(", "send", "recv", "bind(", "socketpair(")
    outside = [
        line
        for line in lines
        if any(word in line for word in writing)
        and '"out' not in line
        and "/dev/null" not in line
        and "= -1" not in line
        and "resumed>" not in line
    ]
    return {
        **{"photos": options.photos, "exit_code": done.returncode, "calls_seen": len(lines)},
        "sockets": [line for line in lines if line.startswith(network)],
        "written_outside": outside,
        "left_in_home_and_temporary": [
            str(path) for name in ("home", "temporary") for path in (folder / name).iterdir()
        ],
        "rows": len((folder / "work" / "out" / RESULTS).read_text().splitlines()),
    }


def two(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Two runs at once on one folder, each process number 1 where it runs."""
    write_crops(folder / "crops", options, 400, 0)
    words = ["--crops", str(folder / "crops"), "--output", folder / "out"]
    apart = ("unshare", "--pid", "--fork", "--kill-child", "--")
    first = started(*words, options=options, prefix=apart)
    while not (folder / "out" / "results.unfinished.jsonl").exists():
        if first.poll() is not None:
            raise SystemExit("the first run ended at once")
        time.sleep(0.5)
    second = run(*words, options=options, prefix=apart)
    first.wait()
    return {
        "exit_codes": [first.returncode, second.returncode],
        "second_was_told": second.stderr.strip().replace(str(folder), ""),
        "rows": len((folder / "out" / RESULTS).read_text().splitlines()),
    }


def start(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds from the command to its end, for one photo."""
    seconds = []
    for _ in range(options.rounds):
        begun = time.monotonic()
        assert run(PORTRAIT, "--output", folder / "out", options=options).returncode == 0
        seconds.append(round(time.monotonic() - begun, 3))
    return {"rounds": seconds, "median_s": statistics.median(seconds)}


def rate(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Images a second of `predict` and of the bare pipeline; memory of all its processes."""
    write_crops(folder / "crops", options, options.many, 0)
    half = str(options.many // 2)
    alone = [sys.executable, "-c", BARE, str(folder / "crops"), str(options.threads), half]
    words = ["--crops", folder / "crops", "--output", folder / "o"]

    def bare() -> float:
        return float(subprocess.run(alone, capture_output=True, text=True, check=True).stdout)

    # Half of them before and half after: a shared machine is not always as fast.
    before = bare()
    resident, predicted = watched_predict(lambda: started(*words, options=options))
    after = bare()
    quarter = len(resident) // 4
    first, last = (
        statistics.median(part) for part in (resident[quarter : 2 * quarter], resident[-quarter:])
    )
    return {
        **{"crops": options.many, "bare_per_s": [round(before, 2), round(after, 2)]},
        **{"predict_per_s": predicted, "ratio": round(2 * predicted / (before + after), 3)},
        **{"second_quarter_mib": round(first, 1), "last_quarter_mib": round(last, 1)},
        "highest_mib": round(max(resident), 1),
    }


def write_crops(folder: Path, options: argparse.Namespace, count: int, bad: int) -> None:
    """FERPlus validation crops, over and over where they do not suffice; some of them spoilt."""
    folder.mkdir()
    spoil = random.Random(0).sample(range(count), bad)
    with zipfile.ZipFile(options.data / "ferplus.zip") as archive:
        names = [
            n for n in archive.namelist() if n.startswith("FER2013Valid/") and n.endswith("png")
        ]
        for number in range(count):
            data = archive.read(names[number % len(names)])
            if number in spoil:
                data = [b"", b"text", data[: len(data) // 2], data[:40] + bytes(40) + data[80:]][
                    spoil.index(number) % 4
                ]
            (folder / f"{number:06}.png").write_bytes(data)


def started(
    *words: object, options: argparse.Namespace, prefix: Sequence[str] = ()
) -> "subprocess.Popen[str]":
    """`latent-ofer predict` as a process."""
    command = [*prefix, sys.executable, "-m", "latent_ofer", "predict", *map(str, words)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*command, *threads(options)], **pipes)


def run(
    *words: object, options: argparse.Namespace, prefix: Sequence[str] = ()
) -> "subprocess.CompletedProcess[str]":
    """The same to its end."""
    process = started(*words, options=options, prefix=prefix)
    told = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, *told)


def threads(options: argparse.Namespace) -> list[str]:
    """The option, where it is given."""
    return ["--threads", str(options.threads)] if options.threads else []


if __name__ == "__main__":
    main()
