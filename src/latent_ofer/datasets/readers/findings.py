"""What a reader finds, told in the same words by all: codes, missing pictures, the wrong folder."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from latent_ofer.datasets.listing import Listing, Pictures, Problem, ProblemKind, Sample, Split
from latent_ofer.datasets.tree import Tree
from latent_ofer.errors import DataError
from latent_ofer.labels import CODES, EXPRESSIONS, UNUSED, index_of, index_of_word

SHOWN: Final = 20
"""Problems of one kind that are told one by one; the rest is counted."""


class Fault(Exception):  # noqa: N818  (it is no error of the program)
    """What is wrong with one row or file of a set: `Findings.telling` makes it a Problem.

    Parameters
    ----------
    kind : str
    place : str
        File (and line) that it is about.
    why : str
        One sentence, which is told behind the place.
    """

    def __init__(self, kind: ProblemKind, place: str, why: str) -> None:
        super().__init__(kind, place, why)
        self.problem = Problem(kind, place, f"{place}: {why}")


class Findings:
    """What a reader collects on its way through a set.

    Parameters
    ----------
    root : Path
        What the user gave.
    within : Path, optional
        Its folder, where it is a table.

    Attributes
    ----------
    tree : Tree
        The set's files.
    samples : list of Sample
    problems : list of Problem
        Of rows and files: many of a kind are counted at the end.
    of_set : list of Problem
        Of the whole set, told behind those.
    notes : list of str
    """

    def __init__(self, root: Path, within: Path | None = None) -> None:
        self.root = root
        self.tree = Tree(within or root)
        self.samples: list[Sample] = []
        self.problems: list[Problem] = []
        self.of_set: list[Problem] = []
        self.notes: list[str] = []
        self._missing: defaultdict[Split, list[tuple[str, str]]] = defaultdict(list)
        self._listed: Counter[Split] = Counter()
        self._first: dict[str, str] = {}
        self._named: set[str] = set()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Around what is done for one row: a Fault ends it and becomes a Problem."""
        try:
            yield
        except Fault as fault:
            self.problems.append(fault.problem)

    def wrong(self, kind: ProblemKind, place: str, why: str) -> None:
        """Tell one problem and go on."""
        self.problems.append(Fault(kind, place, why).problem)

    def met_before(self, key: str, place: str) -> str | None:
        """Where a key was met before, or None where this is the first place."""
        before = self._first.setdefault(key, place)
        return None if before == place else before

    @property
    def met_none(self) -> bool:
        """Whether `met_before` was never asked."""
        return not self._first

    def find(self, wanted: str) -> str:
        """The file that a list names; empty where there is none."""
        path = self.tree.find(wanted) or ""
        self._named.add(path)
        return path

    def listed(self, place: str, wanted: str, sample: Sample) -> None:
        """Take a sample that a list names, if its picture is there.

        Parameters
        ----------
        place : str
            Where the list names it.
        wanted : str
            Where the picture was expected.
        sample : Sample
            Without a path where there is no picture.
        """
        self._listed[sample.split] += 1
        if sample.path:
            self.samples.append(sample)
        else:
            self._missing[sample.split].append((place, wanted))

    def unlisted(self, paths: Iterable[str], expected: str) -> None:
        """Tell in one problem of pictures that are there and belong to nothing.

        Parameters
        ----------
        paths : iterable of str
            Those that `find` has found count as listed.
        expected : str
            Where a picture must stand to belong to the set: "named in training.csv".
        """
        left = [path for path in paths if path not in self._named]
        if left:
            count = "1 picture is" if len(left) == 1 else f"{len(left):,} pictures are"
            message = f"{count} not {expected} and left out, the first is {left[0]}."
            self.of_set.append(Problem("unlisted_image", left[0], message))

    def must_have_a_map(self, labels: Iterable[str], codes: str | None) -> None:
        """See that there is a map of codes where labels are bare numbers.

        Parameters
        ----------
        labels : iterable of str
            The label of each picture.
        codes : str or None
            Name of the map that was given.

        Raises
        ------
        DataError
            Where there is none, and sets number their classes in several orders.
        """
        counts = Counter(int(code.removesuffix(".0")) for code in labels if _is_code(code))
        if codes is not None or not counts:
            return
        met = {str(code) for code in counts}
        fit = [name for name in CODES if met <= {*CODES[name], *UNUSED.get(name, {})}]
        shown = ", ".join(f"{code}: {counts[code]:,}" for code in sorted(counts))
        raise DataError(
            f"{self.root}: the classes are bare numbers ({shown}), and sets number them "
            "differently. Say whose order it is with codes: "
            f"{' or '.join(fit) or 'no known map has them all'}."
        )

    def not_the_set(self, title: str, expected: str) -> DataError:
        """The error for a path that cannot hold a set.

        Parameters
        ----------
        title : str
            The set's name as people write it.
        expected : str
            Which files or folders were looked for.
        """
        tops = sorted({path.split("/")[0] + "/" * ("/" in path) for path in self.tree.paths})
        more = f" and {len(tops) - 5:,} more" if len(tops) > 5 else ""
        found = ", ".join(tops[:5]) + more if tops else "nothing"
        return DataError(
            f"{self.tree.root}: no {title} here; looked for {expected}, found {found}."
        )

    def listing(self, name: str, pictures: Pictures | None = None) -> Listing:
        """All of it."""
        problems = capped(self.problems)
        for split, missing in self._missing.items():
            problems += _missing_images(split, missing, self._listed[split])
        told = problems + self.of_set
        for why, count in self.tree.left_out.items():
            self.notes.append(f"{count:,} files or folders left out: {why}.")
        return Listing(name, self.root, pictures or self.tree, self.samples, told, self.notes)


def read_code(code: str, codes: str, place: str) -> int | None:
    """Label of a code.

    Parameters
    ----------
    code : str
        As the set writes it; whole numbers in any spelling (``5``, ``05``, ``5.0``).
    codes : str
        Name of a map in `labels.CODES`.
    place : str
        Where the code stands: file, file:line or folder.

    Returns
    -------
    int or None
        Index into `labels.EXPRESSIONS`; None for a code that the set leaves without expression.

    Raises
    ------
    Fault
        For a code that the map does not have.
    """
    number = _whole_number(code)
    try:
        return index_of(code if number is None else str(number), codes)
    except KeyError:
        known = ", ".join(CODES[codes])
        if number is None:
            why = f'"{code}" is no known code, expected one of {known}.'
            raise Fault("unknown_code", place, why) from None
        why = f"code {number} is out of range, expected one of {known}."
        raise Fault("label_out_of_range", place, why) from None


def _whole_number(code: str) -> int | None:
    try:
        number = float(code)
        return int(number) if number == int(number) else None
    except (ValueError, OverflowError):
        return None


def read_label(text: str, codes: str | None, place: str) -> int | None:
    """Label of a word, or of a code of a map.

    Parameters
    ----------
    text : str
        As the set writes it; empty where there is no label.
    codes : str or None
        Name of a map in `labels.CODES`; None where only words are known.
    place : str
        File and line, for the message.

    Returns
    -------
    int or None
        Index into `labels.EXPRESSIONS`; None for no label, or a code without expression.

    Raises
    ------
    Fault
        Where it is neither.
    """
    if not text:
        return None
    try:
        return index_of_word(text)
    except KeyError:
        if codes is not None:
            return read_code(text, codes, place)
    why = f'"{text}" names no expression, expected a word such as {", ".join(EXPRESSIONS)}.'
    raise Fault("unknown_code", place, why)


def _is_code(text: str) -> bool:
    """Whether a label is a bare whole number: ``3``, or ``3.0`` as some tables write it."""
    return text.removesuffix(".0").isdecimal()


def capped(problems: Sequence[Problem]) -> list[Problem]:
    """At most `SHOWN` problems of each kind, and one more that counts the rest."""
    total = Counter(problem.kind for problem in problems)
    seen: Counter[str] = Counter()
    kept: list[Problem] = []
    for problem in problems:
        seen[problem.kind] += 1
        if seen[problem.kind] <= SHOWN:
            kept.append(problem)
        elif seen[problem.kind] == SHOWN + 1:
            why = f"here and further on, {total[problem.kind] - SHOWN:,} more of the kind above."
            kept.append(Fault(problem.kind, problem.place, why).problem)
    return kept


def _missing_images(split: Split, missing: Sequence[tuple[str, str]], listed: int) -> list[Problem]:
    """Problems for pictures that a list names, among so many of a split, and nobody finds."""
    problems = [
        Fault("missing_image", place, f"{path} is listed but not there.").problem
        for place, path in missing[:SHOWN]
    ]
    if len(missing) > SHOWN:
        place, path = missing[0]
        count = f"{len(missing):,} of {listed:,} {split} pictures"
        message = f"{count} are missing, the first is {path}."
        problems.append(Problem("missing_image", place, message))
    return problems
