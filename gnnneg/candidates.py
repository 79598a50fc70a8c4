"""Candidate vectors as they may be at hand: shared by all queries, rows of a table, or made for each query.

Shared ones are never expanded: they go through one matrix product or one pairwise kernel. Private entities go through
a kernel that gathers and scores at once. Only private *vectors*, which exist already, take the broadcast path.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from gnnneg.allocation import room_for
from gnnneg.interfaces import Candidates, Encoding
from gnnneg.kernels.gather_score import gather
from gnnneg.kernels.kinds import INNER, refuse_weights, summed
from gnnneg.kernels.pairwise import pairwise
from gnnneg.kernels.rows import cover
from gnnneg.mixed import CHUNK
from gnnneg.row_gradient import Rows


class _Last:
    """The last of the plain results, and what it was asked for.

    One that autocast has made in half precision is not for who has switched autocast off.
    """

    def __init__(self) -> None:
        self.query: Tensor | None = None
        self.cast = False
        self.result: Tensor | None = None

    def __call__(self, query: Tensor, compute: Callable[[], Tensor]) -> Tensor:
        cast = torch.is_autocast_enabled(query.device.type)
        if query is not self.query or cast != self.cast or self.result is None:
            self.query, self.cast, self.result = query, cast, compute()
        return self.result


def in_one_precision(query: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
    """Both as a product takes them: in autocast's precision; where that is off, in the greater of theirs."""
    dtype, device = torch.promote_types(query.dtype, vector.dtype), query.device.type
    if torch.is_autocast_enabled(device) and dtype != torch.float64:
        dtype = torch.get_autocast_dtype(device)
    return query.to(dtype), vector.to(dtype)


def _plain(query: Tensor) -> bool:
    """Whether the processor multiplies in this precision as it is."""
    whole = query.dtype in (torch.float32, torch.float64)
    return whole and query.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


def _product(query: Float[Tensor, "b d"], vector: Float[Tensor, "k d"]) -> Float[Tensor, "b k"]:
    """All inner products."""
    query, vector = in_one_precision(query, vector)
    if type(query) is not Tensor or query.device.type != "cpu" or torch.is_grad_enabled():
        return query @ vector.T
    # where all are scored, a matrix of 4 KiB pages takes Linux as long to give and to take as half of the product
    return torch.mm(query, vector.T, out=room_for(query, query.size(0), vector.size(0)))


def _in_chunks(
    score: Callable[[Tensor, Tensor], Tensor], query: Tensor, size: int, width: int, vectors: Callable[[slice], Tensor]
) -> Tensor:
    """The scores of ``size`` candidates of that width, some after the others; one chunk is simply kept."""
    step = max(1, CHUNK // max(1, query.size(0) * width))
    if size <= step:
        return score(query, vectors(slice(None)))

    def part(begin: int) -> Tensor:
        return score(query, vectors(slice(begin, begin + step)))

    parts = [checkpoint(part, begin, use_reentrant=False, preserve_rng_state=False) for begin in range(0, size, step)]
    return torch.cat(parts, 1)


class Shared(Candidates):
    """The same vectors ``(k, d)`` for every query."""

    def __init__(self, vector: Float[Tensor, "k d"]):
        self.vector = vector
        self._inner, self._distance = _Last(), _Last()

    def inner(self, query: Float[Tensor, "b d"], offset: Float[Tensor, "b 1"] | None = None) -> Float[Tensor, "b k"]:
        if offset is None:
            return self._inner(query, lambda: _product(query, self.vector))
        # one more coordinate costs less than one more pass, and a width of whole eights less than another
        spare = -(query.size(1) + 1) % 8
        wider = F.pad(self.vector, (0, 1), value=1.0)
        longer = torch.cat([query, offset.to(query.dtype)], 1)
        return _product(F.pad(longer, (0, spare)), F.pad(wider, (0, spare)))

    def distance(
        self, kind: int, query: Float[Tensor, "b d"], weight: Float[Tensor, "b h"] | None = None
    ) -> Float[Tensor, "b k"]:
        if weight is None:
            return self._distance(query, lambda: pairwise(kind, query, self.vector))
        return pairwise(kind, query, self.vector, weight)

    def map(self, change: Callable[[Tensor], Tensor]) -> Candidates:
        return Shared(change(self.vector))

    def columns(self, some: slice) -> Float[Tensor, "1 l d"]:
        """The vectors of some candidates."""
        return self.vector[None, some]

    def each(self, score: Callable[[Tensor, Tensor], Tensor], query: Float[Tensor, "b q"]) -> Float[Tensor, "b k"]:
        size, width = self.vector.shape
        return _in_chunks(score, query, size, width, self.columns)


class Gathered(Candidates):
    """The rows ``index`` ``(b, k)`` of a table ``(n, d)``.

    A large table comes as :class:`~gnnneg.row_gradient.Rows`, which are read where they lie. They are only copied where
    no kernel fits.
    """

    def __init__(self, table: Float[Tensor, "n d"] | Rows, index: Int[Tensor, "b k"]):
        self._rows: Tensor | Rows = table
        self._index = index
        self._inner, self._distance = _Last(), _Last()

    def _copied(self) -> tuple[Float[Tensor, "n d"], Int[Tensor, "b k"]]:
        """A table, and the places of the candidates in it."""
        if isinstance(self._rows, Rows):
            place = torch.arange(self._index.numel(), device=self._index.device)
            self._rows, self._index = self._rows[self._index.reshape(-1)], place.view(self._index.shape)
        return self._rows, self._index

    def inner(self, query: Float[Tensor, "b d"], offset: Float[Tensor, "b 1"] | None = None) -> Float[Tensor, "b k"]:
        if offset is None:
            return self._inner(query, lambda: self._scored(INNER, query))
        return self._scored(INNER, query) + offset

    def distance(
        self, kind: int, query: Float[Tensor, "b d"], weight: Float[Tensor, "b h"] | None = None
    ) -> Float[Tensor, "b k"]:
        if weight is None:
            return self._distance(query, lambda: self._scored(kind, query))
        return self._scored(kind, query, weight)

    def _scored(self, kind: int, query: Tensor, weight: Tensor | None = None) -> Float[Tensor, "b k"]:
        if weight is None and isinstance(self._rows, Rows):
            return self._rows.scored(kind, query.to(self._rows.table.dtype), self._index)
        table, index = self._copied()
        # a query that autocast has made in half precision makes no score so
        return gather(kind, query.to(torch.promote_types(query.dtype, table.dtype)), table, index, weight)

    def map(self, change: Callable[[Tensor], Tensor]) -> Candidates:
        table, index = self._copied()
        if (torch.is_grad_enabled() and table.requires_grad) or index.numel() >= table.size(0):
            return Gathered(change(table), index)
        row, place = cover(index, table.size(0))  # fewer rows to change than the table has
        return Gathered(change(F.embedding(row, table)), place)

    def columns(self, some: slice) -> Float[Tensor, "b l d"]:
        """The vectors of some candidates."""
        table, index = self._copied()
        return F.embedding(index[:, some], table)

    def each(self, score: Callable[[Tensor, Tensor], Tensor], query: Float[Tensor, "b q"]) -> Float[Tensor, "b k"]:
        table, index = self._copied()  # before a chunk, which is computed again in the backward pass
        return _in_chunks(score, query, index.size(1), table.size(1), self.columns)


class Private(Candidates):
    """Vectors ``(b, k, d)`` of each query's own."""

    def __init__(self, vector: Float[Tensor, "b k d"]):
        self.vector = vector

    def inner(self, query: Float[Tensor, "b d"], offset: Float[Tensor, "b 1"] | None = None) -> Float[Tensor, "b k"]:
        # where autocast is off, one side may still have been made in half precision
        dtype = torch.promote_types(query.dtype, self.vector.dtype)
        query, vector = query.to(dtype), self.vector.to(dtype)
        if vector.size(1) == 1 and _plain(query):  # the targets of a step: as many products of one row each are slow
            score = torch.linalg.vecdot(vector, query[:, None])
        else:
            score = (vector @ query[:, :, None]).squeeze(2)
        return score if offset is None else score + offset

    def distance(
        self, kind: int, query: Float[Tensor, "b d"], weight: Float[Tensor, "b h"] | None = None
    ) -> Float[Tensor, "b k"]:
        refuse_weights(kind, weight)
        return summed(kind, query, self.vector, weight)

    def map(self, change: Callable[[Tensor], Tensor]) -> Candidates:
        return Private(change(self.vector))

    def each(self, score: Callable[[Tensor, Tensor], Tensor], query: Float[Tensor, "b q"]) -> Float[Tensor, "b k"]:
        _, size, width = self.vector.shape
        return _in_chunks(score, query, size, width, lambda some: self.vector[:, some])


def indexed(encoding: Encoding, index: Int[Tensor, "c k"]) -> Shared | Gathered:
    """The candidates ``index`` of an encoding, ``(1, k)`` for all queries or ``(b, k)``."""
    if index.size(0) == 1:  # not index[0], by which an encoding would not know that all are asked for
        return Shared(encoding[index].squeeze(0))
    rare = encoding.rare(index)
    return Gathered(*encoding.rows(index)) if rare is None else Gathered(rare, index)
