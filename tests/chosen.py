"""Made-up faces with labels, objects and recognisers for the tests of the recognition figures."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from helpers import drawn_face
from latent_ofer.datasets.pool import FacePool, FaceSet
from latent_ofer.evaluation.answers import Method
from latent_ofer.evaluation.bench import Bench
from latent_ofer.evaluation.faces import ChosenFaces
from latent_ofer.evaluation.recognisers import function_recogniser
from latent_ofer.occlusion.objects import Cutout

Pixels = NDArray[np.uint8]


def face_set(count: int, size: int = 48) -> FaceSet:
    """Drawn faces with labels 0, 1 ... 7, 0 ...; every other one is of sex 0."""
    drawn = [drawn_face(size, seed) for seed in range(count)]
    labels = np.arange(count) % 8
    return FaceSet(
        np.stack([face[..., 1] for face, _ in drawn]),
        np.stack([points for _, points in drawn]),
        np.zeros(count, dtype=np.bool_),
        ["set"] * count,
        [f"face{row}.png" for row in range(count)],
        labels,
        np.eye(8, dtype=np.float32)[labels],
        [""] * count,
        [{"sex": str(row % 2)} for row in range(count)],
    )


def chosen_faces(count: int = 8, tags: list[dict[str, str]] | None = None) -> ChosenFaces:
    faces = face_set(count)
    if tags is not None:
        faces = replace(faces, tags=tags)
    return ChosenFaces(
        FacePool([faces]),
        {"set": "0" * 64},
        {"data": "set", "split": "validation", "n": count, "of": count, "seed": 7},
    )


def disc(category: str = "ball") -> Cutout:
    rgba = np.zeros((40, 40, 4), dtype=np.uint8)
    rgba[..., 1] = 255
    rgba[..., 3] = 255 * (np.hypot(*(np.mgrid[:40, :40] - 19.5)) < 18)
    return Cutout(rgba, category, "any", f"{category}_1")


@dataclass
class Oracle:
    """Knows the clean faces by their pixels; answers neutral for every face that is changed."""

    faces: ChosenFaces
    asked: list[int] = field(default_factory=list)
    stop_after: int = 10**9

    def __call__(self, pictures: Pixels) -> NDArray[np.float64]:
        if len(self.asked) + len(pictures) > self.stop_after:
            raise KeyboardInterrupt
        known = self.faces.pool.batch(np.arange(len(self.faces)))
        answers = np.zeros((len(pictures), 8))
        for row, picture in enumerate(pictures):
            same = np.flatnonzero((known == picture).all(axis=(1, 2, 3)))
            answers[row, self.faces.labels[same[0]] if len(same) else 0] = 1
            self.asked.append(int(same[0]) if len(same) else -1)
        return answers


def entrant(name: str, function: Callable[[Pixels], NDArray[np.float64]], batch: int = 4) -> Method:
    return function_recogniser(name, f"digest of {name}", function, batch)


def bench_of(folder: Path, faces: ChosenFaces, *methods: Method, classes: int = 8) -> Bench:
    return Bench(faces, methods, folder / "answers", classes=classes, cutouts=[disc()])
