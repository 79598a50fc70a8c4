"""Many draws with replacement from each row of a matrix."""

from typing import no_type_check

import numba
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.kernels.bisection import bisect
from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.operator import operator
from gnnneg.kernels.threads import launch


@kernel(parallel=True)
@no_type_check
def _search(total, chance, out):
    """The first column of each row whose running sum is above ``chance`` times the total of the row."""
    n = total.shape[1]
    for i in numba.prange(total.shape[0]):
        for j in range(chance.shape[1]):
            out[i, j] = min(bisect(total[i], 0, n, chance[i, j] * total[i, n - 1], True), n - 1)


@operator("choose", lambda total, chance: torch.empty_like(chance, dtype=torch.long))
def _choose(total: Tensor, chance: Tensor) -> Tensor:
    if total.device.type == "cpu" and total.numel():
        out = torch.empty(chance.shape, dtype=torch.long)
        launch(_search, total.contiguous(), chance.contiguous(), out)
        return out
    return torch.searchsorted(total, chance * total[:, -1:], right=True).clamp_(max=total.size(1) - 1)


def choose(share: Float[Tensor, "b n"], size: int, rng: torch.Generator | None = None) -> Int[Tensor, "b k"]:
    """Columns, drawn with probability proportional to their share of the row. A column with share 0 is never drawn.

    Draws by inversion: a binary search in the running sum for each draw, on all threads. ``torch.multinomial`` draws
    one after the other. Sums are in double precision, because float32 has only :math:`2^{24}` levels in :math:`[0, 1)`:
    with millions of columns, some would be drawn too rarely or never.
    """
    total = share.double().cumsum(1)
    chance = torch.rand(len(share), size, generator=rng, device=share.device, dtype=torch.double)
    return _choose(total, chance)
