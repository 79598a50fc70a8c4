"""An encoder with a decoder: every knowledge graph embedding model, and every graph encoder with a decoder."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.data import Data

from gnnneg.checks import fraction
from gnnneg.interfaces import Decoder, Encoder, Encoding, Model, Scorer
from gnnneg.models.vectors import VectorScorer, may_drop
from gnnneg.records import Query


class _Mode(NamedTuple):
    """Whether gradients and autocast are on."""

    kind: str
    learns: bool
    casts: bool
    dtype: torch.dtype

    @staticmethod
    def now(kind: str) -> "_Mode":
        return _Mode(kind, torch.is_grad_enabled(), torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind))

    @contextmanager
    def again(self) -> Iterator[None]:
        with torch.set_grad_enabled(self.learns), torch.autocast(self.kind, self.dtype, self.casts):
            yield


class KGEScorer(VectorScorer):
    """Query vectors once, then any candidates.

    If the encoding awaits the anchors, query vectors are computed at their first use, as they would be now. Then all
    rows of a step can be fetched together. With dropout they are computed now, so that random draws keep their order.
    """

    def __init__(self, encoding: Encoding, decoder: Decoder, query: Query, dropout: float):
        super().__init__(None, decoder.similarity, encoding)
        self.decoder, self.query, self.dropout = decoder, query, dropout
        if not dropout and encoding.awaits(query.anchor):
            self._mode = _Mode.now(query.anchor.device.type)
            return
        self.whole = self._asked()
        self.vector = F.dropout(self.whole, dropout)

    @cached_property
    def whole(self) -> Float[Tensor, "b q"]:
        with self._mode.again():
            return self._asked()

    @cached_property
    def vector(self) -> Float[Tensor, "b q"]:  # type: ignore[override]  # it can be set, too
        return self.whole

    def _asked(self) -> Float[Tensor, "b q"]:
        return self.decoder(self.encoding[self.query.anchor], self.query.rel_type)

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
