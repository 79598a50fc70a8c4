"""The alias method: draws from any distribution over n outcomes with one uniform number for each draw."""

from typing import NamedTuple, no_type_check

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.kernels.kernel import kernel


class Alias(NamedTuple):
    """The table of Vose: column ``i`` gives ``i`` with probability ``keep[i]``, otherwise ``other[i]``."""

    keep: Float[Tensor, "n"]
    other: Int[Tensor, "n"]

    def draw(self, size: tuple[int, ...], rng: torch.Generator | None = None) -> Int[Tensor, "..."]:
        """Independent outcomes in the given shape."""
        device = self.keep.device
        column = torch.randint(self.keep.numel(), size, generator=rng, device=device)
        stay = torch.rand(size, generator=rng, device=device) < self.keep[column]
        return torch.where(stay, column, self.other[column])


def alias(probability: Float[Tensor, "n"]) -> Alias:
    """The table of a distribution. The probabilities need not sum to one.

    Paper: `"A Linear Algorithm for Generating Random Numbers with a Given Distribution"
    <https://doi.org/10.1109/32.92917>`_. Cost: one pass over the outcomes.
    """
    share = probability.double().cpu()
    keep, other = _table((share * share.numel() / share.sum()).numpy())
    device = probability.device
    return Alias(torch.from_numpy(keep).float().to(device), torch.from_numpy(other).to(device))


@kernel()
@no_type_check
def _table(share):
    n = share.size
    keep, other = np.ones(n), np.arange(n)
    small, large = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    few, many = 0, 0
    for i in range(n):
        if share[i] < 1:
            small[few] = i
            few += 1
        else:
            large[many] = i
            many += 1
    rest = share.copy()
    while few and many:
        few -= 1
        poor, rich = small[few], large[many - 1]
        keep[poor], other[poor] = rest[poor], rich
        rest[rich] -= 1 - rest[poor]
        if rest[rich] < 1:
            many -= 1
            small[few] = rich
            few += 1
    return keep, other  # what remains in either heap is 1, apart from rounding
