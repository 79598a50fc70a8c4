"""Pictures of where negatives lie: how near their positives, and on which sides of them."""

from html import escape
from importlib.resources import files
from typing import Any

from gnnneg.report.plots import SERIES, clouds, curves


def pictures(figures: dict[str, Any]) -> list[dict[str, str]]:
    """Three pictures, titles and SVG: cosines to the positive, one positive's negatives on two principal axes, and how
    hard negatives are.

    Args:
        figures (dict): What a run's ``negatives()`` gives.

    Raises:
        MissingExtra: If matplotlib is not installed.
    """
    geometry, hard = figures["geometry"], figures["percentiles"]
    lines = []
    for cloud in geometry.values():
        share = cloud["histogram"]
        lines.append(([-1 + (2 * place + 1) / len(share) for place in range(len(share))], share))
    points = [cloud["points"] for cloud in geometry.values()]
    return [
        {"title": "Cosine of negatives to their positive", "svg": curves(lines, "cosine", "share of negatives")},
        {
            "title": "One positive's negatives, on two principal axes",
            "svg": clouds(points, "first axis", "second axis"),
        },
        {
            "title": "How hard: percentile of negatives among all entities",
            "svg": curves(
                [([(place + 0.5) / len(hard) for place in range(len(hard))], hard)], "percentile", "share of negatives"
            ),
        },
    ]


def legend(geometry: dict[str, Any]) -> list[dict[str, Any]]:
    """What each colour stands for, with its figures."""
    return [
        {"name": name, "place": place % SERIES, **{key: f"{cloud[key]:.3f}" for key in ("cosine", "isotropy")}}
        for place, (name, cloud) in enumerate(geometry.items())
    ]


def page(title: str, figures: dict[str, Any]) -> str:
    """The pictures as one self-contained page, in the style of a report."""
    template = files("gnnneg.report").joinpath("page.html").read_text(encoding="utf-8")
    style = template[template.index("<style>") : template.index("</style>")]
    rows = "".join(
        f'<tr><td><span class="dot" style="--c: var(--series-{key["place"]})"></span>{escape(key["name"])}</td>'
        f"<td>{key['cosine']}</td><td>{key['isotropy']}</td></tr>"
        for key in legend(figures["geometry"])
    )
    drawn = "".join(
        f'<figure class="card"><figcaption><h3>{one["title"]}</h3></figcaption>{one["svg"]}</figure>'
        for one in pictures(figures)
    )
    said = "".join(
        f"<tr><td>{escape(name.replace('_', ' '))}</td><td>{value:,.4g}</td></tr>"
        for name, value in figures.items()
        if isinstance(value, int | float)
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Negatives of {escape(title)}</title>'
        f"{style}</style></head><body><main><h1>Negatives of {escape(title)}</h1>"
        '<p class="soft">Cosine: mean cosine similarity to the positive. Isotropy: 1 where they lie around it on all'
        " sides alike. In the second picture the positive lies at the cross.</p>"
        '<div class="scroll narrow"><table><tr><th>vectors</th><th>cosine</th><th>isotropy</th></tr>'
        f"{rows}</table></div>"
        f'<p></p><div class="grid">{drawn}</div><h2>Figures</h2>'
        f'<div class="scroll narrow"><table>{said}</table></div></main></body></html>\n'
    )
