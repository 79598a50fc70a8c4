"""Runs beside each other, seeds of one config grouped."""

import json
import statistics
from collections.abc import Sequence
from typing import Any

from gnnneg.report.folder import Finished

METRICS = ("mrr", "hits@1", "hits@3", "hits@10", "mr", "amri")


def grouped(runs: Sequence[Finished]) -> list[dict[str, Any]]:
    """One row per config apart from its seed, best first by mean test MRR.

    Returns:
        ``runs`` (names), ``dataset``, ``seeds``, and for each metric and ``train_s`` its ``mean`` and ``std``, the
        sample standard deviation, None for a single seed.
    """
    groups: dict[str, list[Finished]] = {}
    for run in runs:
        same = {key: value for key, value in run.config.items() if key not in ("seed", "device")}
        groups.setdefault(json.dumps(same, sort_keys=True, default=str), []).append(run)
    rows = []
    for group in groups.values():
        row: dict[str, Any] = {
            "runs": [run.name for run in group],
            "dataset": group[0].result.get("dataset"),
            "seeds": [run.result.get("seed") for run in group],
        }
        for metric in METRICS:
            row[metric] = _spread([run.test[metric] for run in group if run.test.get(metric) is not None])
        row["train_s"] = _spread([run.result["time"]["train_s"] for run in group if "time" in run.result])
        rows.append(row)
    return sorted(rows, key=lambda row: -(row["mrr"]["mean"] or 0))


def _spread(values: list[float]) -> dict[str, float | None]:
    return {
        "mean": statistics.fmean(values) if values else None,
        "std": statistics.stdev(values) if len(values) > 1 else None,
    }


def said(value: dict[str, float | None], digits: int = 4) -> str:
    """``0.3451 ± 0.0012``, or what there is of it."""
    if value["mean"] is None:
        return "–"
    spread = "" if value["std"] is None else f" ± {value['std']:.{digits}f}"
    return f"{value['mean']:,.{digits}f}{spread}"
