"""Table 10: what the CNN, the latents and their selection are worth, repaired or not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from repair_tables import OBJECTS, answers
from repairers import CLEAN, NONE, SHIPPED, Read, Repairs, clean_method

from latent_ofer.evaluation.answers import Method, digest_of
from latent_ofer.evaluation.bench import TRUTH, Bench
from latent_ofer.evaluation.conditions import Mask, condition
from latent_ofer.evaluation.grouping import occluder_groups, size_of
from latent_ofer.evaluation.plots import bars
from latent_ofer.evaluation.report import Column, Figure, Row, Table, write_report
from latent_ofer.files import file_sha256

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
WHOLE_NOTE: Final = "the CNN alone on three views, fused; no latents"
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
TITLES: Final = {"none": "no reconstruction", "repaired": "reconstruction", "clean": "clean faces"}
COLUMNS: Final = (
    *(Column(key, f"{title}, %") for key, title in TITLES.items()),
    Column("gain", "reconstruction minus none, points"),
    Column("none_less", f"{ROWS[FULL]} minus this, no reconstruction"),
    Column("repaired_less", f"{ROWS[FULL]} minus this, reconstruction"),
    Column("clean_less", f"{ROWS[FULL]} minus this, clean"),
)

Right = dict[str, dict[str, NDArray[Any]]]
"""By row, then by key of the column: by which share of the seeds each of n faces is read right."""


def heads(runs: Path, config: str) -> tuple[str, Read]:
    """The five heads of `ablation_heads`, as one reader.

    Its probabilities are (B, seeds, 5, 8), rows in the order of `ROWS`.

    Raises
    ------
    WeightsError, StaleError
        If they are not trained, or on other networks.
    ImportError
        Without torch.
    """
    import torch
    from ablation_heads import PARENTS, load_ablation
    from torch import Tensor

    from latent_ofer.encoder.train import to_tensor
    from latent_ofer.training.checkpoint import WEIGHTS, parents_of

    model = load_ablation(runs, config)

    def read(faces: NDArray[np.uint8], repaired: Mask) -> NDArray[Any]:
        with torch.inference_mode():
            found: Tensor = model(to_tensor(faces), torch.from_numpy(repaired))
            return found.double().softmax(3).numpy()

    files = [file_sha256(runs / STAGE / WEIGHTS), *parents_of(runs, *PARENTS).values()]
    return digest_of(*files), read


def evaluate_ablation(bench: Bench, repairs: Repairs, pipeline: Method, folder: Path) -> Table:
    """Measure behind unseen objects, as they came and repaired, and on the clean faces.

    Parameters
    ----------
    bench : Bench
        Of labelled faces.
    repairs : Repairs
        Its detector finds what its shipped repair fills in; `STAGE` is one of its readers.
    pipeline : Method
        The shipped one, for the last row.
    folder : Path
        Gets ``summary.json``, ``table.md`` and a plot.

    Raises
    ------
    DataError
        When data are missing or broken.
    """
    objects, clean = condition(OBJECTS, bench.seed), condition("clean", bench.seed)
    found = answers(bench, repairs, objects, (STAGE,), (NONE, SHIPPED))
    found[CLEAN] = bench.read(clean_method(repairs.reading((STAGE,))), clean)
    labels = bench.faces.labels
    right: Right = {}
    for done, key in PARTS.items():
        if f"read {STAGE}" in found[done]:
            each = found[done][f"read {STAGE}"].argmax(3) == labels[:, None, None]
            for row, share in zip(ROWS.values(), each.mean(1).T, strict=True):
                right.setdefault(row, {})[key] = share
    behind, whole = bench.read(pipeline, objects), bench.read(pipeline, clean)
    fused = {"none": behind["before"], "repaired": behind["p"], "clean": whole["p"]}
    right[WHOLE] = {key: (given.argmax(1) == labels) * 1.0 for key, given in fused.items()}
    figures, note = _figures(right, bench), repairs.readers[STAGE].note
    rows = [
        Row(title, figures.get(title, {}), dict(zip(TITLES, PAPER[name], strict=False)), note)
        for name, title in ROWS.items()
    ]
    rows.append(Row(WHOLE, figures[WHOLE], note=WHOLE_NOTE))
    table = Table(
        "table10",
        "Table 10: what the recogniser reads, without and with reconstruction",
        {
            **bench.about(),
            "occlusion": "unseen objects",
            "mask": f"found by the detector {repairs.detector!r}",
            "heads": "mean of their seeds, on the shipped CNN and one tuned encoder",
        },
        COLUMNS,
        rows,
        {
            "accuracy_by_group": _by_group(right, bench),
            **bench.origins(),
            "heads": repairs.readers[STAGE].digest or note,
        },
    )
    write_report(table, folder)
    _draw(folder / "accuracy.png", [row for row in rows if row.figures])
    return table


def _figures(right: Right, bench: Bench) -> dict[str, dict[str, Figure]]:
    figures: dict[str, dict[str, Figure]] = {}
    among, full = bench.intervals(), right.get(ROWS[FULL])
    for row, by_part in right.items():
        figures[row] = {key: among.mean(values) for key, values in by_part.items()}
        figures[row]["gain"] = among.mean(by_part["repaired"] - by_part["none"])
        if full is not None and row != ROWS[FULL]:
            for key, values in by_part.items():
                figures[row][f"{key}_less"] = among.mean(full[key] - values)
    return figures


def _by_group(right: Right, bench: Bench) -> dict[str, Any]:
    """Accuracy by category and coverage of what hides the faces."""
    truth, among = bench.read(TRUTH, condition(OBJECTS, bench.seed)), bench.intervals()
    members = occluder_groups(truth["category"].tolist(), truth["coverage"])
    report = {}
    for group, some in members.items():
        part = among.take(some)
        report[group] = size_of(some) | {
            row: {key: part.mean(values[some]) for key, values in by_part.items()}
            for row, by_part in right.items()
        }
    return report


def _draw(path: Path, rows: list[Row]) -> None:
    def line(key: str) -> Mapping[str, list[float]]:
        parts = ("value", "low", "high")
        return {part: [100 * row.figures[key][part] for row in rows] for part in parts}

    names = [row.name.replace(" ", "\n", 1) for row in rows]
    series = {title: line(key) for key, title in TITLES.items()}
    bars(path, "Behind objects, by what is read", names, series, "accuracy (%)")
