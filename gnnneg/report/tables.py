"""Tables of runs: seeds of one config are grouped, with mean and standard deviation."""

import json
import os
import statistics
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from gnnneg.digits import digits, written
from gnnneg.report.reading import Folder

CLOSE, ENOUGH = 0.003, 5
HEADLINES = {"mrr": "mrr", "hits@1": "hits@1", "hits@10": "hits@10", "auroc": "classification.auroc"}
COLUMNS = ("run", "data", "seeds", *HEADLINES, "training")
MANY = 12  # the most differing settings that are shown


@dataclass(frozen=True)
class Group:
    """Runs whose resolved configs differ only in the seed.

    Args:
        name (str): The common part of the names of their folders.
        runs (tuple[Folder, ...]): The runs.
        differs (dict): The values of this config for the settings that differ between the configs, by short key.
    """

    name: str
    runs: tuple[Folder, ...]
    differs: dict[str, Any]

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return self.runs[0].dataset

    @property
    def split(self) -> str:
        """The split of the metrics."""
        return self.runs[0].split

    @property
    def seeds(self) -> list[Any]:
        """The seed of each run."""
        return [run.seed for run in self.runs]

    @property
    def queries(self) -> int | None:
        """The smallest number of questions of a run; None if it is unknown for a run."""
        counts = [run.queries for run in self.runs]
        return None if None in counts else min(count for count in counts if count is not None)

    def values(self, metric: str) -> list[float]:
        """A metric of each run that has it. Metrics of one side have names such as ``head.mrr``."""
        found = (flat(run.metrics).get(metric) for run in self.runs)
        return [float(value) for value in found if isinstance(value, int | float)]

    def mean(self, metric: str) -> float | None:
        """The mean over the runs."""
        values = self.values(metric)
        return statistics.fmean(values) if values else None

    def spread(self, metric: str) -> float | None:
        """The sample standard deviation over the runs; None for a single run."""
        values = self.values(metric)
        return statistics.stdev(values) if len(values) > 1 else None

    def to_json(self) -> dict[str, Any]:
        """All fields, for JSON."""
        metrics = [name for name, value in flat(self.runs[0].metrics).items() if isinstance(value, int | float)]
        return {
            "name": self.name,
            "runs": [str(run.path) for run in self.runs],
            "dataset": self.dataset,
            "split": self.split,
            "n": len(self.runs),
            "seeds": self.seeds,
            "differs": self.differs,
            "metrics": {name: {"mean": self.mean(name), "std": self.spread(name)} for name in metrics},
            "time": {name: self.cost("time", name) for name in ("train_s", "evaluate_s", "triples_per_s")},
            "memory": {name: self.cost("memory", name) for name in ("peak_rss_mib", "peak_cuda_mib")},
        }

    def validated(self, metric: str) -> list[float]:
        """A validation metric of each run that has it, at the epoch whose weights it kept."""
        found = ((run.result["metrics"].get("valid") or {}).get(metric) for run in self.runs)
        return [float(value) for value in found if isinstance(value, int | float)]

    def cost(self, kind: str, name: str) -> float | None:
        """The mean of a ``time`` or ``memory`` figure over the runs that have it."""
        values = [value for run in self.runs if (value := (run.result.get(kind) or {}).get(name)) is not None]
        return statistics.fmean(values) if values else None


def group(runs: Sequence[Folder]) -> list[Group]:
    """Groups runs by data set and config, without the seed. Data sets keep their order; in each, the best MRR is first.

    Warns if runs of a group share a seed, if some metrics are of validation and others of test, or if a lead is too
    small for the number of seeds: with other seeds, the MRR of tuned models differs by about 0.003.
    """
    found: dict[str, list[Folder]] = {}
    for run in runs:
        config = {key: value for key, value in run.asked.items() if key != "seed"}
        found.setdefault(json.dumps([run.dataset, config], sort_keys=True, default=str), []).append(run)
    parts = [tuple(part) for part in found.values()]
    datasets = list(dict.fromkeys(run.dataset for run in runs))
    parts.sort(key=lambda part: (datasets.index(part[0].dataset), -_mrr(part)))
    differs = differences([part[0].asked for part in parts])
    groups = [Group(name, part, differ) for name, part, differ in zip(_names(parts), parts, differs)]
    for one in groups:
        if len(set(map(str, one.seeds))) < len(one.runs):
            warnings.warn(f"Runs of {one.name} share a seed, so their spread says nothing.", stacklevel=2)
    _told_of_splits(groups)
    _told_of_close_calls(groups)
    return groups


def differences(configs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The values of each config for the keys in which the configs differ, without the seed.

    A class and its arguments share a key, as ``task.model.decoder`` and ``task.model.decoder.reciprocal``.
    """
    plain = [{key: value for key, value in flat(config, short=True).items() if key != "seed"} for config in configs]
    keys = dict.fromkeys(key for one in plain for key in one)
    unlike = [key for key in keys if any(one.get(key, ...) != plain[0].get(key, ...) for one in plain)]
    return [{key: one[key] for key in unlike if key in one} for one in plain]


def telling(groups: Sequence[Group], most: int = MANY) -> tuple[list[str], int]:
    """The differing settings to show first, and how many more there are.

    Settings that every config has come first, then those that only some have. Settings with a single value come last.
    """
    keys = list(dict.fromkeys(key for one in groups for key in one.differs))

    def rank(key: str) -> tuple[bool, bool, int]:
        said = [one.differs[key] for one in groups if key in one.differs]
        return all(value == said[0] for value in said), len(said) < len(groups), key.count(".")

    keys.sort(key=rank)
    return keys[:most], max(0, len(keys) - most)


def flat(tree: dict[str, Any], short: bool = False) -> dict[str, Any]:
    """Nested keys joined by dots; ``short`` leaves out ``init_args`` and ``class_path``."""
    return {".".join(key): value for key, value in _leaves(tree, (), short)}


def watched(runs: Sequence[Folder]) -> str:
    """The validation metric that chose the best epochs (``fit.metric``); MRR for runs that differ in it."""
    fits = [run.config.get("fit") for run in runs]
    asked = {str(fit.get("metric", "mrr")) if isinstance(fit, dict) else "mrr" for fit in fits}
    return asked.pop() if len(asked) == 1 else "mrr"


def row(one: Group) -> list[Any]:
    """A group as a line of a table, below :data:`COLUMNS`: metrics as *mean ± spread*, mean training time.

    ``auroc`` is that of the triple classification, where the data have denied statements.
    """
    about = {"queries": one.queries, **(one.runs[0].metrics.get("classification") or {})}
    figures = (written(one.mean(m), digits(head, about), one.spread(m)) for head, m in HEADLINES.items())
    return [one.name, one.dataset, len(one.runs), *figures, duration(one.cost("time", "train_s"))]


def duration(seconds: float | None) -> str:
    """A time in a readable unit."""
    if seconds is None:
        return ""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{seconds / 3600:.1f} h"


def _leaves(value: Any, key: tuple[str, ...], short: bool) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(
                inner, key if short and name in ("init_args", "class_path") else (*key, str(name)), short
            )
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*key, str(place)), short)
    else:
        yield key, value


def _mrr(part: tuple[Folder, ...]) -> float:
    return statistics.fmean(float(run.metrics.get("mrr") or 0.0) for run in part)


def _names(parts: Sequence[tuple[Folder, ...]]) -> list[str]:
    names = []
    for part in parts:
        common = os.path.commonprefix([run.name for run in part])  # noqa: RUF071  of one name, not of a path
        names.append(part[0].name if len(part) == 1 else common.rstrip("-_. ") or f"{part[0].name} …")
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if names.count(name) == 1 else f"{name} ({seen[name]})")
    return unique


def _told_of_splits(groups: Sequence[Group]) -> None:
    for dataset in dict.fromkeys(one.dataset for one in groups):
        names = {
            split: [one.name for one in groups if (one.dataset, one.split) == (dataset, split)]
            for split in ("valid", "test")
        }
        if all(names.values()):
            warnings.warn(
                f"On {dataset}, metrics of {_few(names['valid'])} are of validation statements, and metrics of "
                f"{_few(names['test'])} of test statements: they cannot be compared.",
                stacklevel=3,
            )


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _told_of_close_calls(groups: Sequence[Group]) -> None:
    for dataset, split in dict.fromkeys((one.dataset, one.split) for one in groups):
        here = [one for one in groups if (one.dataset, one.split) == (dataset, split)]
        scored = [(mean, one) for one in here if (mean := one.mean("mrr")) is not None]
        scored.sort(key=lambda pair: -pair[0])
        for (better, first), (worse, second) in pairwise(scored[:2]):
            if better - worse < CLOSE and min(len(first.runs), len(second.runs)) < ENOUGH:
                warnings.warn(
                    f"On {dataset}, {first.name} leads {second.name} by {better - worse:.4f} MRR: "
                    f"a lead under {CLOSE} needs {ENOUGH} seeds of each.",
                    stacklevel=3,
                )
