"""``gnnneg compare RUN RUN ...``: runs beside each other, seeds grouped."""

import argparse
from typing import Any

from gnnneg.plain import to_json


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "compare",
        help="a table of runs: seeds of one config grouped, mean and spread",
        description="Compares finished runs. Runs whose configs differ in the seed alone are one line: mean ± sample "
        "standard deviation.",
    )
    parser.add_argument("paths", metavar="RUN", nargs="+", help="run folders")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.cli.table import show
    from gnnneg.report.reading import read_all
    from gnnneg.report.tables import HEADLINES, group, row, telling

    groups = group(read_all(args.paths))
    if args.json:
        print(to_json([one.to_json() for one in groups]))
        return 0
    show(["run", "data", "seeds", *HEADLINES, "training"], [row(one) for one in groups])
    keys, more = telling(groups)
    if keys:
        print()
        cells = [[key, *(_said(one.differs, key) for one in groups)] for key in keys]
        show(["what differs", *(one.name for one in groups)], cells)
        if more:
            print(f"and {more} more settings (--json lists them)")
    return 0


def _said(differs: dict[str, Any], key: str) -> str:
    return "" if key not in differs else "null" if differs[key] is None else str(differs[key])
