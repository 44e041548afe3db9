"""Every data set that can be opened by name: its reader, its terms, and what it looks like."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from latent_ofer.datasets.listing import Listing, Reader
from latent_ofer.datasets.readers import affectnet
from latent_ofer.datasets.readers.fer import read_fer2013, read_ferplus_set
from latent_ofer.datasets.readers.folders import read_folder, read_sfew
from latent_ofer.datasets.readers.lists import read_expw, read_fedro, read_rafdb
from latent_ofer.datasets.readers.named import read_ckplus, read_jaffe, read_kdef
from latent_ofer.datasets.readers.tables import read_face_archive, read_table
from latent_ofer.errors import DataError
from latent_ofer.labels import CODES, EXPRESSIONS, SEVEN


@dataclass(frozen=True)
class DataSet:
    """One data set as people have it.

    Attributes
    ----------
    name : str
        What the commands take.
    title : str
    read : Reader
    licence : str
        Its terms in one line.
    ask : str
        Where to ask for it, and who may.
    expected : str
        Its files, two or three lines with real paths.
    crops : bool
        Whether its pictures are face crops already; False for whole photos.
    classes : tuple of str
        Expressions of which a whole copy has pictures in each of its own splits; empty where
        nobody can tell.
    optional : tuple of str
        Those of `classes` that some copies leave out.
    counts : mapping of str to int
        Labelled pictures by split (where all labels of a split are withheld: its pictures), or
        under ``all`` those of all splits, as published; empty where none are.
    """

    name: str
    title: str
    read: Reader
    licence: str
    ask: str
    expected: str
    crops: bool
    classes: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


_ALL = (
    DataSet(
        "raf-db",
        "RAF-DB, basic expressions",
        read_rafdb,
        "non-commercial research; neither pictures nor data derived from them may be passed on",
        "whdeng.cn/RAF, by mail from an institution",
        "EmoLabel/list_patition_label.txt with lines such as: train_00001.jpg 5\n"
        "Image/aligned/train_00001_aligned.jpg, Image/aligned/test_0001_aligned.jpg\n"
        "or class folders train/1 ... train/7 and test/1 ... test/7 (give --codes)",
        crops=True,
        classes=SEVEN,
        counts={"train": 12_271, "test": 3_068},
    ),
    DataSet(
        "affectnet",
        "AffectNet",
        affectnet.read,
        "research only",
        "mohammadmahoor.com; only professors and managers of laboratories may apply",
        "training.csv, validation.csv and Manually_Annotated_Images/<folder>/<hash>.jpg\n"
        "or train_set/images/0.jpg with train_set/annotations/0_exp.npy, and the same in val_set\n"
        "or class folders train/0 ... train/7 and val/0 ... val/7",
        crops=True,
        classes=EXPRESSIONS,
        optional=("contempt",),
        counts={"train": 287_651, "val": 4_000},
    ),
    DataSet(
        "kdef",
        "KDEF, Karolinska Directed Emotional Faces",
        read_kdef,
        "non-commercial research; no redistribution",
        "kdef.se, for researchers",
        "AF01/AF01ANS.JPG (session, sex, person, expression, angle), with or without the folders",
        crops=False,
        classes=SEVEN,
        counts={"all": 4_900},
    ),
    DataSet(
        "ck+",
        "CK+, Extended Cohn-Kanade",
        read_ckplus,
        "non-commercial, under a signed agreement",
        "jeffcohn.net, by the agreement form",
        "cohn-kanade-images/S005/001/S005_001_00000001.png ...\n"
        "Emotion/S005/001/S005_001_00000011_emotion.txt\n"
        "or class folders such as anger/S010_004_00000017.png",
        crops=False,
        classes=EXPRESSIONS,
        optional=("neutral", "contempt"),
    ),
    DataSet(
        "jaffe",
        "JAFFE, Japanese Female Facial Expression",
        read_jaffe,
        "non-commercial",
        "Zenodo, restricted: access on request",
        "KA.AN1.39.tiff (person, expression and take, serial number)",
        crops=False,
        classes=SEVEN,
        counts={"all": 213},
    ),
    DataSet(
        "fer2013",
        "FER2013",
        read_fer2013,
        "rules of its Kaggle competition; the rights in the pictures are unclear",
        "Kaggle",
        "fer2013.csv with the columns emotion,pixels,Usage\n"
        "or class folders train/angry ... train/surprise and test/angry ... test/surprise",
        crops=True,
        classes=SEVEN,
        counts={"train": 28_709, "val": 3_589, "test": 3_589},
    ),
    DataSet(
        "ferplus",
        "FERPlus: FER2013 with ten votes a face",
        read_ferplus_set,
        "labels MIT; the pictures are those of FER2013",
        "labels: github.com/microsoft/FERPlus; pictures: see fer2013",
        "fer2013.csv and fer2013new.csv, joined by the order of their rows\n"
        "or FER2013Train, FER2013Valid, FER2013Test, each with label.csv and fer0000000.png ...",
        crops=True,
        classes=EXPRESSIONS,
        counts={"train": 25_045, "val": 3_191, "test": 3_137},
    ),
    DataSet(
        "fed-ro",
        "FED-RO, real occlusions",
        read_fedro,
        "not known to us: ask before use",
        "the authors of the gACNN paper, who made it",
        "class folders such as happy/ or 1/ (give --codes for bare digits)",
        crops=False,
        classes=SEVEN,
        counts={"all": 400},
    ),
    DataSet(
        "sfew",
        "SFEW 2.0, stills from films",
        read_sfew,
        "under the EmotiW agreement",
        "the organisers of the EmotiW challenge",
        "Train/Angry ... Train/Surprise, Val/Angry ... Val/Surprise, Test (labels withheld)",
        crops=False,
        classes=SEVEN,
        counts={"train": 958, "val": 436, "test": 372},
    ),
    DataSet(
        "expw",
        "ExpW, Expression in the Wild",
        read_expw,
        "no explicit licence known to us: ask before use",
        "its authors",
        "label/label.lst, one face a line: name, face id, box, confidence, label\n"
        "image/origin/<name>.jpg",
        crops=False,
        classes=SEVEN,
    ),
    DataSet(
        "folder",
        "Any folder with a folder for each class",
        read_folder,
        "your own",
        "your own pictures",
        "happy/*.jpg, sad/*.jpg ... or the same inside train/, val/, test/\n"
        "or 0/ ... 7/ with --codes, the name of the table that tells what the digits mean",
        crops=True,
    ),
    DataSet(
        "table",
        "Any CSV or Parquet file with path and label",
        read_table,
        "your own",
        "your own pictures",
        "faces.csv with the columns path,label and, if there are, split,subject\n"
        "the paths are relative to the folder of the file",
        crops=True,
    ),
    DataSet(
        "faces",
        "The archives of aligned faces that this package trains on",
        read_face_archive,
        "research; no single picture may be published; the terms of each source apply",
        "put together by the authors of this package, not handed out",
        "faces.zip or masked_faces.zip, with index.csv and images/<source>/<id>.webp",
        crops=True,
    ),
)

SETS: Final[Mapping[str, DataSet]] = {data_set.name: data_set for data_set in _ALL}
"""Name -> data set."""


def data_set(name: str) -> DataSet:
    """A data set by its name, without regard to case.

    Raises
    ------
    DataError
        For an unknown name; it names the nearest known one.
    """
    found = SETS.get(name.lower())
    if found is None:
        raise DataError(f"{name}: no data set of this name{_nearest(name, SETS)}")
    return found


def open_set(name: str, path: Path, codes: str | None = None) -> Listing:
    """List a data set's pictures and labels; no picture is opened.

    Parameters
    ----------
    name : str
        One of `SETS`.
    path : Path
        The set's folder, zip archive or table.
    codes : str or None
        Name of the map in `labels.CODES` for class folders that are bare digits; None for the
        set's own.

    Raises
    ------
    DataError
        For an unknown name or map, and for a path that cannot hold the set at all.
    """
    chosen = data_set(name)
    if codes is not None and codes not in CODES:
        raise DataError(f"{codes}: no table of codes of this name{_nearest(codes, CODES)}")
    return chosen.read(path, codes)


def _nearest(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=1)
    did_you_mean = f" (did you mean {near[0]}?)" if near else ""
    return f"{did_you_mean}; there are {', '.join(known)}."
