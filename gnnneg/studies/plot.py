"""The plot of a study: every variant with its interval, one panel for each data set, or for each metric if there is
only one data set.
"""

import re
from typing import Any

from gnnneg.report.plots import INK, colour, svg
from gnnneg.studies.tables import Tables

# the SVG has no page to take colours from: dark enough on white, light enough on black
PALETTE = ("#4477cc", "#cc6633", "#339966", "#aa4499", "#997700", "#3399aa", "#cc4455", "#777777")
TEXT = "#7a7a7a"


def picture(tables: Tables) -> str:
    """The plot as an SVG file.

    Raises:
        MissingExtra: If matplotlib is not installed.
    """
    study = tables.definition
    data = list(dict.fromkeys(cell.data for cell in study.cells))
    models = list(dict.fromkeys(cell.model for cell in study.cells))
    variants = list(dict.fromkeys(cell.variant for cell in study.cells))
    rows = {row.cell.place: row for row in tables.rows}
    # the first metric for several data sets, all metrics for one
    shown = [(name, metric) for name in data for metric in (study.metrics if len(data) == 1 else study.metrics[:1])]

    def draw(axes: Any) -> None:
        figure = axes.figure
        axes.remove()
        panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
        for panel, (name, metric) in zip(panels, shown):
            panel.set_title(name, color=INK)
            panel.set_xlabel(metric)
            for number, model in enumerate(models):
                shift = (number - (len(models) - 1) / 2) * 0.25
                for place, variant in enumerate(variants):
                    row = rows.get((name, model, variant))  # a model may be trained on some data sets alone
                    found = None if row is None else row.figures.get(metric)
                    if found is None:
                        continue
                    at = place + shift
                    if found.low is not None:
                        panel.plot([found.low, found.high], [at, at], color=colour(number), linewidth=1.5)
                    panel.plot([found.mean], [at], marker="o", markersize=4, color=colour(number), linewidth=0)
        panels[0].set_yticks(range(len(variants)), variants)
        panels[0].set_ylim(len(variants) - 0.5, -0.5)
        if models != [""]:
            for number, model in enumerate(models):
                panels[0].plot([], [], marker="o", linewidth=0, color=colour(number), label=model)
            figure.legend(loc="outside lower center", ncols=len(models), frameon=False, labelcolor=INK)

    drawn = svg(draw, width=2.2 + 2.4 * len(shown), height=1.4 + 0.26 * len(variants))
    drawn = re.sub(r"var\(--series-(\d)\)", lambda found: PALETTE[int(found[1])], drawn)
    drawn = drawn.replace("currentColor", TEXT)
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
