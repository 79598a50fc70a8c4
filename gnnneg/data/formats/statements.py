"""What every reader gives: statements with their polarity, and a count of what was not taken."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from gnnneg.data.account import Account
from gnnneg.data.rows import shown
from gnnneg.errors import UserError

ROLES = ("head", "relation", "tail")


class Row(NamedTuple):
    """One statement: stated or denied, how far it is believed, in ``[0, 1]``, and where it comes from."""

    head: str
    relation: str
    tail: str
    stated: bool = True
    confidence: float = 1.0
    source: str = ""


class Statements(NamedTuple):
    """What a file says.

    Args:
        table (pyarrow.Table): ``head``, ``relation``, ``tail`` and ``label`` (true if stated, false if denied); where
            the file tells, also ``confidence`` in ``[0, 1]`` and ``source``, such as an evidence code.
        left_out (Account): How much was not taken, by why, and what was; see :mod:`gnnneg.data.account`.
        closed (pyarrow.Table, optional): ``head`` and ``relation`` of the questions that have no answer at all.
        labels (pyarrow.Table, optional): What things are called: ``name`` and ``label``; see
            :mod:`gnnneg.data.labels`.
    """

    table: pa.Table
    left_out: Account
    closed: pa.Table | None = None
    labels: pa.Table | None = None


def collected(
    rows: Iterable[Row], path: Path, left_out: Mapping[str, int], closed: Iterable[tuple[str, str]] = ()
) -> Statements:
    """Rows as a table; ``confidence`` and ``source`` are absent where no row tells. It reads all rows first, so
    :obj:`left_out` and :obj:`closed` may still be filled while they come. A question with an answer is not closed, but
    counted.

    Raises:
        UserError: If nothing is stated or denied.
    """
    columns: tuple[list[Any], ...] = tuple([] for _ in Row._fields)
    put = [column.append for column in columns]
    for row in rows:  # by column at once: a million rows at a time would keep the garbage collector busy
        for append, value in zip(put, row):
            append(value)
    if not columns[0]:
        why = "; ".join(f"{number:,} {what}" for what, number in left_out.items())
        raise UserError(f"{path} holds no statements between entities{f' (left out: {why})' if why else ''}.")
    head, relation, tail, stated, confidence, source = columns
    table = triples(head, relation, tail).append_column("label", pa.array(stated, pa.bool_()))
    if any(c != 1.0 for c in confidence):
        table = table.append_column("confidence", pa.array(confidence, pa.float64()))
    if any(source):
        table = table.append_column("source", pa.array(source, pa.large_string()))
    pairs = list(dict.fromkeys(closed))
    answered = {pair for pair, true in zip(zip(head, relation), stated) if true} if pairs else set()
    left = Account(left_out)
    left.used("statements", len(head))
    if answered & set(pairs):
        left["'no answer' where there is one"] = len(answered & set(pairs))
        pairs = [pair for pair in pairs if pair not in answered]
    names = [pa.array(column, pa.large_string()) for column in zip(*pairs)]
    return Statements(table, left, pa.table(dict(zip(ROLES, names))) if pairs else None)


def triples(head: list[str], relation: list[str], tail: list[str]) -> pa.Table:
    """Three lists of names as a table."""
    return pa.table({role: pa.array(x, pa.large_string()) for role, x in zip(ROLES, (head, relation, tail))})


def fields(path: Path, number: int, line: str, names: tuple[str, ...], needed: Iterable[str]) -> dict[str, str]:
    """The fields of one tab-separated line by name.

    Raises:
        UserError: If there are not as many as names, or one that is needed is empty; with the file and line.
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
        UserError: If it is none, saying :obj:`where`.
    """
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not 0 <= number <= 1:
        raise UserError(f"{where}: a confidence is a number from 0 to 1, not {value!r}.")
    return number
