"""``gnnneg report RUN ...``: one self-contained page."""

import argparse
from pathlib import Path
from typing import Any


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "report",
        help="one self-contained HTML page about one or several runs",
        description="Writes a page with metrics, curves, strata, a table by relation, config and environment.",
    )
    parser.add_argument("paths", metavar="RUN", nargs="+", help="run folders")
    parser.add_argument(
        "--out", metavar="FILE.html", help="where to (default: RUN/report.html; of several runs, report.html here)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.cli.writing import write_text
    from gnnneg.errors import UserError
    from gnnneg.report.page import page
    from gnnneg.report.reading import read_all

    runs = read_all(args.paths)
    out = Path(args.out) if args.out else runs[0].path / "report.html" if len(runs) == 1 else Path("report.html")
    html = page(runs)
    try:
        write_text(out, html)
    except UserError as error:
        if args.out:
            raise
        raise UserError(f"{error} Or say where to with --out FILE.html.") from error
    print(out)
    return 0
