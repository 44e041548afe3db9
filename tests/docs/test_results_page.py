"""The tables of docs/results.md are those of the reports beside it."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_tables_of_the_results_are_what_the_reports_say() -> None:
    path = ROOT / "benchmarks" / "write_results.py"
    spec = importlib.util.spec_from_file_location("write_results", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert page.count("<!-- figures: ") == len(module.TABLES)
    assert module.written(page) == page
