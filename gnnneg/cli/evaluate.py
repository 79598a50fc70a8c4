"""``gnnneg evaluate RUN``: any metric suite on a trained run."""

import argparse
from typing import TYPE_CHECKING, Any

from gnnneg.cli.where import where
from gnnneg.plain import to_json

if TYPE_CHECKING:
    import pandas as pd


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="judge a trained run: ranking, classification, calibration, clustering",
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
    what.add_argument(
        "--known-negatives",
        action="store_true",
        help="ranking against verified negatives of the same question; needs denied statements",
    )
    what.add_argument(
        "--calibration",
        action="store_true",
        help="how good probabilities are on test, before and after fitting them on validation",
    )
    what.add_argument(
        "--pairs", action="store_true", help="a random forest on vectors of labelled pairs, with controls; needs pairs"
    )
    what.add_argument("--clusters", action="store_true", help="k-means on entity vectors against types; needs types")
    parser.add_argument(
        "--sampled",
        metavar="N",
        type=int,
        help="also Hits@10 among N random negatives, as inductive papers give it with 50 or 49: "
        "higher than, and not comparable with, Hits@10 among all",
    )
    where(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.cli.table import ranking, records, show
    from gnnneg.data.statements import triplets
    from gnnneg.errors import UserError
    from gnnneg.experiment import Run

    for asked, why in (
        (args.classification, "Triple classification takes thresholds from valid and judges test"),
        (args.calibration, "Calibration is fitted on valid and judged on test"),
        (args.pairs, "Labelled pairs are of no split"),
        (args.clusters, "Types are of no split"),
    ):
        if asked and args.split != "test":
            raise UserError(f"{why}: leave --split out.")
    ways = (args.per, args.relations, args.classification, args.known_negatives, args.calibration, args.pairs)
    if args.sampled is not None and any((*ways, args.clusters)):
        raise UserError("--sampled goes with the ranking of a whole split: leave one of the two options out.")
    trained = Run.load(args.path, args.device, args.data)
    if args.per:
        _print(trained.tables(args.split)[args.per], args.json)
    elif args.pairs:
        _print(trained.pairs(), args.json)
    elif args.classification:
        figures, table = trained.classify()
        _both(figures, table, "relations", args.json)
        if not args.json and figures["accuracy"] <= figures["all_true"]:
            print("\nCalling every statement true (all_true) is as accurate: the scores tell nothing apart here.")
    elif args.clusters:
        _both(*trained.clusters(), "seeds", args.json)
    elif args.known_negatives:
        figures, table = trained.known_negatives(args.split)
        if args.json:
            print(to_json(figures | {"relations": records(table)}))
        else:
            parts: dict[str, Any] = {
                "verified": figures.pop("verified"),
                "with random": figures.pop("with_random"),
            }
            there = {name: part for name, part in parts.items() if part is not None}
            ranking(there, "among", dict.fromkeys(there, int(figures["queries"])))
            print()
            _both(figures, table, "relations", False)
    elif args.calibration:
        found = trained.calibrate()
        if args.json:
            print(to_json(found))
        else:
            kinds = {"score": "sigmoid of the score", "platt": "Platt scaling", "isotonic": "isotonic regression"}
            rows = [[kind, *found[name].values()] for name, kind in kinds.items()]
            show(["probability by", *found["platt"]], rows, about=[found["test"]] * len(rows))
            print()
            for split, did in (("valid", "Fitted"), ("test", "Judged")):
                part = found[split]
                kind = "random, since none is denied" if part["drawn"] else "denied"
                print(f"{did} on {split}: {part['stated']:,} stated and {part['denied']:,} {kind}.")
    else:
        metrics = trained.relations(args.split) if args.relations else trained.evaluate(args.split, args.sampled)
        if args.json:
            print(to_json(metrics))
        else:
            asked = triplets(trained.judge.on(args.split).data, "stated", args.split).rel_type.numel()
            what = "relation of" if args.relations else "split"
            ranking({args.split: metrics}, what, {args.split: asked * (1 if args.relations else 2)})
    return 0


def _both(figures: dict[str, Any], table: "pd.DataFrame", parts: str, as_json: bool) -> None:
    """A table, and the figures of the whole under it."""
    from gnnneg.cli.table import cell, records
    from gnnneg.digits import digits

    if as_json:
        print(to_json(figures | {parts: records(table)}))
    else:
        _print(table, False)
        print("\n" + ", ".join(f"{name} {cell(value, digits(name, figures))}" for name, value in figures.items()))


def _print(table: "pd.DataFrame", as_json: bool) -> None:
    from gnnneg.cli.table import records, show

    rows = records(table)
    if as_json:
        print(to_json(rows))
    else:
        show(list(table.columns), [list(row.values()) for row in rows])
