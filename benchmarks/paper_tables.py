"""The paper's tables and Figure 1, and what else they are made of, in one place.

    python benchmarks/paper_tables.py table3 --data DIR
    python benchmarks/paper_tables.py all --data DIR --output report/

Options are those of `latent-ofer evaluate`. What these tables compare with, nothing that ships
needs: other detectors, repairs and recognisers, a judge, heads on one frozen CNN. `repair` is the
shipped repair and mean fill on whole splits.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import typer
from ablation_table import STAGE, evaluate_ablation, heads
from baseline_detectors import TRAIN, baseline_detectors, shipped_detectors
from detector_table import evaluate_table1
from everything import INDEX, Outcome, Step, run_steps
from figure1 import figure1
from recogniser_specs import REAL, TABLE_3, TABLE_7, without_data
from repair_tables import REPAIR, TABLE_2, TABLE_8, TABLE_9, RepairTable, evaluate_repairs
from repairers import NONE, RECOGNISER, SHIPPED, Repairs, open_repairs, trained

from latent_ofer.cli.main import main
from latent_ofer.cli.output import complain, say
from latent_ofer.datasets.prepare import Split
from latent_ofer.evaluation.measurements import (
    FACES,
    LISTED,
    READ,
    Asked,
    Measurement,
    recognisers,
    whole,
)
from latent_ofer.evaluation.measurements import MEASUREMENTS as OF_THE_PACKAGE
from latent_ofer.evaluation.recogniser_tables import RecogniserTable
from latent_ofer.evaluation.recognisers import PIPELINE
from latent_ofer.evaluation.report import Row, Table, write_report

ORDER: Final = (*(f"table{number}" for number in range(1, 11)), "figure1", "occlusion")
"""What `all` runs, in this order."""
OWN_ROWS: Final[Mapping[str, str]] = {
    "table1": "colour: shipped",
    "table2": "self-assembly",
    "table8": "colour: self-assembly",
    "table9": "self-assembly",
    "table10": "CNN + selected",
}
"""Beginning of the row that stands for us in the index; the pipeline's in all other tables."""


def table1(asked: Asked) -> Table:
    """Every detector of the weights and four baselines on the same patches."""
    benches = asked.kinds(("clean", "objects"))
    detectors = [
        *shipped_detectors(asked.folder, asked.backend, asked.threads),
        *baseline_detectors(asked.runs, asked.config),
    ]
    # Scores of the paper's detector are distances in units of its radius, where it is so trained.
    own = "detector_paper" in asked.folder.manifest.get("recipes", {})
    radii = {"paper": 1.0} if own else {}
    return evaluate_table1(benches, detectors, asked.report("table1"), radii)


def really_hidden(spec: RecogniserTable, split: Split, asked: Asked) -> Table:
    """Measure on a set of the user's, or write the table without."""
    names, given = [*spec.methods, *asked.recognisers], {one.name.lower() for one in asked.sets}
    if spec.data_set not in given or ("--list" in spec.needs and asked.list_file is None):
        return without_data(spec, names, asked.report(spec.name))
    return recognisers(spec, True, replace(asked, split=split))


def table7(asked: Asked) -> Table:
    """Accuracy on clean faces beside parameters and GFLOPs; counting needs torch, no training."""
    from complexity import CONVENTION, cost_rows

    table = recognisers(TABLE_7, True, asked)
    costs = cost_rows(asked.weights, asked.detector, asked.config)
    rows = with_costs(table.rows, costs)
    protocol = {**table.protocol, "GFLOPs": CONVENTION}
    table = replace(table, protocol=protocol, columns=TABLE_7.columns, rows=rows)
    write_report(table, asked.report("table7"))
    return table


def with_costs(rows: Sequence[Row], costs: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Rows of recognisers, each completed by the first row of its costs, the others behind it."""
    whole_rows: list[Row] = []
    for row in rows:
        first, *others = costs.get(row.name, [Row(row.name)])
        note = "; ".join(text for text in (first.note, row.note) if text)
        figures = {**row.figures, **first.figures}
        whole_rows += [replace(row, figures=figures, note=note), *others]
    return whole_rows


def open_ways(asked: Asked, repairers: Sequence[str], readers: Sequence[str]) -> Repairs:
    """Some repairs, and who reads what they make."""
    parts = (asked.model, asked.folder, *asked.named, asked.runs, asked.config)
    return open_repairs(*parts, repairers, readers)


def repairs(spec: RepairTable, asked: Asked) -> Table:
    """On labelled faces where expressions are read, else on all, in colour and grey apart."""
    if asked.conditions:
        spec = replace(spec, conditions=asked.conditions)
    ways = open_ways(asked, spec.repairers, spec.readers)
    if RECOGNISER in spec.readers:
        benches = {"": whole(asked.bench(asked.labelled(), [], spec.conditions))}
    else:
        benches = asked.kinds(spec.conditions)
    return evaluate_repairs(spec, benches, ways, asked.report(spec.name))


def table10(asked: Asked) -> Table:
    """What the CNN, the latents and their selection are worth."""
    ways, (pipeline,) = open_ways(asked, (NONE, SHIPPED), ()), asked.methods([PIPELINE])
    ablation = {STAGE: trained(STAGE, STAGE, lambda: heads(asked.runs, asked.config), TRAIN)}
    ways = replace(ways, readers={**ways.readers, **ablation})
    bench = whole(asked.bench(asked.labelled(), [], ("clean", "objects")))
    return evaluate_ablation(bench, ways, pipeline, asked.report("table10"))


def everything(asked: Asked) -> None:
    """All tables, Figure 1 and the occlusion benchmark, one after another, and an index of them.

    Each is measured on the faces that it takes by itself. One that fails costs one line, and the
    exit code is 1 in the end.
    """
    known = {**OF_THE_PACKAGE, **MEASUREMENTS}

    def measure(name: str, to: Path) -> object:
        return known[name](replace(asked, output=to))

    def told(outcome: Outcome) -> None:
        if outcome.error:
            complain(f"{outcome.step.name}: {outcome.error}")
        say(f"{outcome.step.name}: {outcome.seconds:.1f} s\n")

    steps = [Step(name, OWN_ROWS.get(name, PIPELINE), partial(measure, name)) for name in ORDER]
    folder, faces = asked.report("all"), asked.limit or "as many as each takes by itself"
    about = {"data": asked.data, "seed": asked.seed, "faces": faces}
    outcomes = run_steps(steps, folder, about, told)
    say(f"Wrote {folder / INDEX}: {sum(one.seconds for one in outcomes):.1f} s altogether")
    if any(one.error for one in outcomes):
        raise typer.Exit(1)


OWN: Final = FACES | {"detector", "config"}
HOLES: Final = OWN | {"conditions"}
_REAL: Final = {spec.name: spec for spec in REAL}
MEASUREMENTS: Final[Mapping[str, Measurement]] = {
    "all": Measurement(everything, frozenset({"config"}), None),
    "table1": Measurement(table1, FACES | {"config"}, 400),
    "table2": Measurement(partial(repairs, TABLE_2), OWN, 500),
    "table3": Measurement(partial(recognisers, TABLE_3, True), READ, 500),
    "table4": Measurement(partial(really_hidden, _REAL["table4"], "test"), LISTED - {"list_file"}),
    "table5": Measurement(partial(really_hidden, _REAL["table5"], "val"), LISTED),
    "table6": Measurement(partial(really_hidden, _REAL["table6"], "test"), LISTED),
    "table7": Measurement(table7, READ - {"recogniser", "occluders"}, 500),
    "table8": Measurement(partial(repairs, TABLE_8), OWN, 200),
    "table9": Measurement(partial(repairs, TABLE_9), HOLES, 500),
    "table10": Measurement(table10, OWN, 500),
    "figure1": Measurement(figure1, READ - {"occluders"}, 500),
    "occlusion-ferplus": Measurement(
        partial(really_hidden, _REAL["occlusion-ferplus"], "test"), LISTED
    ),
    "repair": Measurement(partial(repairs, REPAIR), HOLES),
}

if __name__ == "__main__":
    main(["evaluate", *sys.argv[1:]], MEASUREMENTS)
