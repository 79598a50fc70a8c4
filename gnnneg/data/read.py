"""One reader of delimited triples; what a line means is declared by a :class:`~gnnneg.data.layout.Layout`."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from gnnneg.data.decode import LARGEST, RATIO, text, unpacked
from gnnneg.data.layout import DELIMITERS, IGNORED, MAY_BE_EMPTY, TRIPLES, Layout
from gnnneg.data.rows import first_fault, shown
from gnnneg.errors import UserError, echo

MOST_ROWS = 10_000_000  # of a parquet file that is smaller than an eighth of them


def read_table(path: str | Path, layout: Layout = TRIPLES) -> pa.Table:
    """The columns of a delimited (or parquet) file as strings, in the order of the file, duplicates kept.

    It is decoded by :mod:`gnnneg.data.decode`, with or without a final newline; blank lines are skipped.
    Names stay strings: ``00260881`` keeps its zeros.

    Raises:
        UserError: For a missing, empty, binary or wrongly encoded file, a line with too few, too many or empty fields,
            or fewer lines than the count line says; with the file, the line and what was expected there.
    """
    path = Path(path)
    if path.suffix == ".parquet":
        table = read_parquet(path)
        for column in layout.columns:
            if column != IGNORED and column not in table.column_names:
                raise UserError(f"{path} has no column {column!r}; it has {listed(table.column_names)}.")
        return as_text(table.select([c for c in layout.columns if c != IGNORED]), path)
    return read_columns(path, layout).select([c for c in layout.columns if c != IGNORED])


def read_columns(path: Path, layout: Layout, skip: int = 0) -> pa.Table:
    """As :func:`read_table` of a delimited file, with the columns that are to be ignored, called ``_0``, ``_1``, ...
    by their places.

    Args:
        path (Path): The file.
        layout (Layout): What its lines hold.
        skip (int): Lines before the first that are none of them. (default: :obj:`0`)
    """
    raw = text(path).encode()
    if not raw.strip():
        raise UserError(f"{path} is empty: expected lines of {layout.expected}.")
    if layout.quoted and raw.count(b'"') % 2:  # pyarrow would take the rest of the file for one name
        line = next(i for i, row in enumerate(raw.split(b"\n"), 1) if row.count(b'"') % 2)
        raise UserError(f"{path}: a quotation mark is never closed; the first odd one is on line {line}.")
    names = [c if c != IGNORED else f"{IGNORED}{i}" for i, c in enumerate(layout.columns)]
    before = skip + layout.count_line + layout.header
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(raw),
            read_options=pyarrow.csv.ReadOptions(column_names=names, skip_rows=before),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=DELIMITERS[layout.delimiter],
                quote_char='"' if layout.quoted else False,
                double_quote=layout.quoted,
                escape_char=False,
                newlines_in_values=layout.quoted,
                ignore_empty_lines=True,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False, check_utf8=True
            ),
        )
    except pa.ArrowInvalid as error:
        raise first_fault(path, raw, layout, before) or UserError(f"{path} cannot be read: {_why(error)}.") from None
    needed = [c for c in layout.columns if c not in (IGNORED, *MAY_BE_EMPTY)]
    if any(pc.any(pc.equal(pc.binary_length(table[c]), 0)).as_py() for c in needed):
        raise first_fault(path, raw, layout, before) or UserError(f"{path} has an empty field.")
    if layout.count_line:
        first = raw.split(b"\n", skip + 1)[skip].strip()
        if not first.isdigit():
            raise UserError(
                f"{path}:{skip + 1}: expected the number of lines that follow, found {shown(first.decode())}."
            )
        if int(first[:18]) != table.num_rows:
            raise UserError(
                f"{path}:{skip + 1} announces {int(first[:18]):,} lines, but {table.num_rows:,} follow: is it "
                "truncated?"
            )
    if not table.num_rows:
        raise UserError(f"{path} holds no lines after its first: expected lines of {layout.expected}.")
    return table


def read_parquet(path: Path) -> pa.Table:
    """The columns of a parquet file as they are; it may be compressed as a whole.

    Raises:
        UserError: If it is missing or no parquet file, has no rows, calls two columns the same, or grows beyond bounds
            when it is written out.
    """
    try:
        table = _written_out(path, unpacked(path))
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is not a parquet file: {_why(error)}.") from None
    for name in table.column_names:
        if table.column_names.count(name) > 1:
            raise UserError(f"{path} has two columns {echo(name)}: give them names of their own.")
    if not table.num_rows:
        raise UserError(f"{path} has no rows: there are no statements in it.")
    return table


def _written_out(path: Path, raw: bytes) -> pa.Table:
    """A parquet file, whose texts are read as places in a dictionary first: some bytes can stand for a billion rows."""
    file = pa.parquet.ParquetFile(pa.BufferReader(raw))
    texts = [f.name for f in file.schema_arrow if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
    rows, most = file.metadata.num_rows, f"{path} is {len(raw):,} bytes, but stands for"
    if rows > MOST_ROWS and rows > 8 * len(raw):
        raise UserError(f"{most} {rows:,} rows: no statements in earnest shrink so far.")
    table = pa.parquet.read_table(pa.BufferReader(raw), read_dictionary=texts)
    if table.column_names != list(dict.fromkeys(table.column_names)):
        return table  # of no use, and refused
    sizes = [
        pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)).as_py() or 0
        for column in table.columns
        for chunk in column.chunks
        if pa.types.is_dictionary(chunk.type) and chunk.type.value_type in (pa.string(), pa.large_string())
    ]
    if sum(sizes) > max(4 * LARGEST, 4 * RATIO * len(raw)):
        raise UserError(f"{most} {sum(sizes) >> 20:,} MiB of text: no statements in earnest shrink so far.")
    return table.cast(file.schema_arrow)


def as_text(table: pa.Table, path: Path) -> pa.Table:
    """The columns of a parquet file as strings: numbers and truth values are written out, and what is missing is empty
    where it may be.

    Raises:
        UserError: If a column holds lists or the like, or an entry is missing.
    """
    for i, name in enumerate(table.column_names):
        column = table[name]
        try:
            if pa.types.is_dictionary(column.type):
                column = pc.cast(column, column.type.value_type)
            if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
                raise pa.ArrowInvalid("bytes")
            column = pc.cast(column, pa.large_string())
        except (pa.ArrowException, NotImplementedError):
            raise UserError(
                f"{path}: the column {echo(name)} holds {column.type}, where names or numbers are needed."
            ) from None
        if name in MAY_BE_EMPTY:
            column = pc.fill_null(column, "")
        elif column.null_count:
            raise UserError(f"{path}: row {pc.index(pc.is_null(column), True).as_py() + 1} has no {name}.")
        elif (row := pc.index(pc.binary_length(column), 0).as_py()) >= 0:
            raise UserError(f"{path}: row {row + 1}: the {name} is empty.")
        table = table.set_column(i, name, column)
    return table


def listed(names: Sequence[str]) -> str:
    """Names of columns for an error; in quotes where there is more to one than shows."""
    shown = [n if n and n.isprintable() and n == n.strip() and len(n) < 80 else echo(n) for n in names[:40]]
    return ", ".join(shown) + (f" and {len(names) - 40:,} more" if len(names) > 40 else "")


def _why(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:160]
