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
    crops = list(faces.pool.batch(np.arange(len(faces))))
    changed = {
        "grey": [greyed(face) for face in crops],
        "red and blue swapped": [np.ascontiguousarray(face[..., ::-1]) for face in crops],
    }
    labels, among = read(model, crops), Intervals.of(faces.people, SEED)
    report: dict[str, Any] = {"n": len(faces)}
    for name, others in changed.items():
        answer, as_it_came = (read(model, others) != labels).T
        report[name] = {"answer": among.mean(answer), "as it came": among.mean(as_it_came)}
    return report


def read(model: LatentOFER, crops: list[Pixels]) -> NDArray[np.str_]:
    """Labels of each crop, (n, 2): the answer's, and before repair."""
    outcomes = track(model.predict_each(crops, crops=True), len(crops), "faces")
    return np.array([(face.expression, face.before.expression) for (face,) in outcomes])


if __name__ == "__main__":
    main()
