"""``gnnneg tune CONFIG``: choose the settings that its ``tune`` section names, by validation."""

import argparse
from typing import TYPE_CHECKING, Any

from gnnneg.plain import to_json

if TYPE_CHECKING:
    from gnnneg.tuning import Study

SHOWN = 10  # trials


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "tune",
        help="choose settings of a config by validation; writes a study folder",
        usage="gnnneg tune CONFIG [--trials N] [--hours H] [--workers N] [--seeds N] [--out STUDY] [--KEY VALUE ...]",
        description="Tries settings that the config's tune section names, a run folder a trial, and ends those that "
        "promise nothing. Then it trains the best with several seeds and tests it: no trial looks at the test set. "
        "The same command goes on with a study that was stopped or killed.",
        epilog="The section has dotted keys: tune: {optimizer.lr: {low: 0.01, high: 1.0, log: true}, task.loss: "
        "{choices: [InfoNCE, BCE]}}. Any other key of the config can be set: --fit.epochs 5.",
        allow_abbrev=False,
    )
    parser.add_argument("config", metavar="CONFIG", help="a YAML file with a tune section")
    parser.add_argument("--trials", type=int, metavar="N", help="trials in all (default: 50, with --hours any number)")
    parser.add_argument("--hours", type=float, metavar="H", help="begin none after so many hours of work")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes, which share the cores")
    parser.add_argument(
        "--seeds",
        type=int,
        default=5,
        metavar="N",
        help="trainings of the best at the end, tested (default: 5)",
    )
    parser.add_argument(
        "--startup", type=int, default=10, metavar="N", help="trials at random before others are drawn (default: 10)"
    )
    parser.add_argument("--no-prune", action="store_true", help="let every trial come to its end")
    parser.add_argument("--out", metavar="STUDY", help="the folder (default: runs/<data set>-<config>-study)")
    parser.add_argument("--quiet", action="store_true", help="tell of no trial")
    parser.add_argument("--json", action="store_true", help="print the trials as JSON")
    parser.set_defaults(run=run, settings=[])


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.tuning import tune

    study = tune(
        args.config,
        args.trials,
        hours=args.hours,
        workers=args.workers,
        seeds=args.seeds,
        startup=args.startup,
        prune=not args.no_prune,
        out=args.out,
        overrides=args.settings,
        progress=not args.quiet,
        allow=args.allow,
    )
    tell(study, args.json)
    return 0


def tell(study: "Study", as_json: bool) -> None:
    """Prints the results of a study."""
    from gnnneg.cli.table import show
    from gnnneg.plain import records
    from gnnneg.report.reading import read_all
    from gnnneg.report.tables import COLUMNS, group, row
    from gnnneg.tuning.files import PAGE

    trials, seeds = study.trials, study.seeds
    if as_json:
        said = {"study": str(study.path), "trials": records(trials), "seeds": [one.result for one in seeds]}
        print(to_json(said))
        return
    best = trials.sort_values([study.metric, "trial"], ascending=[False, True], kind="stable").head(SHOWN)
    columns = [str(name) for name in best if name not in ("sentence", "seconds")]
    heads = [".".join(name.split(".")[-2:]) for name in columns]  # which is what tells a key from others
    show(heads, [[one[name] for name in columns] for one in records(best)])
    if len(trials) > SHOWN:
        ended = ", ".join(f"{count} {state}" for state, count in trials["state"].value_counts().items())
        print(f"the first {SHOWN} of {len(trials)} trials: {ended}")
    if seeds:
        print()
        groups = group(read_all([str(one.path) for one in seeds]))
        show(["the winner", *COLUMNS[1:]], [row(one) for one in groups])
    print(f"\n{study.best_config} trains the best, and {study.path / PAGE} shows what was tried.")
