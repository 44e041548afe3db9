import json
from pathlib import Path

from latent_ofer.evaluation.report import Column, Row, Table, markdown, write_report

TABLE = Table(
    name="table9",
    title="Repair",
    protocol={"split": "validation", "n": 12, "seed": 7},
    columns=(Column("accuracy", "accuracy, %"), Column("psnr", "PSNR, dB", 1.0, 2)),
    rows=(
        Row(
            "ours",
            {"accuracy": {"value": 0.5, "low": 0.25, "high": 0.75}, "psnr": {"value": 23.456}},
            {"accuracy": 77.3},
        ),
        Row("CSA", paper={"accuracy": 71.6}, note="not trained: latent-ofer train csa"),
    ),
    details={"anything": [1, 2]},
)


def test_a_figure_is_shown_with_its_interval_and_the_papers_beside_it() -> None:
    assert "| ours | 50.0 [25.0, 75.0] | 77.3 | 23.46 |  |" in markdown(TABLE)


def test_a_row_without_figures_says_why() -> None:
    line = "| CSA | - | 71.6 | - | not trained: latent-ofer train csa |"
    assert line in markdown(TABLE)


def test_the_protocol_stands_above_the_table() -> None:
    assert markdown(TABLE).splitlines()[2] == "split: validation; n: 12; seed: 7."


def test_a_table_without_the_papers_figures_has_no_column_for_them() -> None:
    own = Table("x", "X", {"n": 1}, TABLE.columns, (Row("ours", TABLE.rows[0].figures),))
    assert "paper" not in markdown(own)


def test_the_summary_on_disk_holds_everything(tmp_path: Path) -> None:
    folder = write_report(TABLE, tmp_path / "report")
    stored = json.loads((folder / "summary.json").read_text())
    assert stored["protocol"]["seed"] == 7
    assert stored["rows"][0]["figures"]["accuracy"]["low"] == 0.25
    assert stored["details"] == {"anything": [1, 2]}
    assert {"python", "numpy", "latent-ofer"} <= stored["versions"].keys()
    assert sorted(path.name for path in folder.iterdir()) == ["summary.json", "table.md"]
