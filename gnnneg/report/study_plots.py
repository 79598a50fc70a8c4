"""Plots of a study: its history, the importance of settings, and the settings of good trials."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import log as logarithm
from typing import Any

from gnnneg.report.plots import INK, colour, svg

COMPLETE, PRUNED, BEST = 0, 1, 2  # places among the page's colours
MOST_LINES = 300
BELOW = -0.15  # where a trial passes an axis whose setting does not apply to it

Trial = dict[str, Any]


def history(trials: Sequence[Trial], metric: str, best: int) -> str:
    """The value of each trial, in the order of their start, and the best so far."""

    def draw(axes: Any) -> None:
        whole = [trial for trial in trials if trial["state"] == "complete"]
        reached = list(accumulate((trial["value"] for trial in whole), max))
        _dots(axes, trials, lambda trial: trial["number"], best)
        axes.step([trial["number"] for trial in whole], reached, where="post", color=colour(BEST), linewidth=1.5)
        axes.set_xlabel("trial")
        axes.set_ylabel(f"validation {metric}")

    return svg(draw)


def courses(trials: Sequence[Trial], metric: str, best: int) -> str:
    """The validations of each trial by epoch. Lines of pruned trials end early."""

    def draw(axes: Any) -> None:
        for trial in trials[-MOST_LINES:]:
            if trial["reports"] and trial["number"] != best:
                place = PRUNED if trial["state"] == "pruned" else COMPLETE
                _course(axes, trial, color=colour(place), linewidth=1, alpha=0.45)
        for trial in trials:
            if trial["number"] == best:
                _course(axes, trial, color=colour(BEST), linewidth=2)
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"validation {metric}")

    return svg(draw)


def importance(shares: dict[str, float]) -> str:
    """One bar per setting, the largest at the top."""

    def draw(axes: Any) -> None:
        names = list(shares)[::-1]
        axes.barh(range(len(names)), [shares[name] for name in names], color=colour(COMPLETE), height=0.6)
        axes.set_yticks(range(len(names)), [_short(name) for name in names])
        axes.set_xlabel("share of the variance between trials")
        axes.grid(axis="y", visible=False)

    return svg(draw, height=max(1.6, 0.7 + 0.34 * len(shares)))


def piece(trials: Sequence[Trial], space: dict[str, Any], metric: str, best: int) -> str:
    """The values of trials against one setting."""

    def draw(axes: Any) -> None:
        asked = [trial for trial in trials if space["name"] in trial["params"]]
        _dots(axes, asked, lambda trial: _place(space, trial), best)
        _scale(axes, space)
        axes.set_ylabel(f"validation {metric}")

    return svg(draw)


def parallel(trials: Sequence[Trial], spaces: Sequence[dict[str, Any]], metric: str, best: int) -> str:
    """One line per trial, through all its settings to its value. Better trials have stronger lines."""
    shown = [trial for trial in trials if trial["value"] is not None][-MOST_LINES:]
    ends = [_ends(shown, space) for space in spaces]
    values = sorted(trial["value"] for trial in shown)

    def draw(axes: Any) -> None:
        low, high = values[0], values[-1]
        for trial in sorted(shown, key=lambda one: (one["number"] == best, one["value"])):
            at = [
                (place, _share(_place(space, trial), *end, bool(space.get("log"))))
                if space["name"] in trial["params"]
                else (place, BELOW)
                for place, (space, end) in enumerate(zip(spaces, ends))
            ]
            at.append((len(spaces), _share(trial["value"], low, high, False)))
            rank = values.index(trial["value"]) / max(1, len(values) - 1)
            first = trial["number"] == best
            axes.plot(
                *zip(*at),
                color=colour(BEST if first else COMPLETE),
                linewidth=2.2 if first else 1,
                alpha=1 if first else 0.05 + 0.75 * rank**2,
            )
        for place, (space, end) in enumerate(zip(spaces, ends)):
            _legend(axes, place, space, end)
        for end, share in ((low, 0.0), (high, 1.0)):
            _write(axes, f"{end:.4g}", (len(spaces), share))
        names = [*(_short(space["name"]) for space in spaces), f"validation {metric}"]
        axes.set_xticks(range(len(names)), names, rotation=20, ha="right")
        axes.set_yticks([])
        axes.set_xlim(-0.3, len(spaces) + 0.6)
        axes.spines["left"].set_visible(False)

    return svg(draw, width=9.6, height=3.8)


def _legend(axes: Any, place: int, space: dict[str, Any], end: tuple[float, float]) -> None:
    """The labels of one axis of a parallel plot."""
    marks = [(one, f"{one:.3g}") for one in end]
    if "labels" in space:
        marks = [(float(number), _label(label)) for number, label in enumerate(space["labels"])]
    for value, text in marks:
        _write(axes, text, (place, _share(value, *end, bool(space.get("log")))))


def _write(axes: Any, text: str, at: tuple[float | int, float]) -> None:
    axes.annotate(text, at, textcoords="offset points", xytext=(4, -3), color=INK, fontsize=7)


def _dots(axes: Any, trials: Sequence[Trial], where: Callable[[Trial], float], best: int) -> None:
    """Complete trials as filled dots, and pruned trials as hollow dots at their last value."""
    for state, place, full in (("complete", COMPLETE, "full"), ("pruned", PRUNED, "none"), ("best", BEST, "full")):
        shown = [one for one in trials if state == ("best" if one["number"] == best else one["state"])]
        points = [(where(one), one["value"]) for one in shown if one["value"] is not None]
        if points:
            axes.plot(
                *zip(*points), marker="o", markersize=4, fillstyle=full, linewidth=0, alpha=0.8, color=colour(place)
            )


def _course(axes: Any, trial: Trial, **style: Any) -> None:
    axes.plot(*zip(*trial["reports"]), marker="o", markersize=2, **style)


def _scale(axes: Any, space: dict[str, Any]) -> None:
    if "labels" in space:
        labels = [_label(label) for label in space["labels"]]
        axes.set_xticks(range(len(labels)), labels, rotation=20 if max(map(len, labels)) > 8 else 0)
        axes.set_xlim(-0.5, len(labels) - 0.5)
    elif space.get("log"):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")


def _place(space: dict[str, Any], trial: Trial) -> float:
    """The position of a trial on the axis of a setting: its number, or the index of its choice."""
    value = trial["params"][space["name"]]
    if "labels" not in space:
        return float(value)
    return float(next(place for place, one in enumerate(space["labels"]) if one == value and type(one) is type(value)))


def _ends(trials: Sequence[Trial], space: dict[str, Any]) -> tuple[float, float]:
    if "labels" in space:
        return 0.0, float(len(space["labels"]) - 1)
    found = [_place(space, trial) for trial in trials if space["name"] in trial["params"]]
    return (min(found), max(found)) if found else (1.0, 1.0)


def _share(value: float, low: float, high: float, log: bool) -> float:
    """How far along an axis a value is, from 0 to 1."""
    if high <= low:
        return 0.5
    if log:
        value, low, high = logarithm(value), logarithm(low), logarithm(high)
    return (value - low) / (high - low)


def _label(label: Any) -> str:
    return "null" if label is None else str(label).lower() if isinstance(label, bool) else str(label)


def _short(name: str) -> str:
    """The last two parts of a key, which distinguish it from others."""
    return ".".join(name.split(".")[-2:])
