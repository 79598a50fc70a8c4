"""How many digits a figure is written with: no more than the things that were counted for it bear."""

from collections.abc import Mapping
from typing import Any

MOST = 4
RANKED = ("mrr", "hits@", "ndcg@", "amr", "mr")  # how figures of ranks begin
LABELLED = ("accuracy", "f1", "precision", "recall", "auroc", "average_precision", "all_true", "brier", "ece")
DRAWN = ("false_negative_rate", "hardness", "above_target", "coverage", "type_consistency", "denied", "absent")


def borne(count: int | float | None) -> int:
    """How many digits a share of so many things bears: two of 20, four of thousands or of an unknown number."""
    return MOST if not count else min(MOST, max(1, len(str(int(count) - 1))))


def digits(name: str, about: Mapping[str, Any]) -> int:
    """How many digits a figure bears, given the counts that stand beside it.

    A figure of ranks bears those of its ``queries``; one of labels those of the rarer label among ``stated`` and
    ``denied``, or of the ``count`` of which ``all_true`` is the share that is stated, or of what was ``tested``; a
    share of negatives those of the ``drawn``.

    Args:
        name (str): Such as ``"mrr"`` or ``"auroc"``.
        about (Mapping): A row or a group of figures by name.
    """
    if name.startswith(RANKED):
        return borne(_number(about, "queries"))
    if name.startswith(LABELLED):
        return borne(_rarer(about))
    return borne(_number(about, "drawn")) if name in DRAWN else MOST


def written(value: float | None, most: int = MOST, spread: float | None = None) -> str:
    """A figure, with its spread if there is one; large ones are written with one digit after the point."""
    if value is None:
        return ""
    most = 1 if abs(value) >= 10 else most
    return f"{value:,.{most}f}" + (f" ± {spread:.{most}f}" if spread is not None else "")


def rate(value: float) -> str:
    """A rate with as many decimals as it takes to compare slow cases, too."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _rarer(about: Mapping[str, Any]) -> float | None:
    labels = [count for name in ("stated", "denied") if (count := _number(about, name))]
    if labels:
        return min(labels)
    count, share = _number(about, "count"), _number(about, "all_true")
    if count is not None and share is not None:
        return max(1.0, float(round(count * min(share, 1 - share))))
    return count if count is not None else _number(about, "tested")


def _number(about: Mapping[str, Any], name: str) -> float | None:
    value = about.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
