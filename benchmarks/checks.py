"""Checks by name, and a report that keeps the figures of those that are not run again."""

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Check = Callable[[argparse.Namespace], dict[str, Any]]


def in_folder(check: Callable[[Path, argparse.Namespace], dict[str, Any]], prefix: str) -> Check:
    """A check that works in a temporary folder."""

    def checked(options: argparse.Namespace) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix=prefix) as folder:
            return check(Path(folder), options)

    return checked


def parser_of(doc: str | None, checks: Mapping[str, Check]) -> argparse.ArgumentParser:
    """Options that all have; the names of checks come first, all by default."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checks", nargs="*", help=f"of {', '.join(checks)}; all by default")
    parser.add_argument("--data", type=Path, default=os.environ.get("LATENT_OFER_DATA"))
    parser.add_argument("--output", type=Path, help="the report, JSON; figures not made anew stay")
    return parser


def run_checks(parser: argparse.ArgumentParser, checks: Mapping[str, Check]) -> None:
    """Run what is asked for; print each report, and write it as soon as it is there."""
    options = parser.parse_args()
    if unknown := set(options.checks) - set(checks):
        parser.error(f"no such check: {', '.join(sorted(unknown))}")
    report: dict[str, Any] = {}
    if options.output and options.output.exists():
        report = json.loads(options.output.read_text())
    for name in options.checks or checks:
        before = round(os.getloadavg()[0], 1)
        report[name] = {**checks[name](options), "load_before": before}
        report[name]["load_average_at_end"] = round(os.getloadavg()[0], 1)
        print(json.dumps({name: report[name]}, indent=1), flush=True)
        if options.output:
            options.output.write_text(json.dumps(report, indent=1) + "\n")
