"""Prints the findings of an evaluation."""

from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from gnnneg.cli.table import cell, ranking, show
from gnnneg.digits import digits
from gnnneg.plain import records

if TYPE_CHECKING:
    from gnnneg.evaluation import Findings

Block = Callable[[], None]


def tell(split: str, found: "Findings") -> None:
    """Prints ranking metrics, then other parts, the table, the figures of the whole, and remarks."""
    whole = {name: value for name, value in found.figures.items() if not isinstance(value, dict) and value is not None}
    parts: dict[str, dict[str, Any]] = {name: v for name, v in found.figures.items() if isinstance(v, dict)}
    if "mrr" in whole:  # its sides are told with it
        whole, parts = {}, {split: found.figures}
    about = {**whole, **found.counts}
    ranked = {name.replace("_", " "): part for name, part in parts.items() if "mrr" in part}
    shares = {name: part for name, part in parts.items() if "mrr" not in part and _measured(part)}
    blocks: list[Block] = []
    if ranked:
        blocks.append(partial(ranking, ranked, "ranking", dict.fromkeys(ranked, about.get("queries"))))
    blocks += grouped("", shares, about)
    if found.table is not None:
        rows = [list(row.values()) for row in records(found.table)]
        blocks.append(partial(show, [str(column) for column in found.table], rows))
    if whole:
        said = (f"{name} {cell(value, digits(name, about))}" for name, value in whole.items())
        blocks.append(partial(print, ", ".join(said)))
    if found.remarks:
        blocks.append(partial(print, "\n".join(found.remarks)))
    for place, block in enumerate(blocks):
        if place:
            print()
        block()


def grouped(head: str, rows: dict[str, dict[str, Any]], about: dict[str, Any]) -> list[Block]:
    """One table for successive rows with the same columns. Counts and nested figures are no columns."""
    cells = {
        name: {key: value for key, value in row.items() if key != "count" and not isinstance(value, dict)}
        for name, row in rows.items()
    }
    tables: list[Block] = []
    for columns, group in groupby(cells.items(), key=lambda one: tuple(one[1])):
        if columns:
            named = [[name, *row.values()] for name, row in group]
            tables.append(partial(show, [head, *columns], named, about=[{**about, **rows[row[0]]} for row in named]))
    return tables


def _measured(part: dict[str, Any]) -> bool:
    """Whether it holds figures other than counts."""
    return any(isinstance(value, float) for value in part.values())
