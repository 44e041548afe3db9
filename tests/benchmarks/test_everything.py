"""All tables one after another: what fails, what is written, and the commands behind them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import paper_tables
import pytest
from everything import Outcome, Step, index_text, run_steps
from paper_tables import MEASUREMENTS, ORDER
from typer.testing import CliRunner

from latent_ofer.cli.main import app
from latent_ofer.errors import DataError
from latent_ofer.evaluation.measurements import MEASUREMENTS as OF_THE_PACKAGE
from latent_ofer.evaluation.measurements import Asked, Measurement
from latent_ofer.evaluation.report import Column, Row, Table, write_report

TABLE = Table(
    "table3",
    "Recognisers",
    {"n": 4},
    (Column("clean", "clean, %"), Column("n", "faces", 1, 0)),
    (
        Row("plain", {"clean": {"value": 0.5}}),
        Row("pipeline", {"clean": {"value": 0.75, "low": 0.5, "high": 1.0}, "n": {"value": 4}}),
        Row("judge", note="not trained | train judge"),
    ),
)


def report(to: Path) -> None:
    write_report(TABLE, to)


def broken(to: Path) -> None:
    del to
    raise DataError("faces.zip: not found |\n look again")


def test_the_index_leads_to_the_reports_with_figures_of_our_row(tmp_path: Path) -> None:
    steps = [Step("table3", "pipe", report), Step("figure1", "judge", report)]
    run_steps(steps, tmp_path, {"seed": 7}, lambda _: None)
    text = (tmp_path / "index.md").read_text()
    assert "seed: 7" in text
    line = (
        "| [table3](table3/table.md) | Recognisers | "
        "pipeline: clean, %: 75.0 [50.0, 100.0]; faces: 4 | 0 |"
    )
    assert line in text
    assert "judge: not trained \\| train judge" in text
    assert (tmp_path / "table3" / "table.md").exists()


def test_one_that_fails_is_told_and_the_others_run(tmp_path: Path) -> None:
    told: list[Outcome] = []

    def crash(to: Path) -> None:
        raise RuntimeError(f"no {to.name}")

    steps = [Step("a", "", broken), Step("b", "", crash), Step("table3", "pipeline", report)]
    outcomes = run_steps(steps, tmp_path, {}, told.append)
    assert told == outcomes
    assert [outcome.step.name for outcome in outcomes] == ["a", "b", "table3"]
    assert outcomes[1].error == "internal error (RuntimeError: no b); please report it"
    assert outcomes[2].error == ""
    text = (tmp_path / "index.md").read_text()
    assert "| a |  | failed: faces.zip: not found \\| look again | 0 |" in text
    assert "2 failed" in text and "75.0" in text


def test_a_run_that_is_stopped_leaves_the_index_of_what_was_done(tmp_path: Path) -> None:
    def stop(to: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_steps(
            [Step("table3", "pipeline", report), Step("b", "", stop)],
            tmp_path,
            {},
            lambda _: None,
        )
    assert "75.0" in (tmp_path / "index.md").read_text()


def test_seconds_are_added_up(tmp_path: Path) -> None:
    report(tmp_path / "table3")
    step = Step("table3", "pipeline", report)
    text = index_text([Outcome(step, 10.4), Outcome(step, 20.3, "lost")], tmp_path, {})
    assert "| 10 |\n" in text and "| 20 |\n" in text and "Total: 31 seconds; 1 failed" in text


def stand_ins(asked: dict[str, Asked], failing: str = "") -> dict[str, Measurement]:
    """Measurements that only note what they are asked."""

    def noting(name: str) -> Callable[[Asked], Table]:
        def run(given: Asked) -> Table:
            asked[name] = given
            if name == failing:
                raise DataError(f"{name} cannot be measured")
            report(given.report(name))
            return TABLE

        return run

    return {name: replace(one, run=noting(name)) for name, one in MEASUREMENTS.items()}


@pytest.mark.parametrize("fails", [False, True])
def test_all_runs_every_table_and_exits_with_1_if_one_failed(
    fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Asked] = {}
    known = {**stand_ins(asked, "table2" if fails else ""), "all": MEASUREMENTS["all"]}
    occlusion = {"occlusion": replace(known["table3"], limit=500)}
    monkeypatch.setattr(paper_tables, "MEASUREMENTS", {**known, **occlusion})
    words = ["evaluate", "all", "--data", tmp_path, "--output", tmp_path / "out", "--limit", "9"]
    result = CliRunner().invoke(app, [str(word) for word in words], obj=known)
    assert result.exit_code == int(fails), result.output
    assert [*asked] == list(ORDER[:-1])
    assert asked["table1"].data == tmp_path and asked["table1"].limit == 9
    assert ("latent-ofer: table2: table2 cannot be measured\n" in result.output) == fails
    assert "altogether" in result.output
    assert (tmp_path / "out" / "index.md").exists()


def test_without_a_limit_each_takes_its_own_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Asked] = {}
    known = stand_ins(asked)
    for words in (["table8"], ["table4"], ["table8", "--limit", "0"]):
        command = ["evaluate", *words, "--runs", str(tmp_path)]
        result = CliRunner().invoke(app, command, obj=known)
        assert result.exit_code == 0, result.output
        assert (tmp_path / "reports" / words[0] / "table.md").exists()
    assert (asked["table4"].faces, asked["table8"].faces) == (None, None)
    monkeypatch.setattr(paper_tables, "MEASUREMENTS", {**known, "occlusion": known["table3"]})
    known["all"] = MEASUREMENTS["all"]
    for name in ("table8", "all"):
        asked.clear()
        CliRunner().invoke(app, ["evaluate", name, "--runs", str(tmp_path)], obj=known)
        assert asked["table8"].faces == 200


def test_every_table_of_the_paper_is_known() -> None:
    assert not set(MEASUREMENTS) & set(OF_THE_PACKAGE)
    assert set(ORDER) <= set(MEASUREMENTS) | set(OF_THE_PACKAGE)
