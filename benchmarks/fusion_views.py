"""What each view of a dev face is worth, and how much a face behind an object should count.

Four-fold: the fusion is fitted to three quarters of the dev faces and read on the fourth; a face
and its copy behind an object are in one fold. And what the views would be worth behind objects
if what they hide were known. Needs weights whose recogniser is `views`, and a
table of what covers dev faces. Prints JSON.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_ofer.datasets.covers import COVERS, Cover, Face, read_covers
from latent_ofer.datasets.pool import protocol_copy
from latent_ofer.datasets.sources import Sources
from latent_ofer.occlusion.patches import occluded_patches
from latent_ofer.progress import track
from latent_ofer.recogniser.train_fusion import AT_ONCE, DEV_SEED, DevViews, dev_views, fitted
from latent_ofer.recogniser.views import VIEWS, Fusion
from latent_ofer.stages import Stages
from latent_ofer.weights_folder import SHIPPED, WeightsFolder

FOLDS = 4
WEIGHTS = (0, 0.05, 0.1, 0.2, 0.35, 0.5, 1, 2)


def main() -> None:
    """Look at dev faces once, fit many times, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the archives")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="with decoded data")
    parser.add_argument("--weights", type=Path, default=SHIPPED, help="folder of weights")
    parser.add_argument("--copies", type=int, default=1500, help="faces behind objects")
    parser.add_argument("--threads", type=int, help="of the engine")
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    options = parser.parse_args()
    from latent_ofer.backends.onnx import OnnxBackend

    folder = WeightsFolder.open(options.weights)
    detector = folder.detector("default")
    engine = OnnxBackend(folder, detector, "views", options.threads)
    stages = Stages(engine, folder.thresholds[detector])
    sources = Sources(options.data, options.runs / "cache")
    views = dev_views(sources, options.copies, stages.views)
    report = measured(views, read_covers(options.data / COVERS, "dev"))
    report["true mask"] = ceiling(sources, len(views.labels) - len(views.faces), stages)
    text = json.dumps(report, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


def measured(views: DevViews, covers: dict[Face, Cover]) -> dict[str, Any]:
    """Accuracy of each view, and of the fusion by the weight of faces behind objects."""
    groups = _groups(views, covers)
    alone = dict(zip(VIEWS, views.logits, strict=True))
    report: dict[str, Any] = {
        "figure": "fusion-views",
        "split": "dev",
        "n": {name: int(here.sum()) for name, here in groups.items()},
        "views": {name: _right(logits, views.labels, groups) for name, logits in alone.items()},
    }
    for hands in (True, False):
        shares = views.shares if hands else views.shares * torch.tensor([1.0, 0.0])
        report["fused, hands told apart" if hands else "fused"] = {
            str(weight): _right(_folded(views, shares, weight), views.labels, groups)
            for weight in WEIGHTS
        }
    return report


def ceiling(sources: Sources, copies: int, stages: Stages) -> dict[str, float]:
    """Accuracy behind objects where what they hide is told: of two views, and the mean of three."""
    pool = sources.labelled("dev")
    pool = pool.take(np.flatnonzero(pool.labels >= 0)[:copies])
    cutouts, found = sources.cutouts("dev"), []
    batches = np.array_split(np.arange(len(pool)), -(-len(pool) // AT_ONCE))
    for rows in track(batches, len(batches), "with the true mask"):
        made = [protocol_copy(pool.native(int(row)), cutouts, DEV_SEED) for row in rows]
        hidden = np.stack([occluded_patches(covered) for _, covered, _ in made])
        found.append(stages.views(np.stack([face for face, _, _ in made]), hidden)[0])
    logits = np.concatenate(found, axis=1)
    alone = dict(zip(VIEWS[1:], logits[1:], strict=True)) | {"mean of all three": logits.mean(0)}
    return {
        name: round(float((one.argmax(1) == pool.labels).mean()), 4) for name, one in alone.items()
    }


def _groups(views: DevViews, covers: dict[Face, Cover]) -> dict[str, Tensor]:
    """Which of the n rows: by what covers the face, and the copies behind objects."""
    known = [covers.get(face) for face in views.faces]
    copies = len(views.labels) - len(known)

    def where(rows: list[bool], copied: bool) -> Tensor:
        return torch.tensor(rows + [copied] * copies)

    return {
        "nothing": where([one is not None and not one.named for one in known], False),
        "hand": where([one is not None and "hand" in one.agreed for one in known], False),
        "really covered": where([one is not None and one.hides for one in known], False),
        "objects": where([False] * len(known), True),
    }


def _folded(views: DevViews, shares: Tensor, objects: float) -> Tensor:
    """Answers (n, 8), each by a fusion that did not see the face."""
    rows = torch.arange(len(views.labels))
    fold = torch.where(rows < len(views.faces), rows, rows - len(views.faces)) % FOLDS
    answers = torch.empty_like(views.logits[0])
    for number in range(FOLDS):
        kept, here = fold != number, fold == number
        counts = views.weights(objects)[kept]
        factors = fitted(views.logits[:, kept], shares[kept], views.labels[kept], counts)
        fusion = Fusion.parse({name: value.tolist() for name, value in factors.items()})
        seen = [logits.numpy() for logits in views.logits[:, here]]
        fused = torch.from_numpy(fusion.of(seen, shares[here].numpy()))
        alone = torch.from_numpy(fusion.alone(seen[0]))
        answers[here] = torch.where(shares[here, :1] > 0, fused, alone)
    return answers


def _right(logits: Tensor, labels: Tensor, groups: dict[str, Tensor]) -> dict[str, float]:
    """Accuracy of each group."""
    right = (logits.argmax(1) == labels).double()
    return {name: round(float(right[here].mean()), 4) for name, here in groups.items()}


if __name__ == "__main__":
    main()
