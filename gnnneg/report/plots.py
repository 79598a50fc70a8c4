"""Pictures for the page, as inline SVG that takes its text colour from the page."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gnnneg.errors import MissingExtra

COLOURS = ("#4c78d8", "#e0803a", "#3fa66b", "#b65fc4", "#c9a227", "#d1495b", "#2a9d9d", "#888888")
Curve = tuple[Sequence[float], Sequence[float]]


def curves(lines: Mapping[str, Curve], xlabel: str, ylabel: str, log: bool = False) -> str:
    """Lines over one axis, such as the loss of several runs."""
    figure, axes = _figure()
    for (name, (x, y)), colour in zip(lines.items(), _colours(len(lines))):
        axes.plot(x, y, color=colour, label=name, marker="o" if len(x) < 30 else None, markersize=3, linewidth=1.6)
    axes.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    return _svg(figure, axes, len(lines) > 1)


def bars(groups: Mapping[str, Mapping[str, float]], ylabel: str) -> str:
    """Bars side by side: ``{run: {label: value}}``."""
    figure, axes = _figure()
    labels = list(dict.fromkeys(label for values in groups.values() for label in values))
    width = 0.8 / max(len(groups), 1)
    for place, ((name, values), colour) in enumerate(zip(groups.items(), _colours(len(groups)))):
        x = [i + (place - (len(groups) - 1) / 2) * width for i in range(len(labels))]
        axes.bar(x, [values.get(label, 0.0) for label in labels], width * 0.92, color=colour, label=name)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_ylabel(ylabel)
    return _svg(figure, axes, len(groups) > 1)


def _colours(count: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(count)]


def _figure() -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("plot", "gnnneg report") from error
    figure = Figure(figsize=(5.6, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    return figure, axes


def _svg(figure: Any, axes: Any, legend: bool) -> str:
    from matplotlib import rc_context

    if legend:
        axes.legend(frameon=False, fontsize=8)
    file = io.StringIO()
    # text stays text, so that it can be found and follows the page; a fixed salt makes the same page twice
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "gnnneg", "font.family": "sans-serif"}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawing = file.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.S)
    drawing = re.sub(r' xmlns:xlink="[^"]*"', "", drawing).replace("xlink:href", "href")
    drawing = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"|(<svg[^>]*?) height="[^"]*"', r"\1\2", drawing)
    drawing = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", drawing, count=1)
    return drawing.replace("#000000", "currentColor").replace("<text ", '<text fill="currentColor" ')
