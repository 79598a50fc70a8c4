"""Looks up rows of a table again and again, and gives it one row-sparse gradient for all of them.

Autograd adds gradients up as they come, and each sum of two row-sparse ones is a copy of both. Here each look-up has a
place in one tensor, where its gradient is written.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gnnneg.allocation import room_for, selected
from gnnneg.kernels.gather_score import gather, pull_apart


class Rows:
    """The rows of a table, whose look-ups share one gradient.

    Cost: each look-up one copy of its rows; in the backward pass one copy of their gradients, and none of a single
    look-up's. :meth:`scored` copies neither. The gradient is not coalesced.

    Args:
        table (torch.Tensor): Its weights, ``(n, d)``.
    """

    def __init__(self, table: Tensor):
        self.table, self._shared = table.detach(), _Shared(table)
        self._end: Tensor = _Together.apply(table, self._shared)

    def __getitem__(self, row: Tensor) -> Tensor:
        """The vectors of ``row``, ``(*s) -> (*s, d)``."""
        found: Tensor = _Looked.apply(self._end, self.table, row, self._shared)
        return found

    def scored(self, kind: int, query: Tensor, index: Tensor) -> Tensor:
        """:func:`~gnnneg.kernels.gather_score.gather` of the rows ``index``, ``(b, k)``, read where they lie.

        Only on a CPU, in float32 or float64.
        """
        found: Tensor = _Scored.apply(self._end, self.table, query, index, kind, self._shared)
        return found


class _Piece:
    """The rows of one look-up, where their gradient lies among all, and the gradient if it has come."""

    def __init__(self, row: Tensor):
        self.row = row
        self.place: slice | None = None
        self.grad: Tensor | None = None


class _Shared:
    """The gradients of all look-ups, in the order of these."""

    def __init__(self, table: Tensor):
        self.like, self.width = table, table.size(1)
        self.pieces: list[_Piece] = []
        self.whole: Tensor | None = None

    def add(self, row: Tensor) -> _Piece:
        self.pieces.append(_Piece(row.reshape(-1).long()))
        return self.pieces[-1]

    def room(self, piece: _Piece) -> Tensor:
        """Where the gradient of a look-up is to be written, ``(m, d)``: its part of one tensor for all."""
        if self.whole is None:
            end = 0
            for one in self.pieces:
                if one.grad is None:  # else its gradient came alone, and lies elsewhere
                    one.place = slice(end, end + one.row.numel())
                    end = one.place.stop
            self.whole = room_for(self.like, end, self.width)
        if piece.place is None:  # of a look-up that was made after that
            return self.like.new_empty(piece.row.numel(), self.width)
        return self.whole[piece.place]

    def put(self, piece: _Piece, grad: Tensor) -> None:
        piece.grad = grad if len(self.pieces) == 1 else self.room(piece).copy_(grad)

    def taken(self) -> tuple[Tensor, Tensor]:
        """The rows and gradients that have come. The graph may be gone through again, so nothing is kept of them."""
        row = [piece.row for piece in self.pieces if piece.grad is not None]
        grads = [piece.grad for piece in self.pieces if piece.grad is not None]
        at_once = len(grads) == len(self.pieces) and all(piece.place is not None for piece in self.pieces)
        if self.whole is not None and at_once:
            grads = [self.whole]
        for piece in self.pieces:
            piece.grad = piece.place = None
        self.whole = None
        return torch.cat(row), grads[0] if len(grads) == 1 else torch.cat(grads)


class _Together(torch.autograd.Function):
    """The end at which the table hangs: its backward runs when those of all look-ups have run."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, shared: _Shared) -> Tensor:
        ctx.shared, ctx.shape = shared, table.shape
        return table.new_empty(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor, None]:
        row, value = ctx.shared.taken()
        return torch.sparse_coo_tensor(row[None], value, ctx.shape, check_invariants=False), None


class _Looked(torch.autograd.Function):
    """One look-up."""

    @staticmethod
    def forward(ctx: Any, end: Tensor, table: Tensor, row: Tensor, shared: _Shared) -> Tensor:
        ctx.shared, ctx.piece = shared, shared.add(row)
        found = selected(table, row.reshape(-1))
        return found if row.dim() == 1 else found.view(*row.shape, table.size(1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        ctx.shared.put(ctx.piece, grad.reshape(ctx.piece.row.numel(), grad.size(-1)))
        return grad.new_empty(0), None, None, None


class _Scored(torch.autograd.Function):
    """One look-up of private candidates, which no copy is made of."""

    @staticmethod
    def forward(
        ctx: Any, end: Tensor, table: Tensor, query: Tensor, index: Tensor, kind: int, shared: _Shared
    ) -> Tensor:
        score = gather(kind, query, table, index)
        ctx.shared, ctx.piece, ctx.kind = shared, shared.add(index), kind
        ctx.save_for_backward(query, table, index, score)  # refused if the table has changed until the backward pass
        return score

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, Tensor, None, None, None]:
        query, table, index, score = ctx.saved_tensors
        room = ctx.shared.room(ctx.piece)
        of_query = pull_apart(ctx.kind, grad, query, table, index, score, room)
        ctx.piece.grad = room
        return grad.new_empty(0), None, of_query, None, None, None
