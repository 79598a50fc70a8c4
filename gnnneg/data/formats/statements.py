"""The result of every reader: statements with their polarity, and an account of what was left out."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from gnnneg.data.account import Account
from gnnneg.data.coded import TEXT, mapped
from gnnneg.data.rows import shown
from gnnneg.errors import UserError

ROLES = ("head", "relation", "tail")
REST = ("label", "confidence", "source")
AT_ONCE = 1 << 18  # rows that are Python objects at the same time


class Row(NamedTuple):
    """One statement: stated or denied, its confidence in ``[0, 1]``, and its source."""

    head: str
    relation: str
    tail: str
    stated: bool = True
    confidence: float = 1.0
    source: str = ""


class Statements(NamedTuple):
    """The content of a file.

    Args:
        table (pyarrow.Table): ``head``, ``relation``, ``tail`` and ``label`` (true if stated, false if denied). If the
            file has them, also ``confidence`` in ``[0, 1]`` and ``source``, such as an evidence code.
        left_out (Account): How much was left out, by reason, and how much was used; see :mod:`gnnneg.data.account`.
        closed (pyarrow.Table, optional): ``head`` and ``relation`` of the questions that have no answer at all.
        labels (pyarrow.Table, optional): Labels of things: ``name`` and ``label``; see :mod:`gnnneg.data.labels`.
        definitions (pyarrow.Table, optional): Definitions of things: ``name`` and ``definition``; see
            :mod:`gnnneg.data.definitions`.
    """

    table: pa.Table
    left_out: Account
    closed: pa.Table | None = None
    labels: pa.Table | None = None
    definitions: pa.Table | None = None


def collected(
    rows: Iterable[Row], path: Path, left_out: Mapping[str, int], closed: Iterable[tuple[str, str]] = ()
) -> Statements:
    """Collects rows in a table. ``confidence`` and ``source`` are absent if no row has them. All rows are read first,
    so the reader may still fill :obj:`left_out` and :obj:`closed` meanwhile. A closed question that has an answer is
    counted and not closed.

    Raises:
        UserError: If nothing is stated or denied.
    """
    made: list[pa.Table] = []
    columns: tuple[list[Any], ...] = tuple([] for _ in Row._fields)
    put = [column.append for column in columns]
    for row in rows:  # columns are filled at once: many row objects would keep the garbage collector busy
        for append, value in zip(put, row):
            append(value)
        if len(columns[0]) == AT_ONCE:
            made.append(_table(columns))
            for column in columns:
                column.clear()
    made += [_table(columns)] if columns[0] else []
    if not made:
        why = "; ".join(f"{number:,} {what}" for what, number in left_out.items())
        raise UserError(f"{path} holds no statements between entities{f' (left out: {why})' if why else ''}.")
    table = pa.concat_tables(made)
    if pc.all(pc.equal(table["confidence"], 1.0)).as_py():
        table = table.drop_columns("confidence")
    if not pc.any(mapped(table["source"], lambda names: pc.not_equal(names, ""), pa.bool_())).as_py():
        table = table.drop_columns("source")
    pairs = list(dict.fromkeys(closed))
    asked = pa.array([head for head, _ in pairs], TEXT)
    near = pc.and_(table["label"], mapped(table["head"], lambda names: pc.is_in(names, asked), pa.bool_()))
    stated = table.filter(near) if pairs else table.slice(0, 0)
    answered = set(zip(*(stated[role].to_pylist() for role in ROLES[:2])))
    left = Account(left_out)
    left.used("statements", table.num_rows)
    if answered & set(pairs):
        left["'no answer' where there is one"] = len(answered & set(pairs))
        pairs = [pair for pair in pairs if pair not in answered]
    names = [pa.array(column, pa.large_string()) for column in zip(*pairs)]
    return Statements(table, left, pa.table(dict(zip(ROLES, names))) if pairs else None)


def _table(columns: Sequence[list[Any]]) -> pa.Table:
    """Some rows as dictionary-encoded columns."""
    kinds = (TEXT, TEXT, TEXT, pa.bool_(), pa.float64(), TEXT)
    made = [pa.array(column, kind) for column, kind in zip(columns, kinds)]
    return pa.table([x.dictionary_encode() if x.type == TEXT else x for x in made], [*ROLES, *REST])


def triples(head: list[str], relation: list[str], tail: list[str]) -> pa.Table:
    """Three lists of names as a table."""
    return pa.table({role: pa.array(x, pa.large_string()) for role, x in zip(ROLES, (head, relation, tail))})


def fields(path: Path, number: int, line: str, names: tuple[str, ...], needed: Iterable[str]) -> dict[str, str]:
    """The fields of one tab-separated line by name.

    Raises:
        UserError: If the number of fields is wrong, or a required field is empty; with the file and line.
    """
    found = line.split("\t")
    if len(found) != len(names):
        raise UserError(
            f"{path}:{number}: expected {len(names)} fields separated by tab, found {len(found)}: {shown(line)}."
        )
    result = {name: field.strip() for name, field in zip(names, found)}
    for name in needed:
        if not result[name]:
            raise UserError(f"{path}:{number}: the {name} is empty: {shown(line)}.")
    return result


def share(value: str | float, where: str) -> float:
    """A number in ``[0, 1]``.

    Raises:
        UserError: If the value is not one; :obj:`where` is the subject of the message.
    """
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not 0 <= number <= 1:
        raise UserError(f"{where}: a confidence is a number from 0 to 1, not {value!r}.")
    return number
