"""Looks up rows of a table again and again, and gives it one row-sparse gradient for all of them.

Autograd adds gradients up as they come, and each sum of two row-sparse ones is a copy of both. Here the rows and their
gradients are collected, and put together once.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gnnneg.allocation import on_large_pages

Pieces = list[tuple[Tensor, Tensor]]  # rows, and their gradients


class Rows:
    """The rows of a table, whose look-ups share one gradient.

    Cost: each look-up one copy of its rows; in the backward pass one copy of all their gradients, and none of a single
    look-up's. The gradient is not coalesced.

    Args:
        table (torch.Tensor): Its weights, ``(n, d)``.
    """

    def __init__(self, table: Tensor):
        self.table, self.pieces = table.detach(), Pieces()
        self.end: Tensor = _Together.apply(table, self.pieces)

    def __getitem__(self, row: Tensor) -> Tensor:
        found: Tensor = _Looked.apply(self.end, self.table, row, self.pieces)
        return found


class _Together(torch.autograd.Function):
    """The end at which the table hangs: its backward runs when those of all look-ups have run."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, pieces: Pieces) -> Tensor:
        ctx.pieces, ctx.shape = pieces, table.shape
        return table.new_empty(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor, None]:
        rows, grads = zip(*ctx.pieces)
        ctx.pieces.clear()  # the graph may be gone through again
        if len(rows) == 1:
            (row,), (value,) = rows, grads
        else:
            row = torch.cat(rows)
            value = on_large_pages(grads[0].new_empty(row.shape[0], ctx.shape[1]))
            torch.cat(grads, out=value)
        return torch.sparse_coo_tensor(row[None], value, ctx.shape, check_invariants=False), None


class _Looked(torch.autograd.Function):
    """One look-up."""

    @staticmethod
    def forward(ctx: Any, end: Tensor, table: Tensor, row: Tensor, pieces: Pieces) -> Tensor:
        ctx.pieces = pieces
        ctx.save_for_backward(row)
        flat = row.reshape(-1)
        found = on_large_pages(table.new_empty(flat.shape[0], table.size(1)))
        torch.index_select(table, 0, flat, out=found)
        return found if row.dim() == 1 else found.view(*row.shape, table.size(1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (row,) = ctx.saved_tensors
        ctx.pieces.append((row.reshape(-1).long(), grad.reshape(row.numel(), grad.size(-1))))
        return grad.new_empty(0), None, None, None
