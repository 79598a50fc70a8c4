"""Rows that have to be fetched from elsewhere, those of a step at once."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from gnnneg.interfaces import Encoding
from gnnneg.kernels.row_update import merged
from gnnneg.kernels.rows import compact
from gnnneg.row_gradient import Rows

Place = tuple[int, int, tuple[tuple[int, int], ...]]  # of elements in memory


class _Noted(NamedTuple):
    """Indices whose rows will be looked up, and whether with gradients."""

    rows: Tensor
    learns: bool


class _Held(NamedTuple):
    """Indices, the table that holds their rows, and the position of each of them in it."""

    noted: _Noted  # kept, so that no other tensor takes its place in memory
    table: Tensor
    copied: Rows | None  # the same table, if it has gradients
    position: Tensor


class AtOnce(Encoding, ABC):
    """Fetches all rows that :meth:`ahead` has noted at the first look-up of any, together with the rows of that
    look-up.

    Noted indices are recognised by their place in memory, so expanded and reshaped views of them are the same indices,
    copies and slices are not. What the indices are has no influence: several processes that take the same steps with
    different batches fetch equally often.

    Cost: one fetch for all noted indices, and one for each look-up of others. Rows of noted indices are kept as long as
    the encoding.

    Args:
        num_rows (int): Rows of the whole table.
    """

    def __init__(self, num_rows: int):
        self.num_rows = num_rows
        self._noted: dict[Place, _Noted] = {}
        self._held: dict[Place, _Held] = {}

    @abstractmethod
    def fetch(
        self, row: Int[Tensor, "u"], learned: Bool[Tensor, "u"] | None = None
    ) -> tuple[Float[Tensor, "u d"], Float[Tensor, "l d"]]:
        """Rows of the whole table without gradients, and again those that are learned, with gradients if these are
        enabled.

        Args:
            row (torch.Tensor): Distinct rows, ascending.
            learned (torch.Tensor, optional): Which of them have gradients. (default: :obj:`None`, all)
        """

    def ahead(self, *index: Int[Tensor, "..."]) -> None:
        for one in index:
            place, learns = _place(one), torch.is_grad_enabled()
            held = self._held.get(place)
            noted = self._noted.get(place) if held is None else held.noted
            if noted is None or (learns and not noted.learns):
                self._noted[place] = _Noted(one, learns)

    def awaits(self, index: Int[Tensor, "*s"]) -> bool:
        return _place(index) in self._noted

    def __getitem__(self, index: Int[Tensor, "*s"]) -> Float[Tensor, "*s d"]:
        held = self._found(index)
        position = _shaped(held.position, index)
        if held.copied is None or not torch.is_grad_enabled():
            return F.embedding(position, held.table)
        return held.copied[position]  # a few of many, which need no gradient as large as the table

    def rows(self, index: Int[Tensor, "*s"]) -> tuple[Float[Tensor, "u d"], Int[Tensor, "*s"]]:
        held = self._found(index)
        return held.table, _shaped(held.position, index)

    def _found(self, index: Int[Tensor, "*s"]) -> _Held:
        place, learns = _place(index), torch.is_grad_enabled()
        held = self._held.get(place)
        if held is None or (learns and not held.noted.learns):
            held = self._fetched(place, _Noted(index, learns))
        return held

    def _fetched(self, place: Place, asked: _Noted) -> _Held:
        """The rows of a look-up, fetched with those of all noted indices."""
        noted, self._noted = self._noted, {}
        first = noted.get(place)
        wanted = list(noted.values())
        extra = first is None or (asked.learns and not first.learns)
        if extra:
            wanted.append(asked)
        flat = [_flat(one.rows) for one in wanted]
        row, position = compact(torch.cat(flat), self.num_rows)
        parts = position.split([one.numel() for one in flat])
        learns = [one.learns for one in wanted]
        with torch.set_grad_enabled(any(learns)):
            if all(learns) or not any(learns):
                every, learned = self.fetch(row)
                moved = None
            else:
                of = torch.zeros(len(row), dtype=torch.bool, device=row.device)
                for one, part in zip(wanted, parts):
                    if one.learns:
                        of[part] = True
                every, learned = self.fetch(row, of)
                moved = of.cumsum(0) - 1
            copied = None
            if learned.requires_grad:
                learned = _Densely.apply(learned)
                copied = Rows(learned)
        found = []
        for one, part in zip(wanted, parts):
            if not one.learns:
                found.append(_Held(one, every, None, part))
            else:
                found.append(_Held(one, learned, copied, part if moved is None else moved[part]))
        self._held.update(zip(noted, found))
        return found[-1] if extra else self._held[place]


class _Densely(torch.autograd.Function):
    """Rows as they are; their gradient goes back dense, although rows that are copied give a row-sparse one."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        return rows.view_as(rows)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        if not grad.is_sparse or grad.device.type != "cpu":
            return grad.to_dense()
        once = merged(grad)  # in one pass, in place of zeros to which each is added
        return once._values() if once._nnz() == once.size(0) else once.to_dense()


def _place(index: Int[Tensor, "..."]) -> Place:
    """Where the elements of an index are, in their order and without repetitions: equal for all that repeat or reshape
    the same ones.
    """
    runs: list[tuple[int, int]] = []
    for size, stride in zip(index.shape, index.stride()):
        if size == 1 or stride == 0:
            continue
        if runs and runs[-1][1] == size * stride:
            runs[-1] = runs[-1][0] * size, stride
        else:
            runs.append((size, stride))
    return index.data_ptr(), index._version, tuple(runs)


def _flat(index: Int[Tensor, "..."]) -> Int[Tensor, "m"]:
    """The elements of an index without repetitions."""
    return index[tuple(slice(1 if stride == 0 else None) for stride in index.stride())].reshape(-1)


def _shaped(position: Int[Tensor, "m"], index: Int[Tensor, "*s"]) -> Int[Tensor, "*s"]:
    """Positions of the elements of an index in its shape."""
    strides, step = [], 1
    for size, stride in zip(reversed(index.shape), reversed(index.stride())):
        once = size == 1 or stride == 0
        strides.append(0 if once else step)
        step *= 1 if once else size
    return position.as_strided(index.shape, strides[::-1])
