"""Lists of occluded and of turned faces in RAF-DB, FERPlus and AffectNet, as RAN published them.

A list is a part of a data set that its user holds apart; it carries a code in the place of a
label, but the data set's own label counts.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from latent_ofer.datasets.listing import Listing, Problem, Sample
from latent_ofer.datasets.readers.findings import Fault, capped, read_code
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS

Kind = Literal["occlusion", "pose"]


_LINES: Final[tuple[tuple[str, Kind, str], ...]] = (
    ("raf-db", "occlusion", r"(?P<name>test_\d+)_aligned(\.jpg)? (?P<code>\d) (?P<type>\d)"),
    ("raf-db", "pose", r"(?P<code>\d)/(?P<name>test_\d+)_aligned\.jpg"),
    ("ferplus", "occlusion", r"(?P<code>\d)_(?P<name>fer\d+)\.png \d+ (?P<type>\d)"),
    ("ferplus", "pose", r"(?P<code>\d)/(?P<name>fer\d+)\.jpg"),
    ("affectnet", "occlusion", r"val/(?P<code>\d)/(?P<name>[0-9a-f]{56})/?"),
    ("affectnet", "pose", r"(?P<code>\d)/(?P<name>[0-9a-f]{56})(\.jpg|/\d+\.jpg)"),
)
"""How each list writes a line; with the type where it says how a face is occluded."""


@dataclass(frozen=True)
class Entry:
    """One face of a list.

    Attributes
    ----------
    place : str
        File and line.
    name : str
        Base name without ending, in lower case: ``test_0003``, ``fer0034656`` or a hash.
    label : int or None
        Index into `labels.EXPRESSIONS` of the list's own code.
    tag : str
        Type of occlusion as the list writes it, "yes" where it writes none; or the least angle
        of a pose in degrees.
    """

    place: str
    name: str
    label: int | None
    tag: str


@dataclass(frozen=True)
class ChallengeList:
    """A list of faces of one data set.

    Attributes
    ----------
    path : Path
    data_set : str
        ``raf-db``, ``ferplus`` or ``affectnet``.
    kind : {"occlusion", "pose"}
    entries : list of Entry
        In the list's order, each name once.
    repeated : int
        Lines that name a face again, left out.
    problems : list of Problem
        Lines that cannot be read.
    """

    path: Path
    data_set: str
    kind: Kind
    entries: list[Entry]
    repeated: int
    problems: list[Problem]


def read_list(path: Path) -> ChallengeList:
    """Read a list; its first line that fits a known form tells which list it is.

    Lists of turned faces do not say their angle: it is 45 degrees where the file's name has 45
    in it, else 30.

    Raises
    ------
    DataError
        When the file cannot be read or no line has a known form.
    """
    try:
        text = path.read_text("utf-8-sig", errors="replace")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    tidy = (" ".join(line.split()) for line in text.splitlines())
    lines = {f"{path.name}:{number}": line for number, line in enumerate(tidy, start=1) if line}
    fitting = (form for line in lines.values() for form in _LINES if re.fullmatch(form[2], line))
    form = next(fitting, None)
    if form is None:
        raise DataError(
            f"{path}: no list of occlusions or poses. Expected lines such as "
            "'test_0003_aligned 3 4', '0/test_0004_aligned.jpg', '1_fer0034656.png 8 0', "
            "'0/fer0032226.jpg' or 'val/0/<hash>/'."
        )
    data_set, kind, pattern = form
    unsaid = "yes" if kind == "occlusion" else "45" if "45" in path.stem else "30"
    codes = "raf-db-from-0" if data_set == "raf-db" else data_set
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    repeated = 0
    for place, line in lines.items():
        try:
            match = re.fullmatch(pattern, line)
            if match is None:
                why = f'"{line[:60]}" does not have the form of this list of {kind}s in {data_set}.'
                raise Fault("bad_file", place, why)
            label = read_code(match["code"], codes, place)
            repeated += match["name"] in entries
            tag = match.groupdict().get("type", unsaid)
            entries.setdefault(match["name"], Entry(place, match["name"], label, tag))
        except Fault as fault:
            problems.append(fault.problem)
    return ChallengeList(path, data_set, kind, list(entries.values()), repeated, capped(problems))


def restrict(listing: Listing, chosen: ChallengeList) -> Listing:
    """The samples that a list names, in the list's order, tagged with its kind.

    Faces are found by base name (for FERPlus: by the image name, which is not the number of the
    row). Where list and data set disagree about a label, the data set's counts.

    Parameters
    ----------
    listing : Listing
        The data set that the list belongs to.

    Returns
    -------
    Listing
        The problems of the data set, then those of the list.

    Raises
    ------
    DataError
        When the data set has none of the faces.
    """
    by_name = {_name(sample): sample for sample in reversed(listing.samples)}
    samples: list[Sample] = []
    problems = list(chosen.problems)
    for entry in chosen.entries:
        sample = by_name.get(entry.name)
        if sample is None:
            why = f"{entry.name} is not in {listing.name}."
            problems.append(Fault("missing_image", entry.place, why).problem)
            continue
        if sample.label != entry.label:
            why = (
                f"{entry.name} is {_word(entry.label)} in the list and "
                f"{_word(sample.label)} in {listing.name}, which counts."
            )
            problems.append(Fault("bad_file", entry.place, why).problem)
        samples.append(replace(sample, tags={**sample.tags, chosen.kind: entry.tag}))
    if not samples:
        raise DataError(
            f"{chosen.path}: {listing.root} has none of its {len(chosen.entries):,} faces; "
            f"the list is of {chosen.data_set}, the data set is {listing.name}."
        )
    note = (
        f"{len(samples):,} of {len(chosen.entries):,} faces of {chosen.path.name} "
        f"({chosen.kind}); {chosen.repeated:,} repeated lines left out."
    )
    return replace(
        listing,
        samples=samples,
        problems=[*listing.problems, *capped(problems)],
        notes=[*listing.notes, note],
    )


def _name(sample: Sample) -> str:
    """Base name as the lists write it."""
    stem = PurePosixPath(sample.tags.get("name", sample.path)).stem
    return stem.lower().removesuffix("_aligned")


def _word(label: int | None) -> str:
    return "without label" if label is None else EXPRESSIONS[label]
