"""An encoder with a decoder: every knowledge graph embedding model, and every graph encoder under one."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.data import Data

from gnnneg.candidates import Private
from gnnneg.checks import fraction
from gnnneg.errors import UserError
from gnnneg.interfaces import Decoder, Encoder, Encoding, Model, Scorer
from gnnneg.models.alignment import alignment
from gnnneg.models.vectors import VectorScorer, may_drop
from gnnneg.records import Query


class KGEScorer(VectorScorer):
    """Query vectors once, then any candidates."""

    def __init__(self, encoding: Encoding, decoder: Decoder, query: Query, dropout: float):
        self.whole = decoder(encoding[query.anchor], query.rel_type)  # (b, q)
        super().__init__(F.dropout(self.whole, dropout), decoder.similarity, encoding)
        self.decoder, self.query, self.dropout = decoder, query, dropout

    def composed(self) -> Float[Tensor, "b d"]:
        if not self.similarity.shares_space:
            raise UserError(
                f"{type(self.decoder).__name__} writes more into a query than a vector like an entity's, so nothing "
                "can be made from it: use DistMult, ComplEx, RotatE, TransE or RESCAL."
            )
        return self.whole

    def asking(self, query: Query) -> Scorer:
        return KGEScorer(self.encoding, self.decoder, query, self.dropout)

    def factors(self, target: Int[Tensor, "b"]) -> tuple[Float[Tensor, "b _"], ...]:
        return self.decoder.factors(self.encoding[self.query.anchor], self.query.rel_type, self.encoding[target])

    def images(self, target: Int[Tensor, "b"]) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
        return self.decoder.images(self.encoding[self.query.anchor], self.query.rel_type, self.encoding[target])

    def limits(self, target: Int[Tensor, "b"]) -> tuple[Float[Tensor, "b x"], Float[Tensor, "b y"]]:
        return self.decoder.limits(self.encoding[self.query.anchor], self.query.rel_type, self.encoding[target])

    def alignment(self, target: Int[Tensor, "b"], index: Int[Tensor, "c k"]) -> Float[Tensor, "b k"]:
        anchor, wanted = self.encoding[self.query.anchor], self.encoding[target]
        closed = self.decoder.aligned(anchor, self.query.rel_type, wanted)
        if closed is not None:
            return self._candidates(index).inner(closed)
        candidate = self.encoding[index].expand(len(target), -1, -1)
        return alignment(self.decoder, anchor, self.query.rel_type, wanted, candidate)

    def relations(self, target: Int[Tensor, "b"]) -> Float[Tensor, "b r"]:
        anchor, candidate = self.encoding[self.query.anchor], self.encoding[target]
        pairing = self.decoder.pairing(anchor, candidate)
        if pairing is not None:
            return pairing[0] @ pairing[1].T
        size = 2 * self.decoder.num_relations
        every = torch.arange(size, device=target.device).repeat(len(target))
        vector = self.decoder(anchor.repeat_interleave(size, 0), every)
        score = self.decoder.similarity(vector, Private(candidate.repeat_interleave(size, 0)[:, None]))
        return score.view(-1, size)


class KGEModel(Model):
    """An encoder with a decoder.

    Args:
        encoder (Encoder): Gives node vectors.
        decoder (Decoder): Scores a query's candidates.
        dropout (float): Share of the query vector's coordinates dropped while training (the others are scaled up):
            the strong baselines' way to regularise. Only where a query is a vector of the candidates' space. TransH,
            TransD and HAKE write a normal, a projection vector, angles and factors into it: a geometry that is no
            longer theirs with some of these left out, so that nothing would be regularised. (default: :obj:`0.0`)

    Raises:
        UserError: If the encoder has relation states that are not of the form that the decoder reads, or the decoder's
            queries are no vectors to drop coordinates of.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, dropout: float = 0.0):
        super().__init__()
        fraction("KGEModel", dropout=dropout)
        may_drop("KGEModel", dropout, decoder.similarity, type(decoder).__name__)
        self.encoder, self.dropout = encoder, dropout
        with torch.no_grad():
            states = encoder.relation_states()
        self.decoder = decoder if states is None else decoder.reading(states)  # without a table that nobody reads
        self.num_relations = decoder.num_relations
        self.uses_graph, self.reads_denied = encoder.uses_graph, encoder.reads_denied

    def encode(self, graph: Data | None) -> Encoding:
        return self.encoder(graph)

    def scorer(self, encoding: Encoding, query: Query) -> Scorer:
        states = self.encoder.relation_states()
        decoder = self.decoder if states is None else self.decoder.reading(states)
        return KGEScorer(encoding, decoder, query, self.dropout if self.training else 0.0)
