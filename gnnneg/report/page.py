"""One self-contained page about one or several runs: no file beside it, no network."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from gnnneg.errors import MissingExtra
from gnnneg.report import plots
from gnnneg.report.folder import Finished
from gnnneg.report.grouping import grouped, said

HEADLINE = (
    "mrr",
    "hits@1",
    "hits@3",
    "hits@10",
    "ndcg@5",
    "mr",
    "amri",
    "amrr",
    "z_mrr",
    "mrr_optimistic",
    "mrr_pessimistic",
)
CLASSIFICATION = ("accuracy", "f1", "precision", "recall", "auroc", "average_precision")


def page(runs: Sequence[Finished]) -> str:
    """The page, as HTML.

    Raises:
        MissingExtra: If the extra ``plot`` is not installed.
    """
    try:
        from jinja2 import Environment
    except ImportError as error:
        raise MissingExtra("plot", "gnnneg report") from error
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        Path(__file__).with_name("page.html").read_text()
    )
    names = _names(runs)
    frames = {name: frame for name, run in zip(names, runs) if (frame := run.ranks()) is not None}
    return template.render(
        names=names,
        datasets=sorted({str(run.result.get("dataset")) for run in runs}),
        headline=[(metric, [_said(run.test.get(metric)) for run in runs]) for metric in HEADLINE],
        sides=[
            (f"{metric}, {side} asked", [_said(run.test.get(side, {}).get(metric)) for run in runs])
            for side in ("head", "tail")
            for metric in ("mrr", "hits@10")
        ],
        classification=[
            (metric, [_said(run.test.get("classification", {}).get(metric)) for run in runs])
            for metric in CLASSIFICATION
            if any("classification" in run.test for run in runs)
        ],
        groups=[{**row, "mrr": said(row["mrr"]), "hits": said(row["hits@10"])} for row in grouped(runs)],
        costs=[
            ("best epoch", [str(run.result.get("best_epoch")) for run in runs]),
            ("training, s", [_said(run.result.get("time", {}).get("train_s")) for run in runs]),
            ("triples a second", [_said(run.result.get("time", {}).get("triples_per_s")) for run in runs]),
            ("peak memory, MiB", [_said(run.result.get("memory", {}).get("peak_rss_mib")) for run in runs]),
        ],
        loss=plots.curves(_curves(names, runs, "loss"), "epoch", "training loss"),
        valid=plots.curves(_curves(names, runs, "mrr"), "epoch", "validation MRR"),
        strata=[
            (what, plots.bars({name: _by(frame, column) for name, frame in frames.items()}, "test MRR"))
            for what, column in (("relation cardinality", "cardinality"), ("degree of the target", "degree"))
            if frames and all(column in frame for frame in frames.values())
        ],
        relations=_relations(frames),
        configs=[(name, yaml.safe_dump(run.config, sort_keys=False, width=100)) for name, run in zip(names, runs)],
        environments=[(name, json.dumps(run.environment, indent=1)) for name, run in zip(names, runs)],
    )


def _names(runs: Sequence[Finished]) -> list[str]:
    """The folders' names, with their parents' where two are the same."""
    short = [run.name for run in runs]
    return [name if short.count(name) == 1 else f"{run.path.parent.name}/{name}" for name, run in zip(short, runs)]


def _said(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4f}"


def _curves(names: Sequence[str], runs: Sequence[Finished], what: str) -> dict[str, plots.Curve]:
    """The mean loss of each epoch, or a validation metric."""
    found: dict[str, plots.Curve] = {}
    for name, run in zip(names, runs):
        points: dict[float, list[float]] = {}
        for record in run.records:
            value = record.get("loss") if what == "loss" else record.get("valid", {}).get(what)
            if value is not None:
                points.setdefault(float(record["epoch"]), []).append(value)
        found[name] = (list(points), [sum(values) / len(values) for values in points.values()])
    return found


def _reciprocal(frame: pd.DataFrame) -> pd.Series:
    return 2 / (frame["optimistic"] + frame["pessimistic"])


def _by(frame: pd.DataFrame, column: str) -> dict[str, float]:
    means = _reciprocal(frame).groupby(frame[column].astype(str)).mean()
    found = {str(label): float(value) for label, value in means.items()}
    # 1–6, 7–8, 9–10, 11+ in the order of their numbers, names in their own
    return dict(sorted(found.items(), key=lambda item: [int(n) for n in re.findall(r"^\d+", item[0])] or [0]))


def _relations(frames: dict[str, pd.DataFrame]) -> list[tuple[str, int, list[str]]]:
    """Relation, queries in the test set, and the MRR of each run."""
    if not frames:
        return []
    by = {name: _by(frame, "relation_name") for name, frame in frames.items()}
    count = Counter(next(iter(frames.values()))["relation_name"].astype(str).tolist())
    return [(label, size, [_said(by[name].get(label)) for name in frames]) for label, size in count.most_common()]
