"""Tables: CSV, TSV and parquet, with a column for what is true and, if there are such, for confidence and source."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from gnnneg.data.account import Account
from gnnneg.data.formats.statements import ROLES, Statements
from gnnneg.data.read import DELIMITERS, IGNORED, LABELS, Labels, Layout, confidences, read_bytes, read_table, truth
from gnnneg.errors import UserError

DELIMITED = {"csv": "comma", "tsv": "tab"}


def read_labelled(
    path: str | Path,
    kind: str,
    columns: Sequence[str] | None = None,
    label: str | None = None,
    labels: Labels | None = None,
    confidence: str | None = None,
    source: str | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    count_line: bool = False,
) -> Statements:
    """Reads a table of statements.

    Args:
        path (str or Path): The file; ``.gz`` is decompressed.
        kind (str): ``csv`` (quoted, with a header), ``tsv`` (no quotation, no header) or ``parquet``.
        columns (sequence, optional): Which columns hold head, relation and tail, in this order: names in the header,
            or positions counted from 1. By default a CSV or parquet file has columns named ``head``, ``relation`` and
            ``tail``, a TSV file has them as its first three columns and no header.
        label (str, optional): Which column says whether a statement is stated (1, true) or denied (0, -1, false).
        labels (Labels, optional): What it says instead, as in ``Labels(stated=("yes",), denied=("no", "never"),
            unknown=("?",))``; what is labelled unknown is left out.
        confidence (str, optional): Which column holds a number in ``[0, 1]``.
        source (str, optional): Which column says where a statement comes from.
        header (bool, optional): Whether the first line names the columns. (default: if :obj:`columns` are names)
        delimiter (str, optional): ``tab``, ``comma``, ``blank``, ``semicolon`` or ``bar``.
        count_line (bool): Whether the first line holds the number of lines that follow. (default: :obj:`False`)

    Raises:
        UserError: For an unknown column (with those that there are), a garbled line, an unknown label or a confidence
            that is none.
    """
    path = Path(path)
    if columns is not None and len(columns) != 3:
        raise UserError(f"Columns must be three: head, relation and tail; found {len(columns)}: {', '.join(columns)}.")
    if labels is not None and label is None:
        raise UserError(f"{path}: labels have a meaning only if a column holds them: say which is the label.")
    extra = {"label": label, "confidence": confidence, "source": source}
    wanted = list(columns) if columns is not None else list(ROLES) if kind != "tsv" else ["1", "2", "3"]
    wanted += [column for column in extra.values() if column is not None]
    roles = [*ROLES, *(role for role, column in extra.items() if column is not None)]
    for c in wanted:
        if wanted.count(c) > 1:
            raise UserError(f"{path}: column {c!r} stands for two of {', '.join(roles)}.")
    if kind == "parquet":
        table = read_table(path, Layout(tuple(wanted))).rename_columns(roles)
    else:
        table = _delimited(path, kind, wanted, roles, header, delimiter or DELIMITED[kind], count_line)
    true = pa.chunked_array([pa.array([True] * table.num_rows, pa.bool_())])
    left_out = Account()
    left_out.used("statements", table.num_rows)
    if label is not None:
        true = truth(table["label"], path, labels or LABELS)
        if true.null_count:
            left_out["labelled unknown"] = true.null_count
            table, true = table.filter(pc.is_valid(true)), true.drop_null()
    result = table.select(list(ROLES)).append_column("label", true)
    if confidence is not None:
        result = result.append_column("confidence", confidences(table["confidence"], path))
    if source is not None:
        result = result.append_column("source", table["source"])
    return Statements(result, left_out)


def _delimited(
    path: Path, kind: str, wanted: list[str], roles: list[str], header: bool | None, delimiter: str, count_line: bool
) -> pa.Table:
    if delimiter not in DELIMITERS:
        raise UserError(f"Unknown delimiter {delimiter!r}: it is one of {', '.join(DELIMITERS)}.")
    positional = all(c.isdigit() for c in wanted)
    names = not positional if header is None else header
    if not positional and not names:
        raise UserError(f"{path}: without a header, columns are given by position, such as 1,2,3.")
    quoted = kind == "csv"  # TSV has no quotation
    found = _first_row(path, DELIMITERS[delimiter], quoted, count_line)
    layout = [IGNORED] * len(found)
    for role, column in zip(roles, wanted):
        layout[_position(column, found, names, path)] = role
    made = Layout(tuple(layout), delimiter, count_line=count_line, header=names, quoted=quoted)
    return read_table(path, made).select(roles)


def _first_row(path: Path, delimiter: str, quoted: bool, count_line: bool) -> list[str]:
    raw = read_bytes(path)
    if not raw.strip():
        raise UserError(f"{path} is empty.")
    start = raw.removeprefix(b"\xef\xbb\xbf").split(b"\n", 2)
    first = start[count_line].removesuffix(b"\r").decode(errors="replace") if len(start) > count_line else ""
    return next(csv.reader([first], delimiter=delimiter)) if quoted else first.split(delimiter)


def _position(column: str, found: list[str], names: bool, path: Path) -> int:
    if names and column in found:
        return found.index(column)
    if column.isdigit() and 1 <= int(column) <= len(found):
        return int(column) - 1
    if names:
        raise UserError(f"{path} has no column {column!r}; it has {', '.join(found)}.")
    raise UserError(f"{path} has no column {column}; its first line has {len(found)} fields.")
