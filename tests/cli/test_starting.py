"""How the program is started: as a module, and by a shell that completes its words."""

import os
import subprocess
import sys

import pytest

import latent_ofer


def start(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "latent_ofer", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def test_the_package_runs_as_a_module_under_its_own_name() -> None:
    assert start("--version").stdout == f"latent-ofer {latent_ofer.__version__}\n"
    wrong = start("predict")
    assert wrong.returncode == 2
    assert "Usage: latent-ofer predict" in wrong.stderr


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("latent-ofer pre", {"predict"}),
        ("latent-ofer predict --crop", {"--crops"}),
        ("latent-ofer predict --backend on", {"onnxruntime"}),
        ("latent-ofer data ch", {"check"}),
    ],
)
def test_a_shell_completes_commands_options_and_choices(typed: str, completed: set[str]) -> None:
    done = start(
        _LATENT_OFER_COMPLETE="complete_bash",
        COMP_WORDS=typed,
        COMP_CWORD=str(len(typed.split()) - 1),
    )
    assert set(done.stdout.split()) == completed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_of_its_own(shell: str) -> None:
    script = start(_LATENT_OFER_COMPLETE=f"source_{shell}").stdout
    assert f"_LATENT_OFER_COMPLETE=complete_{shell}" in script
