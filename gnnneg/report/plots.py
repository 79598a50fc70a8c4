"""Plots as small inline SVG, in the colours of the page, light or dark."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

from gnnneg.errors import MissingExtra

SERIES = 8
MOST_POINTS = 400
INK = "#0a0b0c"  # a placeholder for the text colour of the page

Line = tuple[Sequence[float], Sequence[float]]


def curves(
    lines: Sequence[Line],
    xlabel: str,
    ylabel: str,
    *,
    logx: bool = False,
    logy: bool = False,
    marks: Sequence[tuple[float, float] | None] = (),
) -> str:
    """One line per run, each in the colour ``--series-<place>`` of the page.

    Args:
        lines (list): For each run its x and y values; an empty line draws nothing but keeps its colour.
        xlabel (str): The label of the x axis.
        ylabel (str): The label of the y axis.
        logx (bool): Logarithmic x. (default: :obj:`False`)
        logy (bool): Logarithmic y. (default: :obj:`False`)
        marks (list, optional): A point of each line to mark with a ring, such as the best epoch.

    Raises:
        MissingExtra: If matplotlib is not installed.
    """

    def draw(axes: Any) -> None:
        for place, (x, y) in enumerate(lines):
            x, y = _thin(x), _thin(y)
            marker = "o" if len(x) <= 40 and not logx else None
            axes.plot(x, y, color=colour(place), linewidth=1.8, marker=marker, markersize=3)
        for place, mark in enumerate(marks):
            if mark is not None:
                axes.plot(*mark, marker="o", markersize=9, fillstyle="none", color=colour(place), linewidth=0)
        for log, axis, set_scale in ((logx, axes.xaxis, axes.set_xscale), (logy, axes.yaxis, axes.set_yscale)):
            if log:
                set_scale("log")
                axis.set_major_formatter("{x:g}")  # plain numbers: powers of ten would be written as mathematics
                axis.set_minor_formatter("")
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)

    return svg(draw)


Cloud = Sequence[Sequence[float]]


def clouds(points: Sequence[Cloud], xlabel: str, ylabel: str, ink: Cloud | None = None) -> str:
    """Points in the plane, one colour per cloud, with a cross at the origin.

    Args:
        points (list): For each cloud its ``(x, y)``; an empty one draws nothing but keeps its colour.
        xlabel (str): The label of the x axis.
        ylabel (str): The label of the y axis.
        ink (list, optional): Points on top of the others, in the text colour, instead of the cross.

    Raises:
        MissingExtra: If matplotlib is not installed.
    """

    def draw(axes: Any) -> None:
        for place, cloud in enumerate(points):
            x, y = (_thin([point[axis] for point in cloud]) for axis in (0, 1))
            axes.plot(x, y, marker="o", markersize=2.5, alpha=0.6, linewidth=0, color=colour(place))
        if ink is None:
            axes.plot(0, 0, marker="+", markersize=12, markeredgewidth=2, color=INK, linewidth=0)
        else:
            x, y = (_thin([point[axis] for point in ink]) for axis in (0, 1))
            axes.plot(x, y, marker="+", markersize=5, color=INK, linewidth=0)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)

    return svg(draw)


def colour(place: int) -> str:
    """A placeholder for the page's colour ``--series-<place>``."""
    return f"#f0000{place % SERIES}"


def _thin(values: Sequence[float]) -> Sequence[float]:
    """About :data:`MOST_POINTS` evenly chosen values and the last one, as many as a screen can show."""
    step = -(-len(values) // MOST_POINTS)
    return values if step <= 1 else [*values[:-1:step], values[-1]]


def svg(draw: Callable[[Any], None], width: float = 4.6, height: float = 2.9) -> str:
    """A drawing on axes as inline SVG. ``width`` and ``height``, in inches, set its shape.

    Raises:
        MissingExtra: If matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("plot", "A report") from error
    style: dict[Any, Any] = {
        "svg.fonttype": "none",  # text stays text: small, sharp, and of the page's colour
        "svg.hashsalt": "gnnneg",  # the same run gives the same page
        "font.family": "sans-serif",
        "font.size": 10,
        "text.parse_math": False,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "grid.color": INK,
        "grid.alpha": 0.12,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawing = file.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.S)
    drawing = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r'<svg \1 role="img">', drawing, count=1)
    drawing = drawing.replace("xlink:href", "href").replace(INK, "currentColor")
    drawing = re.sub(r"#f0000(\d)", r"var(--series-\1)", drawing)
    return re.sub(r"\s*\n\s*", "\n", drawing)
