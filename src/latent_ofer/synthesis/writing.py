"""Writing a synthesised set: files whole or absent, to be continued after a stop."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from latent_ofer.datasets.pool import FacePool, FaceSet
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.locks import LOCK, held
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.progress import track
from latent_ofer.synthesis.coverage import coverage_report
from latent_ofer.synthesis.jobs import HeatMaps, Maker, jobs_for, write_whole
from latent_ofer.synthesis.manifest import Row, csv_text, read_rows
from latent_ofer.synthesis.protocols import DRAWN_COVERAGE, Settings
from latent_ofer.synthesis.records import described, digest, picture_paths, versions
from latent_ofer.workers import mapped

RECORD = "synthesis.json"
MANIFEST = "manifest.csv"
JOURNAL = "manifest.csv.part"
"""Rows of the faces that are done, until the manifest is whole."""

BLOCK = 2048
"""Faces that are in memory at a time: 80 MB in colour."""


def synthesize(
    faces: Sequence[FaceSet],
    output: Path,
    settings: Settings,
    *,
    name: str,
    split: str,
    cutouts: Sequence[Cutout] = (),
    heat: HeatMaps | None = None,
    limit: int | None = None,
    workers: int = 1,
) -> dict[str, Any]:
    """Hide part of every face and write the set.

    A folder that holds the begin of the same set is gone on with. Neither `limit` nor `workers`
    changes a picture.

    Parameters
    ----------
    faces : sequence of FaceSet
        At least one; they follow each other.
    output : Path
        An empty or new folder, or one of an earlier run with the same settings.
    settings : Settings
    name, split : str
        What the faces are, for the record.
    cutouts : sequence of Cutout
        For the *Objects* protocol.
    heat : HeatMaps, optional
        For the *Grad-CAM* protocol.
    limit : int, optional
        Only the first so many faces.
    workers : int
        Processes.

    Returns
    -------
    dict
        What ``synthesis.json`` holds.

    Raises
    ------
    DataError
        When there are no faces, or the folder holds something else.
    InUseError
        When another run writes to it.
    OSError
        When it cannot be written.
    """
    pool = FacePool(faces)
    if not len(pool):
        raise DataError(f"{name}: holds no face of split {split}.")
    record: dict[str, Any] = {
        "settings": {"set": name, "split": split, **described(settings, cutouts, heat)},
        "versions": versions(),
        "complete": False,
    }
    with held(output, "a synthesis"):
        check_folder(output, record)
        sources = [source for part in faces for source in part.sources]
        names = [name for part in faces for name in part.names]
        subjects = [subject for part in faces for subject in part.subjects]
        paths = picture_paths(sources, names)
        done = _done(output)
        first = paths if limit is None else paths[:limit]
        pending = [row for row, path in enumerate(first) if path not in done]
        if pending:
            write_whole(output / RECORD, _json(record))
            write_whole(output / JOURNAL, csv_text(done.values()).encode())
            maker = Maker(output, settings, [*cutouts])
            results = _results(pool, pending, paths, heat, maker, workers)
            shown = track(results, len(pending), f"synthesising {name}")
            with (output / JOURNAL).open("a", encoding="utf-8", newline="") as journal:
                for row, result in zip(pending, shown, strict=True):
                    label = int(pool.labels[row])
                    line = Row(
                        source=sources[row],
                        id=names[row],
                        split=split,
                        label=EXPRESSIONS[label] if label >= 0 else "",
                        subject=subjects[row],
                        seed=str(settings.seed),
                        protocol=settings.protocol,
                        **result,
                    )
                    journal.write(csv_text([line], header=False))
                    journal.flush()
                    done[line.path] = line
        rows = [done[path] for path in paths if path in done]
        drawn = settings.coverage if settings.protocol in DRAWN_COVERAGE else None
        record |= {
            "complete": True,
            "n": len(rows),
            "digest": digest(rows),
            "coverage": coverage_report(rows, drawn),
        }
        write_whole(output / MANIFEST, csv_text(rows).encode())
        write_whole(output / RECORD, _json(record))
        (output / JOURNAL).unlink(missing_ok=True)
        return record


def _results(
    pool: FacePool,
    rows: Sequence[int],
    paths: Sequence[str],
    heat: HeatMaps | None,
    maker: Maker,
    workers: int,
) -> Iterator[dict[str, str]]:
    """Results in order; a block of faces at a time, for the memory's sake."""
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        jobs = jobs_for(pool, block, [paths[row] for row in block], heat)
        with closing(mapped(maker, jobs, workers)) as results:
            for result in results:
                if isinstance(result, Exception):
                    raise result
                yield result


def check_folder(output: Path, record: dict[str, Any]) -> None:
    """Make the folder, or make sure that it holds a run of these settings.

    Raises
    ------
    DataError
        When it holds anything else.
    """
    output.mkdir(parents=True, exist_ok=True)
    if not (output / RECORD).exists():
        known = (LOCK, f"{RECORD}.partial")
        if any(entry.name not in known for entry in output.iterdir()):
            raise DataError(
                f"{output}: is not empty and holds no {RECORD}. Give a new or an empty folder."
            )
        return
    try:
        there = json.loads((output / RECORD).read_text(encoding="utf-8"))
        old = {**there["settings"], **there["versions"]}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{output / RECORD}: is damaged ({error!r}). Empty the folder.") from error
    new = {**record["settings"], **record["versions"]}
    for key in [*new, *old]:
        if old.get(key) != new.get(key):
            raise DataError(
                f"{output}: was made with other settings ({key}: {old.get(key)} there, "
                f"{new.get(key)} now). Give another folder."
            )


def _done(output: Path) -> dict[str, Row]:
    """Rows of faces whose files are there, by path."""
    rows: dict[str, Row] = {}
    for name in (MANIFEST, JOURNAL):
        if (output / name).exists():
            text = (output / name).read_bytes().decode("utf-8", errors="replace")
            rows |= {row.path: row for row in read_rows(text)}
    return {
        path: row
        for path, row in rows.items()
        if (output / row.path).is_file() and (output / row.mask).is_file()
    }


def _json(record: dict[str, Any]) -> bytes:
    return (json.dumps(record, indent=2) + "\n").encode()
