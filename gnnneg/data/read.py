"""Reads delimited triples. A :class:`~gnnneg.data.layout.Layout` declares what a line means."""

import io
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from gnnneg.data.coded import CODED, TEXT, coded, mapped
from gnnneg.data.decode import LARGEST, RATIO, compression, lines, texts, unpacked
from gnnneg.data.layout import DELIMITERS, IGNORED, MAY_BE_EMPTY, TRIPLES, Layout
from gnnneg.data.rows import first_fault, shown
from gnnneg.errors import UserError, echo

BLOCK = 16 << 20  # bytes of text that are converted at a time
STRINGS = (pa.string(), TEXT)
MOST_LISTED = 800  # longest list of names in one message, in characters
MOST_ROWS = 10_000_000  # limit for a parquet file with more than eight rows a byte


def read_table(path: str | Path, layout: Layout = TRIPLES) -> pa.Table:
    """The columns of a delimited or parquet file as text, in file order, with duplicates. Each column is
    dictionary-encoded (:mod:`gnnneg.data.coded`).

    :mod:`gnnneg.data.decode` decodes the file. A final newline is optional, and blank lines are skipped. Names stay
    strings: ``00260881`` keeps its zeros.

    Raises:
        UserError: For a missing, empty, binary or wrongly encoded file, for a line with too few, too many or empty
            fields, and for fewer lines than the count line says. The message gives the file, the line and what was
            expected.
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
    """Reads a delimited file as :func:`read_table` does, but keeps ignored columns, named ``_0``, ``_1``, ... by
    position. The file is read in blocks, so memory holds only the codes and the distinct names.

    Args:
        path (Path): The file.
        layout (Layout): What its lines hold.
        skip (int): Number of leading lines to skip. (default: :obj:`0`)
    """
    names = [c if c != IGNORED else f"{IGNORED}{i}" for i, c in enumerate(layout.columns)]
    before = skip + layout.count_line + layout.header
    feed, refused, batches = _Feed(path), None, []
    try:
        found = pyarrow.csv.open_csv(
            feed,
            read_options=pyarrow.csv.ReadOptions(column_names=names, skip_rows=before, block_size=BLOCK),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=DELIMITERS[layout.delimiter],
                quote_char='"' if layout.quoted else False,
                double_quote=layout.quoted,
                escape_char=False,
                newlines_in_values=layout.quoted,
                ignore_empty_lines=True,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, CODED), strings_can_be_null=False, check_utf8=True
            ),
        )
        batches = list(found)
    except (pa.ArrowException, OSError, UserError) as error:
        refused = error
    feed.drain()
    if feed.blank:
        raise UserError(f"{path} is empty: expected lines of {layout.expected}.")
    if layout.quoted and feed.marks % 2:  # pyarrow would read the rest of the file as one name
        line = next(i for i, row in lines(path) if row.count('"') % 2)
        raise UserError(f"{path}: a quotation mark is never closed; the first odd one is on line {line}.")
    if refused is not None:
        raise first_fault(path, layout, before) or UserError(f"{path} cannot be read: {_why(refused)}.") from None
    table = pa.Table.from_batches(batches, pa.schema(dict.fromkeys(names, CODED)))
    table = pa.table([coded([column])[0] for column in table.columns], names)
    needed = [c for c in layout.columns if c not in (IGNORED, *MAY_BE_EMPTY)]
    if any(_has_empty(table[c]) for c in needed):
        raise first_fault(path, layout, before) or UserError(f"{path} has an empty field.")
    if layout.count_line:
        first = next(line for _, line in itertools.islice(lines(path), skip, None)).strip()
        if not (first.isascii() and first.isdigit()):
            raise UserError(f"{path}:{skip + 1}: expected the number of lines that follow, found {shown(first)}.")
        if int(first[:18]) != table.num_rows:
            raise UserError(
                f"{path}:{skip + 1} announces {int(first[:18]):,} lines, but {table.num_rows:,} follow: is it "
                "truncated?"
            )
    if not table.num_rows:
        raise UserError(f"{path} holds no lines after its first: expected lines of {layout.expected}.")
    return table


class _Feed(io.RawIOBase):
    """The text of a file as a UTF-8 stream for pyarrow. It also records blank files and quotation marks.

    Args:
        path (Path): The file.
    """

    def __init__(self, path: Path) -> None:
        self.pieces, self.left = texts(path), bytearray()
        self.error: Exception | None = None
        self.blank, self.marks = True, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """So many bytes, and fewer only at the end, because pyarrow takes a short read as the end."""
        while (size < 0 or len(self.left) < size) and (piece := self._next()):
            self.left += piece
        found = bytes(memoryview(self.left)[:size]) if size >= 0 else bytes(self.left)
        del self.left[: len(found)]
        return found

    def drain(self) -> None:
        """Reads to the end, so that the whole file is checked.

        Raises:
            UserError: If the file is not text.
        """
        while self._next():
            pass
        if self.error is not None:
            raise self.error

    def _next(self) -> bytes:
        if self.error is not None:
            return b""
        try:
            piece = next(self.pieces, "").encode()
            while not piece and (more := next(self.pieces, None)) is not None:
                piece = more.encode()
        except UserError as error:  # raised once pyarrow has finished
            self.error = error
            return b""
        self.blank = self.blank and not piece.strip()
        self.marks += piece.count(b'"')
        return piece


def _has_empty(column: pa.ChunkedArray) -> bool:
    """Whether any entry is empty."""
    return bool(pc.any(mapped(column, lambda names: pc.equal(pc.binary_length(names), 0), pa.bool_())).as_py())


def read_parquet(path: Path) -> pa.Table:
    """The columns of a parquet file without conversion. The file itself may be compressed.

    Raises:
        UserError: If the file is missing, not parquet or without rows, if two columns have the same name, or if it
            expands beyond the limits.
    """
    try:
        packed = compression(path) is not None
        table = _written_out(path, pa.BufferReader(unpacked(path)) if packed else pa.memory_map(str(path)))
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is not a parquet file: {_why(error)}.") from None
    for name in table.column_names:
        if table.column_names.count(name) > 1:
            raise UserError(f"{path} has two columns {echo(name)}: give them different names.")
    if not table.num_rows:
        raise UserError(f"{path} has no rows: there are no statements in it.")
    return table


def _written_out(path: Path, raw: pa.NativeFile) -> pa.Table:
    """Reads a parquet file with dictionary-encoded text, because a few bytes can stand for a billion rows."""
    file, size = pa.parquet.ParquetFile(raw), raw.size()
    strings = [f.name for f in file.schema_arrow if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
    rows, most = file.metadata.num_rows, f"{path} is {size:,} bytes, but stands for"
    if rows > MOST_ROWS and rows > 8 * size:
        raise UserError(f"{most} {rows:,} rows: real statements do not compress that much.")
    table = pa.parquet.ParquetFile(raw, read_dictionary=strings).read()
    if table.column_names != list(dict.fromkeys(table.column_names)):
        return table  # not worth checking: it is refused later
    sizes = [
        int(np.dot(pc.binary_length(chunk.dictionary), _times(chunk))) if len(chunk) else 0
        for column in table.columns
        for chunk in column.chunks
        if pa.types.is_dictionary(chunk.type) and chunk.type.value_type in (pa.string(), pa.large_string())
    ]
    if sum(sizes) > max(4 * LARGEST, 4 * RATIO * size):
        raise UserError(f"{most} {sum(sizes) >> 20:,} MiB of text: real statements do not compress that much.")
    return table


def _times(chunk: pa.DictionaryArray) -> np.ndarray:
    """How often each dictionary entry occurs in a chunk."""
    code = chunk.indices.drop_null().to_numpy(zero_copy_only=False)
    return np.bincount(code, minlength=len(chunk.dictionary)).astype(np.int64)


def as_text(table: pa.Table, path: Path) -> pa.Table:
    """The columns of a parquet file as strings. Numbers and truth values are written out. Missing entries become empty
    where a column allows it.

    Raises:
        UserError: If a column holds lists or other nested values, or an entry is missing.
    """
    for i, name in enumerate(table.column_names):
        column = table[name]
        try:
            kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
            if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
                raise pa.ArrowInvalid("bytes")
            if pa.types.is_floating(column.type):  # pandas writes missing values as NaN
                column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
            column = coded([pc.cast(column, kind) if kind not in STRINGS else column])[0]
        except (pa.ArrowException, NotImplementedError):
            raise UserError(
                f"{path}: the column {echo(name)} holds {kind}, where names or numbers are needed."
            ) from None
        if name in MAY_BE_EMPTY:
            column = pc.fill_null(pc.cast(column, TEXT), "") if column.null_count else column
        elif column.null_count:
            raise UserError(f"{path}: row {pc.index(pc.is_null(column), True).as_py() + 1} has no {name}.")
        elif _has_empty(column):
            row = pc.index(pc.equal(pc.binary_length(pc.cast(column, TEXT)), 0), True).as_py()
            raise UserError(f"{path}: row {row + 1}: the {name} is empty.")
        table = table.set_column(i, name, column)
    return table


def listed(names: Sequence[str]) -> str:
    """Column names for an error message; quoted if a name has characters that would not show."""
    shown: list[str] = []
    for name in names:
        word = name if name and name.isprintable() and name == name.strip() and len(name) < 80 else echo(name)
        if len(shown) == 40 or sum(map(len, shown)) + len(word) > MOST_LISTED:
            break
        shown.append(word)
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def _why(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:160]
