"""What is made once for several rooms' tests."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from filelock import FileLock
from typer.testing import CliRunner

from archives import Trained, write_archives, write_recipes
from browser import chromium, running_browser
from latent_ofer.encoder.masks import HoleBank

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A test process a core: threads of each would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A parser that jsonschema looks for, on behalf of Ray, and that takes seconds to be made.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
# How long an example takes says on a busy machine nothing of the code.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def few_holes() -> Iterator[None]:
    """A bank of all 4,000 holes takes seconds to draw, and each training draws one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HoleBank.__init__, "__defaults__", (10,))
        yield


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Trained:
    """Every stage, trained once, whichever of the test processes wants it first."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "trained"
    said = folder / "output.txt"
    with FileLock(folder.with_suffix(".lock")):
        if not said.exists():
            said.write_text(_train_all(folder))
    runs = folder / "runs"
    return Trained(folder / "data", folder / "tiny", runs, runs / "weights", said.read_text())


def _train_all(folder: Path) -> str:
    from latent_ofer.cli.main import app

    data, config = write_archives(folder / "data"), write_recipes(folder / "tiny")
    # Of an earlier release, with a network more.
    former = folder / "runs/weights/recogniser_former.onnx"
    former.parent.mkdir(parents=True)
    former.touch()
    command = ["train", "all", "--data", data, "--runs", folder / "runs", "--config", config]
    result = CliRunner().invoke(app, [str(word) for word in command], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


# Of a module, for while it runs no other test of the process can run a loop of asyncio.
@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    if chromium() is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium, or Google Chrome")
    with running_browser() as running:
        yield running
