"""Whether faces keep their label when their colours go, or red and blue change places: JSON.

Validation faces in colour (UTKFace, CelebA), the whole pipeline on each as it is and changed; the
labels of the answer and, before any repair, of the face as it came. 95 % intervals by person.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.arrays import Pixels
from latent_ofer.cli.output import print_report
from latent_ofer.datasets.sources import Sources
from latent_ofer.detector.synthetic import greyed
from latent_ofer.evaluation.bootstrap import Intervals
from latent_ofer.evaluation.faces import ChosenFaces, choose_kinds
from latent_ofer.pipeline import LatentOFER
from latent_ofer.progress import track

SEED = 7
AT_ONCE = 32


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the archives")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="with decoded data")
    parser.add_argument("--limit", type=int, help="faces; all by default")
    parser.add_argument("--threads", type=int, help="of the engine")
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    options = parser.parse_args()
    sources = Sources(options.data, options.runs / "cache")
    faces = choose_kinds(sources, "val", options.limit, SEED)["colour"]
    model = LatentOFER.from_pretrained(threads=options.threads)
    report = {"figure": "colour-labels", "split": "val", "seed": SEED}
    print_report({**report, **changed_labels(model, faces)}, options.output)


def changed_labels(model: LatentOFER, faces: ChosenFaces) -> dict[str, Any]:
    """Share of the faces that another label is given to, by what was done to their colours."""
    changes = {
        "as it is": lambda face: face,
        "grey": greyed,
        "red and blue swapped": lambda face: np.ascontiguousarray(face[..., ::-1]),
    }
    found = {name: [] for name in changes}
    starts = range(0, len(faces), AT_ONCE)
    for start in track(starts, len(starts), "batches"):
        batch = faces.pool.batch(np.arange(start, min(start + AT_ONCE, len(faces))))
        for name, change in changes.items():
            found[name] += read(model, [change(face) for face in batch])
    labels = {name: np.array(rows) for name, rows in found.items()}
    among = Intervals.of(faces.people, SEED)
    report: dict[str, Any] = {"n": len(faces)}
    for name in changes:
        if name != "as it is":
            other: NDArray[np.bool_] = labels[name] != labels["as it is"]
            report[name] = {
                "answer": among.mean(other[:, 0]),
                "as it came": among.mean(other[:, 1]),
            }
    return report


def read(model: LatentOFER, crops: list[Pixels]) -> list[tuple[str, str]]:
    """Labels of each crop: the answer's, and before repair."""
    outcomes = model.predict(crops, crops=True, batch_size=AT_ONCE)
    return [(face.expression, face.before.expression) for (face,) in outcomes]


if __name__ == "__main__":
    main()
