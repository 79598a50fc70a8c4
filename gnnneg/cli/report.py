"""``gnnneg report``: one self-contained page."""

import argparse
from pathlib import Path
from typing import Any


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser("report", help="write one self-contained HTML page about runs")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run folder")
    parser.add_argument("--out", metavar="FILE.html", help="where to (default: report.html in the first run's folder)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.report.folder import read
    from gnnneg.report.page import page

    runs = [read(path) for path in args.runs]
    out = Path(args.out) if args.out else runs[0].path / "report.html"
    html = page(runs)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(html, encoding="utf-8")
    print(f"Wrote {out} ({len(html) / 1024:,.0f} KiB).")
    return 0
