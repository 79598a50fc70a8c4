"""``gnnneg compare RUN RUN ...``: runs side by side, grouped by seeds."""

import argparse
import statistics
from typing import TYPE_CHECKING, Any

from gnnneg.plain import to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gnnneg.report.compared import Comparison
    from gnnneg.report.tables import Group


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "compare",
        help="a table of runs: seeds of one config grouped, mean and spread",
        description="Compares finished runs. Runs whose configs differ in the seed alone are one line: mean ± sample "
        "standard deviation. Below, groups two by two: their difference with its 95 % interval, and how often chance "
        "would do as much.",
    )
    parser.add_argument("paths", metavar="RUN", nargs="+", help="run folders")
    parser.add_argument("--metric", metavar="NAME", help="in which figure they are compared (default: mrr)")
    parser.add_argument(
        "--over",
        choices=("seeds", "statements"),
        help="what is paired: runs of one seed, or test statements (default: seeds where two groups share two)",
    )
    parser.add_argument("--baseline", metavar="RUN", help="compare all others with the group of this run")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.cli.table import show
    from gnnneg.report.compared import comparisons
    from gnnneg.report.reading import read_all
    from gnnneg.report.tables import HEADLINES, group, telling, watched

    groups = group(read_all(args.paths))
    pairs = comparisons(groups, args.metric, args.over, args.baseline)
    if args.json:
        against = {one.name: [pair.to_json() for pair in pairs if pair.first is one] for one in groups}
        print(to_json([{**one.to_json(), "against": against[one.name]} for one in groups]))
        return 0
    table(groups)
    chose = watched([run for one in groups for run in one.runs])
    if chose not in HEADLINES:
        _list(f"valid {chose}, by which epochs were chosen", groups, [one.validated(chose) for one in groups])
    keys, more = telling(groups)
    if keys:
        print()
        cells = [[key, *(_said(one.differs, key) for one in groups)] for key in keys]
        show(["what differs", *(one.name for one in groups)], cells)
        if more:
            print(f"and {more} more settings (--json lists them)")
    if args.metric and pairs and pairs[0].metric not in HEADLINES.values():
        _list(pairs[0].metric, groups, [one.values(pairs[0].metric) for one in groups])
    _tell(pairs)
    return 0


def table(groups: "Sequence[Group]") -> None:
    """Prints a line for each group: mean and standard deviation of its figures."""
    from gnnneg.cli.table import show
    from gnnneg.report.tables import COLUMNS, row

    show(COLUMNS, [row(one) for one in groups])


def _list(title: str, groups: "Sequence[Group]", values: "Sequence[Sequence[float]]") -> None:
    """Prints one more figure of each group."""
    from gnnneg.cli.table import show
    from gnnneg.digits import written

    means = [statistics.fmean(of) if of else None for of in values]
    spreads = [statistics.stdev(of) if len(of) > 1 else None for of in values]
    print()
    cells = [[one.name, written(mean, 4, spread)] for one, mean, spread in zip(groups, means, spreads)]
    show(["run", title], cells)


def _tell(pairs: "list[Comparison]") -> None:
    """Prints each pair of groups."""
    from gnnneg.cli.table import show

    tested = [(pair, pair.found) for pair in pairs if pair.found is not None]
    if tested:
        metric = tested[0][0].metric
        columns = ["", f"{metric} less", "difference", "95 % interval", "effect", "better", "worse", "p", "Holm"]
        rows = []
        for pair, found in tested:
            ends = "" if found.low is None or found.high is None else f"[{found.low:+.4f}, {found.high:+.4f}]"
            effect = "" if found.effect is None else f"{found.effect:+.2f}"
            better = f"{pair.better:,} of {found.n:,}"
            p = [f"{found.p:.4f}", "" if pair.p is None else f"{pair.p:.4f}"]
            difference = f"{found.difference:+.4f}"
            rows.append([pair.first.name, pair.second.name, difference, ends, effect, better, f"{pair.worse:,}", *p])
        print()
        show(columns, rows)
        over = " and ".join(dict.fromkeys(f"{found.n:,} {pair.over}" for pair, found in tested))
        few = {found.n: found.least for pair, found in tested if pair.over == "seeds"}
        least = "".join(f" With {n} seeds no p is below {p:.4g}." for n, p in sorted(few.items()) if p > 0.01)
        print(
            f"Paired over {over}. effect: the difference in standard deviations of the pairs. p: how often random "
            f"signs of the pairs' differences come as far from 0. Holm: the same, corrected for {len(tested)} "
            f"comparison{'s' * (len(tested) > 1)}.{least}"
        )
    for pair in pairs:
        if pair.found is None:
            print(f"\n{pair.first.name} and {pair.second.name} are not tested: {pair.why}.")


def _said(differs: dict[str, Any], key: str) -> str:
    return "" if key not in differs else "null" if differs[key] is None else str(differs[key])
