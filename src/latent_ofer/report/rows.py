"""The rows that `predict` has written, whatever their form, as one kind of record."""

import csv
import json
import math
import os
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.names import utf8_text
from latent_ofer.occlusion.patches import GRID
from latent_ofer.results import REGIONS, UNCERTAIN

_NAMES: Final = ("results.jsonl", "results.csv", "results.parquet")
_UNFINISHED: Final = "results.unfinished.jsonl"
_FORMULA: Final = ("'=", "'+", "'-", "'@", "'\t", "'\r", "'\n")
"""What a text begins with that `predict` has kept a spreadsheet from running."""


@dataclass(frozen=True)
class FaceRow:
    """One face of a table of results; a field that the table lacks is None or empty.

    Attributes
    ----------
    expression, confidence, probabilities
        After the repair; confidence and probabilities 0 to 1.
    before, before_confidence, before_probabilities
        The same before it.
    hidden : float
        Share of the face's patches, 0 to 1.
    regions : dict of str to float
        Hidden share of each named region.
    mask : str
        The 196 patches in a row, four a hexadecimal digit, the first one the highest bit: many
        rows are in memory at once. Empty where the table has no masks.
    covers : tuple of (str, float)
        What hides it, the largest region first: type and its probability, 0 to 1.
    box, landmarks : lists of numbers, or None
        Pixels of the upright photo.
    number, frame, time, track
        Of the face in its image, and of a video.
    figure : str or None
        Its figure, relative to the results.
    """

    expression: str
    confidence: float
    hidden: float
    probabilities: Mapping[str, float]
    before: str
    before_confidence: float
    before_probabilities: Mapping[str, float]
    regions: Mapping[str, float]
    mask: str = ""
    covers: tuple[tuple[str, float], ...] = ()
    box: list[float] | None = None
    landmarks: list[list[float]] | None = None
    number: int | None = None
    frame: int | None = None
    time: float | None = None
    track: int | None = None
    figure: str | None = None

    @property
    def changed(self) -> bool:
        """Whether another expression is likeliest after the repair than before it."""
        likeliest = max(self.probabilities, key=self.probabilities.__getitem__, default=self.before)
        return (likeliest if self.expression == UNCERTAIN else self.expression) != self.before


@dataclass(frozen=True)
class Row:
    """One row: a face, an error, or an image without any face.

    Attributes
    ----------
    file : str
        As text.
    path : str
        As the system knows it.
    face : FaceRow or None
    error : (code, message) or None
    """

    file: str
    path: str
    face: FaceRow | None = None
    error: tuple[str, str] | None = None


@dataclass
class Table:
    """All rows of a run.

    Attributes
    ----------
    path : Path
        The file.
    rows : list of Row
    unreadable : int
        Lines that are no row, such as one that was cut short.
    """

    path: Path
    rows: list[Row] = field(default_factory=list)
    unreadable: int = 0


def read_table(place: Path) -> Table:
    """Read the rows of a folder of results, or of a file of them.

    Parameters
    ----------
    place : Path
        JSON Lines, CSV or Parquet, with the columns of this package.

    Raises
    ------
    DataError
        If there is no such file, or no row in it can be read.
    ImportError
        If Parquet is wanted and pyarrow is not installed.
    """
    table = Table(_file(place))
    seen = 0
    for values in _values(table.path):
        seen += 1
        try:
            table.rows.append(_row(values))
        except (KeyError, TypeError, ValueError, AttributeError):
            table.unreadable += 1
    if seen and not table.rows:
        raise DataError(
            f"{place}: no row of results in it; give what `latent-ofer predict` wrote, with its "
            "own columns"
        )
    return table


def _file(place: Path) -> Path:
    if not place.is_dir():
        if not place.is_file():
            raise DataError(f"{place}: no such file or folder")
        return place
    for name in _NAMES:
        if (place / name).is_file():
            return place / name
    if (place / _UNFINISHED).is_file():
        raise DataError(f"{place}: a run in it is unfinished; start it again, and it goes on")
    raise DataError(f"{place}: no results.jsonl, results.csv or results.parquet in this folder")


def _values(path: Path) -> Iterator[Any]:
    kind = path.suffix.lower()
    if kind == ".csv":
        with path.open(encoding="utf-8", errors="replace", newline="") as stream:
            csv.field_size_limit(10_000_000)
            yield from csv.DictReader(stream)
    elif kind == ".parquet":
        yield from _parquet(path)
    else:
        with path.open(encoding="utf-8", errors="replace") as stream:
            yield from (_json(line) for line in stream if line.strip())


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _parquet(path: Path) -> Iterable[Any]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise ImportError("Parquet needs pyarrow: pip install 'latent-ofer[parquet]'") from error
    try:
        rows: list[Any] = parquet.read_table(path).to_pylist()
    except (ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read as Parquet") from error
    return rows


def _row(values: Mapping[str, Any]) -> Row:
    """Raises KeyError, TypeError, ValueError or AttributeError for what is no row."""
    name = "path" if "path" in values else "file"
    text = values[name] or ""
    very_bytes = values.get(f"{name}_b64")
    path = os.fsdecode(b64decode(very_bytes, validate=True)) if very_bytes else text
    file, status = utf8_text(text), values["status"]
    if status == "error":
        found = values.get("error") or {
            part: values.get(f"error_{part}") for part in ("code", "message")
        }
        shown = [utf8_text(str(found.get(part) or "")) for part in ("code", "message")]
        return Row(file, path, error=(shown[0], shown[1]))
    if status == "no_face":
        return Row(file, path)
    if status != "ok":
        raise ValueError(status)
    is_flat = "hidden_ratio" in values
    if is_flat and text.startswith(_FORMULA):
        file, path = file[1:], path if very_bytes else path[1:]
    return Row(file, path, _face(_nested(values) if is_flat else values))


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a table in the form that JSON Lines have."""
    present = {name: value for name, value in values.items() if value not in (None, "")}

    def shares(prefix: str, names: Iterable[str]) -> dict[str, Any]:
        return {name: present[prefix + name] for name in names if prefix + name in present}

    corners = ("x0", "y0", "x1", "y1")
    return {
        **present,
        "probabilities": shares("p_", EXPRESSIONS),
        "before": {
            "expression": present["before_expression"],
            "confidence": present["before_confidence"],
            "probabilities": shares("before_p_", EXPRESSIONS),
        },
        "occlusion": {"ratio": present["hidden_ratio"], "regions": shares("hidden_", REGIONS)},
        "box": [present[corner] for corner in corners] if "x0" in present else None,
    }


def _face(values: Mapping[str, Any]) -> FaceRow:
    before, occlusion = values["before"], values["occlusion"]
    box, landmarks, mask = values.get("box"), values.get("landmarks"), occlusion.get("mask")
    figure = values.get("figure")
    return FaceRow(
        expression=_label(values["expression"]),
        confidence=_share(values["confidence"]),
        hidden=_share(occlusion["ratio"]),
        probabilities=_shares(values["probabilities"], EXPRESSIONS),
        before=_label(before["expression"]),
        before_confidence=_share(before["confidence"]),
        before_probabilities=_shares(before["probabilities"], EXPRESSIONS),
        regions=_shares(occlusion["regions"], REGIONS),
        mask="" if mask is None else _bits(mask),
        covers=tuple(
            (str(cover["type"]), _share(cover["probability"]))
            for cover in occlusion.get("covers", ())
            if cover["hidden"]
        ),
        box=None if box is None else [_number(value) for value in box],
        landmarks=None if landmarks is None else [[_number(v) for v in p] for p in landmarks],
        number=_whole(values.get("face")),
        frame=_whole(values.get("frame")),
        time=None if values.get("time") is None else _number(values["time"]),
        track=_whole(values.get("track")),
        figure=None if figure is None else str(figure),
    )


def _bits(mask: Iterable[Iterable[Any]]) -> str:
    bits = "".join("1" if cell else "0" for row in mask for cell in row)
    if len(bits) != GRID**2:
        raise ValueError(bits)
    return f"{int(bits, 2):0{GRID**2 // 4}x}"


def _label(value: Any) -> str:
    if value not in (*EXPRESSIONS, UNCERTAIN):
        raise ValueError(value)
    return str(value)


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _whole(value: Any) -> int | None:
    return None if value is None else int(_number(value))


def _share(value: Any) -> float:
    return min(max(_number(value), 0.0), 1.0)


def _shares(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, float]:
    return {name: _share(values[name]) for name in names if name in values}
