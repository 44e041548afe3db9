"""Tiny trees in the exact layouts of FER2013, FERPlus, SFEW, ExpW, FED-RO and our own archives."""

import csv
import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archives import INDEX, POINTS, picture
from helpers import drawn_face

USAGES = {"Training": 7, "PublicTest": 3, "PrivateTest": 2}
WORDS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
VOTE_HEADER = (
    "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
)
HASHES = tuple(f"{number:056x}" for number in range(1, 5))


KINDS = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}


def put_picture(path: Path, seed: int = 0, size: int = 48, grey: bool = True) -> Path:
    """A drawn face as the file that the name's ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_drawn(seed, size, grey, KINDS[path.suffix.lower()]))
    return path


@cache
def _drawn(seed: int, size: int, grey: bool, kind: str) -> bytes:
    face, _ = drawn_face(size, seed)
    return picture(face[..., 0] if grey else face, kind)


def zipped(folder: Path) -> Path:
    """A zip archive of a folder's content, beside it."""
    return Path(shutil.make_archive(str(folder), "zip", folder))


def small_pixels(row: int) -> NDArray[np.uint8]:
    """The picture in a row of `write_fer2013`: (48, 48), another one for each row."""
    return (np.arange(48 * 48) % 199 + row % 57).astype(np.uint8).reshape(48, 48)


def write_fer2013(
    folder: Path, usages: Mapping[str, int] = USAGES, name: str = "fer2013.csv"
) -> Path:
    """``fer2013.csv`` with rows of code 0, 1 ... 6, 0 ...; `usages` says how many of each."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["emotion,pixels,Usage"]
    for usage, count in usages.items():
        for _ in range(count):
            row = len(lines) - 1
            pixels = " ".join(map(str, small_pixels(row).ravel()))
            lines.append(f"{row % 7},{pixels},{usage}")
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def write_class_folders(folder: Path, counts: Mapping[str, int], suffix: str = ".jpg") -> Path:
    """``{class folder}/im0.jpg`` ...; the keys may have a split in front: ``train/happy``."""
    for number, (place, count) in enumerate(counts.items()):
        (folder / place).mkdir(parents=True, exist_ok=True)
        for row in range(count):
            put_picture(folder / place / f"im{row}{suffix}", seed=100 * number + row)
    return folder


def write_fer2013_folders(folder: Path, train: int = 2, test: int = 1) -> Path:
    """The class-folder copy of FER2013: ``train`` and ``test``, both test parts in one."""
    counts = {
        f"{split}/{word}": n for split, n in (("train", train), ("test", test)) for word in WORDS
    }
    return write_class_folders(folder, counts)


def write_sfew(folder: Path, train: int = 2, val: int = 1, test: int = 3) -> Path:
    """SFEW 2.0: ``Train`` and ``Val`` with class folders, ``Test`` without."""
    counts = {
        f"{split}/{word.title()}": n
        for split, n in (("Train", train), ("Val", val))
        for word in WORDS
    }
    write_class_folders(folder, counts, ".png")
    for row in range(test):
        put_picture(folder / "Test" / f"film_{row}.png", row)
    return folder


def votes_for(label: int, others: int = 2) -> list[int]:
    """Ten votes that the *Majority* rule gives to a column."""
    votes = [0] * 10
    votes[label] = 10 - others
    votes[(label + 1) % 10] = others
    return votes


def label_line(name: str, votes: Sequence[int]) -> str:
    """One line of FERPlus' ``label.csv``."""
    return f'{name},"(0, 0, 48, 48)",{",".join(map(str, votes))}'


def write_ferplus_folders(folder: Path, sizes: tuple[int, int, int] = (8, 4, 3)) -> Path:
    """``FER2013Train|Valid|Test/label.csv`` and pictures; labels 0, 1 ... 7, 0 ... in each."""
    number = 0
    for part, size in zip(("FER2013Train", "FER2013Valid", "FER2013Test"), sizes, strict=True):
        if not size:
            continue
        lines = []
        for row in range(size):
            name = f"fer{number:07d}.png"
            put_picture(folder / part / name, number)
            lines.append(label_line(name, votes_for(row % 8)))
            number += 1
        (folder / part / "label.csv").write_text("\n".join(lines) + "\n")
    return folder


def lagging_names(rows: int, blank: Sequence[int]) -> list[str]:
    """Image names as in ``fer2013new.csv``: a row that has none leaves no gap in the numbers."""
    skipped = set(blank)
    names, number = [], 0
    for row in range(rows):
        names.append("" if row in skipped else f"fer{number:07d}.png")
        number += row not in skipped
    return names


def write_vote_table(
    folder: Path, usages: Sequence[str], names: Sequence[str], votes: Sequence[Sequence[int]]
) -> Path:
    """``fer2013new.csv``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "fer2013new.csv"
    with path.open("w", newline="") as stream:
        stream.write(f"{VOTE_HEADER}\n")
        writer = csv.writer(stream, lineterminator="\n")
        for usage, name, row in zip(usages, names, votes, strict=True):
            writer.writerow([usage, name, *row])
    return path


def write_ferplus_tables(
    folder: Path, usages: Mapping[str, int] = USAGES, blank: Sequence[int] = (2,)
) -> Path:
    """``fer2013.csv`` and ``fer2013new.csv``; row k has label k % 8, and nobody where blank."""
    write_fer2013(folder, usages)
    flat = [usage for usage, count in usages.items() for _ in range(count)]
    names = lagging_names(len(flat), blank)
    votes = [votes_for(row % 8) if name else [0] * 9 + [10] for row, name in enumerate(names)]
    write_vote_table(folder, flat, names, votes)
    return folder


def write_expw(folder: Path, faces: int = 8, images: str = "image") -> Path:
    """ExpW: two faces a picture; sides of a box as top, left, right, bottom."""
    lines = []
    for row in range(faces):
        name, face = f"some_words_{row // 2}.jpg", row % 2
        if face == 0:
            put_picture(folder / images / name, row, size=64)
        top, left = 2 + row, 30 * face
        lines.append(f"{name} {face} {top} {left} {left + 20} {top + 24} 44.53 {row % 7}")
    (folder / "label.lst").write_text("\n".join(lines) + "\n")
    return folder


def write_fedro(folder: Path, count: int = 1) -> Path:
    """FED-RO as class folders."""
    return write_class_folders(folder, dict.fromkeys(WORDS, count))


def write_fedro_list(folder: Path, labels: Sequence[str] = WORDS) -> Path:
    """FED-RO as pictures and a list of ``path label``."""
    lines = []
    for row, label in enumerate(labels):
        put_picture(folder / "pictures" / f"{row}.jpg", row)
        lines.append(f"pictures/{row}.jpg {label}")
    (folder / "labels.txt").write_text("\n".join(lines) + "\n")
    return folder


def write_table(folder: Path, labels: Sequence[str] = WORDS, name: str = "faces.csv") -> Path:
    """A table ``path,label,split,subject`` and its pictures; every third row is test."""
    lines = ["path,label,split,subject"]
    for row, label in enumerate(labels):
        put_picture(folder / "pictures" / f"{row}.png", row)
        split = "test" if row % 3 == 2 else "train"
        lines.append(f"pictures/{row}.png,{label},{split},person{row % 2}")
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def write_face_archive(folder: Path, train: int = 3, val: int = 2) -> Path:
    """``index.csv`` and aligned faces as `faces.zip` holds them; every other row has no label."""
    lines = [f"{INDEX},{POINTS}"]
    for row in range(train + val):
        path = f"images/utkface/{row:010x}.webp"
        put_picture(folder / path, row, size=112, grey=False)
        split = "train" if row < train else "val"
        word = "" if row % 2 else "happiness"
        points = ",".join(["50.0"] * 10)
        lines.append(f"{path},utkface,{split},{word},31,1,2,p{row},0.99,0.9,48,{points}")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    return folder


CHALLENGE_LISTS: Mapping[str, str] = {
    "rafdb_occlusion_list.txt": (
        "test_0003_aligned 3 4\r\ntest_0001_aligned 0 1\r\ntest_0003_aligned 3 4\r\n"
    ),
    "val_raf_db_list_45.txt": "0/test_0001_aligned.jpg\n3/test_0003_aligned.jpg\n",
    "jianfei_occlusion_list.txt": "1_fer0000001.png 8 0\n0_fer0000000.png 8 2\n",
    "pose_30_ferplus_list.txt": "0/fer0000000.jpg\n1/fer0000001.jpg\n",
    "occlusion_affectnet_list.txt": f"val/0/{HASHES[0]}/\nval/1/{HASHES[1]}/\n",
    "pose_45_affectnet_list.txt": f"0/{HASHES[0]}.jpg\n7/{HASHES[3]}/8.jpg\n0/{HASHES[0]}.jpg\n",
}
"""Each list in its exact form, by its usual name."""


def write_challenge_lists(folder: Path) -> Path:
    """All lists of `CHALLENGE_LISTS`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in CHALLENGE_LISTS.items():
        (folder / name).write_bytes(text.encode())
    return folder
