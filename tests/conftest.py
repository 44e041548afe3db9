"""What is made once for several rooms' tests."""

import hypothesis
import pytest
from typer.testing import CliRunner

from archives import Trained, write_archives, write_recipes

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
