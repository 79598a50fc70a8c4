"""Compares groups of runs in pairs: how much better one is, with a paired test."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from gnnneg.errors import UserError, echo, nearest
from gnnneg.report.paired import Paired, holm, paired
from gnnneg.report.reading import Folder, read_all
from gnnneg.report.tables import Group, flat, group

FEW = 5  # with more groups of one data set, not all pairs are compared
FALLING = ("mr", "amr", "brier", "ece")  # gnnneg's metrics that are smaller for a better model

COLUMNS = (
    *("first", "second", "metric", "over", "n", "difference", "interval", "effect", "better", "worse"),
    *("p", "p_holm", "least_p"),
)

Over = Literal["seeds", "statements"]


@dataclass(frozen=True)
class Comparison:
    """Two groups of runs.

    Args:
        first (Group): The better one overall.
        second (Group): The other.
        metric (str): The metric.
        over (str): What is paired: seeds, or test statements.
        found (Paired, optional): The statistics of first minus second; None if there are no pairs.
        why (str): Why there are no pairs.
        p (float, optional): The p-value, corrected for all comparisons of the table.
    """

    first: Group
    second: Group
    metric: str
    over: Over | None
    found: Paired | None
    why: str = ""
    p: float | None = None

    @property
    def better(self) -> int:
        """Number of pairs in which the first is better."""
        assert self.found is not None
        return self.found.down if self._falls else self.found.up

    @property
    def worse(self) -> int:
        """Number of pairs in which the second is better."""
        assert self.found is not None
        return self.found.up if self._falls else self.found.down

    @property
    def _falls(self) -> bool:
        return any(falls(self.metric, run) for run in (*self.first.runs, *self.second.runs))

    def to_json(self) -> dict[str, Any]:
        """All fields, for JSON."""
        about: dict[str, Any] = {"first": self.first.name, "second": self.second.name, "metric": self.metric}
        if self.found is None:
            return {**about, "untested": self.why}
        found = self.found
        return {
            **about,
            "over": self.over,
            "n": found.n,
            "difference": found.difference,
            "interval": [found.low, found.high],
            "effect": found.effect,
            "better": self.better,
            "worse": self.worse,
            "p": found.p,
            "p_holm": self.p,
            "least_p": found.least,
        }


def compare(
    paths: str | Path | Sequence[str | Path],
    metric: str | None = None,
    over: Over | None = None,
    baseline: str | Path | None = None,
) -> pd.DataFrame:
    """Compares runs: which are better, by how much, and how probable such a difference is by chance.

    ::

        gnnneg.compare([*Path("runs").glob("plain-*"), *Path("runs").glob("emu-*")])

    Args:
        paths (list): One or more run folders. Runs of one config with different seeds are a group.
        metric (str, optional): The metric. (default: ``"mrr"``)
        over (str, optional): ``"seeds"`` or ``"statements"``; see :func:`comparisons`.
        baseline (str or Path, optional): A run; see :func:`comparisons`.

    Returns:
        One row per comparison, with columns as in :meth:`Comparison.to_json`.

    Raises:
        UserError: If a folder is not a finished run, or the metric does not exist.
    """
    paths = [paths] if isinstance(paths, str | Path) else paths
    groups = group(read_all([str(path) for path in paths]))
    found = pd.DataFrame([one.to_json() for one in comparisons(groups, metric, over, baseline)])
    return found if len(found) else found.reindex(columns=COLUMNS)


def comparisons(
    groups: Sequence[Group], metric: str | None = None, over: Over | None = None, baseline: str | Path | None = None
) -> list[Comparison]:
    """Compares the groups of each data set in pairs. P-values are corrected for all comparisons by Holm's method.

    If two groups share at least two seeds, runs with the same seed are paired. Otherwise, or with
    ``over="statements"``, test statements are paired by their contribution to the metric, averaged over the runs of a
    group. Both sides of a statement are one pair, because they are not independent.

    Args:
        groups (list[Group]): The result of :func:`~gnnneg.report.tables.group`: the best first.
        metric (str, optional): The metric. (default: ``"mrr"``, if a run has it)
        over (str, optional): ``"seeds"`` or ``"statements"``. (default: seeds, if two are shared)
        baseline (str or Path, optional): The run whose group all others are compared with. (default: every pair is
            compared; with more than five groups, all are compared with the best)

    Raises:
        UserError: If no run has the metric, the baseline is not one of the runs, or the metric is not a mean over
            statements.
    """
    names = list(dict.fromkeys(name for one in groups for run in one.runs for name in figures(run)))
    if metric is None:
        if "mrr" not in names:
            return []
        metric = "mrr"
    metric = known(metric, names)
    if over == "statements" and part(metric) is None:
        raise UserError(f"{metric} is not a mean over statements (--over): compare mrr, mr, hits@1 or another hits@k.")
    base = None if baseline is None else of(groups, baseline)
    found = [_compared(one, other, metric, over) for one, other in _pairs(groups, base)]
    corrected = iter(holm([one.found.p for one in found if one.found is not None]))
    return [one if one.found is None else _with(one, next(corrected)) for one in found]


def falls(metric: str, run: Folder) -> bool:
    """Whether a metric is smaller for a better model. For a user's own evaluators, the run says this."""
    key, last = metric.partition(".")[0], metric.rpartition(".")[2]
    return last in FALLING or last in (run.result.get("falling") or {}).get(key, ())


def known(metric: str, names: Sequence[str]) -> str:
    """The full name of a metric from its last part, such as ``auroc`` for ``classification.auroc``.

    Raises:
        UserError: If no metric or several metrics end in this way.
    """
    ends = [metric] if metric in names else [name for name in names if name.endswith(f".{metric}")]
    shortest = [name for name in ends if name.count(".") == min(one.count(".") for one in ends)]
    if len(shortest) == 1:
        return shortest[0]
    if shortest:
        raise UserError(f"--metric {metric} may be {' or '.join(shortest)}: give one of them.")
    raise UserError(f"No run has the metric {echo(metric)} (--metric): {nearest(metric, list(names))}")


def figures(run: Folder) -> dict[str, float]:
    """The metrics of a run's headline split, by name."""
    numbers = {name: float(value) for name, value in flat(run.metrics).items() if isinstance(value, int | float)}
    return {name: value for name, value in numbers.items() if math.isfinite(value)}


def of(groups: Sequence[Group], path: str | Path) -> Group:
    """The group that a run is in.

    Raises:
        UserError: If it is in none.
    """
    wanted = Path(path).resolve()
    for one in groups:
        if one.name == str(path) or any(run.path.resolve() == wanted for run in one.runs):
            return one
    raise UserError(f"--baseline {path} is not one of the compared runs: give one of them, or a name from the table.")


def part(metric: str) -> Any:
    """The contribution of a rank to a metric; None if the metric is not a mean over ranks."""
    kind, _, count = metric.partition("@")
    if kind == "hits" and count.isdecimal():
        return lambda rank: (rank <= int(count)).astype(float)
    return {"mrr": lambda rank: 1 / rank, "mr": lambda rank: rank}.get(metric)


def _pairs(groups: Sequence[Group], base: Group | None) -> list[tuple[Group, Group]]:
    """Which groups are compared, the better one first."""
    found = []
    for dataset in dict.fromkeys(one.dataset for one in groups):
        here = [one for one in groups if one.dataset == dataset]
        if base is not None:
            found += [pair for pair in combinations(here, 2) if any(one is base for one in pair)]
        elif len(here) > FEW:
            found += [(here[0], other) for other in here[1:]]
        else:
            found += list(combinations(here, 2))
    return found


def _compared(one: Group, other: Group, metric: str, over: Over | None) -> Comparison:
    if one.split != other.split:
        why = "one has metrics of test statements, and the other of validation statements"
        return Comparison(one, other, metric, None, None, why)
    seeds = _by_seed(one, other, metric)
    if over != "statements" and len(seeds) > 1:
        return Comparison(one, other, metric, "seeds", paired(seeds))
    lacking = [group.name for group in (one, other) if not any(metric in figures(run) for run in group.runs)]
    if lacking and part(metric) is None:
        return Comparison(one, other, metric, None, None, f"{' and '.join(lacking)} does not have {metric}")
    if over == "seeds" or part(metric) is None:
        shared = f"{len(seeds)} seed{'s' * (len(seeds) != 1)}"
        return Comparison(one, other, metric, "seeds", None, f"they share {shared}, and two are needed")
    sums = [_by_statement(run, metric) for run in (*one.runs, *other.runs)]
    whole = [series for series in sums if series is not None]
    if len(whole) < len(sums):
        return Comparison(
            one, other, metric, "statements", None, "a run has no ranks.parquet that names its statements"
        )
    first = whole[0]
    if any(not first.index.equals(series.index) for series in whole[1:]):
        return Comparison(one, other, metric, "statements", None, "they were tested on different statements")
    if any((first["count"] != series["count"]).any() for series in whole[1:]):
        return Comparison(one, other, metric, "statements", None, "they were tested on different questions")
    ours, theirs = (
        np.mean([series["sum"].to_numpy() for series in part_of], axis=0)
        for part_of in (whole[: len(one.runs)], whole[len(one.runs) :])
    )
    return Comparison(one, other, metric, "statements", paired((ours - theirs).tolist(), first["count"].tolist()))


def _by_seed(one: Group, other: Group, metric: str) -> list[float]:
    """First minus second for each shared seed. Runs of a group with the same seed are averaged."""
    ours, theirs = ({seed: _mean(group, seed, metric) for seed in set(map(str, group.seeds))} for group in (one, other))
    both = [(ours[seed], theirs[seed]) for seed in sorted(ours) if seed in theirs]
    return [first - second for first, second in both if first is not None and second is not None]


def _mean(group: Group, seed: str, metric: str) -> float | None:
    found = [figures(run).get(metric) for run in group.runs if str(run.seed) == seed]
    values = [value for value in found if value is not None]
    return statistics.fmean(values) if values else None


def _by_statement(run: Folder, metric: str) -> pd.DataFrame | None:
    """For each test statement, the contribution of its queries to a metric, and their number."""
    try:
        frame = run.ranks
    except UserError:  # damaged, but not necessarily needed
        return None
    if frame is None or run.split != "test":
        return None
    names = [name if name in frame else index for name, index in (("anchor_name", "anchor"), ("target_name", "target"))]
    if not {*names, "relation_name", "side"} <= set(frame):
        return None
    tail = (frame["side"] == "tail").to_numpy()
    anchor, target = (frame[name].astype(str).to_numpy() for name in names)
    statement = pd.DataFrame(
        {
            "head": np.where(tail, anchor, target),
            "relation": frame["relation_name"].astype(str).to_numpy(),
            "tail": np.where(tail, target, anchor),
            "value": part(metric)(frame["rank"].to_numpy(dtype=float)),
        }
    )
    return statement.groupby(["head", "relation", "tail"], sort=True)["value"].agg(["sum", "count"])


def _with(one: Comparison, p: float) -> Comparison:
    return Comparison(one.first, one.second, one.metric, one.over, one.found, one.why, p)
