"""Draws with replacement from the rows of a matrix, many a row."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def choose(share: Float[Tensor, "b n"], size: int, generator: torch.Generator | None = None) -> Int[Tensor, "b k"]:
    """Columns, each with probability in proportion to its share of the row; one of no share is never drawn.

    By inversion: a bisection in the running sum for each draw, on all threads, where ``torch.multinomial`` draws one
    after the other.
    """
    total = share.double().cumsum(1)
    chance = torch.rand(len(share), size, generator=generator, device=share.device).double()
    return torch.searchsorted(total, chance * total[:, -1:], right=True).clamp_(max=share.size(1) - 1)
