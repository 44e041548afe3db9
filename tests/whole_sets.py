"""Every layout of every data set, whole and with pictures that are no copies of each other."""

import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import layouts_a
import layouts_b
from latent_ofer.datasets.tree import PICTURES

WORDS = tuple(word for word in layouts_b.WORDS for _ in range(2))
USAGES = {"Training": 28, "PublicTest": 16, "PrivateTest": 16}


@dataclass(frozen=True)
class Layout:
    """One way in which people hold a data set.

    Attributes
    ----------
    name : str
        Of the data set in the registry.
    write : callable
        Writes below a folder.
    codes : str or None
    table : str
        File below the folder to open in its place.
    """

    name: str
    write: Callable[[Path], object]
    codes: str | None = None
    table: str = ""


LAYOUTS = {
    "raf-db": Layout("raf-db", lambda folder: layouts_a.write_rafdb(folder, 2, 2)),
    "raf-db folders": Layout("raf-db", lambda folder: layouts_a.write_rafdb_folders(folder, 2, 2)),
    "raf-db folders from 0": Layout(
        "raf-db",
        lambda folder: layouts_a.write_rafdb_folders(folder, 2, 2, "0123456"),
        "raf-db-from-0",
    ),
    "affectnet csv": Layout(
        "affectnet", lambda folder: layouts_a.write_affectnet_csv(folder, 2, 2)
    ),
    "affectnet csv without header": Layout(
        "affectnet", lambda folder: layouts_a.write_affectnet_csv(folder, 2, 2, header=False)
    ),
    "affectnet npy": Layout(
        "affectnet", lambda folder: layouts_a.write_affectnet_npy(folder, 2, 2)
    ),
    "affectnet folders": Layout(
        "affectnet",
        lambda folder: layouts_a.write_class_folders(
            folder, {f"{split}/{code}": 2 for split in ("train", "val") for code in range(8)}
        ),
    ),
    "kdef": Layout("kdef", lambda folder: layouts_a.write_kdef(folder, 3)),
    "ck+": Layout("ck+", lambda folder: layouts_a.write_ckplus(folder, 14, 4, 0)),
    "ck+ folders": Layout("ck+", lambda folder: layouts_a.write_ckplus_folders(folder, 4)),
    "jaffe": Layout("jaffe", layouts_a.write_jaffe),
    "fer2013 csv": Layout("fer2013", lambda folder: layouts_b.write_fer2013(folder, USAGES)),
    "fer2013 folders": Layout(
        "fer2013", lambda folder: layouts_b.write_fer2013_folders(folder, 2, 2)
    ),
    "ferplus folders": Layout(
        "ferplus", lambda folder: layouts_b.write_ferplus_folders(folder, (16, 16, 16))
    ),
    "ferplus tables": Layout(
        "ferplus", lambda folder: layouts_b.write_ferplus_tables(folder, USAGES)
    ),
    "sfew": Layout("sfew", lambda folder: layouts_b.write_sfew(folder, 2, 2)),
    "expw": Layout("expw", lambda folder: _write_expw(folder)),
    "fed-ro folders": Layout("fed-ro", lambda folder: layouts_b.write_fedro(folder, 2)),
    "fed-ro list": Layout("fed-ro", lambda folder: layouts_b.write_fedro_list(folder, WORDS)),
    "folder": Layout("folder", lambda folder: layouts_b.write_fer2013_folders(folder, 2, 2)),
    "folder of digits": Layout(
        "folder", lambda folder: layouts_a.write_rafdb_folders(folder, 2, 2), "raf-db"
    ),
    "table": Layout("table", lambda folder: _write_table(folder, WORDS), table="faces.csv"),
    "table of digits": Layout(
        "table", lambda folder: _write_table(folder, "12345671234567"), "raf-db", "faces.csv"
    ),
    "faces": Layout("faces", lambda folder: layouts_b.write_face_archive(folder, 6, 4)),
}


def noise(seed: int, side: int = 48) -> NDArray[np.uint8]:
    """A grey picture (side, side) like no other."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def pictures(folder: Path) -> list[Path]:
    """Picture files below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)


def texts(folder: Path) -> list[Path]:
    """Files of text below a folder, sorted."""
    ends = {".txt", ".csv", ".lst"}
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ends)


def pixels_of(row: int) -> str:
    """The pixels of a row of ``fer2013.csv``."""
    return " ".join(map(str, noise(row).ravel()))


def write_whole(layout: Layout, folder: Path) -> Path:
    """Write a layout, every picture another one, and give its folder."""
    folder.mkdir(parents=True)
    layout.write(folder)
    for seed, path in enumerate(pictures(folder)):
        with Image.open(path) as old:
            side = old.width
        Image.fromarray(noise(seed, side)).save(path, quality=95)
    for path in folder.rglob("fer2013.csv"):
        header, *rows = list(csv.reader(path.open()))
        lines = [f"{row[0]},{pixels_of(number)},{row[2]}" for number, row in enumerate(rows)]
        path.write_text("\n".join([",".join(header), *lines]) + "\n")
    return folder


def copied(folder: Path, to: Path) -> Path:
    """A copy to be broken."""
    return Path(shutil.copytree(folder, to))


def _write_expw(folder: Path) -> None:
    """Boxes at the same places of each picture: copies of a picture are copies of its faces."""
    layouts_b.write_expw(folder, 28)
    lines = [line.split() for line in (folder / "label.lst").read_text().splitlines()]
    rows = [" ".join([*line[:2], "2", line[3], line[4], "26", *line[6:]]) for line in lines]
    (folder / "label.lst").write_text("\n".join(rows) + "\n")


def _write_table(folder: Path, labels: "tuple[str, ...] | str") -> None:
    path = layouts_b.write_table(folder, tuple(labels))
    header, *lines = path.read_text().splitlines()
    rows = [f"{line.rpartition(',')[0]},{line.split(',')[2]}-person" for line in lines]
    path.write_text("\n".join([header, *rows]) + "\n")
