"""The parts of a report about the data, verified negatives, probabilities, and some answers by name."""

from collections.abc import Mapping, Sequence
from typing import Any

from gnnneg.digits import digits, written
from gnnneg.report.reading import Folder

EXAMPLES = 5  # of the best and of the worst answers
VERIFIED = (
    ("verified.mrr", "MRR among denied answers"),
    ("verified.hits@1", "Hits@1 among denied answers"),
    ("with_random.mrr", "MRR among denied and random ones"),
    ("auroc", "AUROC of stated against denied"),
    ("average_precision", "Average precision"),
)


def statements(runs: Sequence[Folder]) -> list[dict[str, Any]]:
    """A row for each data set: its stated and denied statements in each split, and its largest sources."""
    rows: dict[str, dict[str, Any]] = {}
    for run in runs:
        about = run.data
        if about and repr(about) not in rows:
            sources = about.get("sources") or {}
            listed = [f"{name} ({count:,})" for name, count in sources.items()]
            more = int(about.get("sources_in_all", len(listed))) - len(listed)
            rows[repr(about)] = {
                "name": run.dataset,
                "cells": [
                    *(f"{about.get(what, 0):,}" for what in ("entities", "relations")),
                    *(f"{about.get(kind + s, 0):,}" for kind in ("", "denied_") for s in ("train", "valid", "test")),
                ],
                "sources": ", ".join(listed) + (f" and {more:,} more" if more > 0 else ""),
                "verdicts": _judged(run.result.get("verdicts")),
            }
    return list(rows.values())


def _judged(told: Any) -> str:
    """A sentence about the verdicts that were added to training."""
    if not isinstance(told, dict):
        return ""
    accepted, denied = (int(told.get(key) or 0) for key in ("accepted", "denied"))
    return (
        f"{accepted:,} accepted and {denied:,} denied statements of {told.get('file')} joined its training statements."
    )


def verified(runs: Sequence[Folder]) -> list[dict[str, Any]]:
    """Metrics on verified negatives, one cell per run, with the digits that the number of denied statements allows."""
    rows = []
    for key, label in VERIFIED:
        first, _, second = key.partition(".")
        cells = []
        for run in runs:
            found = run.verified.get(first)
            value = found.get(second) if second and isinstance(found, dict) else None if second else found
            most = digits((second or first), run.verified)
            cells.append(written(float(value), most) if isinstance(value, int | float) else "")
        if any(cells):
            rows.append({"label": label, "meaning": "", "cells": cells})
    if rows:
        for key, label in (("denied", "Denied statements"), ("queries", "Questions with a denied answer")):
            cells = [f"{run.verified[key]:,}" if key in run.verified else "" for run in runs]
            rows.append({"label": label, "meaning": "", "cells": cells})
    return rows


def probabilities(names: Sequence[str], runs: Sequence[Folder]) -> list[str]:
    """A sentence for each run with a calibration."""
    said = []
    for name, run in zip(names, runs):
        kept = run.calibration
        if kept:
            kind = "random corruptions, since none is denied" if kept["drawn"] else "denied statements"
            slope, shift = (float(kept["platt"][key]) for key in ("slope", "intercept"))
            said.append(
                f"{name}: probability = 1 / (1 + exp(-({slope:.3g} s {shift:+.3g}))) of a score s, fitted on "
                f"{kept['stated']:,} stated validation statements and {kept['denied']:,} {kind}."
            )
    return said


def examples(run: Folder) -> list[dict[str, Any]]:
    """Answers by name: some with the best ranks, and some with the worst."""
    frame = run.ranks
    if frame is None or not {"anchor_name", "relation_name", "target_name", "side"} <= set(frame):
        return []
    ordered = frame.sort_values("rank", kind="stable")
    few = min(EXAMPLES, len(ordered) // 2)
    parts = (("came first", ordered.head(few)), ("came last", ordered.tail(few).iloc[::-1]))
    rows = []
    for which, part in parts:
        for row in part.to_dict("records"):
            given, answer = (_called(row, end) for end in ("anchor", "target"))
            relation = _called(row, "relation")
            question = f"{given} {relation} ?" if row["side"] == "tail" else f"? {relation} {given}"
            of = f" of {int(row['candidates']):,}" if "candidates" in row else ""
            rows.append({"which": which, "question": question, "answer": answer, "rank": f"{row['rank']:,g}{of}"})
    return rows


def _called(row: Mapping[Any, Any], end: str) -> str:
    label, name = row.get(f"{end}_label"), str(row[f"{end}_name"])
    return f"{label} ({name})" if isinstance(label, str) and label else name
