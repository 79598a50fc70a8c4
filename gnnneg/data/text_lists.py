"""Many lists of texts in one block of memory, such as the synonyms of millions of entities."""

import operator
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.data.texts import AT_ONCE, Texts, texts_from


class TextLists(Sequence[list[str]]):
    """A sequence of lists of texts that behaves like a list of lists but lives in Arrow's memory. Each list needs eight
    bytes, and each text eight bytes and its letters. It cannot be changed, so copies share it.

    Args:
        array (pyarrow.Array): The lists, as ``large_list`` of ``large_string``.
    """

    def __init__(self, array: pa.Array) -> None:
        self.array = array

    @classmethod
    def of(cls, lists: Iterable[Iterable[str]]) -> "TextLists":
        """Converts any sequence of lists.

        Raises:
            UserError: If a text is not valid Unicode (a lone surrogate such as ``"\\ud800"``).
        """
        if isinstance(lists, TextLists):
            return lists
        every = [list(some) for some in lists]
        begin = np.cumsum([0, *map(len, every)])
        return cls.parted(begin, Texts.of([text for some in every for text in some]))

    @classmethod
    def parted(cls, begin: np.ndarray, texts: Texts) -> "TextLists":
        """Splits a sequence of texts into lists. ``begin`` says where each list begins, and where the last one ends."""
        return cls(pa.LargeListArray.from_arrays(pa.array(begin, pa.int64()), texts.array))

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, place: int) -> list[str]: ...
    @overload
    def __getitem__(self, place: slice) -> list[list[str]]: ...
    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return self.array.take(pa.array(np.arange(*place.indices(len(self))))).to_pylist()
        at = operator.index(place)
        if not -len(self) <= at < len(self):
            raise IndexError("list index out of range")
        return self.array[at % len(self)].as_py()

    def __iter__(self) -> Iterator[list[str]]:
        for start in range(0, len(self), AT_ONCE):
            yield from self.array.slice(start, AT_ONCE).to_pylist()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TextLists):
            return bool(self.array.equals(other.array))
        if isinstance(other, list):
            return len(self) == len(other) and all(one == two for one, two in zip(self, other))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Iterable[list[str]]) -> list[list[str]]:
        return [*self, *other]

    def __radd__(self, other: Iterable[list[str]]) -> list[list[str]]:
        return [*other, *self]

    def __repr__(self) -> str:
        if len(self) <= 10:
            return repr(self[:])
        return f"[{', '.join(map(repr, self[:3]))}, ... and {len(self) - 3:,} more]"

    def __copy__(self) -> "TextLists":
        return self

    def __deepcopy__(self, memo: Any) -> "TextLists":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return text_lists_from, (torch.from_numpy(self.begin.copy()), *self.texts.__reduce__()[1])

    @property
    def begin(self) -> np.ndarray:
        """Where each list begins among all texts, and where the last one ends."""
        if not len(self):
            return np.zeros(1, np.int64)
        begin = self.array.offsets.to_numpy()
        return begin - begin[0]

    @cached_property
    def texts(self) -> Texts:
        """The texts of all lists, one list after the other."""
        return Texts(self.array.flatten())

    def places(self, text: object) -> list[int]:
        """The lists that contain a text, each once. The index of the texts is built on first use."""
        found = np.asarray(self.texts.places(text), np.int64)
        return np.unique(np.searchsorted(self.begin, found, side="right") - 1).tolist()

    def chosen(self, places: Int[Tensor, "m"]) -> "TextLists":
        """The lists at these positions, as ``TextLists``."""
        return TextLists(self.array.take(pa.array(places.numpy())))

    def tolist(self) -> list[list[str]]:
        """All lists as a Python list."""
        return self.array.to_pylist()


def text_lists_from(begin: Int[Tensor, "m"], first: Int[Tensor, "k"], letters: Tensor) -> TextLists:
    """Builds lists from where each one begins, and from their texts in the form of
    :func:`~gnnneg.data.texts.texts_from`.
    """
    found = TextLists.parted(begin.numpy(), texts_from(first, letters))
    found.array.validate(full=True)  # the file may have been changed by somebody
    return found


torch.serialization.add_safe_globals([text_lists_from])
