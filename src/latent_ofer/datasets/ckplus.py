"""CK+: sequences of frames with an emotion file each, or a copy of single frames by class."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from latent_ofer.datasets.findings import (
    capped,
    checked_codes,
    not_the_set,
    read_code,
    unlisted_images,
)
from latent_ofer.datasets.folder_names import ClassFolder, class_folders, samples_of
from latent_ofer.datasets.listing import Listing, Problem, Sample
from latent_ofer.datasets.people import with_splits
from latent_ofer.datasets.tree import Tree
from latent_ofer.datasets.words_or_codes import need_a_map
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS

NAME: Final = "ck+"
FRAME = re.compile(r"(?P<subject>S\d{3})_(?P<sequence>\d{3})_(?P<frame>\d{8})", re.IGNORECASE)
EMOTION_END: Final = "_emotion.txt"
PEAK_FRAMES: Final = 3
"""Frames at a sequence's end that show its expression; the first one shows none."""

OPTIONAL: Final = frozenset({"neutral", "contempt"})
"""What copies in class folders leave out."""

Key = tuple[str, str]
"""Subject and sequence."""


def read(root: Path, codes: str | None) -> Listing:
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
    tree = Tree(root)
    own = checked_codes(codes or "ck+")
    emotions = _emotion_files(tree)
    if not emotions and (folders := class_folders(tree)):
        return _copy(tree, folders, codes)
    sequences = _sequences(tree)
    if not sequences and not emotions:
        raise not_the_set(
            tree,
            "CK+",
            "cohn-kanade-images/S005/001/S005_001_00000001.png with "
            "Emotion/S005/001/S005_001_00000011_emotion.txt, or class folders such as anger",
        )
    if not emotions:
        message = f"Emotion: no file *{EMOTION_END} anywhere, expected one for a labelled sequence."
        problem = Problem("missing_folder", "Emotion", message)
        return Listing(NAME, root, tree, [], [problem])
    return _official(tree, sequences, emotions, own)


def _emotion_files(tree: Tree) -> dict[Key, list[str]]:
    found: defaultdict[Key, list[str]] = defaultdict(list)
    for path in tree.paths:
        if path.lower().endswith(EMOTION_END):
            match = FRAME.match(path.rpartition("/")[2])
            if match:
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


def _official(
    tree: Tree,
    sequences: dict[Key, list[str]],
    emotions: dict[Key, list[str]],
    codes: str,
) -> Listing:
    samples: list[Sample] = []
    problems: list[Problem] = []
    for key, files in sorted(emotions.items()):
        if len(files) > 1:
            message = f"{files[1]}: {files[0]} is of the same sequence and is the one that counts."
            problems.append(Problem("duplicate", files[1], message))
        code = _code(tree, files[0])
        if isinstance(code, Problem):
            problems.append(code)
            continue
        label = read_code(code, codes, files[0])
        frames = sequences.get(key, [])
        if isinstance(label, Problem):
            problems.append(label)
        elif len(frames) < 2:
            message = (
                f"{files[0]}: {len(frames)} pictures of its sequence are there, expected two or "
                f"more in cohn-kanade-images/{key[0]}/{key[1]}."
            )
            problems.append(Problem("missing_image", files[0], message))
        else:
            samples += _labelled_frames(frames, key, label, code)
    samples, of_people, notes = with_splits(NAME, samples)
    unlabelled = len(sequences.keys() - emotions.keys())
    notes.append(
        f"The last {PEAK_FRAMES} frames of a sequence have its label, the first is neutral; "
        f"{unlabelled:,} of {len(sequences):,} sequences have no emotion file and are left out."
    )
    unnamed = [path for path in tree.pictures() if _frame(path) is None]
    problems = capped(problems) + of_people + unlisted_images(unnamed, "named as CK+ names frames")
    return Listing(NAME, tree.root, tree, samples, problems, notes)


def _code(tree: Tree, path: str) -> str | Problem:
    try:
        code = tree.text(path).strip()
    except DataError as error:
        return Problem("bad_file", path, str(error))
    if code:
        return code
    return Problem("bad_file", path, f"{path}: empty, expected a code such as 3.0000000e+00.")


def _labelled_frames(frames: Sequence[str], key: Key, label: int | None, code: str) -> list[Sample]:
    subject, sequence = key
    tags = {"sequence": sequence}
    neutral = EXPRESSIONS.index("neutral")
    first = Sample(frames[0], "train", neutral, "", subject, tags={**tags, "frame": "first"})
    return [first] + [
        Sample(frame, "train", label, code, subject, tags={**tags, "frame": "peak"})
        for frame in frames[1:][-PEAK_FRAMES:]
    ]


def _copy(tree: Tree, folders: Sequence[ClassFolder], codes: str | None) -> Listing:
    digits = [folder for folder in folders if folder.is_digits]
    if codes is None and digits:
        raise need_a_map(tree.root, (folder.name for folder in digits for _ in folder.pictures))
    samples, problems, notes = samples_of(folders, codes or "ck+", lambda path: "train", OPTIONAL)
    named: list[Sample] = []
    for sample in samples:
        match = _frame(sample.path)
        if match:
            subject, sequence = _key(match)
            named.append(replace(sample, subject=subject, tags={"sequence": sequence}))
        else:
            message = (
                f"{sample.path}: not named as CK+ names frames, expected one like "
                "S010_004_00000017.png, which tells the person."
            )
            problems.append(Problem("bad_name", sample.path, message))
    if not named:
        raise not_the_set(tree, "CK+", "frames with names such as S010_004_00000017.png")
    named, of_people, people_notes = with_splits(NAME, named)
    notes = ["A copy in class folders.", *notes, *people_notes]
    return Listing(NAME, tree.root, tree, named, capped(problems) + of_people, notes)
