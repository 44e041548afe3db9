"""What is made once for several rooms' tests."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest
from typer.testing import CliRunner

from archives import Trained, write_archives, write_recipes
from browser import chromium, running_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# How long an example takes says on a busy machine nothing of the code.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    from latent_ofer.cli.main import app

    folder = tmp_path_factory.mktemp("trained")
    data, config = write_archives(folder / "data"), write_recipes(folder / "tiny")
    runs = folder / "runs"
    command = ["train", "all", "--data", data, "--runs", runs, "--config", config]
    result = CliRunner().invoke(app, [str(word) for word in command], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return Trained(data, config, runs, runs / "weights", result.output)


# Of a module, for while it runs no other test of the process can run a loop of asyncio.
@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    if chromium() is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium, or Google Chrome")
    with running_browser() as running:
        yield running
