"""`latent-ofer predict` as a process of its own that pauses in the middle, to be disturbed."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent
PROGRAM = """
import threading
from fakes import FakeFinder, fake_model
from helpers import drawn_face
from latent_ofer import LatentOFER
from latent_ofer.__main__ import main
from latent_ofer.images.guarded import GuardedDecoder
from latent_ofer.predict.run import Counts

model, _ = fake_model(FakeFinder([drawn_face()[1]]))
whole, close, add = model.predict_each, GuardedDecoder.close, Counts.add
closed = threading.Event()

def slow(images, **options):
    for number, outcome in enumerate(whole(images, **options)):
        if number == 2:
            closed.wait({pause})  # as for a picture that takes long to read
        yield outcome

def closing(decoder):
    closed.set()
    close(decoder)

def counted(counts, entry):
    add(counts, entry)
    if counts.images == 2:
        print("two are done", flush=True)

model.predict_each, GuardedDecoder.close, Counts.add = slow, closing, counted
LatentOFER.from_pretrained = lambda *_, **__: model
main()
"""


def started(
    command: list[str], first: Path = TESTS, prefix: Sequence[str] = (), **options: Any
) -> subprocess.Popen[str]:
    """Run Python with a folder that goes before all others that modules are taken from."""
    path = os.pathsep.join([str(first), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [*prefix, sys.executable, *command],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def predicting(photos: Path, output: Path, pause: float, **options: Any) -> subprocess.Popen[str]:
    words = ["predict", str(photos), "--output", str(output), "--batch-size", "1"]
    process = started(["-c", PROGRAM.format(pause=pause), *words], **options)
    assert process.stdout is not None
    assert process.stdout.readline() == "two are done\n"
    return process
