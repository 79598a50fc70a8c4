"""An encoder with a decoder: every knowledge graph embedding model, and every graph encoder under one."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.data import Data

from gnnneg.candidates import Gathered, Private, Shared
from gnnneg.interfaces import Candidates, Decoder, Encoder, Encoding, Model, Scorer
from gnnneg.records import Mutation, Query


class KGEScorer(Scorer):
    """Query vectors once, then any candidates."""

    def __init__(self, encoding: Encoding, decoder: Decoder, query: Query, dropout: float):
        self.encoding, self.decoder = encoding, decoder
        self.query = query
        self.vector = F.dropout(decoder(encoding[query.anchor], query.rel_type), dropout)  # (b, q)
        self._last: tuple[Tensor, Candidates] | None = None

    def embed(self, index: Int[Tensor, "c k"]) -> Float[Tensor, "c k d"]:
        return self.encoding[index]

    def decode(self, candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k"]:
        shared = candidate.size(0) == 1
        return self.decoder.similarity(self.vector, Shared(candidate[0]) if shared else Private(candidate))

    def __call__(self, index: Int[Tensor, "c k"]) -> Float[Tensor, "b k"]:
        return self.decoder.similarity(self.vector, self._candidates(index))

    @property
    def parts(self) -> int:
        return self.decoder.similarity.parts

    def mutated(self, index: Int[Tensor, "c k"], mutation: Mutation) -> Float[Tensor, "b k"]:
        finer = mutation.positive is not None and mutation.keep.size(-1) > mutation.positive.size(1) // self.parts
        if finer or mutation.keep.dim() == 3:  # than what has a closed form
            return super().mutated(index, mutation)
        return self.decoder.similarity(self.vector, self._candidates(index), mutation)

    def terms(self, candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k h"]:
        return self.decoder.similarity.terms(self.vector, candidate)

    def _candidates(self, index: Int[Tensor, "c k"]) -> Candidates:
        if self._last is None or self._last[0] is not index:  # a step asks for the same ones plain and mutated
            shared = index.size(0) == 1
            self._last = index, Shared(self.encoding[index[0]]) if shared else Gathered(*self.encoding.rows(index))
        return self._last[1]

    def factors(self, target: Int[Tensor, "b"]) -> tuple[Float[Tensor, "b _"], ...]:
        return self.decoder.factors(self.encoding[self.query.anchor], self.query.rel_type, self.encoding[target])


class KGEModel(Model):
    """An encoder with a decoder.

    Args:
        encoder (Encoder): Gives node vectors.
        decoder (Decoder): Scores a query's candidates.
        dropout (float): Share of the query vector's coordinates dropped while training (the others are scaled up):
            the strong baselines' way to regularise. (default: :obj:`0.0`)
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, dropout: float = 0.0):
        super().__init__()
        self.encoder, self.decoder, self.dropout = encoder, decoder, dropout
        self.num_relations = decoder.num_relations
        self.uses_graph = encoder.uses_graph

    def encode(self, graph: Data | None) -> Encoding:
        return self.encoder(graph)

    def scorer(self, encoding: Encoding, query: Query) -> Scorer:
        return KGEScorer(encoding, self.decoder, query, self.dropout if self.training else 0.0)

    def forward(
        self,
        graph: Data | None,
        head_index: Int[Tensor, "b"],
        rel_type: Int[Tensor, "b"],
        tail_index: Int[Tensor, "b"],
    ) -> Float[Tensor, "b"]:
        return self.scorer(self.encode(graph), Query(head_index, rel_type))(tail_index[:, None]).squeeze(1)
