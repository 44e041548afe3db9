"""onnxruntime's telemetry stays off: from 1.29 on its official builds report to their maker.

One import is enough to write a device id and an event database into the user's cache folder and
to look up the maker's collector. An environment variable that is set before that import turns all
of it off, and nothing does afterwards: so the package sets it when it is imported itself, and
whatever needs onnxruntime takes it from here.
"""

import functools
import logging
import os
import sys
from typing import Any, Final

SWITCH: Final = "ORT_DISABLE_TELEMETRY"
_TOO_LATE: Final = "onnxruntime" in sys.modules and os.environ.get(SWITCH) != "1"
# Never taken back: processes that this one starts shall inherit it.
os.environ[SWITCH] = "1"


@functools.cache
def quiet_onnxruntime() -> Any:
    """The module onnxruntime, with its telemetry off.

    If the program imported it before this package and without the switch, it began to report at
    that import: then this says so, in the log, and holds back what can still be held back.
    """
    import onnxruntime

    if _TOO_LATE:
        # Not by `warnings`: a program that makes errors of them shall get its answers.
        logging.getLogger(__name__).warning(
            "onnxruntime was imported before latent_ofer: from version 1.29 on it reports to its "
            "maker from its import on. Import latent_ofer first, or set %s=1.",
            SWITCH,
        )
    # Also what Windows collects by other ways, whatever the variable says.
    onnxruntime.disable_telemetry_events()
    return onnxruntime
