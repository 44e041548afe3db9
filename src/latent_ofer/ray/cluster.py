"""Ray for as long as a run takes: started on this machine, or a cluster that runs already."""

import logging
import os
import secrets
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from latent_ofer.errors import LatentOFERError
from latent_ofer.muted import muted

_STORE: Final = 512 * 2**20
"""Bytes of the object store of a Ray that we start: rows and paths pass it, hardly a picture."""

_TRIES: Final = 3
"""Ray gives its own processes 15 s to start: on a busy machine that may not do at first."""


class RayError(LatentOFERError):
    """Ray cannot be started or reached, or gave up; the message says what it said."""


@contextmanager
def cluster(address: str | None, cpus: int) -> Iterator[None]:
    """Be connected to Ray within the block.

    One that is started here listens on this machine alone, wants a secret that only its own
    processes know, has no dashboard, and reports to nobody. Its logs go when it ends.

    Parameters
    ----------
    address : str, optional
        Of a cluster; None starts a Ray on this machine.
    cpus : int
        How many actors of one CPU a Ray that is started here has room for.

    Raises
    ------
    RayError
    """
    # All of it is read when ray is imported, and inherited by what it starts.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray takes it for an error that a worker could lose what only goes with this program.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    with ExitStack() as ends:
        options: dict[str, Any] = {"address": address}
        if address is None:
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # else all networks may connect
            os.environ["RAY_AUTH_MODE"] = "token"
            os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
            place = tempfile.TemporaryDirectory(
                # The path of its sockets may not be long.
                **{"prefix": "latent-ofer-", "dir": None if os.name == "nt" else "/tmp"},
                ignore_cleanup_errors=True,
            )
            options = {
                **{"address": "local", "num_cpus": cpus, "object_store_memory": _STORE},
                **{"include_dashboard": False, "_temp_dir": ends.enter_context(place)},
            }
        _connect(options)
        import ray

        ends.callback(ray.shutdown)
        yield


def _connect(options: dict[str, Any]) -> None:
    try:
        import ray
        import ray.data  # sets up its log
    except ImportError as problem:
        raise ImportError(f"{problem}: pip install 'latent-ofer[ray]'") from None
    local = options["address"] == "local"
    with muted(), _same_signals():
        for left in reversed(range(_TRIES if local else 1)):
            try:
                ray.init(**options, log_to_driver=False, logging_level="ERROR")
                # What it would tell with a traceback is raised as well.
                logging.getLogger("ray.data").setLevel("CRITICAL")
                return
            except Exception as problem:  # Ray has no class for it
                ray.shutdown()
                if left == 0:
                    what = "started" if local else f"reached at {options['address']}"
                    told = " ".join(str(problem).split())
                    raise RayError(f"Ray cannot be {what}: {told}") from problem


@contextmanager
def _same_signals() -> Iterator[None]:
    """Ray puts a handler of its own in the place of what ends the program in an orderly way."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
