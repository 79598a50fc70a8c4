"""One self-contained page about one or several runs: settings, metrics, and where the model is weak."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import pandas as pd
import yaml

from gnnneg.digits import borne, digits, written
from gnnneg.errors import UserError
from gnnneg.report.about import examples, probabilities, statements, verified
from gnnneg.report.negatives import MEANING, legend, pictures
from gnnneg.report.plots import SERIES, curves
from gnnneg.report.reading import Folder
from gnnneg.report.tables import flat, group, row, watched
from gnnneg.report.templates import rendered

HEADLINE = (
    ("mrr", "MRR", "mean reciprocal rank; ties get the middle of the ranks they span"),
    ("mrr_optimistic", "MRR, ties optimistic", "every tie broken for the target"),
    ("mrr_pessimistic", "MRR, ties pessimistic", "every tie broken against it"),
    ("hits@1", "Hits@1", "share of targets ranked first"),
    ("hits@3", "Hits@3", "share of targets among the first three"),
    ("hits@10", "Hits@10", "share of targets among the first ten"),
    ("ndcg@5", "NDCG@5", "1 / log2(1 + rank) up to rank 5"),
    ("mr", "MR", "mean rank"),
    ("amri", "AMRI", "mean rank adjusted for chance: 0 random, 1 perfect"),
    ("amrr", "AMRR", "MRR adjusted for chance: 0 random, 1 perfect"),
    ("z_mrr", "z of MRR", "standard deviations above a random ranking"),
    ("head.mrr", "MRR, head asked", "(?, relation, tail)"),
    ("tail.mrr", "MRR, tail asked", "(head, relation, ?)"),
)
CLASSIFICATION = (
    ("accuracy", "Accuracy"),
    ("all_true", "Accuracy of calling all true"),
    ("f1", "F1"),
    ("precision", "Precision"),
    ("recall", "Recall"),
    ("auroc", "AUROC"),
    ("average_precision", "Average precision"),
)
COSTS = (
    ("time.train_s", "Training, s"),
    ("time.evaluate_s", "Evaluation, s"),
    ("time.triples_per_s", "Training triples/s"),
    ("memory.peak_rss_mib", "Peak memory, MiB"),
    ("memory.peak_cuda_mib", "Peak GPU memory, MiB"),
)
STRATA = (
    ("side", "Side asked"),
    ("cardinality", "Relation cardinality (head-tail)"),
    ("degree", "Training degree of the target"),
    ("half_links", "Half-links (query's, answer's) seen in training"),
)
TILES = ("mrr", "hits@1", "hits@10", "amri")
PLAIN = {"epoch", "step", "loss", "lr", "seconds", "triples_per_s", "valid"}
MOST_RELATIONS, MOST_EXTRAS = 1_000, 12
TIED = 0.001
MANY_RUNS = 4  # with more, each run is a row and not a column
MOST_SHOWN = 3  # runs with answers by name


def page(runs: Sequence[Folder]) -> str:
    """The page as HTML. Names are escaped, and nothing is loaded from other places.

    Raises:
        MissingExtra: If jinja2 or matplotlib is not installed.
    """
    names = _names(runs)
    metrics = [flat(run.metrics) for run in runs]
    groups = group(runs)
    return rendered(
        "page.html",
        title=", ".join(dict.fromkeys(run.dataset for run in runs)),
        split=" and ".join(dict.fromkeys(run.split for run in runs)),
        runs=[_about(name, run, place) for place, (name, run) in enumerate(zip(names, runs))],
        groups=[row(one) for one in groups] if any(len(one.runs) > 1 for one in groups) else [],
        headline=_rows(HEADLINE, metrics, [{"queries": run.queries} for run in runs]),
        tied=[name for name, m in zip(names, metrics) if _gap(m) > TIED],
        data=statements(runs),
        verified=verified(runs),
        probabilities=probabilities(names, runs),
        examples=[{"name": name, "rows": rows} for name, run in zip(names, runs) if (rows := examples(run))][
            :MOST_SHOWN
        ],
        many=len(runs) > MANY_RUNS,
        classification=_rows(
            [(f"classification.{key}", label, "") for key, label in CLASSIFICATION],
            metrics,
            [{name: one.get(f"classification.{name}") for name in ("count", "all_true")} for one in metrics],
        ),
        useless=[name for name, one in zip(names, metrics) if _useless(one)],
        costs=_rows([(key, label, "") for key, label in COSTS], [flat(run.result) for run in runs]),
        pictures=_pictures(runs),
        negatives=[_negatives(name, run) for name, run in zip(names, runs) if run.negatives],
        meaning=MEANING,
        strata=[part for part in (_bars(runs, by, title) for by, title in STRATA) if part],
        relations=_relations(runs),
        differs=_differs(groups, names, runs),
    )


def _negatives(name: str, run: Folder) -> dict[str, Any]:
    try:
        return {"name": name, "legend": legend(run.negatives["geometry"]), "pictures": pictures(run.negatives)}
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"{run.path / 'negatives.json'} is damaged: write it again with 'gnnneg negatives {run.path}'."
        ) from error


def _names(runs: Sequence[Folder]) -> list[str]:
    """The names of the folders, with the parent folder if two are the same."""
    short = [run.name for run in runs]
    return [
        name if short.count(name) == 1 else f"{run.path.resolve().parent.name}/{name}" for name, run in zip(short, runs)
    ]


def _about(name: str, run: Folder, place: int) -> dict[str, Any]:
    best = run.result.get("best_epoch")
    most = borne(run.queries)
    tiles = [(label, written(_number(run.metrics.get(key)), most)) for key, label, _ in HEADLINE if key in TILES]
    said = [f"seed {run.seed}"] + ([f"best epoch {best}{_at_once(best, run)}"] if best is not None else [])
    return {
        "name": name,
        "dataset": run.dataset,
        "place": place % SERIES,
        "tiles": [(label, value) for label, value in tiles if value],
        "said": ", ".join(said),
        "config": yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True),
        "environment": [(key, _plain(value)) for key, value in flat(run.environment).items()],
    }


def _at_once(best: Any, run: Folder) -> str:
    """A remark if the first validation was the best one: the run may overfit."""
    validated, _ = _series([flat(record) for record in run.log], f"valid.{watched([run])}")
    first = len(validated) > 1 and best == validated[0]
    return (
        f", the first of {len(validated)} validated epochs: the later ones overfit, or learnt nothing" if first else ""
    )


def _useless(metrics: dict[str, Any]) -> bool:
    """Whether calling every statement true is as accurate."""
    reached, all_true = (_number(metrics.get(f"classification.{key}")) for key in ("accuracy", "all_true"))
    return reached is not None and all_true is not None and reached <= all_true


def _rows(
    wanted: Sequence[tuple[str, str, str]],
    values: Sequence[dict[str, Any]],
    about: Sequence[dict[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """A row for each key that any run has. Each cell has the digits that the counts of its run allow. The best run is
    not marked.
    """
    rows = []
    for key, label, meaning in wanted:
        side, name = key.startswith(("head.", "tail.")), key.split(".")[-1]
        of_side = (
            {**counts, "queries": (counts.get("queries") or 0) // (1 + side)} for counts in about or [{}] * len(values)
        )
        few = [digits(name, counts) for counts in of_side]
        cells = [written(_number(one.get(key)), most) for one, most in zip(values, few)]
        if any(cells):
            rows.append({"label": label, "meaning": meaning, "cells": cells})
    return rows


def _pictures(runs: Sequence[Folder]) -> list[dict[str, str]]:
    """Plots of the loss, of validation, of Hits@k, and of everything else that a part of the task logged."""
    found = []
    logs = [[flat(record) for record in run.log] for run in runs]
    loss = [_series(log, "loss") for log in logs]
    if any(x for x, _ in loss):
        values = [value for _, y in loss for value in y]
        wide = min(values) > 0 and max(values) > 30 * min(values)
        found.append({"title": "Training loss", "svg": curves(loss, "epoch", "loss", logy=wide)})
    metric = watched(runs)
    valid = [_series(log, f"valid.{metric}") for log in logs]
    if any(x for x, _ in valid):
        rings = []
        for run, (x, y) in zip(runs, valid):
            best = run.result.get("best_epoch")
            rings.append((float(best), y[x.index(best)]) if best in x else None)
        called = "MRR" if metric == "mrr" else metric
        picture = curves(valid, "epoch", f"validation {called}", marks=rings)
        found.append({"title": f"Validation {called} (ringed: best)", "svg": picture})
    hits = [_cumulative(run.ranks) for run in runs]
    if any(x for x, _ in hits):
        picture = curves(hits, "k", "Hits@k", logx=True)
        found.append({"title": "Targets among the first k", "svg": picture})
    keys = dict.fromkeys(key for log in logs for record in log for key in record if key.split(".")[0] not in PLAIN)
    drawn = ((key, [_series(log, key) for log in logs]) for key in keys)
    for key, lines in islice(((key, lines) for key, lines in drawn if any(x for x, _ in lines)), MOST_EXTRAS):
        name = key.removeprefix("metrics.")  # logged by a part of the task
        found.append({"title": name, "svg": curves(lines, "epoch", name.split(".")[-1])})
    return found


def _series(log: list[dict[str, Any]], key: str) -> tuple[list[float], list[float]]:
    """Epochs and the values of a key, from the records that have both."""
    pairs = ((_number(record.get("epoch")), _number(record.get(key))) for record in log if key in record)
    points = [(x, y) for x, y in pairs if x is not None and y is not None]
    return [x for x, _ in points], [y for _, y in points]


def _cumulative(ranks: pd.DataFrame | None) -> tuple[list[float], list[float]]:
    """Hits@k at about sixty values of k, evenly spaced on a logarithmic scale."""
    if ranks is None or ranks.empty:
        return [], []
    most = float(ranks["pessimistic"].max())
    k = sorted({int(most ** (step / 60)) for step in range(61)} | {1, 3, 10})
    return [float(v) for v in k], [float((ranks["rank"] <= v).mean()) for v in k]


def _bars(runs: Sequence[Folder], by: str, title: str) -> dict[str, Any] | None:
    """MRR by stratum, one bar per run."""
    parts: list[dict[str, tuple[float, int]]] = []
    for run in runs:
        if run.ranks is None or by not in run.ranks:
            parts.append({})
            continue
        grouped = (1 / run.ranks["rank"]).groupby(run.ranks[by].astype(str))
        parts.append({str(k): (float(v), int(n)) for k, v, n in zip(*_columns(grouped))})
    labels = sorted({label for part in parts for label in part}, key=_stratum_order)
    if not labels:
        return None
    return {
        "title": title,
        "rows": [
            {
                "label": label,
                "queries": max(part[label][1] for part in parts if label in part),
                "bars": [
                    (place % SERIES, part[label][0], written(part[label][0], min(3, borne(part[label][1]))))
                    for place, part in enumerate(parts)
                    if label in part
                ],
            }
            for label in labels
        ],
    }


def _columns(grouped: Any) -> tuple[list[Any], list[float], list[int]]:
    mean, size = grouped.mean(), grouped.size()
    return list(mean.index), mean.tolist(), size.tolist()


def _stratum_order(label: str) -> tuple[int, str]:
    """Ranges of degrees by their first number, everything else by name."""
    digits = label.split("–")[0].rstrip("+")
    return (int(digits) if digits.isdigit() else -1, label)


def _relations(runs: Sequence[Folder]) -> dict[str, Any] | None:
    """By relation: queries, and for each run MRR and Hits@10. A single run also has MRR by side, Hits@1 and MR."""
    frames = [run.ranks for run in runs]
    if all(frame is None or "relation_name" not in frame for frame in frames):
        return None
    parts = [pd.DataFrame() if frame is None else _by_relation(frame, len(runs) == 1) for frame in frames]
    size = pd.concat([part["queries"] for part in parts if len(part)], axis=1).max(axis=1)
    order = size.sort_values(ascending=False, kind="stable").index
    columns = [column for column in next(part for part in parts if len(part)).columns if column != "queries"]
    labels: dict[str, Any] = {}
    for frame in frames:
        if frame is not None and {"relation_name", "relation_label"} <= set(frame):
            labels |= dict(zip(frame["relation_name"].astype(str), frame["relation_label"]))
    counted = [part["queries"].to_dict() if len(part) else {} for part in parts]
    rows = []
    for name in order[:MOST_RELATIONS]:
        cells = []
        for place, part in enumerate(parts):
            for column in columns:
                value = _number(part.at[name, column]) if name in part.index else None
                share = value if column in ("MRR", "Hits@10") else None
                text = written(value, borne(counted[place].get(name)))
                cells.append({"value": value, "text": text, "share": share, "place": place % SERIES})
        label = labels.get(name)
        said = f"{label} ({name})" if isinstance(label, str) and label else str(name)
        rows.append({"name": said, "queries": int(size[name]), "cells": cells})
    return {"columns": columns, "rows": rows, "left_out": max(0, len(order) - MOST_RELATIONS)}


def _by_relation(frame: pd.DataFrame, alone: bool) -> pd.DataFrame:
    frame = frame.assign(
        reciprocal=1 / frame["rank"],
        hit=(frame["rank"] <= 10).astype(float),
        top=(frame["rank"] <= 1).astype(float),
    )
    by = frame.groupby(frame["relation_name"].astype(str), sort=False)
    table = pd.DataFrame({"queries": by.size(), "MRR": by["reciprocal"].mean()})
    if alone:
        for side in ("head", "tail"):
            part = frame[frame["side"].astype(str) == side] if "side" in frame else frame.iloc[:0]
            if len(part):
                table[f"MRR {side}"] = part.groupby(part["relation_name"].astype(str))["reciprocal"].mean()
        table["Hits@1"] = by["top"].mean()
    table["Hits@10"] = by["hit"].mean()
    if alone:
        table["MR"] = by["rank"].mean()
    return table


def _differs(groups: Sequence[Any], names: Sequence[str], runs: Sequence[Folder]) -> list[tuple[str, list[str]]]:
    """The settings that differ between the configs, one column per run."""
    of = {id(run): one for one in groups for run in one.runs}
    keys = dict.fromkeys(key for one in groups for key in one.differs)
    said = [of[id(run)].differs for run in runs]
    return [(key, [_plain(one[key]) if key in one else "" for one in said]) for key in keys]


def _gap(metrics: dict[str, Any]) -> float:
    best, worst = _number(metrics.get("mrr_optimistic")), _number(metrics.get("mrr_pessimistic"))
    return 0.0 if best is None or worst is None else best - worst


def _number(value: Any) -> float | None:
    """A finite number, or None."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
    return float(value) if good else None


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(str(inner) for inner in value)
    return "null" if value is None else str(value)
