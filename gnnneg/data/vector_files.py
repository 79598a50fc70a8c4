"""Vectors by name, from files of other tools."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from gnnneg.errors import UserError, echo

NAME, VECTOR = "name", "vector"  # the columns of a parquet file


def read_vectors(path: str | Path) -> tuple[list[str], np.ndarray]:
    """Names and their vectors ``(n, d)`` in float32.

    A ``.parquet`` file has the columns ``name`` and ``vector``, a list of numbers each. Any other is text in the form
    of word2vec: a line ``n d``, which may be missing, then a line for each name, followed by its numbers, with blanks
    between them. ``n`` has to be their number, as a file that was cut off has fewer.

    Cost: one pass, and memory for the numbers.

    Raises:
        UserError: If it is missing or damaged, has other columns, vectors of several widths or numbers that are not
            finite, or names something twice.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no file {path}: give one of vectors by name.")
    names, vectors = _parquet(path) if path.suffix == ".parquet" else _text(path)
    if not names:
        raise UserError(f"{path} holds no vectors: give one with a vector for each name.")
    wrong = ~np.isfinite(vectors).all(axis=1)
    if wrong.any():
        raise UserError(f"{path}: the vector of {echo(names[int(wrong.argmax())])} holds numbers that are not finite.")
    twice = pd.Series(names).duplicated()
    if twice.any():
        raise UserError(f"{path} has two vectors for {echo(names[int(twice.argmax())])}: leave one of them out.")
    return names, vectors


def _parquet(path: Path) -> tuple[list[str], np.ndarray]:
    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path} is no parquet file ({str(error).splitlines()[0].rstrip('.')}).") from error
    lacks = [name for name in (NAME, VECTOR) if name not in table.column_names]
    if lacks:
        raise UserError(f"{path} has no column {lacks[0]!r}: vectors by name have the columns {NAME!r} and {VECTOR!r}.")
    if not table.num_rows:
        raise UserError(f"{path} holds no vectors.")
    rows = table[VECTOR].combine_chunks()
    kind = rows.type
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if not lists or not (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
        raise UserError(f"{path}: the column {VECTOR!r} is of type {kind}: give a list of numbers in each row.")
    sizes = set(pa.compute.list_value_length(rows).to_pylist())
    if None in sizes or len(sizes) > 1 or 0 in sizes or table[NAME].null_count:
        raise UserError(f"{path}: each row needs a name and a vector, all of one width.")
    names = [str(name) for name in table[NAME].to_pylist()]
    flat = np.asarray(rows.flatten().to_numpy(zero_copy_only=False), dtype=np.float32)
    return names, flat.reshape(len(names), -1)


def _text(path: Path) -> tuple[list[str], np.ndarray]:
    names: list[str] = []
    rows: list[np.ndarray] = []
    width: int | None = None
    count: int | None = None
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                words = line.split()
                if number == 1 and len(words) == 2 and all(word.isdecimal() for word in words):
                    count, width = int(words[0]), int(words[1])
                    continue
                if not words:
                    continue
                width = len(words) - 1 if width is None else width
                if width < 1 or len(words) != width + 1:
                    raise UserError(
                        f"{path} line {number}: {len(words)} words, where a name and {width} numbers should be."
                    )
                names.append(words[0])
                rows.append(np.array(words[1:], dtype=np.float32))
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not text in UTF-8: give a parquet file, or text in the form of word2vec."
        ) from error
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{path} line {number}: {' '.join(str(error).split())}, where numbers should be.") from error
    if count is not None and count != len(names):
        raise UserError(
            f"{path} says at its head that it holds {count:,} vectors, and holds {len(names):,}: copy it again, or "
            "leave the first line out."
        )
    return names, np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)
