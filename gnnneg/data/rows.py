"""Where the rows of a table are in its file, for errors: at which line, or in which row of a parquet file."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

from gnnneg.data.decode import lines
from gnnneg.data.layout import DELIMITERS, IGNORED, MAY_BE_EMPTY, Layout
from gnnneg.errors import UserError

# the place of a row, which is counted from 0, as the beginning of a sentence
Where = Callable[[int], str]


def rows(path: Path, layout: Layout, skip: int = 0) -> Iterator[tuple[int, list[str]]]:
    """The rows of a delimited file and the lines that they begin on, but for blank lines and the first ``skip``.

    Raises:
        csv.Error: If quotation marks are not as they should be.
    """
    delimiter = DELIMITERS[layout.delimiter]
    found = _quoted(path, delimiter) if layout.quoted else _plain(path, delimiter)
    return ((i, row) for i, row in found if i > skip)


def by_line(path: Path, layout: Layout, skip: int = 0) -> Where:
    """Tells the line of a row; the file is read again for it, since few are asked for.

    Args:
        path (Path): A delimited file.
        layout (Layout): What its lines hold.
        skip (int): Lines before the first row, its header and count among them. (default: :obj:`0`)
    """

    def where(row: int) -> str:
        line = next((i for place, (i, _) in enumerate(rows(path, layout, skip)) if place == row), None)
        return f"{path}:{line}" if line is not None else by_row(path)(row)

    return where


def by_row(path: str | Path) -> Where:
    """Tells the row, for what has no lines."""
    return lambda row: f"{path}: row {row + 1}"


def where_of(path: Path, layout: Layout) -> Where:
    """The places of the rows of a file that :func:`gnnneg.data.read.read_table` reads."""
    return by_row(path) if path.suffix == ".parquet" else by_line(path, layout, layout.count_line + layout.header)


def first_fault(path: Path, layout: Layout, skip: int) -> UserError | None:
    """Goes through the lines one by one, only when pyarrow has refused the file, to say which one is wrong."""
    try:
        for i, row in rows(path, layout, skip):
            if len(row) != len(layout.columns):
                found = shown(DELIMITERS[layout.delimiter].join(row))
                return UserError(f"{path}:{i}: expected {layout.expected}, found {len(row)}: {found}.")
            for name, field in zip(layout.columns, row):
                if name not in (IGNORED, *MAY_BE_EMPTY) and not field:
                    return UserError(f"{path}:{i}: expected {layout.expected}, but the {name} is empty.")
    except csv.Error as error:
        return UserError(f"{path} cannot be read as a table with quotation marks: {error}.")
    return None


def shown(line: str) -> str:
    """A line, or its beginning, in quotes."""
    return repr(line if len(line) <= 60 else line[:57] + "...")


def _plain(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    return ((i, line.split(delimiter)) for i, line in lines(path) if line)


def _quoted(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((line + "\n" for _, line in lines(path)), delimiter=delimiter)
    begin = 1
    for row in reader:
        if row:
            yield begin, row
        begin = reader.line_num + 1
