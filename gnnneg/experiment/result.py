"""Evaluates the trained model and writes the result."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import HeteroData

from gnnneg import compiling, distributed, run_files
from gnnneg.data import naming
from gnnneg.data.statements import POLARITIES, counts
from gnnneg.errors import UserError
from gnnneg.evaluation import KnownNegatives, Ranking, Ranks, Testbed, strata
from gnnneg.experiment import folder
from gnnneg.experiment.setup import Setup
from gnnneg.experiment.validation import judges, validated
from gnnneg.training import History
from gnnneg.training.atomic import replacing

SOURCES = 5  # the most sources that are listed


def judged(setup: Setup, history: History) -> dict[str, Any]:
    """Evaluates the trained model, and writes ``ranks.parquet`` and ``result.json``.

    The ranking is written first. If another evaluation fails, the run is finished without it, with a warning.
    """
    model, testbed = setup.model, setup.testbed
    path = setup.path if distributed.rank() == 0 else None  # only one process writes
    began = compiling.clock()
    metrics: dict[str, Any] = {}
    ranks: dict[str, Ranks] = {}
    for split in ("valid", "test") if setup.evaluation.test else ("valid",):
        if testbed.has(split):
            ranks[split] = Ranking(split).ranks(model, testbed)
            with _ties_untold() if split == "valid" else nullcontext():
                metrics[split] = Ranking(split).findings(ranks[split], testbed).figures
    judging = judges(testbed, setup.fit.metric, setup.evaluation.evaluators)
    unranked = [one for one in judging if not isinstance(one, Ranking)]
    if unranked:
        metrics.setdefault("valid", {}).update(validated(unranked, model, testbed))
    others = setup.evaluation.chosen(testbed)  # evaluators without statements, such as of labelled pairs, also test
    if "test" not in ranks and setup.evaluation.test and not any(one.split == "test" for one in others):
        warnings.warn("The data set has no test statements, so nothing was tested.", stacklevel=2)
    elif "test" in ranks and path is not None:
        _write_ranks(ranks["test"], testbed.on("test"), path)
    result: dict[str, Any] = {
        "dataset": setup.name,
        "seed": setup.seed,
        "best_epoch": history.best_epoch,
        "data": _about(setup.data),
        "metrics": metrics,
        "time": {
            "train_s": history.train_s,
            "evaluate_s": history.evaluate_s + compiling.clock() - began,
            "triples_per_s": history.triples_per_s,
        },
        "memory": {"peak_rss_mib": history.peak_rss_mib, "peak_cuda_mib": history.peak_cuda_mib},
    }
    falling = {one.key: list(one.falling) for one in others if one.key and one.falling}
    if falling:  # needed to compare runs
        result["falling"] = falling
    if setup.data.get("verdicts") is not None:
        result["verdicts"] = setup.data.verdicts
    if setup.test_graph is not None:  # the graph of the test metrics
        result["test_graph"] = {what: count for what, count in counts(setup.test_graph).items() if count}
    if path is not None:
        folder.write_json(path / run_files.RESULT, {**result, run_files.PENDING: True})
    if "test" in ranks and path is not None:
        with _optional("the strata of ranks.parquet"):
            there = testbed.on("test")
            by = strata(ranks["test"], there.statements("train"), there.num_nodes, there.num_relations)
            _write_ranks(ranks["test"], there, path, by)
    for one in others:
        with _ties_untold(), _optional(f"{type(one).__name__} of {one.split}"):
            if isinstance(one, Ranking) and one.split in ranks:
                found = one.findings(ranks[one.split], testbed)
            else:
                found = one(model, testbed)
            metrics.setdefault(one.split, {}).update({one.key: found.kept()} if one.key else found.kept())
    verified = metrics.get("test", {}).pop(KnownNegatives.key, None)
    if verified is not None:  # kept at its former place, next to the metrics
        result[KnownNegatives.key] = verified
    result["time"]["evaluate_s"] = history.evaluate_s + compiling.clock() - began
    if path is not None:
        folder.write_json(path / run_files.RESULT, result)
    return result


@contextmanager
def _optional(what: str) -> Iterator[None]:
    """Warns instead of failing if an optional part of the result cannot be computed."""
    try:
        yield
    except (MemoryError, UserError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):  # torch has no MemoryError
            raise
        why = str(error) or "there is not enough memory"
        warnings.warn(f"The run is finished without {what}: {why}", stacklevel=3)


@contextmanager
def _ties_untold() -> Iterator[None]:
    """Ignores the warning about ties, which only the ranking of test gives."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Ties decide", UserWarning)
        yield


def _write_ranks(ranks: Ranks, testbed: Testbed, path: Path, strata: dict[str, list[str]] | None = None) -> None:
    """Writes the rank of each test target, with names, labels and, if they are known, strata."""
    data, by = testbed.data, dict(strata or {})
    for what, called in (
        ("anchor_label", naming.called(data, ranks.anchor)),
        ("target_label", naming.called(data, ranks.target)),
        ("relation_label", naming.relations_called(data, ranks.rel_type)),
    ):
        if called is not None:
            by[what] = called
    with replacing(path / run_files.RANKS) as temporary:
        ranks.to_parquet(temporary, data["entity"].names, data.relation_names, by)


def _about(data: HeteroData) -> dict[str, Any]:
    """The entry about a data set for reports: its numbers of statements, and its largest sources."""
    about: dict[str, Any] = {what: count for what, count in counts(data).items() if isinstance(count, int)}
    if "source_names" in data:
        stores = (data["entity", polarity, "entity"] for polarity in POLARITIES)
        index = torch.cat([store.source for store in stores if "source" in store])
        many = torch.bincount(index[index >= 0], minlength=len(data.source_names)).sort(descending=True, stable=True)
        rows = zip(many.indices[:SOURCES].tolist(), many.values[:SOURCES].tolist())
        about["sources"] = {data.source_names[row]: count for row, count in rows if count}
        about["sources_in_all"] = len(data.source_names)
    return about
