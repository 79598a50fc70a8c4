"""Inner product, distance and complex modulus, for shared and for private candidates.

Candidates of shape ``(1, k, d)`` are shared by all queries and never expanded: they go through one matrix product or
one pairwise kernel. Private entities go through a kernel that gathers and scores at once. Only private *vectors*,
which a generator has made and which exist already, take the broadcast path.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.interfaces import Similarity
from gnnneg.kernels.gather_score import gather_inner, gather_l1, gather_l2, gather_modulus
from gnnneg.kernels.pairwise import pairwise_l1, pairwise_l2, pairwise_modulus


class Inner(Similarity):
    r"""The inner product :math:`\langle \mathbf{q}, \mathbf{c} \rangle`."""

    def forward(self, query: Float[Tensor, "b q"], candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k"]:
        if candidate.size(0) == 1:
            return query @ candidate[0].T
        return (candidate @ query[:, :, None]).squeeze(2)

    def gather(
        self, query: Float[Tensor, "b q"], table: Float[Tensor, "n d"], index: Int[Tensor, "b k"]
    ) -> Float[Tensor, "b k"]:
        return gather_inner(query, table, index)


class Distance(Similarity):
    r"""The negative distance :math:`-\lVert \mathbf{q} - \mathbf{c} \rVert_p`.

    Args:
        p (int): Order of the norm, 1 or 2. (default: :obj:`1`)
    """

    def __init__(self, p: int = 1):
        super().__init__()
        if p not in (1, 2):
            raise ValueError(f"A distance has p = 1 or p = 2, not {p}.")
        self.p = p
        self._pairwise = pairwise_l1 if p == 1 else pairwise_l2
        self._gather = gather_l1 if p == 1 else gather_l2

    def forward(self, query: Float[Tensor, "b q"], candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k"]:
        if candidate.size(0) == 1:
            return -self._pairwise(query, candidate[0])
        return -torch.linalg.vector_norm(query[:, None] - candidate, ord=self.p, dim=2)

    def gather(
        self, query: Float[Tensor, "b q"], table: Float[Tensor, "n d"], index: Int[Tensor, "b k"]
    ) -> Float[Tensor, "b k"]:
        return -self._gather(query, table, index)


class Modulus(Similarity):
    r"""The negative sum of complex moduli :math:`-\sum_l \lvert q_l - c_l \rvert`; halves are real and imaginary."""

    def forward(self, query: Float[Tensor, "b q"], candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k"]:
        if candidate.size(0) == 1:
            return -pairwise_modulus(query, candidate[0])
        difference = (query[:, None] - candidate).unflatten(2, (2, -1))
        return -torch.linalg.vector_norm(difference, dim=2).sum(2)

    def gather(
        self, query: Float[Tensor, "b q"], table: Float[Tensor, "n d"], index: Int[Tensor, "b k"]
    ) -> Float[Tensor, "b k"]:
        return -gather_modulus(query, table, index)
