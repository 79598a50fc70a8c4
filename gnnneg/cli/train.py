"""``gnnneg train CONFIG``: train, validate, test, and keep it all in a run folder."""

import argparse
from typing import TYPE_CHECKING, Any

from gnnneg.errors import UserError
from gnnneg.plain import to_json

if TYPE_CHECKING:
    from gnnneg.experiment import Run


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "train",
        help="train, validate and test what a config says; writes a run folder",
        usage="gnnneg train CONFIG [--out RUN] [--seed N | --seeds N [--workers N]] [--KEY VALUE ...]",
        description="Trains what a config says, with early stopping on validation, then tests the best model.",
        epilog="Any key of the config can be set: --fit.epochs 5 --optimizer.lr 0.05 --task.model.decoder RotatE "
        "--task.sampler.num_negatives 64 --data.name UMLS --device cuda.",
        allow_abbrev=False,
    )
    parser.add_argument("config", metavar="CONFIG", help="a YAML file, such as configs/UMLS/distmult.yaml")
    parser.add_argument(
        "--out",
        metavar="RUN",
        help="a new folder (default: runs/<data set>-<config>-<seed>); with --seeds without the -<seed>",
    )
    parser.add_argument(
        "--seeds", metavar="SEEDS", help="one run of each, side by side: 5 (0 to 4), 2..6 or 0,3,7; goes on with others"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="with --seeds, runs at once (default: the cores)")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--print-config", action="store_true", help="print the config with every default filled in, and do nothing"
    )
    parser.set_defaults(run=run, settings=[])


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg import config, distributed
    from gnnneg.experiment import read, train_config

    if args.print_config:
        print(config.dump(read(args.config, args.settings).plain()), end="")
        return 0
    if args.seeds is not None:
        return _repeat(args)
    if args.workers is not None:
        raise UserError("--workers is for --seeds: leave it out.")
    with distributed.together():
        done = train_config(args.config, args.settings, args.out, progress=not args.quiet)
        if distributed.rank() == 0:
            tell(done, args.json)
    return 0


def _repeat(args: argparse.Namespace) -> int:
    """One config with several seeds."""
    from gnnneg.cli.compare import table
    from gnnneg.experiment.repeated import train_seeds
    from gnnneg.report.reading import read_all
    from gnnneg.report.tables import group

    settings, out, allow = args.settings, args.out, args.allow
    done = train_seeds(args.config, args.seeds, settings, out, args.workers, not args.quiet, allow)
    if done.runs:
        groups = group(read_all([str(path) for path in done.runs.values()]))
        if args.json:
            print(to_json([one.to_json() for one in groups]))
        else:
            table(groups)
    if done.failed:
        seed, why = next(iter(done.failed.items()))
        count = len(done.runs) + len(done.failed)
        raise UserError(f"{len(done.failed)} of {count} runs failed, that of seed {seed} first: {why}")
    return 0


def tell(run: "Run", as_json: bool) -> None:
    """Prints the results of a run."""
    from gnnneg.cli.findings import grouped
    from gnnneg.cli.table import RANKING, cell, ranking

    result = run.result
    if as_json:
        print(to_json(result))
        return
    data = result.get("data", {})  # a run of an older version does not say
    asked = {"valid": data.get("valid"), "test": result.get("test_graph", data).get("test")}
    ranked = {split: metrics for split, metrics in result["metrics"].items() if "mrr" in metrics}
    ranking(ranked, "split", {split: 2 * (count or 0) for split, count in asked.items()})
    chose = run.config["fit"].get("metric", "mrr")
    if chose not in RANKING and chose in result["metrics"].get("valid", {}):
        print(f"\nvalid {chose}: {cell(result['metrics']['valid'][chose])}, by which the epoch was chosen")
    for split, metrics in result["metrics"].items():
        for key, part in metrics.items():
            if isinstance(part, dict) and key not in ("head", "tail"):
                inner = {name: value for name, value in part.items() if isinstance(value, dict)}
                for table in grouped(key, {split: part, **inner}, part):
                    print()
                    table()
    if told := result.get("verdicts"):
        joined = f"{told['accepted']:,} accepted and {told['denied']:,} denied"
        print(f"\nFrom {told['file']}, {joined} statements joined training.")
    time, memory = result["time"], result["memory"]["peak_rss_mib"]
    train, test, rate = (
        0.0 if time[name] is None else time[name] for name in ("train_s", "evaluate_s", "triples_per_s")
    )
    print(
        f"\n{run.path}: best epoch {result.get('best_epoch')}, trained {train:.1f} s at {rate:,.0f} triples/s, "
        f"evaluated {test:.1f} s" + (f", peak memory {memory:,.0f} MiB." if memory else ".")
    )
