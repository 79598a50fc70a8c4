"""``gnnneg compare RUN RUN ...``: runs beside each other, seeds grouped."""

import argparse
import json
from typing import Any


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
    from gnnneg.report.tables import HEADLINES, group, row

    groups = group(read_all(args.paths))
    if args.json:
        print(json.dumps([one.to_json() for one in groups], indent=2))
        return 0
    show(["run", "data", "seeds", *HEADLINES], [row(one) for one in groups])
    keys = list(dict.fromkeys(key for one in groups for key in one.differs))
    if keys:
        print()
        cells = [[key, *(_said(one.differs, key) for one in groups)] for key in keys]
        show(["what differs", *(one.name for one in groups)], cells)
    return 0


def _said(differs: dict[str, Any], key: str) -> str:
    return "" if key not in differs else "null" if differs[key] is None else str(differs[key])
