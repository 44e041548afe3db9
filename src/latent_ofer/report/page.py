"""One HTML file that holds all that it shows: the page's own files, filled with the data."""

import json
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import resources
from pathlib import PurePosixPath
from typing import Any, Final

from latent_ofer.labels import COLOURS, EXPRESSIONS
from latent_ofer.report.rows import FaceRow, Row, Table
from latent_ofer.results import REGIONS, UNCERTAIN

_SCRIPTS: Final = ("parts.js", "charts.js", "faces.js", "report.js")


def build_page(table: Table, pictures: Mapping[int, bytes | str], about: Mapping[str, str]) -> str:
    """The whole page.

    Parameters
    ----------
    table : Table
    pictures : place of a row -> WebP file, or why there is none
        Of the faces whose details are shown: mask, regions, probabilities, picture.
    about : dict of str to str
        "title", "made" (when) and "version", shown as they are.

    Returns
    -------
    str
        HTML whose policy allows its own script and style by their hashes, pictures that it holds,
        and nothing else.
    """
    files = resources.files("latent_ofer.report").joinpath("page")
    style = files.joinpath("report.css").read_text("utf-8")
    script = "".join(files.joinpath(name).read_text("utf-8") for name in _SCRIPTS)
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    parts = {"policy": policy, "style": style, "script": script}
    parts["data"] = _safe_json(page_data(table, pictures, about))
    template = files.joinpath("report.html").read_text("utf-8")
    # In one pass: what stands in the data is never taken for a place to fill.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], template)


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _safe_json(value: Any) -> str:
    """JSON that cannot end the element it stands in, whatever is in it."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def page_data(
    table: Table, pictures: Mapping[int, bytes | str], about: Mapping[str, str]
) -> dict[str, Any]:
    """What the script is given: a column for each field of the faces, which is short.

    Shares are in thousandths, expressions and files places in their lists.
    """
    names: dict[str, int] = {}
    faces: list[tuple[int, FaceRow]] = []
    details = {}
    errors, empty = [], Counter[int]()
    for place, row in enumerate(table.rows):
        file = names.setdefault(row.file, len(names))
        if row.error is not None:
            errors.append([file, *(shown_text(part) for part in row.error)])
        elif row.face is None:
            empty[file] += 1
        else:
            if place in pictures:
                details[len(faces)] = _details(row.face, pictures[place])
            faces.append((file, row.face))
    is_unsure = any(UNCERTAIN in (face.expression, face.before) for _, face in faces)
    labels = (*EXPRESSIONS, UNCERTAIN) if is_unsure else EXPRESSIONS
    return {
        "about": {name: shown_text(text) for name, text in about.items()},
        "labels": labels,
        "colours": ["#{:02x}{:02x}{:02x}".format(*COLOURS[label]) for label in labels],
        "regions": [name.replace("_", " ") for name in REGIONS],
        "files": [shown_text(name) for name in names],
        "images": _images(table.rows),
        "faces": _columns(faces, labels),
        "details": details,
        "errors": errors,
        "empty": sorted(empty.items()),
        "unreadable": table.unreadable,
    }


def _images(rows: Sequence[Row]) -> int:
    with_faces = {(row.path, row.face.frame) for row in rows if row.face is not None}
    return len(with_faces) + sum(1 for row in rows if row.face is None)


def _columns(faces: Sequence[tuple[int, FaceRow]], labels: Sequence[str]) -> dict[str, list[Any]]:
    return {
        "file": [file for file, _ in faces],
        "number": [face.number for _, face in faces],
        "expression": [labels.index(face.expression) for _, face in faces],
        "confidence": [round(1000 * face.confidence) for _, face in faces],
        "hidden": [round(1000 * face.hidden) for _, face in faces],
        "before": [labels.index(face.before) for _, face in faces],
        "changed": [int(face.changed) for _, face in faces],
        "time": [None if face.time is None else round(face.time, 3) for _, face in faces],
        "track": [face.track for _, face in faces],
    }


def _details(face: FaceRow, picture: bytes | str) -> dict[str, Any]:
    after, before = face.probabilities, face.before_probabilities
    return {
        "after": [round(1000 * after.get(label, 0)) for label in EXPRESSIONS],
        "before": [round(1000 * before.get(label, 0)) for label in EXPRESSIONS],
        "regions": [round(1000 * face.regions.get(region, 0)) for region in REGIONS],
        "mask": face.mask,
        "covers": [[shown_text(name), round(1000 * share)] for name, share in face.covers],
        "frame": face.frame,
        "figure": _figure(face.figure),
        **({"why": picture} if isinstance(picture, str) else {"picture": _base64(picture)}),
    }


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


def _figure(name: str | None) -> str | None:
    """A link to a figure below the results, and to nothing else."""
    if name is None or not re.fullmatch(r"[\w-]+/[\w-]+\.png", name, re.ASCII):
        return None
    return str(PurePosixPath(name))


def shown_text(text: str) -> str:
    r"""Text whose every letter is seen: ``\n`` or ``\u202e`` in the place of those that are not."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
