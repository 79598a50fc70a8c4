"""``gnnneg nearest RUN NAME``: the entities with the most similar vectors."""

import argparse
import sys
from pathlib import Path
from typing import Any

from gnnneg.cli.where import where
from gnnneg.cli.writing import write_text
from gnnneg.plain import harmless, records, to_json, visible


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "nearest",
        help="the entities whose vectors are nearest to one's",
        description="The entities whose vectors have the largest cosine with that of one entity, the nearest first.",
    )
    parser.add_argument("path", metavar="RUN", help="a run folder, or what 'gnnneg pack' made of one")
    parser.add_argument("name", metavar="NAME", help="name, label or synonym of an entity")
    parser.add_argument("--top", metavar="K", type=int, default=10, help="how many (default: 10)")
    parser.add_argument("--among", metavar="TYPE", help="only entities of this type")
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table")
    parser.add_argument("--out", metavar="FILE", help="write csv or json there instead of to standard output")
    where(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.cli.table import show
    from gnnneg.errors import UserError
    from gnnneg.experiment import Run

    if args.format == "table" and args.out:
        raise UserError("A table is for the screen: write a file with --format csv or json.")
    found = Run.load(args.path, args.device, args.data).neighbors(args.name, args.top, args.among)
    if args.format == "table":
        show(list(found.columns), found.itertuples(index=False))
        return 0
    text = to_json(records(found)) + "\n" if args.format == "json" else harmless(found).to_csv(index=False)
    if args.out:
        write_text(Path(args.out), text)
    else:
        sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
    return 0
