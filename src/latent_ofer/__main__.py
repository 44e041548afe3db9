"""What `latent-ofer` and `python -m latent_ofer` start: ready to be stopped from its first line.

Loading the rest takes a moment. There is nothing to save yet, so until the command line takes
over, whoever is told to stop just leaves.
"""

import os
import signal
from typing import Final, NoReturn

_SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


def main() -> NoReturn:
    """Run the command line and exit; see `latent_ofer.cli.main.main`."""
    # What is ignored, as by nohup, stays so.
    heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, _leave)
    try:
        from latent_ofer.cli.main import main as run

        run()
    finally:
        # All is said and saved: a second signal shall not spoil the exit code.
        for number in heard:
            signal.signal(number, signal.SIG_IGN)


def _leave(number: int, _: object) -> NoReturn:
    # Not by an exception: what is being imported might take it for its own failure.
    os.write(2, b"latent-ofer: stopped\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
