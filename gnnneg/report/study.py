"""One self-contained page about a study: its trials, their values, and the importance of settings."""

from statistics import fmean, stdev
from typing import Any

from gnnneg.digits import MOST
from gnnneg.report import study_plots
from gnnneg.report.tables import duration
from gnnneg.report.templates import rendered

ORDER = ("complete", "running", "pruned", "failed")


def page(about: dict[str, Any]) -> str:
    """The page as HTML. Names are escaped, and nothing is loaded from other places.

    Args:
        about (dict): ``title``, ``metric``, ``trials``, ``spaces``, ``importance``, ``best`` (a number), ``config``
            (a text), ``seeds``, ``tested`` and ``seconds``.

    Raises:
        MissingExtra: If jinja2 or matplotlib is not installed.
    """
    metric, best = about["metric"], about["best"]
    trials: list[dict[str, Any]] = about["trials"]
    seen = [space for space in about["spaces"] if any(space["name"] in trial["params"] for trial in trials)]
    valued = [trial for trial in trials if trial["value"] is not None]
    pictures = [
        {"title": "History: each trial, and the best so far", "svg": study_plots.history(trials, metric, best)},
        {"title": "Courses: each validation", "svg": study_plots.courses(trials, metric, best)},
    ]
    if about["importance"]:
        pictures.append(
            {"title": "Importance (PED-ANOVA, rough of few trials)", "svg": study_plots.importance(about["importance"])}
        )
    counts = {state: sum(trial["state"] == state for trial in trials) for state in ORDER}
    return rendered(
        "study.html",
        title=about["title"],
        metric=metric,
        tiles=[
            (f"validation {metric}", _figure(next(t["value"] for t in trials if t["number"] == best))),
            ("best trial", str(best)),
            *((state, str(count)) for state, count in counts.items() if count),
            ("worked on", duration(about["seconds"])),
        ],
        pictures=pictures,
        slices=[{"title": one["name"], "svg": study_plots.piece(trials, one, metric, best)} for one in seen],
        parallel=study_plots.parallel(valued, seen, metric, best) if valued and seen else "",
        names=[space["name"] for space in seen],
        rows=[_row(trial, seen, best) for trial in sorted(trials, key=_order)],
        config=about["config"],
        tested=about["tested"],
        seeds=_seeds(about["seeds"], metric),
    )


def _order(trial: dict[str, Any]) -> tuple[int, float, int]:
    value = trial["value"]
    return ORDER.index(trial["state"]), -value if value is not None else 0.0, trial["number"]


def _row(trial: dict[str, Any], spaces: list[dict[str, Any]], best: int) -> dict[str, Any]:
    params = trial["params"]
    return {
        "number": trial["number"],
        "best": trial["number"] == best,
        "state": trial["state"],
        "value": _figure(trial["value"]),
        "epochs": max((epoch for epoch, _ in trial["reports"]), default=0),
        "seconds": duration(trial["seconds"]),
        "cells": [_said(params[space["name"]]) if space["name"] in params else "" for space in spaces],
        "sentence": trial["sentence"] or "",
    }


def _seeds(runs: list[dict[str, Any]], metric: str) -> dict[str, Any] | None:
    """A row per seed with the metrics of validation and test, including the metric of the study, then their mean."""
    if not runs:
        return None
    own = dict.fromkeys(("mrr", "hits@1", "hits@10", metric))
    names = [(split, name) for split in ("valid", "test") for name in own]
    columns = [(split, name) for split, name in names if any(name in run["metrics"].get(split, {}) for run in runs)]
    found = [[run["metrics"].get(split, {}).get(name) for split, name in columns] for run in runs]
    rows = [[str(run["seed"]), *map(_figure, cells)] for run, cells in zip(runs, found)]
    if len(runs) > 1:
        rows.append(["mean ± sd", *(_mean([value for value in column if value is not None]) for column in zip(*found))])
    return {"columns": [f"{split} {name}" for split, name in columns], "rows": rows}


def _mean(values: list[float]) -> str:
    return "" if len(values) < 2 else f"{fmean(values):.{MOST}f} ± {stdev(values):.{MOST}f}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.{MOST}f}"


def _said(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "null" if value is None else str(value)
