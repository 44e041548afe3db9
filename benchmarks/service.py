"""`latent-ofer serve`: what it promises under load, with any file, and about what it keeps (Linux).

    python benchmarks/service.py --data DIR --output docs/reports/service.json

Each check is a name that may be given, all of them by default:

load       a portrait in several sizes from 32 clients at once, beside `predict` on the same photos
slow       the same from 8 clients, while 200 connections send a byte and no more
page       drop a photo on the page in Chromium: how long to the first sight of the answer
malformed  post every file of images_malformed.zip
requests   10,000 requests: memory and threads after a tenth and at the end
uploads    200 photos of 5 MB, the service under strace: what is written where
schema     requests that schemathesis, where it is installed, makes up from the OpenAPI document

The first three want a machine that does nothing else. A check that is not run keeps its figures.
"""

import argparse
import io
import itertools
import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from http.client import HTTPConnection
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from checks import Check, parser_of, run_checks
from PIL import Image

from latent_ofer import LatentOFER
from latent_ofer.ahead import ahead
from latent_ofer.images.guarded import GuardedDecoder

SIDES = (256, 384, 512)
BETWEEN_HEALTH = 0.05
CLIENTS, FEW_CLIENTS, SLOW = 32, 8, 200
SLOW_HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
SCHEMA_CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance")
SCHEMA_CHECKS += ("response_schema_conformance", "unsupported_method")
LARGE = 1320
"""Side of a noisy PNG of 5 MB, pixels."""


def main() -> None:
    """Check, print, write."""
    checks: dict[str, Check] = {
        **{"load": load, "slow": slow, "page": page, "malformed": malformed},
        **{"requests": requests, "uploads": uploads, "schema": schema},
    }
    parser = parser_of(__doc__, checks)
    parser.add_argument("--seconds", type=float, default=60, help="of `load` and `slow` (60)")
    parser.add_argument("--drops", type=int, default=20, help="of `page` (20)")
    parser.add_argument("--many", type=int, default=10_000, help="of `requests` (10000)")
    parser.add_argument("--photos", type=int, default=200, help="of `uploads` (200)")
    parser.add_argument("--examples", type=int, default=300, help="an operation of `schema` (300)")
    run_checks(parser, checks)


def portraits() -> list[bytes]:
    """JPEG files of one face each."""
    files = []
    with Image.open(
        io.BytesIO(resources.files("latent_ofer").joinpath("assets/portrait.jpg").read_bytes())
    ) as portrait:
        for side in SIDES:
            stream = io.BytesIO()
            portrait.resize((side, side)).save(stream, "JPEG", quality=90)
            files.append(stream.getvalue())
    return files


def predicted_a_second(photos: list[bytes], seconds: float) -> float:
    """Faces a second of `predict_each`, decoding beside it as `latent-ofer predict` does."""
    model = LatentOFER.from_pretrained()
    model.predict(photos[0])
    with GuardedDecoder() as decoder:
        decoder.read(photos[0])
        started = time.monotonic()

        def pictures() -> Any:
            for photo in itertools.cycle(photos):
                if time.monotonic() - started > seconds:
                    return
                yield decoder.read(photo)

        faces = sum(
            len(outcome) if isinstance(outcome, list) else 0
            for outcome in model.predict_each(ahead(pictures()))
        )
        return round(faces / (time.monotonic() - started), 2)


class Service:
    """The command in a process of its own, behind `prefix` where it is watched."""

    def __init__(self, prefix: Sequence[str] = (), log: Path | None = None) -> None:
        self.prefix = prefix
        self.log = log

    def __enter__(self) -> "Service":
        """Start it, and wait until it serves."""
        command = [*self.prefix, sys.executable, "-m", "latent_ofer", "serve", "--port", "0"]
        errors = None if self.log is None else self.log.open("wb")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert self.process.stdout is not None
        found = re.search(r":(\d+)/", self.process.stdout.readline())
        assert found is not None
        self.port = int(found[1])
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait()

    def ask(self, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """One request on a connection of its own."""
        link = HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            method = "GET" if body is None else "POST"
            link.request(method, path, body, {"Content-Type": "application/octet-stream"})
            answer = link.getresponse()
            return answer.status, answer.read()
        finally:
            link.close()

    def state(self) -> dict[str, int]:
        """Resident memory, MB, and threads."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = {name: int(value) for name, value in re.findall(r"(VmRSS|Threads):\s+(\d+)", text)}
        return {"memory_mb": found["VmRSS"] // 1024, "threads": found["Threads"]}


def load(options: argparse.Namespace) -> dict[str, Any]:
    """Faces a second of 32 clients, and of `predict`."""
    photos = portraits()
    alone = predicted_a_second(photos, min(options.seconds, 20))
    found = asked(photos, options.seconds, CLIENTS)
    ratio = round(found["faces_a_second"] / alone, 3)
    return {**found, "predict_faces_a_second": alone, "share_of_predict": ratio}


def slow(options: argparse.Namespace) -> dict[str, Any]:
    """A few clients beside many connections that never end their request."""
    return asked(portraits(), options.seconds, FEW_CLIENTS, SLOW)


def asked(photos: list[bytes], seconds: float, clients: int, slow: int = 0) -> dict[str, Any]:
    """Ask from all clients until the time is over; look at `/healthz` meanwhile."""
    with Service() as service:
        for photo in photos:
            service.ask("/v1/predict", photo)
        statuses: Counter[str] = Counter()
        faces, health = [0], [0.0]
        first: list[dict[str, int]] = []
        links = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(slow)]
        for link in links:
            link.sendall(SLOW_HEAD)
        end = time.monotonic() + seconds

        def client(number: int) -> None:
            for place in itertools.count(number):
                if time.monotonic() > end:
                    return
                try:
                    status, body = service.ask("/v1/predict", photos[place % len(photos)])
                except OSError as problem:
                    statuses[type(problem).__name__] += 1
                    continue
                statuses[str(status)] += 1
                if status == 200:
                    faces[0] += len(json.loads(body)["faces"])
                elif status == 503:
                    time.sleep(1)

        def watch() -> None:
            while time.monotonic() < end:
                started = time.monotonic()
                status, _ = service.ask("/healthz")
                statuses[f"healthz {status}"] += 1
                health.append(time.monotonic() - started)
                if not first and time.monotonic() > end - 0.9 * seconds:
                    first.append(service.state())
                time.sleep(BETWEEN_HEALTH)

        threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
        threads.append(threading.Thread(target=watch))
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {
            "seconds": round(time.monotonic() - started, 1),
            "clients": clients,
            "slow_connections": slow,
            "answers": dict(sorted(statuses.items())),
            "faces_a_second": round(faces[0] / (time.monotonic() - started), 2),
            "healthz_worst_ms": round(1000 * max(health)),
            "after_a_tenth": first[0],
            "at_the_end": service.state(),
            "same_process": service.process.poll() is None,
        }


def malformed(options: argparse.Namespace) -> dict[str, Any]:
    """Post each file of the archive once."""
    answers: Counter[str] = Counter()
    longest, started = (0.0, ""), time.monotonic()
    with zipfile.ZipFile(options.data / "images_malformed.zip") as files, Service() as service:
        for name in files.namelist():
            if name.endswith("/"):
                continue
            begun = time.monotonic()
            status, body = service.ask("/v1/predict", files.read(name))
            code = json.loads(body)["error"]["code"] if status != 200 else "ok"
            answers[f"{status} {code}"] += 1
            longest = max(longest, (time.monotonic() - begun, name))
        return {
            "files": answers.total(),
            "answers": dict(sorted(answers.items())),
            "seconds": round(time.monotonic() - started, 1),
            "longest": [round(longest[0], 1), longest[1]],
            "healthz": service.ask("/healthz")[0],
            "same_process": service.process.poll() is None,
        }


def requests(options: argparse.Namespace) -> dict[str, Any]:
    """Memory and threads after a tenth of many requests, and after all."""
    photo = portraits()[0]
    statuses: Counter[int] = Counter()
    numbers, after_a_tenth = iter(range(options.many)), {}
    with Service() as service:

        def client() -> None:
            for number in numbers:
                statuses[service.ask("/v1/predict", photo)[0]] += 1
                if number == options.many // 10:
                    after_a_tenth.update(service.state())

        threads = [threading.Thread(target=client) for _ in range(FEW_CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {
            "requests": statuses.total(),
            "answers": dict(sorted(statuses.items())),
            "after_a_tenth": after_a_tenth,
            "at_the_end": service.state(),
        }


def uploads(options: argparse.Namespace) -> dict[str, Any]:
    """Files that the service writes while it is sent large photos, and what its log says."""
    rng = np.random.default_rng(0)
    stream = io.BytesIO()
    noise = Image.fromarray(rng.integers(0, 256, (LARGE, LARGE, 3), dtype=np.uint8))
    noise.paste(Image.open(io.BytesIO(portraits()[-1])))
    noise.save(stream, "PNG")
    photo = stream.getvalue()
    calls = "openat,open,creat,mkdir,mkdirat,rename,renameat2,memfd_create,pwrite64"
    statuses: Counter[int] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        traced, log = Path(folder, "calls"), Path(folder, "log")
        # As a grandchild, so that the service is ours to end.
        strace = ["strace", "-D", "-f", "-qq", "-s", "300", "-o", str(traced)]
        strace += ["-e", f"trace={calls}"]
        with Service(strace, log) as service:
            for _ in range(options.photos):
                statuses[service.ask("/v1/predict", photo)[0]] += 1
        time.sleep(1)  # it writes the last lines
        lines = [line.partition(" ")[2].strip() for line in traced.read_text().splitlines()]
        said = log.read_bytes()
    writing = ("O_WRONLY", "O_RDWR", "O_CREAT", "mkdir", "rename", "creat(", "memfd", "pwrite")
    return {
        "uploads": statuses.total(),
        "bytes_each": len(photo),
        "answers": dict(sorted(statuses.items())),
        "calls_seen": len(lines),
        "written": sorted(
            {line for line in lines if any(w in line for w in writing) and "/dev/" not in line}
        ),
        "log_bytes": len(said),
        "image_bytes_in_log": sum(photo[at : at + 16] in said for at in range(0, 4096, 16)),
    }


def schema(options: argparse.Namespace) -> dict[str, Any]:
    """Requests, right and wrong, that schemathesis makes up from the OpenAPI document."""
    program = shutil.which("schemathesis")
    if program is None:
        raise SystemExit("schema: needs the program schemathesis (pip install schemathesis)")
    with tempfile.TemporaryDirectory() as folder, Service() as service:
        report = Path(folder, "report.json")
        command = [program, "run", f"http://127.0.0.1:{service.port}/openapi.json"]
        command += ["--checks", ",".join(SCHEMA_CHECKS), "--max-examples", str(options.examples)]
        command += ["--seed", "7", "--continue-on-failure", "--generation-database", "none"]
        command += ["--report-json-path", str(report)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if not report.exists():
            raise SystemExit(f"schema: {done.stderr or done.stdout}")
        found = json.loads(report.read_text())
        alive = service.ask("/healthz")[0]
    return {
        "program": f"schemathesis {found['schemathesis_version']}",
        "checks": SCHEMA_CHECKS,
        "operations": found["operations"]["tested"],
        "requests": found["test_cases"]["generated"],
        "failures": {one["title"]: one["count"] for one in found["failures"]},
        "errors": {one["title"]: one["count"] for one in found["errors"]},
        "healthz_at_the_end": alive,
    }


def page(options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds from the drop of a photo to the sight of its face's expression, by the page."""
    from playwright.sync_api import sync_playwright

    script = """async data => {
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], "photo.jpg"));
      document.querySelector("#clear").click();
      const summary = document.querySelector("#summary");
      summary.textContent = "";
      const seen = new Promise((done) => {
        new MutationObserver(() => requestAnimationFrame(() => setTimeout(done)))
          .observe(summary, {childList: true});
      });
      const started = performance.now();
      document.dispatchEvent(new DragEvent("drop", {dataTransfer}));
      await seen;
      return performance.now() - started;
    }"""
    with Service() as service, sync_playwright() as playwright:
        where = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
        browser = playwright.chromium.launch(executable_path=where, args=["--no-sandbox"])
        shown = browser.new_page()
        shown.goto(f"http://127.0.0.1:{service.port}/")
        data = b64encode(portraits()[-1]).decode()
        taken = [shown.evaluate(script, data) for _ in range(options.drops)]
        browser.close()
    return {
        "median_ms": round(statistics.median(taken)),
        "milliseconds": [round(value) for value in taken],
    }


if __name__ == "__main__":
    main()
