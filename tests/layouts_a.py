"""Tiny trees in the exact layouts of data sets, with drawn faces that all differ.

Each function writes below the folder it is given and returns it.
"""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from helpers import drawn_face

SIZE = 48
AFFECTNET_COLUMNS = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,"
    "expression,valence,arousal"
)


@cache
def _face(seed: int) -> NDArray[np.uint8]:
    return drawn_face(SIZE, seed)[0]


def write_face(path: Path) -> None:
    """A drawn face behind coarse coloured noise, made from the last three parts of its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32("/".join(path.parts[-3:]).encode())
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    veil = Image.fromarray(noise).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    Image.blend(Image.fromarray(_face(seed % 8)), veil, 0.5).save(path)


def write_class_folders(
    folder: Path, counts: Mapping[str, int], name: str = "{number:05}.jpg"
) -> Path:
    """Class folders such as {"train/1": 3}; numbers run on over all folders."""
    number = 0
    for place, count in counts.items():
        for _ in range(count):
            number += 1
            write_face(folder / place / name.format(number=number))
    return folder


def write_rafdb(
    folder: Path, train: int = 2, test: int = 1, faces: str = "Image/aligned", end: str = "\n"
) -> Path:
    """RAF-DB with `train` and `test` pictures of each of the seven classes."""
    lines = []
    added = "_aligned" if faces.endswith("aligned") else ""
    for split, count, digits in (("train", train, 5), ("test", test, 4)):
        for number in range(1, 7 * count + 1):
            stem = f"{split}_{number:0{digits}}"
            lines.append(f"{stem}.jpg {(number - 1) % 7 + 1}{end}")
            write_face(folder / faces / f"{stem}{added}.jpg")
    _write_text(folder / "EmoLabel" / "list_patition_label.txt", "".join(lines))
    return folder


def write_rafdb_folders(
    folder: Path,
    train: int = 2,
    test: int = 1,
    classes: Sequence[str] = "1234567",
    names: tuple[str, str] = ("train", "test"),
) -> Path:
    """A copy of RAF-DB in class folders, with so many pictures of each class."""
    for split, count, part in zip(("train", "test"), (train, test), names, strict=True):
        counts = {f"{part}/{label}": count for label in classes}
        write_class_folders(folder, counts, split + "_{number:05}_aligned.jpg")
    return folder


def write_affectnet_csv(
    folder: Path, train: int = 2, val: int = 1, header: bool = True, end: str = "\n"
) -> Path:
    """AffectNet's old release with so many pictures of each of the codes 0 to 10."""
    for table, count in (("training.csv", train), ("validation.csv", val)):
        lines = [AFFECTNET_COLUMNS + end] if header else []
        for number in range(11 * count):
            path = f"{number % 3 + 1}/{zlib.crc32(f'{table}{number}'.encode()):056x}.jpg"
            lines.append(f"{path},10,12,{SIZE},{SIZE},1.5;2.5;3.5;4.5,{number % 11},-0.25,0.5{end}")
            write_face(folder / "Manually_Annotated_Images" / path)
        _write_text(folder / table, "".join(lines))
    return folder


def write_affectnet_npy(folder: Path, train: int = 2, val: int = 1) -> Path:
    """AffectNet's new release with so many pictures of each of the codes 0 to 7."""
    for split, count in (("train", train), ("val", val)):
        for number in range(8 * count):
            write_face(folder / f"{split}_set" / "images" / f"{number}.jpg")
            stem = folder / f"{split}_set" / "annotations" / f"{number}"
            stem.parent.mkdir(parents=True, exist_ok=True)
            # Both forms are about: a text and a number, in an array without dimensions.
            np.save(f"{stem}_exp.npy", np.array(str(number % 8) if number % 2 else number % 8))
            np.save(f"{stem}_val.npy", np.array("-0.25"))
            np.save(f"{stem}_aro.npy", np.array(0.5))
    return folder


def write_kdef(
    folder: Path,
    people: int = 5,
    sessions: str = "A",
    angles: Sequence[str] = ("S",),
    within: str = "{session}{person}",
) -> Path:
    """KDEF with so many people of each sex, seven expressions each."""
    for person in (f"{sex}{number:02}" for sex in "FM" for number in range(1, people + 1)):
        for session in sessions:
            for code in ("AF", "AN", "DI", "HA", "NE", "SA", "SU"):
                for angle in angles:
                    name = f"{session}{person}{code}{angle}.JPG"
                    write_face(folder / within.format(session=session, person=person) / name)
    return folder


def write_ckplus(folder: Path, people: int = 5, frames: int = 6, unlabelled: int = 1) -> Path:
    """CK+ with so many people, a labelled sequence and some without a label each."""
    for number in range(people):
        subject = f"S{number + 5:03}"
        for sequence in (f"{s:03}" for s in range(1, 2 + unlabelled)):
            stem = f"{subject}_{sequence}_"
            home = folder / "cohn-kanade-images" / subject / sequence
            for frame in range(1, frames + 1):
                write_face(home / f"{stem}{frame:08}.png")
            if sequence == "001":
                _write_text(
                    folder / "Emotion" / subject / sequence / f"{stem}{frames:08}_emotion.txt",
                    f"   {float(number % 7 + 1):.7e}\n",
                )
    return folder


def write_ckplus_folders(
    folder: Path,
    people: int = 5,
    classes: Sequence[str] = (
        "anger",
        "contempt",
        "disgust",
        "fear",
        "happy",
        "sadness",
        "surprise",
    ),
) -> Path:
    """A copy of CK+ in class folders, two frames of each class and person."""
    for number in range(people):
        for sequence, label in enumerate(classes, start=1):
            for frame in (17, 18):
                write_face(folder / label / f"S{number + 10:03}_{sequence:03}_{frame:08}.png")
    return folder


def write_jaffe(folder: Path, people: int = 5) -> Path:
    """JAFFE with up to ten people, one picture of each expression."""
    serial = 0
    for person in ("KA", "KL", "KM", "KR", "MK", "NA", "NM", "TM", "UY", "YM")[:people]:
        for code in ("AN", "DI", "FE", "HA", "NE", "SA", "SU"):
            serial += 1
            write_face(folder / f"{person}.{code}1.{serial}.tiff")
    return folder


def zipped(folder: Path, above: str = "") -> Path:
    """A zip archive of a folder, beside it; `above` goes before every path inside."""
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as bundle:
        for path in sorted(folder.rglob("*")):
            bundle.write(path, above + path.relative_to(folder).as_posix())
    return archive


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
