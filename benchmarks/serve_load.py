"""`latent-ofer serve` under load, beside `predict` on the same photos and the same machine (Linux).

Starts the service, sends it a portrait in several sizes from many clients at once, asks for
`/healthz` meanwhile, holds slow connections open, and reads memory and threads from /proc. Prints
JSON. With `--malformed` it posts each file of an archive instead, and tells what was answered; with
`--page` it drops a photo on the page in Chromium, and tells how long the first sight of the answer
took.
"""

import argparse
import io
import itertools
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from base64 import b64encode
from collections import Counter
from http.client import HTTPConnection
from importlib import resources
from pathlib import Path
from typing import Any

from PIL import Image

from latent_ofer import LatentOFER
from latent_ofer.ahead import ahead
from latent_ofer.images.guarded import GuardedDecoder

SIDES = (256, 384, 512)
BETWEEN_HEALTH = 0.05


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of load (60)")
    parser.add_argument("--clients", type=int, default=32, help="that ask at once (32)")
    parser.add_argument("--slow", type=int, default=0, help="connections that send a byte (0)")
    parser.add_argument("--malformed", type=Path, help="a zip archive of damaged images")
    parser.add_argument("--page", type=int, metavar="N", help="drop a photo on the page N times")
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    options = parser.parse_args()
    photos = portraits()
    beside = not (options.malformed or options.page)
    alone = predicted_a_second(photos, min(options.seconds, 20)) if beside else None
    with Service() as service:
        if options.malformed:
            result = malformed(service, options.malformed)
        elif options.page:
            result = first_sight(service, photos[-1], options.page)
        else:
            result = {"predict_faces_a_second": alone, **load(service, photos, options)}
            result["share_of_predict"] = round(
                result["faces_a_second"] / result["predict_faces_a_second"], 3
            )
    text = json.dumps(result, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


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

        faces = sum(len(outcome) for outcome in model.predict_each(ahead(pictures())))
        return round(faces / (time.monotonic() - started), 2)


class Service:
    """The command in a process of its own."""

    def __enter__(self) -> "Service":
        """Start it, and wait until it serves."""
        command = [sys.executable, "-m", "latent_ofer", "serve", "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
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


def load(service: Service, photos: list[bytes], options: argparse.Namespace) -> dict[str, Any]:
    """Ask from all clients until the time is over."""
    for photo in photos:
        service.ask("/v1/predict", photo)
    statuses: Counter[str] = Counter()
    faces, health, first = [0], [0.0], []
    end = time.monotonic() + options.seconds

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
            if len(first) == 0 and time.monotonic() > end - 0.9 * options.seconds:
                first.append(service.state())
            time.sleep(BETWEEN_HEALTH)

    slow = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(options.slow)]
    for link in slow:
        link.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n")
    threads = [threading.Thread(target=client, args=(n,)) for n in range(options.clients)]
    threads.append(threading.Thread(target=watch))
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "seconds": round(time.monotonic() - started, 1),
        "clients": options.clients,
        "slow_connections": options.slow,
        "answers": dict(sorted(statuses.items())),
        "faces_a_second": round(faces[0] / (time.monotonic() - started), 2),
        "healthz_worst_ms": round(1000 * max(health)),
        "after_a_tenth": first[0],
        "at_the_end": service.state(),
        "same_process": service.process.poll() is None,
    }


def malformed(service: Service, archive: Path) -> dict[str, Any]:
    """Post each file of the archive once."""
    answers: Counter[str] = Counter()
    longest, started = (0.0, ""), time.monotonic()
    with zipfile.ZipFile(archive) as files:
        for name in files.namelist():
            if name.endswith("/"):
                continue
            begun = time.monotonic()
            status, body = service.ask("/v1/predict", files.read(name))
            code = json.loads(body)["error"]["code"] if status != 200 else "ok"
            answers[f"{status} {code}"] += 1
            longest = max(longest, (time.monotonic() - begun, name))
    return {
        "answers": dict(sorted(answers.items())),
        "seconds": round(time.monotonic() - started, 1),
        "longest": [round(longest[0], 1), longest[1]],
        "healthz": service.ask("/healthz")[0],
        "same_process": service.process.poll() is None,
    }


def first_sight(service: Service, photo: bytes, times: int) -> dict[str, Any]:
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
    with sync_playwright() as playwright:
        where = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
        browser = playwright.chromium.launch(executable_path=where, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{service.port}/")
        data = b64encode(photo).decode()
        taken = [page.evaluate(script, data) for _ in range(times)]
        browser.close()
    return {"milliseconds": [round(value) for value in taken]}


if __name__ == "__main__":
    main()
