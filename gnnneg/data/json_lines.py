"""JSON lines: an object in each line, whose keys are the columns of a table."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from gnnneg.data.decode import lines
from gnnneg.data.rows import shown
from gnnneg.errors import UserError, echo

CHUNK = 1 << 16  # lines that are Python objects at once
MOST_COLUMNS = 1000
WORDS = pa.dictionary(pa.int32(), pa.large_string())
NESTED = pa.list_(pa.large_string())  # of a column that holds lists or objects, which are not kept
TRUTH = {True: "true", False: "false"}


def read_json_lines(path: Path) -> pa.Table:
    """The columns of a file of JSON objects, one a line, such as the edges that KGX writes.

    Numbers are kept as they are written. A key that an object lacks is null there. A column that holds a list or an
    object somewhere is one of lists, all null.

    Raises:
        UserError: For a line that is no object, a key twice in one, more than a thousand keys, and a file that says
            nothing.
    """
    columns: dict[str, list[pa.Array]] = {}
    nested: set[str] = set()
    part: dict[str, list[str | None]] = defaultdict(list)
    size = total = 0

    def close() -> None:
        """Turns what was read last into dictionaries of its distinct texts."""
        nonlocal part, size, total
        for name in part:
            columns.setdefault(name, [pa.nulls(total, WORDS)] if total else [])
        for name, chunks in columns.items():
            found = part.get(name, [])
            chunks.append(pa.array(found + [None] * (size - len(found)), pa.large_string()).dictionary_encode())
        part, total, size = defaultdict(list), total + size, 0

    for number, line in lines(path):
        if not line.strip():
            continue
        for name, value in _object(f"{path}:{number}", line).items():
            column = part[name]
            column.extend([None] * (size - len(column)))
            if isinstance(value, list | dict):
                nested.add(name)
                value = None
            column.append(TRUTH[value] if isinstance(value, bool) else value)
        if len(columns) + len(part) > 2 * MOST_COLUMNS:
            raise UserError(f"{path}:{number}: more than {MOST_COLUMNS:,} keys: this is no table of statements.")
        size += 1
        if size == CHUNK:
            close()
    close()
    if not total:
        raise UserError(f"{path} has no rows: there are no statements in it.")
    table = {name: pa.nulls(total, NESTED) if name in nested else pa.chunked_array(columns[name]) for name in columns}
    return pa.table(table)


class _Twice(Exception):
    """A key that an object has two times."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


# numbers are texts, so that none is rounded
_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str, parse_constant=str)


def _object(where: str, line: str) -> dict[str, Any]:
    """The object of a line."""
    try:
        found = _DECODER.decode(line)
        if "\\u" in line:
            json.dumps(found, ensure_ascii=False).encode()  # no half of a surrogate pair
    except _Twice as twice:
        raise UserError(f"{where}: the key {echo(str(twice))} stands there twice: say which is right.") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: not JSON ({error.msg} at column {error.colno}): {shown(line)}.") from None
    except RecursionError:
        raise UserError(f"{where}: nested too deeply for a statement.") from None
    except UnicodeEncodeError:
        raise UserError(f"{where}: holds half of a pair of surrogates, which is no text.") from None
    if not isinstance(found, dict):
        raise UserError(f'{where}: each line is to be an object, such as {{"subject": ...}}, not {shown(line)}.')
    return found
