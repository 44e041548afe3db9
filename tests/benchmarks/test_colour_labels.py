"""Labels that change with the colours of a face are counted."""

import numpy as np
from colour_labels import changed_labels

from fakes import ViewsBackend
from helpers import drawn_set
from latent_ofer import LatentOFER
from latent_ofer.backends.protocol import Floats, Mask
from latent_ofer.datasets.pool import FacePool
from latent_ofer.evaluation.faces import ChosenFaces
from latent_ofer.recogniser.views import Fusion
from latent_ofer.weights_folder import Thresholds


class SeesRed(ViewsBackend):
    """Says one thing of faces redder than blue, and another of the rest."""

    def detect(self, faces: Floats, latents: Floats) -> tuple[Floats, Floats]:
        scores, types = super().detect(faces, latents)
        return 0 * scores, types

    def recognise(self, faces: Floats, latents: Floats, mask: Mask) -> tuple[Floats, Floats]:
        logits, attention = super().recognise(faces, latents, mask)
        red, _, blue = faces.mean(axis=(2, 3)).T
        return np.eye(8, dtype=np.float32)[(red > blue + 0.01).astype(int)], attention


def test_faces_whose_label_hangs_on_their_colours_are_counted() -> None:
    model = LatentOFER(SeesRed(), Thresholds(0.5, 0.5), fusion=Fusion(1, ((1, 0, 0),) * 3))
    pool = FacePool([drawn_set(5)])
    report = changed_labels(model, ChosenFaces(pool, {}, {}))
    red, _, blue = pool.batch(np.arange(5)).mean(axis=(1, 2)).T
    assert (red > blue + 3).all()
    assert report["n"] == 5
    for change in ("grey", "red and blue swapped"):
        assert report[change]["answer"]["value"] == report[change]["as it came"]["value"] == 1
