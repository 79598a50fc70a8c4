"""Counts the candidates that score above a target and those that tie with it, on CUDA devices, in one pass over the
scores.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

WIDE = 2048  # scores at a time, 16 for each of 128 threads: enough loads in flight to hide their latency
ENOUGH = 2048  # programs that keep any device busy


@triton.jit
@no_type_check
def _count(score, target, row, out, n, m, line, length, wide: tl.constexpr):
    """Program ``(i, part)`` counts the scores above, equal to and below target ``i`` in a part of its row."""
    i, part = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    own = score + tl.load(row + i).to(tl.int64) * line
    mine = tl.load(target + i).to(tl.float32)
    begin = part * length
    end = tl.minimum(begin + length, n)
    above = tl.zeros((wide,), tl.int32)
    equal = tl.zeros((wide,), tl.int32)
    below = tl.zeros((wide,), tl.int32)
    while begin < end:
        j = begin + tl.arange(0, wide)
        value = tl.load(own + j, j < end, 0.0).to(tl.float32)
        there = j < end
        above += ((value > mine) & there).to(tl.int32)
        equal += ((value == mine) & there).to(tl.int32)
        below += ((value < mine) & there).to(tl.int32)
        begin += wide
    place = out + part * m + i
    parts = tl.num_programs(1).to(tl.int64)
    tl.store(place, tl.sum(above, 0).to(tl.int64))
    tl.store(place + parts * m, tl.sum(equal, 0).to(tl.int64))
    tl.store(place + 2 * parts * m, tl.sum(below, 0).to(tl.int64))


def count(score: Tensor, target_score: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
    """Counts ``(m,)`` of scores above and equal, -1 if any score is NaN. A few long rows are split into parts, whose
    counts are added; the result does not depend on the split.
    """
    m, n = row.numel(), score.size(1)
    if not m or not n:
        return torch.zeros_like(row, dtype=torch.long), torch.zeros_like(row, dtype=torch.long)
    score = score if score.stride(1) == 1 else score.contiguous()
    parts = max(1, min(triton.cdiv(n, WIDE), triton.cdiv(ENOUGH, m)))
    length = triton.cdiv(triton.cdiv(n, parts), WIDE) * WIDE
    parts = triton.cdiv(n, length)
    out = torch.empty(3, parts, m, dtype=torch.long, device=row.device)
    inputs = score, target_score.contiguous(), row.contiguous(), out, n, m, score.stride(0), length
    _count[(m, parts)](*inputs, WIDE, num_warps=4, enable_fp_fusion=True)
    total = out.sum(1)
    bad = total.sum(0) < n  # a value that is neither above, equal nor below is NaN
    return total[0].masked_fill(bad, -1), total[1].masked_fill(bad, -1)
