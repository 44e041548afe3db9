"""From a table of results to the file of a report."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from latent_ofer.files import write_text
from latent_ofer.progress import track
from latent_ofer.report.page import build_page
from latent_ofer.report.pictures import choose, pictures
from latent_ofer.report.rows import read_table


@dataclass(frozen=True)
class Report:
    """What became of a report.

    Attributes
    ----------
    path : Path
    faces, pictures : int
        In the table; shown with a picture.
    without : Counter of str
        How many chosen faces have no picture, by the reason.
    unreadable : int
        Lines of the table that are no row.
    """

    path: Path
    faces: int
    pictures: int
    without: Counter[str]
    unreadable: int


def write_report(place: Path, output: Path | None, most: int) -> Report:
    """Read the results in a folder or file and write one page about them.

    Parameters
    ----------
    place : Path
        Folder or file of results.
    output : Path or None
        The page; None: `report.html` beside the results.
    most : int
        Faces that get a picture and details.

    Raises
    ------
    DataError, ImportError, OSError
        If the results cannot be read, or the page not written.
    """
    table = read_table(place)
    path = table.path.parent / "report.html" if output is None else output
    faces = [(row_place, row) for row_place, row in enumerate(table.rows) if row.face is not None]
    chosen = [faces[index] for index in choose([r.face for _, r in faces if r.face], most)]
    cut = pictures([row for _, row in chosen], table.path.parent)
    found = {
        chosen[index][0]: picture for index, picture in track(cut, len(chosen), "Pictures of faces")
    }
    made = datetime.fromtimestamp(table.path.stat().st_mtime, UTC)
    about = {
        "title": table.path.absolute().parent.name or table.path.name,
        "made": f"{made:%Y-%m-%d %H:%M} UTC",
        "version": version("latent-ofer"),
    }
    write_text(path, build_page(table, found, about))
    without = Counter(picture for picture in found.values() if isinstance(picture, str))
    return Report(path, len(faces), len(found) - without.total(), without, table.unreadable)
