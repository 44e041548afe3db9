"""Table 10: what the CNN, the latents and their selection are worth, repaired or not."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.archives import file_sha256
from latent_ofer.datasets.pool import FacePool
from latent_ofer.evaluation.grouping import SMALL, occluder_groups
from latent_ofer.evaluation.plots import bars
from latent_ofer.evaluation.repair_accuracy import labelled
from latent_ofer.evaluation.repair_bench import RECOGNISER, Bench, Intervals
from latent_ofer.evaluation.repaired_faces import CLEAN, Measured, Reader, measure
from latent_ofer.evaluation.repairers import (
    NONE,
    SHIPPED,
    Mask,
    NotTrained,
    Pixels,
    Repairer,
    opened,
)
from latent_ofer.evaluation.report import Column, Figure, Row, Table, write_report
from latent_ofer.synthesis.protocols import Settings

STAGE: Final = "ablation"
FULL: Final = "cnn_latents_selected"
"""The row that the others are compared with."""
ROWS: Final = {
    "latents_all": "all latents",
    "latents_selected": "selected latents",
    "cnn": "CNN",
    "cnn_latents_all": "CNN + all latents",
    FULL: "CNN + selected latents",
}
"""The paper's rows, in its order."""
WHOLE: Final = "shipped recogniser"
WHOLE_NOTE: Final = "CNN + selected latents, all of it trained; the rows above share one frozen CNN"
PAPER: Final = {
    "latents_all": (15.2, 64.9),
    "latents_selected": (20.1, 66.4),
    "cnn": (75.4, 82.7),
    "cnn_latents_all": (76.5, 84.2),
    FULL: (78.5, 86.7),
}
"""Accuracy on Syn-KDEF without and with reconstruction, per cent."""
PARTS: Final = {NONE: "none", SHIPPED: "repaired", CLEAN: "clean"}
"""What is done to the faces -> key of the column."""
COLUMNS: Final = (
    Column("none", "no reconstruction, %"),
    Column("repaired", "reconstruction, %"),
    Column("clean", "clean faces, %"),
    Column("gain", "reconstruction minus none, points"),
    Column("none_less", f"{ROWS[FULL]} minus this, no reconstruction"),
    Column("repaired_less", f"{ROWS[FULL]} minus this, reconstruction"),
    Column("clean_less", f"{ROWS[FULL]} minus this, clean"),
)

Right = dict[str, dict[str, NDArray[np.bool_]]]
"""By row, then by key of the column: which of n faces were read right."""


def open_heads(runs: Path, config: str) -> Reader | NotTrained:
    """The five heads of `latent-ofer train ablation`, as one reader.

    Its probabilities are (B, 5, 8), rows in the order of `ROWS`.
    """
    return opened(STAGE, STAGE, lambda: _heads(runs, config))


def _heads(runs: Path, config: str) -> Reader:
    # Here, not above: without torch the table still says what it needs.
    import torch

    from latent_ofer.encoder.train import load_mae, to_tensor
    from latent_ofer.recogniser.ablation import PARENTS, load_ablation
    from latent_ofer.training.checkpoint import WEIGHTS

    mae = load_mae(runs, config)
    model = load_ablation(runs, config, mae.dim)

    def read(faces: Pixels, repaired: Mask) -> NDArray[np.float64]:
        with torch.inference_mode():
            planes = to_tensor(faces)
            logits = model(planes, mae.encode(planes)[:, 1:], torch.from_numpy(repaired))
            return torch.stack([logits[name] for name in ROWS], 1).double().softmax(2).numpy()

    files = [file_sha256(runs / stage / WEIGHTS) for stage in (STAGE, *PARENTS)]
    return Reader(STAGE, "-".join(digest[:16] for digest in files), read)


def evaluate_table10(bench: Bench, heads: Reader | NotTrained, folder: Path) -> Table:
    """Measure behind unseen objects, as they came and repaired, and on the clean faces.

    Parameters
    ----------
    bench : Bench
        Its detector finds what its shipped repair fills in.
    heads : Reader or NotTrained
        From `open_heads`.
    folder : Path
        Gets ``summary.json``, ``table.md`` and a plot.

    Raises
    ------
    DataError
        When no face has a label, or data are missing or broken.
    """
    pool = labelled(bench)
    settings = Settings("objects", bench.seed)
    task = bench.task("Table 10", pool, settings, bench.sources.cutouts("val"))
    readers = [heads] if isinstance(heads, Reader) else []
    compared = [
        one for one in bench.repairers if isinstance(one, Repairer) and one.name in (NONE, SHIPPED)
    ]
    found = measure(task, compared, [bench.recogniser, *readers], bench.cache)
    right = _right(found, pool.labels)
    among = Intervals(len(pool), bench.seed, pool.people)
    figures = _figures(right, among)
    note = heads.note if isinstance(heads, NotTrained) else ""
    rows = [
        Row(
            title,
            figures.get(title, {}),
            _paper(name),
            note,
        )
        for name, title in ROWS.items()
    ]
    rows.append(Row(WHOLE, figures[WHOLE], note=WHOLE_NOTE))
    table = Table(
        "table10",
        "Table 10: what the recogniser reads, without and with reconstruction",
        bench.protocol(
            n=len(pool),
            occlusion="unseen objects",
            mask=f"found by the detector {bench.detector.name!r}",
            heads="trained on one frozen attention CNN",
        ),
        COLUMNS,
        rows,
        {**_details(found, right, pool, among), **bench.origins(), "heads": _digest(heads)},
    )
    write_report(table, folder)
    _draw(folder / "accuracy.png", rows)
    return table


def _right(found: Measured, labels: NDArray[np.int64]) -> Right:
    right: Right = {}
    for done, key in PARTS.items():
        arrays = found.figures[done]
        answers = {WHOLE: arrays[f"read {RECOGNISER}"].argmax(1)}
        if f"read {STAGE}" in arrays:
            answers |= dict(zip(ROWS.values(), arrays[f"read {STAGE}"].argmax(2).T, strict=True))
        for row, answer in answers.items():
            right.setdefault(row, {})[key] = answer == labels
    return right


def _figures(right: Right, among: Intervals) -> dict[str, dict[str, Figure]]:
    figures: dict[str, dict[str, Figure]] = {}
    full = right.get(ROWS[FULL])
    for row, by_part in right.items():
        figures[row] = {key: among.mean(values) for key, values in by_part.items()}
        figures[row]["gain"] = among.mean(by_part["repaired"] - by_part["none"].astype(float))
        if full is not None and row != ROWS[FULL]:
            for key, values in by_part.items():
                figures[row][f"{key}_less"] = among.mean(full[key] - values.astype(float))
    return figures


def _details(found: Measured, right: Right, pool: FacePool, among: Intervals) -> dict[str, Any]:
    """Counts, and accuracy by category and coverage of what hides the faces."""
    by_group: dict[str, Any] = {}
    for group, members in occluder_groups(found.category.tolist(), found.coverage).items():
        size = int(members.sum())
        by_group[group] = {"n": size} | ({"small": True} if size < SMALL else {})
        for row, by_part in right.items():
            by_group[group][row] = {
                key: among.mean(values, members) for key, values in by_part.items()
            }
    return {
        "n": len(pool),
        "share_of_pixels_hidden": float(found.coverage.mean()),
        "share_of_patches_repaired": float(found.flagged.mean()),
        "share_of_faces_repaired": float((found.flagged > 0).mean()),
        "accuracy_by_group": by_group,
    }


def _digest(heads: Reader | NotTrained) -> str:
    return heads.digest if isinstance(heads, Reader) else heads.note


def _paper(name: str) -> dict[str, float]:
    return dict(zip(("none", "repaired"), PAPER[name], strict=True))


def _draw(path: Path, rows: list[Row]) -> None:
    shown = [row for row in rows if row.figures]
    series = {
        title: {
            part: [100 * row.figures[key][part] for row in shown]
            for part in ("value", "low", "high")
        }
        for key, title in (
            ("none", "no reconstruction"),
            ("repaired", "reconstruction"),
            ("clean", "clean faces"),
        )
    }
    names = [row.name.replace(" ", "\n", 1) for row in shown]
    bars(path, "Behind objects, by what is read", names, series, "accuracy (%)")
