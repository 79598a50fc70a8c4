"""Inner product, distance and complex modulus."""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.decoders.complex_numbers import modulus
from gnnneg.decoders.mutation import mutated
from gnnneg.errors import UserError
from gnnneg.interfaces import Candidates, Similarity
from gnnneg.kernels.kinds import L1, L2, MODULUS
from gnnneg.records import Mutation


def weighed(weight: Float[Tensor, "b h"] | None, value: Float[Tensor, "b h"]) -> Float[Tensor, "b h"]:
    """The product; no weight is a weight of 1."""
    return value if weight is None else weight * value


def root(square: Float[Tensor, "b k"]) -> Float[Tensor, "b k"]:
    """The square root of an expanded square. Cancellation can make a zero negative: then the result is nearly 0, and
    without gradient.
    """
    return square.clamp(min=torch.finfo(square.dtype).tiny).sqrt()


def refuse_order(p: int) -> None:
    """Refuses norms that have neither kernel nor expansion."""
    if p not in (1, 2):
        raise UserError(f"A distance has p = 1 or p = 2, not {p}.")


def target_of(mutation: Mutation) -> Float[Tensor, "b d"]:
    """The targets' vectors, which a norm needs."""
    if mutation.positive is None:
        raise UserError("Under a norm every target makes a difference of its own: use LinkPrediction with All.")
    return mutation.positive


def in_float32(query: Float[Tensor, "b q"], candidates: Candidates) -> tuple[Float[Tensor, "b q"], Candidates]:
    """Both in one precision, float32 or more. Autocast may give halves, in which large products cancel badly."""
    precision = torch.promote_types(query.dtype, torch.float32)
    return query.to(precision), candidates.map(lambda vector: vector.to(precision))


def negative(
    distance: Callable[[Float[Tensor, "b h"] | None], Float[Tensor, "b k"]],
) -> Callable[[Float[Tensor, "b h"] | None, Float[Tensor, "b 1"] | None], Float[Tensor, "b k"]]:
    """Minus a weighted distance, plus an offset."""

    def total(weight: Tensor | None, offset: Tensor | None) -> Tensor:
        return -distance(weight) if offset is None else offset - distance(weight)

    return total


class Squared:
    r"""The squared differences :math:`(q_l - a_l c_l)^2` of candidates, summed as products.

    Args:
        query (torch.Tensor): :math:`q`, ``(b, h)``.
        candidates (Candidates): :math:`c`.
        factor (torch.Tensor, optional): :math:`a`, ``(b, h)``. (default: :obj:`None`, all 1)
    """

    def __init__(self, query: Float[Tensor, "b h"], candidates: Candidates, factor: Float[Tensor, "b h"] | None = None):
        self.query, self.candidates = in_float32(query, candidates)
        self.moved = factor is not None
        self.factor = torch.ones_like(self.query) if factor is None else factor

    def sum(
        self, weight: Float[Tensor, "b h"] | None, offset: Float[Tensor, "b 1"] | None = None
    ) -> Float[Tensor, "b k"]:
        r""":math:`o + \sum_l w_l (q_l - a_l c_l)^2`, in three sums, which cancel to zero where they should."""
        constant = weighed(weight, self.query.square()).sum(1, keepdim=True)
        with torch.autocast(self.query.device.type, enabled=False):  # a small difference of large products
            if weight is None and not self.moved:  # one number a candidate
                lengths = self.candidates.map(lambda c: c.square().sum(-1, keepdim=True))
                square = lengths.inner(torch.ones_like(constant))
            else:
                square = self.candidates.map(torch.square).inner(weighed(weight, self.factor.square()))
            cross = self.candidates.inner(weighed(weight, self.query * self.factor))
        return square - 2 * cross + (constant if offset is None else constant + offset)

    def size(self, weight: Float[Tensor, "b h"] | None) -> Float[Tensor, "b 1"]:
        """How large what cancels in the sum is, of candidates near the query."""
        return weighed(weight, self.query.square()).sum(1, keepdim=True)

    def variance(
        self, own: Float[Tensor, "b h"], weight: Float[Tensor, "b h"] | None
    ) -> tuple[Float[Tensor, "b k"], Float[Tensor, "b 1"], Float[Tensor, "b 1"]]:
        r""":math:`\sum_l w_l ((q_l - a_l c_l)^2 - o_l)^2`, one product with four powers of :math:`c`."""
        parts = [
            weighed(weight, times * self.query ** (4 - power) * self.factor**power)
            for power, times in enumerate((1, -4, 6, -4, 1))
        ]
        constant = (parts[0] + weighed(weight, own.square())).sum(1, keepdim=True)
        powers = self.candidates.map(lambda c: torch.cat([c**power for power in range(1, 5)], -1))
        return powers.inner(torch.cat(parts[1:], 1)) - 2 * self.sum(weighed(weight, own)), constant, constant


class Inner(Similarity):
    r"""The inner product :math:`\langle \mathbf{q}, \mathbf{c} \rangle`."""

    is_product = True

    def forward(
        self, query: Float[Tensor, "b q"], candidates: Candidates, mutation: Mutation | None = None
    ) -> Float[Tensor, "b k"]:
        if mutation is None:
            return candidates.inner(query)
        positive = torch.zeros_like(query) if mutation.positive is None else mutation.positive
        if mutation.noise is None:  # a masked query, and what the target adds
            kept = query * mutation.keep
            return candidates.inner(kept, ((query - kept) * positive).sum(1, keepdim=True))
        exact, vectors = in_float32(query, candidates)
        own = exact * positive

        def total(weight: Tensor | None, offset: Tensor | None) -> Tensor:
            return candidates.inner(query if weight is None else weight * query, offset)

        def variance(weight: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
            both = vectors.map(lambda c: torch.cat([c, c.square()], -1))
            scaled = weighed(weight, exact)
            constant = weighed(weight, own.square()).sum(1, keepdim=True)
            return both.inner(torch.cat([-2 * scaled * own, scaled * exact], 1)), constant, constant

        return mutated(total, variance, own, mutation)

    def terms(self, query: Float[Tensor, "b q"], candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k h"]:
        return query[:, None] * candidate


class Distance(Similarity):
    r"""The negative distance :math:`-\lVert \mathbf{q} - \mathbf{c} \rVert_p`.

    Args:
        p (int): Order of the norm, 1 or 2. (default: :obj:`1`)
    """

    def __init__(self, p: int = 1):
        super().__init__()
        refuse_order(p)
        self.p = p
        self._kind = L1 if p == 1 else L2

    def forward(
        self, query: Float[Tensor, "b q"], candidates: Candidates, mutation: Mutation | None = None
    ) -> Float[Tensor, "b k"]:
        if mutation is None:
            return -candidates.distance(self._kind, query)
        square = Squared(query, candidates)
        if self.p == 2:  # the constant part of a norm does not cancel: it belongs under the root
            own = (query - target_of(mutation)).square()
            return -root(-mutated(negative(square.sum), partial(square.variance, own), -own, mutation))
        own = (query - (query if mutation.positive is None else mutation.positive)).abs()

        def variance(weight: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
            constant = weighed(weight, own.square()).sum(1, keepdim=True)
            apart = square.sum(weight) - 2 * candidates.distance(L1, query, weighed(weight, own))
            return apart, constant, constant + square.size(weight)

        return mutated(negative(partial(candidates.distance, L1, query)), variance, -own, mutation)

    def terms(self, query: Float[Tensor, "b q"], candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k h"]:
        difference = query[:, None] - candidate
        return -difference.abs() if self.p == 1 else -difference.square()


class Modulus(Similarity):
    r"""The negative sum of complex moduli :math:`-\sum_l \lvert q_l - c_l \rvert`; halves are real and imaginary."""

    parts = 2

    def forward(
        self, query: Float[Tensor, "b q"], candidates: Candidates, mutation: Mutation | None = None
    ) -> Float[Tensor, "b k"]:
        if mutation is None:
            return -candidates.distance(MODULUS, query)
        square = Squared(query, candidates)
        own = modulus(query - (query if mutation.positive is None else mutation.positive))

        def variance(weight: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
            constant = weighed(weight, own.square()).sum(1, keepdim=True)
            twice = None if weight is None else weight.repeat(1, 2)
            apart = square.sum(twice) - 2 * candidates.distance(MODULUS, query, weighed(weight, own))
            return apart, constant, constant + square.size(twice)

        return mutated(negative(partial(candidates.distance, MODULUS, query)), variance, -own, mutation)

    def terms(self, query: Float[Tensor, "b q"], candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k h"]:
        return -torch.linalg.vector_norm((query[:, None] - candidate).unflatten(2, (2, -1)), dim=2)
