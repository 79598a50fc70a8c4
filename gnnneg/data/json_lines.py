"""JSON lines: one object a line, or one array of objects. The keys become the columns of a table."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from gnnneg.data.decode import beginning, lines, text
from gnnneg.data.formats.nested import DENIED, denies
from gnnneg.data.rows import shown
from gnnneg.errors import UserError, echo

CHUNK = 1 << 16  # lines that are Python objects at the same time
MOST_COLUMNS = 1000
WORDS = pa.dictionary(pa.int32(), pa.large_string())
NESTED = pa.list_(pa.large_string())  # type of a column with lists or objects, whose values are not kept
TRUTH = {True: "true", False: "false"}
BLANKS = re.compile(r"\s*")


def read_json_lines(path: Path) -> pa.Table:
    """Reads a file of JSON objects, one a line or all in one array, such as the edges that KGX writes.

    Numbers are kept as they are written. A key that an object lacks is null in that row. If a column holds a list or an
    object anywhere, it becomes a column of lists that are all null. If one of these values denies its statement, the
    first row holds a word that says so.

    Raises:
        UserError: If a line is not an object, an object repeats a key, there are more than a thousand keys, or the file
            has no rows.
    """
    columns: dict[str, list[pa.Array]] = {}
    nested: dict[str, bool] = {}
    part: dict[str, list[str | None]] = defaultdict(list)
    size = total = 0

    def close() -> None:
        """Turns the rows read so far into dictionary-encoded columns."""
        nonlocal part, size, total
        for name in part:
            columns.setdefault(name, [pa.nulls(total, WORDS)] if total else [])
        for name, chunks in columns.items():
            found = part.get(name, [])
            chunks.append(pa.array(found + [None] * (size - len(found)), pa.large_string()).dictionary_encode())
        part, total, size = defaultdict(list), total + size, 0

    for where, entry in _objects(path):
        for name, value in entry.items():
            column = part[name]
            column.extend([None] * (size - len(column)))
            if isinstance(value, list | dict):
                nested[name] = nested.get(name, False) or denies(value, name)
                value = None
            column.append(TRUTH[value] if isinstance(value, bool) else value)
        if len(columns) + len(part) > 2 * MOST_COLUMNS:
            raise UserError(f"{where}: more than {MOST_COLUMNS:,} keys: this is no table of statements.")
        size += 1
        if size == CHUNK:
            close()
    close()
    if not total:
        raise UserError(f"{path} has no rows: there are no statements in it.")
    table = {name: pa.chunked_array(chunks) for name, chunks in columns.items() if name not in nested}
    empty = {
        name: pa.array([DENIED if found else None, *[None] * (total - 1)], NESTED) for name, found in nested.items()
    }
    return pa.table({name: (table | empty)[name] for name in columns})


class _Twice(Exception):
    """Raised when an object repeats a key."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


# numbers are read as text, so that none is rounded
_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str, parse_constant=str)


def _objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a file and the position of each: one a line, or all in one array, as pandas writes records."""
    if beginning(path).lstrip().startswith(b"["):
        for number, entry in enumerate(_decoded(str(path), text(path), "an array of objects")[0], 1):
            yield _entry(f"{path}: entry {number:,}", entry)
        return
    if re.match(rb"\s*\{\s*\n", beginning(path)):  # one object over several lines
        yield from _written_wide(path, text(path))
        return
    for number, line in lines(path):
        if line.strip():
            yield _entry(f"{path}:{number}", _decoded(f"{path}:{number}", line, "one object on each line")[0])


def _written_wide(path: Path, said: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """One or more objects, each over any number of lines, as ``jq`` writes them. Each letter is read once."""
    number, last = 1, 0
    start = _after_blanks(said, 0)
    while start < len(said):
        number += said.count("\n", last, start)
        where, last = f"{path}:{number}", start
        found, end = _decoded(where, said, "objects, one after the other", start)
        yield _entry(where, found)
        start = _after_blanks(said, end)


def _after_blanks(said: str, start: int) -> int:
    """The position of the next letter."""
    blank = BLANKS.match(said, start)
    return blank.end() if blank else start


def _entry(where: str, found: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(found, dict):
        raise UserError(f'{where}: each line should be an object, such as {{"subject": ...}}, not {shown(str(found))}.')
    return where, found


def _decoded(where: str, said: str, wanted: str, start: int | None = None) -> tuple[Any, int]:
    """The value that a JSON text encodes, and where it ends: all of the text, or what begins at :obj:`start`."""
    try:
        found, end = (_DECODER.decode(said), len(said)) if start is None else _DECODER.raw_decode(said, start)
        if said.find("\\u", start or 0, end) >= 0:
            json.dumps(found, ensure_ascii=False).encode()  # refuses lone surrogates
    except _Twice as twice:
        raise UserError(f"{where}: the key {echo(str(twice))} occurs twice: keep one of the two.") from None
    except json.JSONDecodeError as error:
        part = shown(said[start or 0 :][:200])
        raise UserError(
            f"{where}: not JSON ({error.msg} at column {error.colno}), where {wanted} should be: {part}."
        ) from None
    except RecursionError:
        raise UserError(f"{where}: nested too deeply for a statement.") from None
    except UnicodeEncodeError:
        raise UserError(f"{where}: holds a lone surrogate, which is not valid text.") from None
    return found, end
