"""Dictionary-encoded columns of names: four bytes an entry, and each distinct name stored once."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TEXT = pa.large_string()
CODED = pa.dictionary(pa.int32(), TEXT)
AT_ONCE = 1 << 20  # rows


def coded(columns: Sequence[pa.ChunkedArray]) -> list[pa.ChunkedArray]:
    """Encodes columns of text with one shared dictionary, in which each name occurs once.

    Cost: one lookup for each name in the dictionary of each chunk; chunks of plain text are read entry by entry.
    """
    sizes = [column.num_chunks for column in columns]
    chunks = [_chunk(chunk) for column in columns for chunk in column.chunks]
    if not chunks:
        return list(columns)
    known = {addresses(chunk.dictionary): chunk.dictionary for chunk in chunks}
    if len(known) > 1:  # each dictionary is read once, however many chunks share it
        whole = [pa.DictionaryArray.from_arrays(pa.array(np.arange(len(d), dtype=np.int32)), d) for d in known.values()]
        made = pa.chunked_array(whole, CODED).unify_dictionaries().chunks
        becomes, names = {place: one.indices for place, one in zip(known, made)}, made[0].dictionary
        moved = (becomes[addresses(chunk.dictionary)].take(chunk.indices) for chunk in chunks)
        chunks = [pa.DictionaryArray.from_arrays(index, names) for index in moved]
    every = iter(chunks)
    return [pa.chunked_array([next(every) for _ in range(size)], CODED) for size in sizes]


def mapped(column: pa.ChunkedArray, function: Callable[[pa.Array], pa.Array], kind: pa.DataType) -> pa.ChunkedArray:
    """Applies a function to each entry. The function sees each name of a dictionary only once.

    Args:
        column (pyarrow.ChunkedArray): Text, encoded or not.
        function (callable): A function from an array of texts to an array of the same length.
        kind (pyarrow.DataType): Type of the results.
    """
    if not pa.types.is_dictionary(column.type):
        return pa.chunked_array([function(pc.cast(chunk, TEXT)) for chunk in column.chunks], kind)
    made, known = [], None
    values = pa.array([], kind)
    for chunk in column.chunks:
        if addresses(chunk.dictionary) != known:
            known, values = addresses(chunk.dictionary), function(pc.cast(chunk.dictionary, TEXT))
        made.append(values.take(chunk.indices))
    return pa.chunked_array(made, kind)


def met(*rows: Sequence[pa.ChunkedArray]) -> pa.Array:
    """The distinct entries of tables as text, in the order of first appearance, row by row.

    Args:
        *rows (sequence): The columns of one table each. All share one dictionary, as :func:`coded` makes them.
    """
    names = dictionary(column for columns in rows for column in columns)
    first, begin = np.full(len(names), np.iinfo(np.int64).max), 0
    for columns in rows:
        codes = [numbers(column) for column in columns]
        for start in range(0, len(codes[0]), AT_ONCE):
            code = np.stack([column[start : start + AT_ONCE] for column in codes], 1).reshape(-1)
            new = (first[code] > begin + len(code)).nonzero()[0]
            first[code[new[::-1]]] = begin + new[::-1]  # the first occurrence is assigned last and stays
            begin += len(code)
    order = first.argsort(kind="stable")[: (first < np.iinfo(np.int64).max).sum()]
    return names.take(pa.array(order))


def numbers(column: pa.ChunkedArray) -> np.ndarray:
    """The codes of a column that :func:`coded` made."""
    parts = [chunk.indices.to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.concatenate(parts) if parts else np.empty(0, np.int32)


def dictionary(columns: Iterable[pa.ChunkedArray]) -> pa.Array:
    """The dictionary of columns that :func:`coded` encoded together."""
    return next((chunk.dictionary for column in columns for chunk in column.chunks), pa.array([], TEXT))


def compacted(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same column with a dictionary that holds only the names in use, in their order."""
    code, names = numbers(column), dictionary([column])
    there = np.zeros(len(names), bool)
    there[code] = True
    if there.all():
        return column
    place = (np.cumsum(there) - 1).astype(np.int32)
    kept = names.filter(pa.array(there))
    return pa.chunked_array([pa.DictionaryArray.from_arrays(pa.array(place[code]), kept)], CODED)


def addresses(array: pa.Array) -> tuple[int | None, ...]:
    """The memory addresses of an array. Chunks that share a dictionary have the same addresses."""
    return len(array), array.offset, *(None if buffer is None else buffer.address for buffer in array.buffers())


def _chunk(chunk: pa.Array) -> pa.DictionaryArray:
    """One chunk as codes into a dictionary of large strings."""
    if chunk.type == CODED:
        return chunk
    if pa.types.is_dictionary(chunk.type):
        return pc.cast(chunk, CODED)
    return pc.cast(chunk, TEXT).dictionary_encode()
