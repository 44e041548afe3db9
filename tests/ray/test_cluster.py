"""How Ray is started and joined, without starting one."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import ray

from latent_ofer.ray.cluster import RayError, cluster

WORDS = (
    *("RAY_USAGE_STATS_ENABLED", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_BACKEND_LOG_LEVEL"),
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER",
)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Ray is asked for, with the environment of that moment; nothing is started."""
    asked: list[dict[str, Any]] = []

    def init(**options: Any) -> None:
        asked.append({**options, **{word: os.environ.get(word) for word in WORDS}})
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    for word in WORDS:
        monkeypatch.setenv(word, "before")  # and is again what it was, afterwards
        monkeypatch.delenv(word)
    return asked


def test_a_ray_that_is_started_reports_to_nobody_and_lets_nobody_in(
    asked: list[dict[str, Any]],
) -> None:
    with cluster(None, 3):
        (options,) = asked
        place = Path(options["_temp_dir"])
        assert place.is_dir()
    assert options["RAY_USAGE_STATS_ENABLED"] == "0"
    assert options["include_dashboard"] is False
    assert options["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"  # listens on this machine alone
    assert (options["RAY_AUTH_MODE"], len(options["RAY_AUTH_TOKEN"])) == ("token", 64)
    assert (options["address"], options["num_cpus"]) == ("local", 3)
    assert options["object_store_memory"] == 2**29
    assert not place.exists()


def test_a_cluster_that_is_joined_keeps_its_own_secret_and_place(
    asked: list[dict[str, Any]],
) -> None:
    with cluster("10.0.0.1:6379", 3):
        (options,) = asked
    assert options["address"] == "10.0.0.1:6379"
    assert not {"num_cpus", "object_store_memory", "_temp_dir"} & set(options)
    assert options["RAY_USAGE_STATS_ENABLED"] == "0"
    assert options["RAY_AUTH_TOKEN"] is None


def test_what_ends_the_program_stays_what_it_was() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with cluster(None, 1):
        assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    "address, tries, told",
    [
        (None, 3, "Ray cannot be started: timed out"),
        ("10.0.0.1:6379", 1, "Ray cannot be reached at 10.0.0.1:6379: timed out"),
    ],
)
def test_a_start_is_tried_again_on_a_busy_machine_and_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, address: str | None, tries: int, told: str
) -> None:
    tried = []

    def fail(**_: Any) -> None:
        tried.append(1)
        raise RuntimeError("timed\nout")

    monkeypatch.setattr(ray, "init", fail)
    with pytest.raises(RayError, match=told), cluster(address, 1):
        pass
    assert len(tried) == tries
