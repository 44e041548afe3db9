"""Tiny archives laid out like the real ones, of drawn faces and discs."""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from helpers import drawn_face

INDEX = "path,source,split,expression,age,sex,race,subject,score,inside,iod_src"
POINTS = ",".join(f"lm{i}{axis}" for i in range(5) for axis in "xy")
TWINS = {"twins_of_test.txt": "train", "train_twins_of_valid.txt": "dev"}
"""The lists of copies that training leaves out, and where the one face of each would be."""
OBJECTS = (("train", "ball"), ("train", "cup"), ("val", "hand"))
"""Split and category of the drawn cut-outs; cups are kept from training for dev."""
RECIPES = {
    "mae": """
dim: 24
depth: 1
heads: 2
decoder_dim: 16
decoder_depth: 1
decoder_heads: 2
epochs: 2
epoch_images: 8
batch_size: 4
learning_rate: 0.001
bf16: false
""",
    "detector": """
width: 8
clean: 1
objects: 1
procedural: 1
patchwork: 1
epochs: 1
epoch_images: 8
batch_size: 4
learning_rate: 0.001
place_width: 8
gaussian_faces: 8
gaussian_kept: 6
""",
    "detector_paper": """
faces: 8
kept: 6
decay: 0.01
nu: 0.25
""",
    "detector_labelled": """
width: 8
clean: 1
clean_colour: 1
harmless: 1
covered: 1
pasted: 1
pasted_colour: 1
objects: 1
procedural: 1
patchwork: 1
epochs: 1
epoch_images: 12
batch_size: 6
learning_rate: 0.001
""",
    "teacher": """
sizes: [32]
epochs: 1
epoch_images: 8
batch_size: 4
learning_rate: 0.001
""",
    "reconstructor": """
widths: [8, 8, 8, 128]
reconstruction: 1.0
consistency: 0.01
semantic: 0.05
epochs: 1
epoch_images: 8
batch_size: 4
learning_rate: 0.001
""",
    "recogniser": """
widths: [8, 8, 8, 8]
heads: 2
head_width: 4
covered: 0.5
covers: 4
kinds: {objects: 0.5, hands: 0.5}
outlined: 1
small_epochs: 1
small_side: 28
epochs: 2
epoch_images: 8
batch_size: 4
learning_rate: 0.001
""",
    "fusion": """
epochs: 1
epoch_images: 1
batch_size: 4
learning_rate: 1.0
""",
    "expression_encoder": """
copies: 4
epochs: 1
epoch_images: 8
batch_size: 4
learning_rate: 0.001
""",
    "ablation": """
seeds: 2
latent_width: 8
latent_outputs: 16
hidden: 16
copies: 4
epochs: 1
epoch_images: 8
batch_size: 4
learning_rate: 0.001
""",
    "recogniser_paper": """
heads: 2
head_width: 8
latent_width: 8
latent_outputs: 16
hidden: 16
copies: 4
cnn_epochs: 1
cnn_learning_rate: 0.001
epochs: 1
epoch_images: 8
batch_size: 4
learning_rate: 0.001
""",
}


@dataclass(frozen=True)
class Trained:
    """Every stage trained by the command line for two steps on drawn faces.

    Attributes
    ----------
    data, config, runs : Path
        Archives, recipes, and what training left.
    weights : Path
        The shippable folder.
    output : str
        What the command printed.
    """

    data: Path
    config: Path
    runs: Path
    weights: Path
    output: str


def write_recipes(folder: Path) -> Path:
    """One recipe a stage: two steps an epoch of the smallest networks."""
    folder.mkdir(parents=True, exist_ok=True)
    for stage, text in RECIPES.items():
        (folder / f"{stage}.yaml").write_text(text)
    return folder


def write_archives(folder: Path) -> Path:
    """`faces.zip`, `ferplus.zip` and `occluders.zip`; see the three functions below."""
    folder.mkdir(parents=True, exist_ok=True)
    write_faces(folder)
    write_ferplus(folder)
    write_occluders(folder)
    return folder


def write_faces(folder: Path, sizes: tuple[int, int, int] = (10, 3, 2)) -> dict[str, list[str]]:
    """Faces of 112 px, every fourth grey; returns the paths of train, dev and val."""
    paths: dict[str, list[str]] = {}
    rows = []
    with zipfile.ZipFile(folder / "faces.zip", "w") as bundle:
        for split, size in zip(("train", "dev", "val"), sizes, strict=True):
            paths[split] = []
            for row in range(size):
                source = "lfw" if row % 4 == 3 else "utkface"
                face, points = drawn_face(seed=len(rows))
                if source == "lfw":
                    face = np.repeat(face[..., 1:2], 3, axis=2)
                face = of_split(face, split)
                path = f"images/{source}/{len(rows):010x}.webp"
                bundle.writestr(path, picture(face, "WEBP"))
                column = "val" if split == "val" else "train"
                places = ",".join(f"{value:.1f}" for value in points.ravel())
                rows.append(f"{path},{source},{column},happiness,,,,,0.998,0.86,48,{places}")
                paths[split].append(path)
        bundle.writestr("index.csv", "\n".join([f"{INDEX},{POINTS}", *rows]) + "\n")
    return paths


def write_ferplus(folder: Path, sizes: tuple[int, int, int] = (12, 4, 2)) -> dict[str, list[str]]:
    """Faces of 48 px with votes; returns the names of train, dev and val, without the twins.

    No real face has their names: the package's table of covers knows none of them.

    Nine voters agree on expression 0, 1, 2 ... in turn and one does not. The first face of each
    split has no landmarks, the second no vote that counts, the third is no face to most.
    """
    kept: dict[str, list[str]] = {}
    labels: dict[str, list[str]] = {"FER2013Train": [], "FER2013Valid": []}
    landmarks = [f"file,{POINTS},score"]
    seed = 100
    with zipfile.ZipFile(folder / "ferplus.zip", "w", zipfile.ZIP_DEFLATED) as bundle:
        for split, size in zip(("train", "dev", "val"), sizes, strict=True):
            place = "FER2013Valid" if split == "val" else "FER2013Train"
            twins = [text for text, of in TWINS.items() if of == split]
            chosen = [f"fer9{seed + row:06d}.png" for row in range(size + len(twins))]
            kept[split] = chosen[:size]
            for row, name in enumerate(chosen):
                face, points = drawn_face(48, seed)
                seed += 1
                face = of_split(face[..., 0], split)
                bundle.writestr(f"{place}/{name}", picture(face, "PNG"))
                votes = ",".join(str(vote) for vote in _votes(row))
                labels[place].append(f'{name},"(0, 0, 48, 48)",{votes}')
                places = "," * 9 if row == 0 else ",".join(f"{p:.1f}" for p in points.ravel())
                landmarks.append(f"{place}/{name},{places},{'' if row == 0 else 0.99}")
                for text in twins if row >= size else ():
                    bundle.writestr(text, f"{place}/{name}\n")
        for place, lines in labels.items():
            bundle.writestr(f"{place}/label.csv", "\n".join(lines) + "\n")
        bundle.writestr("landmarks.csv", "\n".join(landmarks) + "\n")
    return kept


def _votes(row: int) -> list[int]:
    votes = [0] * 10
    if row == 1:
        return [1] * 10
    if row == 2:
        votes[9] = 10
        return votes
    votes[row % 8] = 9
    votes[(row + 1) % 8] = 1
    return votes


def write_occluders(folder: Path) -> None:
    """A green disc for training, a darker one for dev, a darker one still that is unseen."""
    disc = np.zeros((60, 60, 4), dtype=np.uint8)
    disc[..., 3] = 255 * (np.hypot(*(np.mgrid[:60, :60] - 29.5)) < 28)
    rows = ["path,split,category,anchor,source,width,height,mean_alpha_coverage"]
    with zipfile.ZipFile(folder / "occluders.zip", "w") as bundle:
        for green, (split, category) in zip((255, 240, 225), OBJECTS, strict=True):
            disc[..., 1] = green
            path = f"{split}/{category}/{category}_001.webp"
            bundle.writestr(path, picture(disc, "WEBP"))
            rows.append(f"{path},{split},{category},any,drawn,60,60,0.700")
        bundle.writestr("index.csv", "\r\n".join(rows) + "\r\n")


def of_split(face: NDArray[np.uint8], split: str) -> NDArray[np.uint8]:
    """The face, its corner altered until its pixels' SHA-256 puts it in dev, or does not."""
    face = face.copy()
    for tone in range(256):
        face[0, 0] = tone
        last = hashlib.sha256(face.tobytes()).hexdigest()[-1]
        if split == "val" or (last in "01") == (split == "dev"):
            return face
    raise AssertionError("256 times on the wrong side")


def picture(pixels: NDArray[np.uint8], kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, lossless=True)
    return stream.getvalue()
