"""The engines' telemetry stays off: an import is enough for them to report to their makers.

onnxruntime's official builds from 1.29 on write a device id and an event database into the user's
cache folder and look up the maker's collector. An environment variable that is set before that
import turns all of it off, and nothing does afterwards: so the package sets it when it is imported
itself. OpenVINO reports by a package of its own, without which it works as well. Whatever needs
one of them takes it from here.
"""

import functools
import logging
import os
import sys
from typing import Any, Final

SWITCH: Final = "ORT_DISABLE_TELEMETRY"
_REPORTER: Final = "openvino_telemetry"
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


@functools.cache
def quiet_openvino() -> Any:
    """The module openvino, kept from what it reports its import with.

    If the program imported both before, that is told in the log, for it has happened.
    """
    if "openvino" not in sys.modules:
        # As if it were not installed.
        sys.modules[_REPORTER] = None  # type: ignore[assignment]
    elif sys.modules.get(_REPORTER):
        logging.getLogger(__name__).warning(
            "openvino was imported before latent_ofer chose it as its engine: it reports that to "
            "its maker. Make the model first, or uninstall openvino-telemetry."
        )
    import openvino

    return openvino
