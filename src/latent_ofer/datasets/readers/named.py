"""Sets whose pictures' names tell everything: KDEF and JAFFE; and CK+, frames of sequences."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from latent_ofer.datasets.listing import Listing, Sample
from latent_ofer.datasets.people import give_splits
from latent_ofer.datasets.readers.findings import Fault, Findings, read_code
from latent_ofer.datasets.readers.folders import class_folders, known_folders, take_folders
from latent_ofer.datasets.tree import Tree
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS

KDEF = re.compile(
    r"(?P<session>[AB])(?P<person>(?P<sex>[FM])(0[1-9]|[12]\d|3[0-5]))"
    r"(?P<code>[A-Z]{2})(?P<angle>FL|HL|S|HR|FR)"
)
"""Session, sex, one of 35 people, expression, angle: full left ... straight ... full right."""
PEOPLE: Final = ("KA", "KL", "KM", "KR", "MK", "NA", "NM", "TM", "UY", "YM")
JAFFE = re.compile(rf"(?P<person>{'|'.join(PEOPLE)})\.(?P<code>[A-Z]{{2}})(?P<take>\d)\.\d+")
"""Person, expression and take, serial number."""
FRAME = re.compile(r"(?P<subject>S\d{3})_(?P<sequence>\d{3})_(?P<frame>\d{8})", re.IGNORECASE)
EMOTION_END: Final = "_emotion.txt"
PEAK_FRAMES: Final = 3
"""Frames at a sequence's end that show its expression; the first one shows none."""
OPTIONAL: Final = frozenset({"neutral", "contempt"})
"""What copies of CK+ in class folders leave out."""

Key = tuple[str, str]
"""Subject and sequence."""


def read_kdef(root: Path, codes: str | None) -> Listing:
    """List KDEF, from a folder or zip that holds its pictures at any depth.

    All angles and both sessions are listed; each sample's tags tell them.

    Raises
    ------
    DataError
        When no picture is named as KDEF names them.
    """
    return _read("kdef", root, codes, KDEF, "AF01ANS.JPG")


def read_jaffe(root: Path, codes: str | None) -> Listing:
    """List JAFFE, from a folder or zip that holds its pictures at any depth.

    Raises
    ------
    DataError
        When no picture is named as JAFFE names them.
    """
    return _read("jaffe", root, codes, JAFFE, "KA.AN1.39.tiff")


def _read(
    name: str, root: Path, codes: str | None, pattern: re.Pattern[str], example: str
) -> Listing:
    """Read a set by a pattern of names, whose parts are person, code and tags."""
    own, title = codes or name, name.upper()
    found = Findings(root)
    for path in found.tree.pictures():
        stem = path.rpartition("/")[2].rpartition(".")[0].upper()
        with found.telling():
            match = pattern.fullmatch(stem)
            if match is None:
                why = f"not named as {title} names pictures, expected one like {example}."
                raise Fault("bad_name", path, why)
            label = read_code(match["code"], own, path)
            if before := found.met_before(stem, path):
                why = f"{before} has the same name and is the one that counts."
                raise Fault("duplicate", path, why)
            tags = match.groupdict()
            subject, code = tags.pop("person"), tags.pop("code")
            found.samples.append(Sample(path, "train", label, code, subject, tags=tags))
    if not found.samples:
        raise found.not_the_set(title, f"pictures with names such as {example}")
    give_splits(found, name)
    return found.listing(name)


def read_ckplus(root: Path, codes: str | None) -> Listing:
    """List CK+, from its own folder or one above it, or from a zip of it.

    Of a sequence with an emotion file, the last three frames have its label and the first one is
    neutral; sequences without are left out.

    Parameters
    ----------
    root : Path
    codes : str or None
        Name of a map in `labels.CODES`; needed for class folders that are bare digits.

    Raises
    ------
    DataError
        When no picture is named as CK+ names them, or when class folders are bare digits and no
        codes are given.
    """
    found = Findings(root)
    emotions, sequences = _emotion_files(found.tree), _sequences(found.tree)
    if emotions:
        _read_ckplus(found, sequences, emotions, codes or "ck+")
    elif class_folders(found.tree):
        _read_ckplus_copy(found, codes)
    elif sequences:
        why = f"no file *{EMOTION_END} anywhere, expected one for a labelled sequence."
        found.wrong("missing_folder", "Emotion", why)
    else:
        raise found.not_the_set(
            "CK+",
            "cohn-kanade-images/S005/001/S005_001_00000001.png with "
            "Emotion/S005/001/S005_001_00000011_emotion.txt, or class folders such as anger",
        )
    return found.listing("ck+")


def _emotion_files(tree: Tree) -> dict[Key, list[str]]:
    found: defaultdict[Key, list[str]] = defaultdict(list)
    for path in tree.paths:
        match = FRAME.match(path.rpartition("/")[2])
        if match and path.lower().endswith(EMOTION_END):
            found[_key(match)].append(path)
    return found


def _sequences(tree: Tree) -> dict[Key, list[str]]:
    """Frames of each sequence, in the order of their numbers."""
    found: defaultdict[Key, dict[str, str]] = defaultdict(dict)
    for path in tree.pictures():
        match = _frame(path)
        if match:
            found[_key(match)].setdefault(match["frame"], path)
    return {key: [path for _, path in sorted(frames.items())] for key, frames in found.items()}


def _frame(path: str) -> re.Match[str] | None:
    return FRAME.fullmatch(path.rpartition("/")[2].rpartition(".")[0])


def _key(match: re.Match[str]) -> Key:
    return match["subject"].upper(), match["sequence"]


def _read_ckplus(
    found: Findings, sequences: dict[Key, list[str]], emotions: dict[Key, list[str]], codes: str
) -> None:
    for key, files in sorted(emotions.items()):
        if len(files) > 1:
            why = f"{files[0]} is of the same sequence and is the one that counts."
            found.wrong("duplicate", files[1], why)
        with found.telling():
            code = _code(found.tree, files[0])
            label = read_code(code, codes, files[0])
            frames = sequences.get(key, [])
            if len(frames) < 2:
                why = (
                    f"{len(frames)} pictures of its sequence are there, expected two or "
                    f"more in cohn-kanade-images/{key[0]}/{key[1]}."
                )
                raise Fault("missing_image", files[0], why)
            found.samples += _labelled_frames(frames, key, label, code)
    give_splits(found, "ck+")
    unlabelled = len(sequences.keys() - emotions.keys())
    found.notes.append(
        f"The last {PEAK_FRAMES} frames of a sequence have its label, the first is neutral; "
        f"{unlabelled:,} of {len(sequences):,} sequences have no emotion file and are left out."
    )
    unnamed = [path for path in found.tree.pictures() if _frame(path) is None]
    found.unlisted(unnamed, "named as CK+ names frames")


def _code(tree: Tree, path: str) -> str:
    try:
        code = tree.text(path).strip()
    except DataError as error:
        raise Fault("bad_file", path, str(error)) from error
    if not code:
        raise Fault("bad_file", path, "empty, expected a code such as 3.0000000e+00.")
    return code


def _labelled_frames(frames: Sequence[str], key: Key, label: int | None, code: str) -> list[Sample]:
    subject, sequence = key
    tags = {"sequence": sequence}
    neutral = EXPRESSIONS.index("neutral")
    first = Sample(frames[0], "train", neutral, "", subject, tags={**tags, "frame": "first"})
    return [first] + [
        Sample(frame, "train", label, code, subject, tags={**tags, "frame": "peak"})
        for frame in frames[1:][-PEAK_FRAMES:]
    ]


def _read_ckplus_copy(found: Findings, codes: str | None) -> None:
    folders = known_folders(found, "CK+", codes)
    found.notes.append("A copy in class folders.")
    take_folders(found, folders, codes or "ck+", optional=OPTIONAL)
    samples, found.samples = found.samples, []
    for sample in samples:
        match = _frame(sample.path)
        if match:
            subject, sequence = _key(match)
            found.samples.append(replace(sample, subject=subject, tags={"sequence": sequence}))
        else:
            why = (
                "not named as CK+ names frames, expected one like S010_004_00000017.png, which "
                "tells the person."
            )
            found.wrong("bad_name", sample.path, why)
    if not found.samples:
        raise found.not_the_set("CK+", "frames with names such as S010_004_00000017.png")
    give_splits(found, "ck+")
