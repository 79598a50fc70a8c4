"""Scorers whose queries are vectors, compared with the vectors of candidates."""

from abc import ABC
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.candidates import Gathered, Private, Shared, in_one_precision, indexed
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoding, Scorer, Similarity
from gnnneg.records import Mutation


def may_drop(name: str, dropout: float, similarity: Similarity, whose: str) -> None:
    """Refuses dropout of a query that is not in the candidates' space.

    Args:
        name (str): The model, for the error.
        dropout (float): The share to drop.
        similarity (Similarity): Reads the query.
        whose (str): The part that makes the query, for the error.

    Raises:
        UserError: If there is dropout and the similarity does not share a space (``shares_space``).
    """
    if dropout and not similarity.shares_space:
        raise UserError(
            f"{name}(dropout={dropout}): {whose}'s queries hold more than a vector like an entity's, and that must not "
            "be dropped: leave dropout out, or use DistMult, ComplEx, RotatE, TransE, RESCAL or ERMLPE."
        )


class VectorScorer(Scorer, ABC):
    """One vector for each query, a similarity, and the candidates' encoding.

    Under autocast an inner product with a target or with shared candidates is a matrix product in half precision; one
    with private candidates is computed by a kernel in float32. They differ by rounding, which goes up as often as down.

    Args:
        vector (torch.Tensor, optional): ``(b, q)``. With :obj:`None` the scorer has a property of this name.
        similarity (Similarity): Compares queries and candidates.
        encoding (Encoding): Gives the candidates' vectors.
    """

    vector: Tensor

    def __init__(self, vector: Float[Tensor, "b q"] | None, similarity: Similarity, encoding: Encoding):
        if vector is not None:
            self.vector = vector
        self.similarity, self.encoding = similarity, encoding
        self._last: tuple[Tensor, bool, Shared | Gathered] | None = None
        self._target: tuple[Tensor, tuple, Tensor] | None = None

    def embed(self, index: Int[Tensor, "c k"]) -> Float[Tensor, "c k d"]:
        if index.size(1) != 1 or torch.compiler.is_compiling():  # a compiler finds by itself what is asked for twice
            return self.encoding[index]
        # the targets, whom the loss and every generator ask for, each by a view of their own
        whole = index if index._base is None else index._base
        part = index.storage_offset(), index.shape, index.stride(), torch.is_grad_enabled()
        if self._target is None or self._target[0] is not whole or self._target[1] != part:
            self._target = whole, part, self.encoding[index]
        return self._target[2]

    def columns(self, index: Int[Tensor, "c k"]) -> Callable[[slice], Float[Tensor, "c l d"]]:
        return self._candidates(index).columns

    def decode(self, candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k"]:
        shared = candidate.size(0) == 1
        return self.similarity(self.vector, Shared(candidate[0]) if shared else Private(candidate))

    def __call__(self, index: Int[Tensor, "c k"]) -> Float[Tensor, "b k"]:
        if index.size(1) == 1 < index.size(0):  # one each: nothing for a kernel to save
            return self.decode(self.embed(index))
        candidates = self._candidates(index)  # first: rows that are fetched come together with the anchors'
        return self.similarity(self.vector, candidates)

    def as_product(self, index: Int[Tensor, "c k"]) -> tuple[Float[Tensor, "b q"], Float[Tensor, "k q"]] | None:
        if not self.similarity.is_product or index.size(0) > 1:
            return None
        candidates = self._candidates(index)
        return in_one_precision(self.vector, candidates.vector) if isinstance(candidates, Shared) else None

    @property
    def parts(self) -> int:
        return self.similarity.parts

    def mutated(self, index: Int[Tensor, "c k"], mutation: Mutation) -> Float[Tensor, "b k"]:
        finer = mutation.positive is not None and mutation.keep.size(-1) > mutation.positive.size(1) // self.parts
        if finer or mutation.keep.dim() == 3:  # than what has a closed form
            return super().mutated(index, mutation)
        return self.similarity(self.vector, self._candidates(index), mutation)

    def terms(self, candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k h"]:
        return self.similarity.terms(self.vector, candidate)

    def _candidates(self, index: Int[Tensor, "c k"]) -> Shared | Gathered:
        # a step asks for the same ones plain and mutated; what a critic was asked without gradients serves no loss
        learning = torch.is_grad_enabled()
        if self._last is None or self._last[0] is not index or self._last[1] != learning:
            self._last = index, learning, indexed(self.encoding, index)
        return self._last[2]
