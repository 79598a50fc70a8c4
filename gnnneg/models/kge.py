"""An encoder with a decoder: every knowledge graph embedding model, and every graph encoder with a decoder."""

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.data import Data

from gnnneg.checks import fraction
from gnnneg.interfaces import Decoder, Encoder, Encoding, Model, Scorer
from gnnneg.models.vectors import VectorScorer, may_drop
from gnnneg.records import Query


class KGEScorer(VectorScorer):
    """Query vectors once, then any candidates."""

    def __init__(self, encoding: Encoding, decoder: Decoder, query: Query, dropout: float):
        self.whole = decoder(encoding[query.anchor], query.rel_type)  # (b, q)
        super().__init__(F.dropout(self.whole, dropout), decoder.similarity, encoding)
        self.decoder, self.query, self.dropout = decoder, query, dropout

    def composed(self) -> Float[Tensor, "b d"] | None:
        return self.whole if self.similarity.shares_space else None

    def asking(self, query: Query) -> Scorer:
        return KGEScorer(self.encoding, self.decoder, query, self.dropout)

    def factors(self, target: Int[Tensor, "b"]) -> tuple[Float[Tensor, "b _"], ...]:
        return self.decoder.factors(self.encoding[self.query.anchor], self.query.rel_type, self.encoding[target])

    def by_decoder(self, read: Callable[[Decoder, Encoding], Any], asker: str) -> list[Any]:
        return [read(self.decoder, self.encoding)]


def reading(decoder: Decoder, states: Float[Tensor, "t c"]) -> Decoder:
    """A decoder with these vectors for its relations. They are no parameters and not in the state dict; everything else
    is shared.
    """
    other = copy.copy(decoder)
    other._modules = {**decoder._modules, "relation": decoder.relation.reading(states)}
    return other


class KGEModel(Model):
    """An encoder with a decoder.

    Args:
        encoder (Encoder): Gives node vectors.
        decoder (Decoder): Scores a query's candidates.
        dropout (float): Share of the query vector's coordinates dropped in training (the others are scaled up). Strong
            baselines regularise in this way. It needs a query in the candidates' space. The queries of TransH, TransD
            and HAKE also hold a normal, a projection vector, angles and factors, which cannot be dropped without
            changing the geometry. (default: :obj:`0.0`)

    Raises:
        UserError: If the encoder has relation states in another form than the decoder reads, or there is dropout and
            the decoder's queries allow none.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, dropout: float = 0.0):
        super().__init__()
        fraction("KGEModel", dropout=dropout)
        may_drop("KGEModel", dropout, decoder.similarity, type(decoder).__name__)
        self.encoder, self.dropout = encoder, dropout
        with torch.no_grad():
            states = encoder.relation_states()
        self.decoder = decoder if states is None else reading(decoder, states)  # without a table that nobody reads
        self.num_relations = decoder.num_relations
        self.uses_graph, self.reads_denied = encoder.uses_graph, encoder.reads_denied

    def encode(self, graph: Data | None) -> Encoding:
        return self.encoder(graph)

    def scorer(self, encoding: Encoding, query: Query) -> Scorer:
        states = self.encoder.relation_states()
        decoder = self.decoder if states is None else reading(self.decoder, states)
        return KGEScorer(encoding, decoder, query, self.dropout if self.training else 0.0)
