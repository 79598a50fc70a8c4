"""Several samplers at once."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import ModuleList

from gnnneg.checks import not_negative
from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query
from gnnneg.samplers.composed import Composed


class Mixture(Composed):
    r"""The candidates of several samplers, side by side.

    Each part has ``k_i`` of the ``k`` candidates and a declared share of the total weight: its weights are multiplied
    by ``share_i * k / k_i``. So 8 hard negatives can count as much as 56 uniform ones.

    There are two ways to correct it. Both give estimates of sums over all entities, for any shares. In the first,
    ``Corrected(Mixture([s, t]))``, a candidate has the probability

    .. math::
        q(j) = \sum_i \mathrm{share}_i \, q_i(j) ,

    whichever part it comes from. This is the better way: the weight is finite wherever one part draws, and an entity
    that only one of them draws counts once. In the second, ``Mixture([Corrected(s), Corrected(t)])``, each part is an
    estimate of the whole sum by itself. Its weights are multiplied by ``share_i`` alone, so the result is the mean of
    these estimates.

    Cost: the sum of its parts.

    Args:
        samplers (list[Sampler]): The parts.
        shares (list[float], optional): The share of each part in the total weight, scaled to sum 1.
            (default: :obj:`None`, in proportion to its candidates)

    Raises:
        UserError: If the number of shares is not that of samplers, or one is negative; if some parts are corrected and
            others are not.
    """

    def __init__(self, samplers: Sequence[Sampler], shares: Sequence[float] | None = None):
        super().__init__()
        if not len(samplers):
            raise UserError("Mixture(samplers=[]): give at least one.")
        not_negative("Mixture", **{f"shares[{place}]": share for place, share in enumerate(shares or ())})
        if shares is not None and (len(shares) != len(samplers) or min(shares) < 0 or not sum(shares)):
            raise UserError(f"Mixture of {len(samplers)} samplers with shares {list(shares)}: give each its share.")
        self.samplers = ModuleList(samplers)
        if self.is_corrected is None:
            raise UserError(
                "Mixture(samplers=...) has parts that are Corrected and parts that are not: correct all of them or "
                "none, or the whole, Corrected(Mixture(...))."
            )
        self.shares = None if shares is None else [share / sum(shares) for share in shares]

    _drew: list[float] | None = None  # what each part counted in the last draw, of which log_prob speaks

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        parts = [sampler(query, target, critic, rng) for sampler in self.samplers]
        size = [part.index.size(1) for part in parts]
        shares = self._drew = self.shares or [k / max(1, sum(size)) for k in size]
        rows = max(max(part.index.size(0), part.weight.size(0)) for part in parts)
        shared = all(part.index.size(0) == 1 for part in parts)
        index = torch.cat([part.index if shared else part.index.expand(rows, -1) for part in parts], dim=1)
        corrected = self.is_corrected  # then each part is an estimate of the whole sum as it is
        times = [share if corrected else share * sum(size) / max(1, k) for share, k in zip(shares, size)]
        weight = [part.weight.expand(rows, k) * much for part, k, much in zip(parts, size, times)]
        return Negatives(index, torch.cat(weight, dim=1))

    def log_prob(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, index: Int[Tensor, "c k"]
    ) -> Float[Tensor, "w l"]:
        shares = self.shares or self._drew
        if shares is None:
            raise UserError("Mixture counts its parts when it draws: draw first, or declare its shares.")
        total = torch.full((1, 1), -torch.inf, device=index.device)
        for sampler, share in zip(self.samplers, shares):
            part = sampler.log_prob(query, target, critic, index)  # type: ignore[operator]
            total = torch.logaddexp(total, part + (math.log(share) if share else -math.inf))
        return total
