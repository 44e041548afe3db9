"""Where the plain CNN looks, as answers that are kept.

The maps are those that `latent-ofer synthesize --protocol grad-cam` hides patches by.
"""

from typing import Any, Final

import numpy as np

from latent_ofer.evaluation.answers import Method
from latent_ofer.evaluation.conditions import Batch
from latent_ofer.synthesis.jobs import HeatMaps

HEAT: Final = "grad-cam"
NETWORK: Final = "plain"


def heat_method(maps: HeatMaps) -> Method:
    """Answers with ``heat`` (n, 14, 14) float32 of clean faces."""

    def answer(batch: Batch) -> dict[str, Any]:
        # One face at a time: the last bits depend on the size of the batch.
        values = [maps.of(face[None])[0] for face in batch.clean]
        return {"heat": np.array(values, dtype=np.float32)}

    return Method(HEAT, maps.network, answer)
