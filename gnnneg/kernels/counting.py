"""Counts the candidates that score above a target and those that tie with it, in one pass over the scores."""

from typing import no_type_check

import numba
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.kernels.devices import on_triton
from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.operator import operator
from gnnneg.kernels.threads import launch


def count_ranks_reference(
    score: Float[Tensor, "u n"], target_score: Float[Tensor, "m"], row: Int[Tensor, "m"]
) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
    """The same in plain torch; any device. Cost: a boolean temporary as large as the scores read."""
    mine = score[row]
    above, equal = (mine > target_score[:, None]).sum(1), (mine == target_score[:, None]).sum(1)
    bad = mine.isnan().any(1) | target_score.isnan()
    return above.masked_fill(bad, -1), equal.masked_fill(bad, -1)


@kernel(parallel=True)
@no_type_check
def _count(score, target_score, row, above, equal):
    for i in numba.prange(row.size):
        mine, target = score[row[i]], target_score[i]
        # a value that is neither above, equal nor below is NaN
        more, same, less = 0, 0, 0
        for j in range(mine.size):
            more += mine[j] > target
            same += mine[j] == target
            less += mine[j] < target
        bad = more + same + less < mine.size
        above[i] = -1 if bad else more
        equal[i] = -1 if bad else same


@operator(
    "count_ranks",
    lambda score, target_score, row: (torch.empty_like(row, dtype=torch.long), torch.empty_like(row, dtype=torch.long)),
)
def _count_ranks(score: Tensor, target_score: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
    if on_triton(score, target_score):
        from gnnneg.kernels import triton_counting  # imported late: it needs a device to compile for

        with torch.cuda.device_of(score):
            return triton_counting.count(score, target_score, row)
    if score.device.type != "cpu" or score.dtype not in (torch.float32, torch.float64):
        return count_ranks_reference(score, target_score, row)
    above, equal = torch.empty_like(row, dtype=torch.long), torch.empty_like(row, dtype=torch.long)
    launch(_count, score.contiguous(), target_score.to(score.dtype).contiguous(), row.contiguous(), above, equal)
    return above, equal


def count_ranks(
    score: Float[Tensor, "u n"], target_score: Float[Tensor, "m"], row: Int[Tensor, "m"]
) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
    """Counts of ``score[row[i]] > target_score[i]`` and of ``==``; both are -1 if any of these scores is NaN.

    Several targets may use the same row, which is then read from the cache; no ``(u, n)`` temporary is created.
    """
    return _count_ranks(score, target_score, row)
