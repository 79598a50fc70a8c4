"""Tables for people."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gnnneg.digits import MOST, digits
from gnnneg.plain import visible

if TYPE_CHECKING:
    import pandas as pd

WIDE = 160  # columns where nobody watches, such as in a file


def show(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    title: str | None = None,
    about: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Prints a table on standard output, numbers to the right.

    Args:
        columns (list[str]): The heads of the columns.
        rows (list[list]): A value for each column.
        title (str, optional): The line above.
        about (list[dict], optional): For each row, the counts behind its figures, if the table has no such columns.
            Figures get no more digits than these justify.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listed = [list(row) for row in rows]
    table = Table(
        title=None if title is None else Text(visible(title)),
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for place, name in enumerate(columns):
        numbers = {isinstance(row[place], int | float) for row in listed if row[place] is not None} == {True}
        table.add_column(Text(visible(name)), justify="right" if numbers else "left", overflow="fold")
    for place, row in enumerate(listed):
        counts = dict(zip(columns, row)) if about is None else about[place]
        table.add_row(*(Text(cell(value, digits(name, counts))) for name, value in zip(columns, row)))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDE).print(table)


def cell(value: Any, most: int = MOST) -> str:
    """A value in a table, with at most so many digits after the point."""
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.{most}f}"
    return visible(str(value))


def spoken(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame for people. The label and the name of an entity or relation are one column."""
    from gnnneg.data.naming import said

    frame = frame.copy()
    for end in ("head", "relation", "tail"):
        if f"{end}_label" in frame:
            frame[end] = [said(name, label) for name, label in zip(frame[end], frame.pop(f"{end}_label"))]
    return frame


RANKING = ("mrr", "hits@1", "hits@3", "hits@10", "mr", "amri", "ndcg@5")


def ranking(metrics: Mapping[str, Mapping[str, Any]], first: str, queries: Mapping[str, int | None]) -> None:
    """Prints one row of ranking metrics for each name and number of queries. Each side of a split has its own row."""
    rows, about = [], []
    sampled = dict.fromkeys(metric for values in metrics.values() for metric in values if metric.startswith("hits@10_"))
    columns = [*RANKING, *sampled]
    for name, values in metrics.items():
        parts = {name: values, **{f"{name} {side}": values[side] for side in ("head", "tail") if side in values}}
        rows += [[label, *(part.get(metric) for metric in columns)] for label, part in parts.items()]
        count, sides = queries.get(name) or 0, max(1, len(parts) - 1)
        about += [{"queries": count}, *[{"queries": count // sides}] * (len(parts) - 1)]
    if rows:
        show([first, *columns], rows, about=about)
    for metric in sampled:
        many = metric.removeprefix("hits@10_")
        print(f"\n{metric} is among {many} random candidates, the other figures among all: they do not compare.")
