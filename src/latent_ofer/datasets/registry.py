"""Every data set that can be opened by name: its reader, its terms, and what it looks like."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Final

from latent_ofer.datasets.listing import Listing, Reader
from latent_ofer.datasets.readers import affectnet, fer2013, ferplus, folders, lists, named, tables
from latent_ofer.errors import DataError
from latent_ofer.labels import CODES


@dataclass(frozen=True)
class DataSet:
    """One data set as people have it; `assets/data_sets.toml` says all but its reader.

    Attributes
    ----------
    name : str
        What the commands take.
    read : Reader
    title : str
    licence : str
        Its terms in one line.
    ask : str
        Where to ask for it, and who may.
    expected : str
        Its files, two or three lines with real paths.
    crops : bool
        Whether its pictures are face crops already; False for whole photos.
    classes : sequence of str
        Expressions of which a whole copy has pictures in each of its own splits; empty where
        nobody can tell.
    optional : sequence of str
        Those of `classes` that some copies leave out.
    counts : mapping of str to int
        Labelled pictures by split (where all labels of a split are withheld: its pictures), or
        under ``all`` those of all splits, as published; empty where none are.
    """

    name: str
    read: Reader
    title: str
    licence: str
    ask: str
    expected: str
    crops: bool
    classes: Sequence[str] = ()
    optional: Sequence[str] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


_READERS: Final[Mapping[str, Reader]] = {
    "raf-db": lists.read_rafdb,
    "affectnet": affectnet.read,
    "kdef": named.read_kdef,
    "ck+": named.read_ckplus,
    "jaffe": named.read_jaffe,
    "fer2013": fer2013.read_fer2013,
    "ferplus": ferplus.read_ferplus_set,
    "fed-ro": lists.read_fedro,
    "sfew": folders.read_sfew,
    "expw": lists.read_expw,
    "folder": folders.read_folder,
    "table": tables.read_table,
    "faces": tables.read_face_archive,
}
_ABOUT: Final = tomllib.loads(
    (files("latent_ofer") / "assets" / "data_sets.toml").read_text(encoding="utf-8")
)
SETS: Final = {name: DataSet(name, read, **_ABOUT[name]) for name, read in _READERS.items()}
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
