"""``gnnneg evaluate RUN``: any metric suite on a trained run."""

import argparse
from typing import TYPE_CHECKING, Any

from gnnneg.plain import to_json

if TYPE_CHECKING:
    import pandas as pd


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="judge a trained run: ranking, triple classification, relation prediction",
        description="Judges a trained run under its own policy. Without further options: filtered ranking, both sides.",
    )
    parser.add_argument("path", metavar="RUN", help="a run folder")
    parser.add_argument("--split", choices=("train", "valid", "test"), default="test", help="(default: test)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--per", choices=("side", "relation", "cardinality", "degree"), help="ranking in parts, as a table"
    )
    what.add_argument("--relations", action="store_true", help="relation prediction: rank the relation of each pair")
    what.add_argument(
        "--classification",
        action="store_true",
        help="triple classification of test statements, by relation; needs denied statements",
    )
    parser.add_argument("--device", help="where to work, such as cpu or cuda")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.cli.table import ranking, records
    from gnnneg.errors import UserError
    from gnnneg.experiment import Run

    trained = Run.load(args.path, args.device)
    if args.per:
        _print(trained.tables(args.split)[args.per], args.json)
    elif args.classification:
        if args.split != "test":
            raise UserError("Triple classification takes thresholds from valid and judges test: leave --split out.")
        figures, table = trained.classify()
        if args.json:
            print(to_json(figures | {"relations": records(table)}))
        else:
            _print(table, False)
            print("\n" + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
    else:
        metrics = trained.relations(args.split) if args.relations else trained.evaluate(args.split)
        if args.json:
            print(to_json(metrics))
        else:
            ranking({args.split: metrics}, "relation of" if args.relations else "split")
    return 0


def _print(table: "pd.DataFrame", as_json: bool) -> None:
    from gnnneg.cli.table import records, show

    rows = records(table)
    if as_json:
        print(to_json(rows))
    else:
        show(list(table.columns), [list(row.values()) for row in rows])
