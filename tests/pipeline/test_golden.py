"""The shipped weights answer as they did when they were released.

`golden.json` holds what they said; after a release, or where an answer changes on purpose:

    python tests/pipeline/test_golden.py
"""

import json
import sys
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers import drawn_face
from latent_ofer import FaceResult, LatentOFER
from latent_ofer.images.find import FaceFinder
from latent_ofer.images.load import load_image
from latent_ofer.occlusion.procedural import compose_procedural, draw_demo_occluder

RECORD = Path(__file__).with_name("golden.json")
DRAWN = {
    f"drawn {kind}, seed {seed}": (kind, seed) for kind in ("colour", "grey") for seed in (1, 2)
}
PORTRAIT = "portrait", "portrait behind a cup"
CASES = [
    *((name, "default", "default") for name in (*DRAWN, *PORTRAIT)),
    *((PORTRAIT[1], name, "default") for name in ("synthetic", "one-class", "paper")),
]
"""Picture, detector and recogniser."""


def drawn_behind_a_shape(kind: str, seed: int) -> np.ndarray:
    """A made-up face with something made up before it, in colour or grey."""
    face, _ = drawn_face(seed=seed)
    if kind == "grey":
        face = np.repeat(face[..., 1:2], 3, axis=2)
    rng = np.random.default_rng(seed)
    return compose_procedural(face, rng, grey=kind == "grey", coverage=(0.15, 0.25)).face


@cache
def portraits() -> dict[str, np.ndarray]:
    """The photo in the package, as it is and with the demo's cup."""
    photo = load_image(files("latent_ofer").joinpath("assets/portrait.jpg").read_bytes())
    (face,) = FaceFinder(threads=1).find(photo)
    covered, _ = draw_demo_occluder(photo, face.landmarks)
    return dict(zip(PORTRAIT, (photo, covered), strict=True))


@cache
def model(detector: Any, recogniser: Any) -> LatentOFER:
    return LatentOFER.from_pretrained(threads=1, detector=detector, recogniser=recogniser)


def answer(picture: str, detector: str, recogniser: str) -> FaceResult:
    ofer = model(detector, recogniser)
    if picture in DRAWN:
        (face,) = ofer.predict(drawn_behind_a_shape(*DRAWN[picture]), crops=True)
    else:
        (face,) = ofer.predict(portraits()[picture])
    return face


def recorded(face: FaceResult) -> dict[str, Any]:
    return {
        "mask": ["".join(".#"[hidden] for hidden in row) for row in face.occlusion.mask.tolist()],
        "expression": face.expression,
        "probabilities": {name: round(p, 4) for name, p in face.probabilities.items()},
        "before": {name: round(p, 4) for name, p in face.before.probabilities.items()},
    }


@pytest.mark.parametrize("case", CASES, ids=" | ".join)
def test_the_shipped_weights_answer_as_recorded(case: tuple[str, str, str]) -> None:
    golden = json.loads(RECORD.read_text())[" | ".join(case)]
    found = recorded(answer(*case))
    assert found["mask"] == golden["mask"]
    assert found["expression"] == golden["expression"]
    for key in ("probabilities", "before"):
        assert found[key] == pytest.approx(golden[key], abs=1e-3)


if __name__ == "__main__":
    record = {" | ".join(case): recorded(answer(*case)) for case in CASES}
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
