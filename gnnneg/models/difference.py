"""The score of stated evidence minus the score of denied evidence."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.data import Data

from gnnneg.checks import not_negative
from gnnneg.encodings import Dense
from gnnneg.interfaces import Decoder, Encoding, Model, Scorer
from gnnneg.kernels.rows import cover
from gnnneg.records import Query


class Pair(Encoding):
    """Each node's vectors in two encodings, side by side.

    Args:
        positive (Encoding): The first coordinates.
        negative (Encoding): The other coordinates.
    """

    def __init__(self, positive: Encoding, negative: Encoding):
        self.positive, self.negative = positive, negative

    def __getitem__(self, index: Int[Tensor, "*s"]) -> Float[Tensor, "*s d"]:
        return torch.cat([self.positive[index], self.negative[index]], dim=-1)

    def rows(self, index: Int[Tensor, "*s"]) -> tuple[Float[Tensor, "u d"], Int[Tensor, "*s"]]:
        row, place = cover(index)
        return Dense(self[row]).rows(place)

    def ahead(self, *index: Int[Tensor, "..."]) -> None:
        self.positive.ahead(*index)
        self.negative.ahead(*index)


class DifferenceScorer(Scorer):
    """Combines two scorers of the same queries."""

    def __init__(self, positive: Scorer, negative: Scorer, weight: Float[Tensor, ""]):
        self.positive, self.negative, self.weight = positive, negative, weight
        self.width: int | None = None  # of the first one's vectors
        self.has_vectors = positive.has_vectors and negative.has_vectors

    def embed(self, index: Int[Tensor, "c k"]) -> Float[Tensor, "e k d"]:
        """If one of the two has states for each query, shared candidates have a row for each query too."""
        return self._beside(self.positive.embed(index), self.negative.embed(index))

    def columns(self, index: Int[Tensor, "c k"]) -> Callable[[slice], Float[Tensor, "c l d"]]:
        one, other = self.positive.columns(index), self.negative.columns(index)
        return lambda some: self._beside(one(some), other(some))

    def decode(self, candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k"]:
        if self.width is None:  # else whoever made these vectors has asked for others
            with torch.no_grad():
                self.embed(torch.zeros(1, 1, dtype=torch.long, device=candidate.device))
        width = self.width
        return self._minus(self.positive.decode(candidate[..., :width]), self.negative.decode(candidate[..., width:]))

    def __call__(self, index: Int[Tensor, "c k"]) -> Float[Tensor, "b k"]:
        return self._minus(self.positive(index), self.negative(index))

    def asking(self, query: Query) -> Scorer:
        return DifferenceScorer(self.positive.asking(query), self.negative.asking(query), self.weight)

    def factors(self, target: Int[Tensor, "b"]) -> tuple[Float[Tensor, "b _"], ...]:
        """Anchors and targets of both side by side, first and last as in other models; the other magnitudes are between
        them.
        """
        one, other = self.positive.factors(target), self.negative.factors(target)
        first, last = (torch.cat([one[end], other[end]], dim=1) for end in (0, -1))
        return first, *one[1:-1], *other[1:-1], last

    def by_decoder(self, read: Callable[[Decoder, Encoding], Any], asker: str) -> list[Any]:
        """The results for both. :obj:`weight` belongs to neither and is not included."""
        return self.positive.by_decoder(read, asker) + self.negative.by_decoder(read, asker)

    def _beside(self, positive: Float[Tensor, "c k _"], negative: Float[Tensor, "c2 k _"]) -> Float[Tensor, "c3 k d"]:
        """Both vectors of candidates; one may have states for each query, the other one vector for all."""
        self.width, size = positive.size(-1), max(len(positive), len(negative))
        return torch.cat([positive.expand(size, -1, -1), negative.expand(size, -1, -1)], dim=-1)

    def _minus(self, positive: Float[Tensor, "b k"], negative: Float[Tensor, "b k"]) -> Float[Tensor, "b k"]:
        return positive - self.weight * negative


class Difference(Model):
    r"""The score of a model of stated statements minus that of a model of denied ones,

    .. math::
        s(h, r, t) = s^{+}(h, r, t) - \lambda s^{-}(h, r, t) ,

    with both models' node vectors side by side as its encoding. (The code released with `"Improving Knowledge Graph
    Embeddings through Contrastive Learning with Negative Statements" <https://arxiv.org/abs/2510.11868>`_ scores the
    concatenated vectors. For a bilinear decoder that is :math:`s^{+} + s^{-}`, so evidence against a triple makes it
    rank higher.)

    Args:
        positive (Model): The model of stated statements.
        negative (Model): The model of denied statements.
        weight (float): :math:`\lambda`; with 0 the scores are those of the first model. (default: :obj:`0.0`)
        graph (torch_geometric.data.Data, optional): The graph for the second model's messages: denied statements. A
            model that looks vectors up does not use it. (default: :obj:`None`)
    """

    mirrored = ("negative", "graph")
    weight: Tensor

    def __init__(self, positive: Model, negative: Model, weight: float = 0.0, graph: Data | None = None):
        super().__init__()
        not_negative("Difference", weight=weight)
        self.positive, self.negative, self.graph = positive, negative, graph
        self.register_buffer("weight", torch.tensor(float(weight)))
        self.num_relations = positive.num_relations
        self.uses_graph = positive.uses_graph or negative.uses_graph
        denied = graph is not None and negative.uses_graph  # its messages pass over what is denied
        self.reads_denied = denied or positive.reads_denied or negative.reads_denied
        self.has_vectors = positive.has_vectors and negative.has_vectors
        self.activations = positive.activations + negative.activations  # both hold their states at once

    def encode(self, graph: Data | None) -> Pair:
        against = self.graph
        if against is not None and self.negative.uses_graph:
            against = against.to(str(self.weight.device))
        return Pair(self.positive.encode(graph), self.negative.encode(against))

    def scorer(self, encoding: Encoding, query: Query) -> Scorer:
        if not isinstance(encoding, Pair):
            raise TypeError("Difference scores what it has encoded itself.")
        parts = self.positive.scorer(encoding.positive, query), self.negative.scorer(encoding.negative, query)
        return DifferenceScorer(*parts, self.weight)
