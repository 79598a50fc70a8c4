"""``gnnneg evaluate RUN [EVALUATOR]``: any metric suite on a trained run."""

import argparse
from pathlib import Path
from typing import Any

from gnnneg.cli.where import where
from gnnneg.former import warn
from gnnneg.plain import to_json

# options of an earlier version, and the evaluators that they stand for
FORMER = {
    "classification": "TripleClassification",
    "known-negatives": "KnownNegatives",
    "calibration": "ProbabilityCalibration",
    "pairs": "PairClassification",
    "clusters": "Clustering",
    "relations": "RelationRanking",
}
PARTS = ("side", "relation", "cardinality", "degree", "half_links")
EVALUATORS = """evaluators:
  Ranking                 filtered ranking of tails and heads; --per for parts, --sampled for Hits@10 among few
  RelationRanking         the relation of each pair among all relations
  TripleClassification    thresholds on scores, by relation; needs denied statements
  KnownNegatives          ranking against verified negatives of the same question; needs denied statements
  ProbabilityCalibration  how good probabilities are, before and after fitting them on validation
  PairClassification      a random forest on vectors of labelled pairs, with controls; needs pairs
  Clustering              k-means on entity vectors against types; needs types
  Isotropy                whether entity vectors point in all directions alike
or one of your own by its dotted path, whose module --allow names"""


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="judge a trained run: ranking, classification, calibration, clustering",
        description="Judges a trained run under its own policy.",
        epilog=EVALUATORS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", metavar="RUN", help="a run folder, or what 'gnnneg pack' made of one")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("evaluator", metavar="EVALUATOR", nargs="?", help="what judges it (default: Ranking)")
    for flag in FORMER:
        what.add_argument(f"--{flag}", dest="former", action="store_const", const=flag, help=argparse.SUPPRESS)
    parser.add_argument("--split", choices=("train", "valid", "test"), help="whose statements (default: test)")
    parser.add_argument("--per", choices=PARTS, help="ranking as a table")
    parser.add_argument(
        "--sampled",
        metavar="N",
        type=int,
        help="also Hits@10 among N random negatives, as inductive papers give it with 50 or 49: "
        "higher than, and not comparable with, Hits@10 among all",
    )
    parser.add_argument(
        "--set", metavar=("KEY", "VALUE"), nargs=2, action="append", default=[], help="any option of the evaluator"
    )
    parser.add_argument(
        "--data",
        dest="given",
        metavar="FILE",
        nargs="+",
        help="files of statements in place of the test split, in any format of 'gnnneg data import'",
    )
    where(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.cli.findings import tell
    from gnnneg.experiment import Run

    if args.former is not None:
        warn(f"--{args.former}", FORMER[args.former])
    given = [("split", args.split), ("per", args.per), ("sampled", args.sampled), *args.set]
    _refuse_swallowed(args)
    name = args.evaluator or FORMER.get(args.former, "Ranking")
    evaluator = _made(name, [(key, value) for key, value in given if value is not None])
    found = Run.load(args.path, args.device, args.data).evaluate(evaluator, data=args.given)
    if args.json:
        print(to_json(found.plain()))
    else:
        tell(evaluator.split, found)
    return 0


def _refuse_swallowed(args: argparse.Namespace) -> None:
    """Refuses an evaluator's name that follows ``--data``, which takes it for one more file."""
    from gnnneg.config.names import members
    from gnnneg.errors import UserError
    from gnnneg.evaluation import Evaluator

    for word in args.given or ():
        if word in members(Evaluator) and not Path(word).exists():
            raise UserError(f"--data takes {word} for a file: give it right after RUN.")


def _made(name: str, options: list[tuple[str, Any]]) -> Any:
    """The evaluator of that name with these options."""
    from gnnneg import config
    from gnnneg.config.names import find
    from gnnneg.config.signature import parameters
    from gnnneg.errors import UserError
    from gnnneg.evaluation import Evaluator

    cls = find(Evaluator, name, "EVALUATOR")
    if "split" in dict(options) and "split" not in parameters(cls):
        raise UserError(f"{cls.no_split}: leave --split out.")  # type: ignore[attr-defined]
    tree: config.Tree = {"evaluator": {"class_path": name}}
    config.override(tree, [f"--evaluator.{key}={value}" for key, value in options])
    return config.resolve(Evaluator, tree["evaluator"], "EVALUATOR").build({})
