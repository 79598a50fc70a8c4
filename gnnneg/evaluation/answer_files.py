"""Writes many answers to a file, part by part, with the memory of one part for any length of the file."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet

from gnnneg.errors import UserError
from gnnneg.plain import finite, harmless

Out = Path | BinaryIO | BufferedIOBase


def as_parquet(parts: Iterable[pa.Table], file: Out) -> None:
    """A row group for each part."""
    writer = None
    try:
        for part in parts:
            if writer is None:
                writer = pyarrow.parquet.ParquetWriter(file, part.schema)
            writer.write_table(part)
    finally:
        if writer is not None:
            writer.close()


def as_text(parts: Iterable[pa.Table], file: Out, delimiter: str) -> None:
    """Lines of columns, with their names in the first line; a name that a spreadsheet would read as a formula gets an
    apostrophe in front.
    """
    with _opened(file) as out:
        for number, part in enumerate(parts):
            text = harmless(part.to_pandas()).to_csv(sep=delimiter, index=False, header=not number)
            out.write(text.encode("utf-8", "surrogatepass"))


def as_json(parts: Iterable[pa.Table], file: Out) -> None:
    """A list of rows, one a line; numbers that are not finite are null."""
    with _opened(file) as out:
        before = "[\n"
        for part in parts:
            for row in part.to_pylist():
                out.write((before + json.dumps(finite(row), allow_nan=False)).encode())
                before = ",\n"
        out.write(b"[]\n" if before == "[\n" else b"\n]\n")


WRITERS: dict[str, Callable[[Iterable[pa.Table], Any], None]] = {
    "parquet": as_parquet,
    "csv": lambda parts, file: as_text(parts, file, ","),
    "tsv": lambda parts, file: as_text(parts, file, "\t"),
    "json": as_json,
}


def write_answers(parts: Iterable[pa.Table], file: Out, format: str) -> None:
    """Writes the answers of :func:`~gnnneg.evaluation.predict_many` part by part.

    Args:
        parts (iterable): The answers.
        file (Path or file): The file to write.
        format (str): ``"parquet"`` (a row group for each part), ``"csv"``, ``"tsv"`` or ``"json"``.

    Raises:
        UserError: If there is no such format, or if computing the answers raises one.
    """
    if format not in WRITERS:
        raise UserError(f"Answers are written as {', '.join(WRITERS)}, not as {format}: choose one of these.")
    WRITERS[format](parts, file)


@contextmanager
def _opened(file: Out) -> Iterator[Any]:
    """The file. A path is opened and closed here; an open file stays open."""
    if not isinstance(file, Path):
        yield file
        return
    with file.open("wb") as out:
        yield out
