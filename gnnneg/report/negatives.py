"""Plots of the positions of negatives: how near they are to their positives, and in which directions."""

from typing import Any

from gnnneg.report.plots import SERIES, clouds, curves
from gnnneg.report.templates import rendered

MEANING = (
    "Cosine: mean cosine similarity to the positive. Isotropy: 1 if the negatives are spread evenly in all directions "
    "around it. Rank: the number of directions that the negatives span. Likeness: mean cosine of two negatives of one "
    "query. In the second picture the cross is the positive."
)

ABSENT = "<p class=\"soft\">Needs scikit-learn: pip install 'gnnneg[plot]', then look at the negatives again.</p>"


def pictures(figures: dict[str, Any]) -> list[dict[str, str]]:
    """Titles and SVG of the plots: cosines to the positive, the negatives of one positive on two principal axes, the
    hardness of negatives, the similarity of the negatives of a query, and the vectors of one relation in the plane.

    Args:
        figures (dict): The result of a run's ``negatives()``.

    Raises:
        MissingExtra: If matplotlib is not installed.
    """
    geometry, hard, plane = figures["geometry"], figures["percentiles"], figures["plane"]
    points = [cloud["points"] for cloud in geometry.values()]
    asked = f"{plane['relation']} ({plane['side']} asked)"
    return [
        {
            "title": "Cosine of negatives to their positive",
            "svg": curves([_binned(cloud["histogram"]) for cloud in geometry.values()], "cosine", "share of negatives"),
        },
        {
            "title": "One positive's negatives, on two principal axes",
            "svg": clouds(points, "first axis", "second axis"),
        },
        {
            "title": "How hard: percentile of negatives among all entities",
            "svg": curves([_binned(hard, 0.0, 1.0)], "percentile", "share of negatives"),
        },
        {
            "title": "How varied: cosine of two negatives of one query",
            "svg": curves([_binned(cloud["pairs"]) for cloud in geometry.values()], "cosine", "share of pairs"),
        },
        *(
            {
                "title": f"{name} of {asked}: positives (+) and negatives",
                "svg": clouds([plane[key].get(cloud, []) for cloud in geometry], *axes, ink=plane[key]["positive"])
                if plane[key]
                else ABSENT,
            }
            for key, name, axes in (
                ("pca", "Principal axes", ("first axis", "second axis")),
                ("tsne", "t-SNE", ("", "")),
            )
        ),
    ]


def _binned(share: list[float], first: float = -1.0, last: float = 1.0) -> tuple[list[float], list[float]]:
    """Even bins as points of a curve."""
    wide = (last - first) / len(share)
    return [first + wide * (place + 0.5) for place in range(len(share))], share


def legend(geometry: dict[str, Any]) -> list[dict[str, Any]]:
    """The legend: the name and the values of each colour."""
    return [
        {
            "name": name,
            "place": place % SERIES,
            "cosine": f"{cloud['cosine']:.3f}",
            "isotropy": f"{cloud['isotropy']:.3f}",
            "rank": f"{cloud['rank']:.1f}",
            "likeness": "" if cloud["likeness"] is None else f"{cloud['likeness']:.3f}",
        }
        for place, (name, cloud) in enumerate(geometry.items())
    ]


def page(title: str, figures: dict[str, Any]) -> str:
    """The pictures as one self-contained page, in the style of a report.

    Raises:
        MissingExtra: If jinja2 or matplotlib is not installed.
    """
    return rendered(
        "negatives.html",
        title=title,
        meaning=MEANING,
        legend=legend(figures["geometry"]),
        pictures=pictures(figures),
        figures=[(name, f"{value:,.4g}") for name, value in figures.items() if isinstance(value, int | float)],
    )
