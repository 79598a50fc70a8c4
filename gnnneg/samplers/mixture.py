"""Several samplers at once."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import ModuleList

from gnnneg.checks import not_negative
from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query


class Mixture(Sampler):
    """What several samplers offer, side by side.

    Each part of ``k_i`` candidates counts as a declared share of the whole ``k``: its weights are multiplied by
    ``share_i * k / k_i``. So 8 hard negatives can count as much as 56 uniform ones; and if each part is
    :class:`Corrected`, so is the mixture, whatever the shares.

    Args:
        samplers (list[Sampler]): The parts.
        shares (list[float], optional): What each part counts, scaled to sum 1. (default: :obj:`None`, as many
            candidates as it has)

    Raises:
        UserError: If there are not as many shares as samplers, or one is negative.
    """

    def __init__(self, samplers: Sequence[Sampler], shares: Sequence[float] | None = None):
        super().__init__()
        if not len(samplers):
            raise UserError("Mixture(samplers=[]): give at least one.")
        not_negative("Mixture", **{f"shares[{place}]": share for place, share in enumerate(shares or ())})
        if shares is not None and (len(shares) != len(samplers) or min(shares) < 0 or not sum(shares)):
            raise UserError(f"Mixture of {len(samplers)} samplers with shares {list(shares)}: give each its share.")
        self.samplers = ModuleList(samplers)
        self.shares = None if shares is None else [share / sum(shares) for share in shares]

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, generator: torch.Generator | None = None
    ) -> Negatives:
        parts = [sampler(query, target, critic, generator) for sampler in self.samplers]
        size = [part.index.size(1) for part in parts]
        shares = self.shares or [k / sum(size) for k in size]
        rows = max(max(part.index.size(0), part.weight.size(0)) for part in parts)
        shared = all(part.index.size(0) == 1 for part in parts)
        index = torch.cat([part.index if shared else part.index.expand(rows, -1) for part in parts], dim=1)
        weight = [part.weight.expand(rows, k) * (share * sum(size) / k) for part, k, share in zip(parts, size, shares)]
        return Negatives(index, torch.cat(weight, dim=1))
