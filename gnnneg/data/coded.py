"""Columns of names as numbers into a dictionary: four bytes an entry, and each name once, however often it is said."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TEXT = pa.large_string()
CODED = pa.dictionary(pa.int32(), TEXT)
AT_ONCE = 1 << 20  # rows


def coded(columns: Sequence[pa.ChunkedArray]) -> list[pa.ChunkedArray]:
    """Columns of text with one dictionary for all of them, in which each name stands once.

    Cost: a look at each name of each chunk's dictionary; chunks of plain text are looked at entry by entry.
    """
    sizes = [column.num_chunks for column in columns]
    chunks = [_chunk(chunk) for column in columns for chunk in column.chunks]
    if not chunks:
        return list(columns)
    known = {_where(chunk.dictionary): chunk.dictionary for chunk in chunks}
    if len(known) > 1:  # each dictionary is looked at once, however many chunks have it
        whole = [pa.DictionaryArray.from_arrays(pa.array(np.arange(len(d), dtype=np.int32)), d) for d in known.values()]
        made = pa.chunked_array(whole, CODED).unify_dictionaries().chunks
        becomes, names = {where: one.indices for where, one in zip(known, made)}, made[0].dictionary
        moved = (becomes[_where(chunk.dictionary)].take(chunk.indices) for chunk in chunks)
        chunks = [pa.DictionaryArray.from_arrays(index, names) for index in moved]
    every = iter(chunks)
    return [pa.chunked_array([next(every) for _ in range(size)], CODED) for size in sizes]


def mapped(column: pa.ChunkedArray, function: Callable[[pa.Array], pa.Array], kind: pa.DataType) -> pa.ChunkedArray:
    """What a function makes of each entry; it is asked about each name of a dictionary once.

    Args:
        column (pyarrow.ChunkedArray): Text, coded or not.
        function (callable): From texts to as many values.
        kind (pyarrow.DataType): Of the values.
    """
    if not pa.types.is_dictionary(column.type):
        return pa.chunked_array([function(pc.cast(chunk, TEXT)) for chunk in column.chunks], kind)
    made, known = [], None
    values = pa.array([], kind)
    for chunk in column.chunks:
        if _where(chunk.dictionary) != known:
            known, values = _where(chunk.dictionary), function(pc.cast(chunk.dictionary, TEXT))
        made.append(values.take(chunk.indices))
    return pa.chunked_array(made, kind)


def met(*rows: Sequence[pa.ChunkedArray]) -> pa.Array:
    """The distinct entries of tables of columns as text, in the order in which reading row by row meets them.

    Args:
        *rows (sequence): The columns of one table each; all of one dictionary, as :func:`coded` makes them.
    """
    names = dictionary(column for columns in rows for column in columns)
    first, begin = np.full(len(names), np.iinfo(np.int64).max), 0
    for columns in rows:
        codes = [numbers(column) for column in columns]
        for start in range(0, len(codes[0]), AT_ONCE):
            code = np.stack([column[start : start + AT_ONCE] for column in codes], 1).reshape(-1)
            new = (first[code] > begin + len(code)).nonzero()[0]
            first[code[new[::-1]]] = begin + new[::-1]  # of one that comes twice, the last one set stays: the first
            begin += len(code)
    order = first.argsort(kind="stable")[: (first < np.iinfo(np.int64).max).sum()]
    return names.take(pa.array(order))


def numbers(column: pa.ChunkedArray) -> np.ndarray:
    """The numbers of the entries of a column that :func:`coded` made."""
    parts = [chunk.indices.to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.concatenate(parts) if parts else np.empty(0, np.int32)


def dictionary(columns: Iterable[pa.ChunkedArray]) -> pa.Array:
    """The dictionary of columns that :func:`coded` made together."""
    return next((chunk.dictionary for column in columns for chunk in column.chunks), pa.array([], TEXT))


def compacted(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same column with those names in its dictionary that it holds, in their order there."""
    code, names = numbers(column), dictionary([column])
    there = np.zeros(len(names), bool)
    there[code] = True
    if there.all():
        return column
    place = (np.cumsum(there) - 1).astype(np.int32)
    kept = names.filter(pa.array(there))
    return pa.chunked_array([pa.DictionaryArray.from_arrays(pa.array(place[code]), kept)], CODED)


def _where(array: pa.Array) -> tuple[int | None, ...]:
    """Where an array is in memory: chunks that share a dictionary are handed out with the same one."""
    return len(array), array.offset, *(None if buffer is None else buffer.address for buffer in array.buffers())


def _chunk(chunk: pa.Array) -> pa.DictionaryArray:
    """One chunk as numbers into a dictionary of large strings."""
    if chunk.type == CODED:
        return chunk
    if pa.types.is_dictionary(chunk.type):
        return pc.cast(chunk, CODED)
    return pc.cast(chunk, TEXT).dictionary_encode()
