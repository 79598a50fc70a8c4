"""Many names in one block of memory: a sequence of text that costs little more than its letters."""

import operator
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.errors import UserError, echo

AT_ONCE = 1 << 16  # names that are Python strings at the same time
HASHED = 48  # last letters that go into the hash; if two hashes are equal, whole names are compared
MANY = 10_000  # with more names than this, only some are compared with a misspelt name
LISTED = 2_000  # how many names are compared with a misspelt name
ENOUGH = 24  # how many three-letter pieces of the misspelt name are looked for


class Texts(Sequence[str]):
    """A sequence of names that behaves like a list but lives in Arrow's memory. Each name needs eight bytes and its
    letters.

    :meth:`index` and ``in`` use an index that is built on first use and then kept (twelve bytes a name). A name becomes
    a Python string when it is read; a slice is a list. The sequence cannot be changed, so copies share it.

    Args:
        array (pyarrow.Array): The names, as ``large_string``.
    """

    def __init__(self, array: pa.Array) -> None:
        self.array = array

    @classmethod
    def of(cls, names: Iterable[str]) -> "Texts":
        """Converts any sequence of names.

        Raises:
            UserError: If a name is not valid Unicode (a lone surrogate such as ``"\\ud800"``).
        """
        if isinstance(names, Texts):
            return names
        if isinstance(names, pa.Array | pa.ChunkedArray):
            plain = pc.cast(names, pa.large_string())
            return cls(plain.combine_chunks() if isinstance(plain, pa.ChunkedArray) else plain)
        try:
            return cls(pa.array(list(names), pa.large_string()))
        except UnicodeEncodeError as error:
            raise UserError(f"The name {echo(error.object)} is not valid Unicode: save it as UTF-8 again.") from None

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            if step == 1:
                return self.array.slice(start, max(0, stop - start)).to_pylist()
            return self.take(np.arange(start, stop, step))
        at = operator.index(place)
        if not -len(self) <= at < len(self):
            raise IndexError("list index out of range")
        return self.array[at % len(self)].as_py()

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), AT_ONCE):
            yield from self.array.slice(start, AT_ONCE).to_pylist()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Texts):
            return bool(self.array.equals(other.array))
        if isinstance(other, list):
            return len(self) == len(other) and all(one == two for one, two in zip(self, other))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Iterable[str]) -> list[str]:
        return [*self, *other]

    def __radd__(self, other: Iterable[str]) -> list[str]:
        return [*other, *self]

    def __repr__(self) -> str:
        if len(self) <= 10:
            return repr(self[:])
        return f"[{', '.join(map(repr, self[:3]))}, ... and {len(self) - 3:,} more]"

    def __copy__(self) -> "Texts":
        return self

    def __deepcopy__(self, memo: Any) -> "Texts":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        begin, letters = self._memory
        return texts_from, (torch.from_numpy(begin - begin[0]), torch.from_numpy(letters.copy()))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._place(name) >= 0

    def index(self, name: object, start: int = 0, stop: int | None = None) -> int:
        """The position of the first name that equals this one.

        Raises:
            ValueError: If there is none.
        """
        first, last, _ = slice(start, stop).indices(len(self))
        place = self._place(name, first) if isinstance(name, str) else -1
        if not first <= place < last:
            raise ValueError(f"{echo(name)} is not in the list")
        return place

    def places(self, name: object) -> list[int]:
        """The positions of all names that equal this one."""
        return list(self._places(name)) if isinstance(name, str) else []

    def count(self, name: object) -> int:
        """How many names equal this one."""
        return int(pc.sum(pc.equal(self.array, name)).as_py() or 0) if isinstance(name, str) else 0

    def take(self, places: Sequence[int] | np.ndarray | Tensor) -> list[str]:
        """The names at these positions, as a list."""
        return self.array.take(pa.array(np.asarray(places, dtype=np.int64))).to_pylist()

    def chosen(self, places: Int[Tensor, "m"]) -> "Texts":
        """The names at these positions, as ``Texts``."""
        return Texts(self.array.take(pa.array(places.numpy())))

    def tolist(self) -> list[str]:
        """All names as a Python list."""
        return self.array.to_pylist()

    def alike(self, name: str) -> list[str]:
        """Names that a misspelt name may stand for. Of many names, only those that share letters with it are returned.

        Cost: one scan of all letters for the beginning of ``name``, and one for each of its three-letter pieces (at
        most 24).
        """
        if len(self) <= MANY:
            return self[:]
        plain = pc.utf8_lower(self.array)
        asked = name[:200].lower()
        threes = list(dict.fromkeys(asked[i : i + 3] for i in range(max(1, len(asked) - 2))))
        threes = threes[:: -(-len(threes) // ENOUGH)] if threes else []
        shared = np.zeros(len(self), np.uint8)
        for three in filter(None, threes):
            shared += pc.match_substring(plain, three).to_numpy(zero_copy_only=False)
        shared += pc.starts_with(plain, asked[:2]).to_numpy(zero_copy_only=False)
        # names that share most pieces come first; among these, the shortest, because they differ least
        size = pc.binary_length(self.array).to_numpy(zero_copy_only=False)
        score = shared.astype(np.int64) * 1_000_000 - np.minimum(np.abs(size - len(asked.encode())), 999_999)
        best = np.argpartition(-score, LISTED)[:LISTED]
        return self.take(np.sort(best[shared[best] > 0])) or self[:LISTED]

    @cached_property
    def _memory(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each name begins, and the letters of all names."""
        _, offsets, letters = self.array.buffers()
        begin = np.zeros(1, np.int64)
        if offsets is not None and len(self):
            begin = np.frombuffer(offsets, np.int64)[self.array.offset : self.array.offset + len(self) + 1]
        every = np.frombuffer(letters, np.uint8) if letters is not None else np.empty(0, np.uint8)
        return begin, every[begin[0] : begin[-1]]

    @cached_property
    def _index(self) -> tuple[np.ndarray, np.ndarray]:
        """The hashes of the names in ascending order, and the position of each name. Equal hashes keep their order."""
        begin, letters = self._memory
        key = np.concatenate(
            [_keys(begin[i : i + AT_ONCE + 1] - begin[0], letters) for i in range(0, len(self), AT_ONCE)]
            or [np.empty(0, np.uint64)]
        )
        order = key.argsort(kind="stable")
        return key[order], order.astype(np.int32 if len(self) < 1 << 31 else np.int64)

    def _place(self, name: str, start: int = 0) -> int:
        """The first position, from ``start`` on, with this name; -1 if there is none."""
        return next(self._places(name, start), -1)

    def _places(self, name: str, start: int = 0) -> Iterator[int]:
        """The positions, from ``start`` on, with this name, in ascending order."""
        try:
            letters = np.frombuffer(name.encode(), np.uint8)
        except UnicodeEncodeError:
            return
        key = _keys(np.array([0, len(letters)], np.int64), letters)[0]
        keys, order = self._index
        for at in order[np.searchsorted(keys, key) : np.searchsorted(keys, key, side="right")].tolist():
            if at >= start and self.array[at].as_py() == name:
                yield at


def texts_from(begin: Int[Tensor, "m"], letters: Tensor) -> Texts:
    """Builds names from where each one begins and the letters of all. A file of torch holds names in this form."""
    buffers = [None, pa.py_buffer(begin.numpy()), pa.py_buffer(letters.numpy())]
    array = pa.Array.from_buffers(pa.large_string(), len(begin) - 1, buffers)
    array.validate(full=True)  # the file may have been changed by somebody
    return Texts(array)


# such a file cannot hold code, because it is read with weights_only
torch.serialization.add_safe_globals([texts_from])


def _keys(begin: np.ndarray, letters: np.ndarray) -> np.ndarray:
    """A hash of each name, from its length and its last letters (FNV-1a). Equal names have equal hashes."""
    size = np.diff(begin)
    key = size.astype(np.uint64) ^ np.uint64(14695981039346656037)
    rows = np.arange(len(size))
    for back in range(1, min(HASHED, int(size.max(initial=0))) + 1):
        rows = rows[size[rows] >= back]
        key[rows] = (key[rows] ^ letters[begin[rows + 1] - back]) * np.uint64(1099511628211)
    return key
