"""Distances to candidates that a relation moves."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor

from gnnneg.decoders.similarity import in_float32, refuse_order, root, target_of
from gnnneg.interfaces import Candidates, Similarity
from gnnneg.records import Mutation


class Projection(Similarity, ABC):
    r"""The negative distance :math:`- \lVert \mathbf{q} - f_{\mathbf{w}}(\mathbf{c}) \rVert_p`, where a query vector
    holds :math:`(\mathbf{q}, \mathbf{w})`.

    With :math:`p = 2` the square under the root expands into products with candidates, also for candidates that share a
    mask. With :math:`p = 1` there is no such form. Then a :math:`b \times k \times d` tensor of vectors is made, in
    chunks, and once more for the gradient.

    Args:
        p (int): Order of the norm, 1 or 2. (default: :obj:`2`)

    Raises:
        UserError: If the order is neither; when called, if a mutation names no target or has no closed form.
    """

    shares_space = False

    def __init__(self, p: int = 2):
        super().__init__()
        refuse_order(p)
        self.p = p

    def forward(
        self, query: Float[Tensor, "b q"], candidates: Candidates, mutation: Mutation | None = None
    ) -> Float[Tensor, "b k"]:
        if mutation is None:
            if self.p == 1:
                return candidates.each(self._score, query)
            return -root(self._square(*in_float32(query, candidates), None, None))
        if mutation.noise is not None or mutation.pace is not None:
            return -root(self._noisy(*in_float32(query, candidates), mutation))
        keep = mutation.keep.expand(-1, query.size(1) // 2)
        each = keep if self.parts == 1 else keep.repeat(1, self.parts)
        lent = (1 - each) * target_of(mutation)
        if self.p == 1:
            return candidates.each(lambda query, own: self._score(query, lent[:, None] + each[:, None] * own), query)
        return -root(self._square(*in_float32(query, candidates), keep, lent))

    def terms(self, query: Float[Tensor, "b q"], candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k h"]:
        """Of the difference, all of which an exchanged coordinate moves a little; under ``p=2`` as they are under their
        root.
        """
        own, moves = query[:, None].chunk(2, dim=2)
        difference = self._difference(own, moves, candidate)
        return -difference.abs() if self.p == 1 else -difference.square()

    def _score(self, query: Tensor, candidate: Tensor) -> Tensor:
        return self.terms(query, candidate).sum(2)

    @abstractmethod
    def _difference(self, own: Tensor, moves: Tensor, candidate: Tensor) -> Tensor:
        """A query's own half ``(b, 1, h)`` less each candidate, moved by the other half: ``(b, k, h)``."""

    @abstractmethod
    def _square(self, query: Tensor, candidates: Candidates, keep: Tensor | None, lent: Tensor | None) -> Tensor:
        """The squared distance to candidates, each coordinate times what is kept of it, plus what is lent to all."""

    @abstractmethod
    def _noisy(self, query: Tensor, candidates: Candidates, mutation: Mutation) -> Tensor:
        """The squared distance with the mean and the variance of a mask for each candidate, as noise."""
