"""Binary search in one sorted row for each of many numbers, on CUDA devices, in one launch without waiting."""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

WIDEST = 1024  # candidates of one row at a time


@triton.jit
@no_type_check
def _search(answer, begin, end, index, out, k, blocks, line, step, member: tl.constexpr, wide: tl.constexpr):
    """A program handles a block of the candidates of one row; the row's length gives the number of halvings.

    Rows and blocks share one axis of the grid, because only the first axis may be long.
    """
    i = (tl.program_id(0) // blocks).to(tl.int64)
    j = (tl.program_id(0) % blocks).to(tl.int64) * wide + tl.arange(0, wide)
    wanted = tl.load(index + i * line + j * step, j < k, 0).to(tl.int64)
    first, last = tl.load(begin + i).to(tl.int64), tl.load(end + i).to(tl.int64)
    low = tl.zeros((wide,), tl.int64) + first
    high = tl.zeros((wide,), tl.int64) + last
    length = last - first
    while length > 0:
        middle = (low + high) // 2
        left = low < high
        less = (tl.load(answer + middle, left, 0).to(tl.int64) < wanted) & left
        low = tl.where(less, middle + 1, low)
        high = tl.where(left & (less == 0), middle, high)
        length = length // 2
    if member:
        there = low < last
        low = there & (tl.load(answer + low, there, 0).to(tl.int64) == wanted)
    tl.store(out + i * k + j, low, j < k)


def search(answer: Tensor, begin: Tensor, end: Tensor, index: Tensor, kind: torch.dtype) -> Tensor:
    """Positions ``(b, k)`` as integers, or with :obj:`torch.bool` whether each number was found."""
    b, k = begin.size(0), index.size(1)
    out = torch.empty(b, k, dtype=kind, device=index.device)
    if out.numel():
        index = index.expand(b, -1)  # shared candidates are read again instead of copied
        wide = min(WIDEST, max(16, triton.next_power_of_2(k)))
        blocks = triton.cdiv(k, wide)
        rows = answer.contiguous(), begin.contiguous(), end.contiguous()
        _search[(b * blocks,)](
            *rows, index, out, k, blocks, *index.stride(), kind == torch.bool, wide, num_warps=4, enable_fp_fusion=True
        )
    return out
