"""One reader of delimited triples; what a line means is declared by a :class:`~gnnneg.data.layout.Layout`."""

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

BLOCK = 16 << 20  # bytes of text that become columns at a time
STRINGS = (pa.string(), TEXT)
MOST_LISTED = 800  # characters of names in one sentence
MOST_ROWS = 10_000_000  # of a parquet file that is smaller than an eighth of them


def read_table(path: str | Path, layout: Layout = TRIPLES) -> pa.Table:
    """The columns of a delimited (or parquet) file as texts, in the order of the file, duplicates kept; as numbers into
    a dictionary of each column (:mod:`gnnneg.data.coded`).

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
    by their places. It is read block by block: the memory is that of the numbers and of the distinct names.

    Args:
        path (Path): The file.
        layout (Layout): What its lines hold.
        skip (int): Lines before the first that are none of them. (default: :obj:`0`)
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
    if layout.quoted and feed.marks % 2:  # pyarrow would take the rest of the file for one name
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
    """The text of a file in UTF-8 for pyarrow, which asks for a block at a time; looked at on the way.

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
        """So many bytes, or fewer at the end alone: pyarrow takes less than it asked for as the end."""
        while (size < 0 or len(self.left) < size) and (piece := self._next()):
            self.left += piece
        found = bytes(memoryview(self.left)[:size]) if size >= 0 else bytes(self.left)
        del self.left[: len(found)]
        return found

    def drain(self) -> None:
        """Looks at what nobody has read.

        Raises:
            UserError: If the file is no text.
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
        except UserError as error:  # told when pyarrow is done
            self.error = error
            return b""
        self.blank = self.blank and not piece.strip()
        self.marks += piece.count(b'"')
        return piece


def _has_empty(column: pa.ChunkedArray) -> bool:
    """Whether some entry is empty."""
    return bool(pc.any(mapped(column, lambda names: pc.equal(pc.binary_length(names), 0), pa.bool_())).as_py())


def read_parquet(path: Path) -> pa.Table:
    """The columns of a parquet file as they are; it may be compressed as a whole.

    Raises:
        UserError: If it is missing or no parquet file, has no rows, calls two columns the same, or grows beyond bounds
            when it is written out.
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
            raise UserError(f"{path} has two columns {echo(name)}: give them names of their own.")
    if not table.num_rows:
        raise UserError(f"{path} has no rows: there are no statements in it.")
    return table


def _written_out(path: Path, raw: pa.NativeFile) -> pa.Table:
    """A parquet file, whose texts are read as places in a dictionary: some bytes can stand for a billion rows."""
    file, size = pa.parquet.ParquetFile(raw), raw.size()
    strings = [f.name for f in file.schema_arrow if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
    rows, most = file.metadata.num_rows, f"{path} is {size:,} bytes, but stands for"
    if rows > MOST_ROWS and rows > 8 * size:
        raise UserError(f"{most} {rows:,} rows: no statements in earnest shrink so far.")
    table = pa.parquet.ParquetFile(raw, read_dictionary=strings).read()
    if table.column_names != list(dict.fromkeys(table.column_names)):
        return table  # of no use, and refused
    sizes = [
        int(np.dot(pc.binary_length(chunk.dictionary), _times(chunk))) if len(chunk) else 0
        for column in table.columns
        for chunk in column.chunks
        if pa.types.is_dictionary(chunk.type) and chunk.type.value_type in (pa.string(), pa.large_string())
    ]
    if sum(sizes) > max(4 * LARGEST, 4 * RATIO * size):
        raise UserError(f"{most} {sum(sizes) >> 20:,} MiB of text: no statements in earnest shrink so far.")
    return table


def _times(chunk: pa.DictionaryArray) -> np.ndarray:
    """How often each name of its dictionary stands in a chunk."""
    code = chunk.indices.drop_null().to_numpy(zero_copy_only=False)
    return np.bincount(code, minlength=len(chunk.dictionary)).astype(np.int64)


def as_text(table: pa.Table, path: Path) -> pa.Table:
    """The columns of a parquet file as strings: numbers and truth values are written out, and what is missing is empty
    where it may be.

    Raises:
        UserError: If a column holds lists or the like, or an entry is missing.
    """
    for i, name in enumerate(table.column_names):
        column = table[name]
        try:
            kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
            if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
                raise pa.ArrowInvalid("bytes")
            if pa.types.is_floating(column.type):  # pandas writes what is missing so
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
    """Names of columns for an error; in quotes where there is more to one than shows."""
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
