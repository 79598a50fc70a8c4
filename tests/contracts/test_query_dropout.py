"""Query dropout leaves out coordinates of a vector, and nothing that a relation does to candidates."""

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, examples, name
from torch.testing import assert_close

from gnnneg.candidates import Private
from gnnneg.decoders import HAKE, DynamicMapping, Inner, TransD, TransH
from gnnneg.encoders import Lookup
from gnnneg.errors import UserError
from gnnneg.interfaces import Decoder, Similarity
from gnnneg.models import KGEModel, NodeClassifier
from gnnneg.records import Query

decoders = pytest.mark.parametrize("make", examples(Decoder), ids=name)


def is_a_vector(similarity: Similarity, query: torch.Tensor) -> bool:
    """Without asking for the flag: a query has a number for each of a candidate's, and what a coordinate gives to the
    score depends on that coordinate of the candidate alone."""
    if query.size(1) != CHANNELS:
        return False
    own, other = torch.randn(2, len(query), 1, CHANNELS)
    first = torch.zeros(CHANNELS)
    first[:: CHANNELS // similarity.parts] = 1  # all parts of the first coordinate
    changed = own + first * (other - own)
    before, after = similarity.terms(query, own), similarity.terms(query, changed)
    moved = (before - after).abs().amax((0, 1)) > 1e-6
    return int(moved.sum()) == 1


@decoders
def test_a_query_is_dropped_where_it_is_a_vector_else_refused(make):
    torch.manual_seed(0)
    decoder = make()
    query = Query(torch.arange(NODES), torch.arange(NODES) % (2 * RELATIONS))
    encoder = Lookup(NODES, CHANNELS, bound=0.5)
    whole = decoder(encoder.weight[query.anchor], query.rel_type).detach()
    if not is_a_vector(decoder.similarity, whole):
        assert isinstance(decoder, TransH | TransD | HAKE)
        with pytest.raises(UserError, match=rf"KGEModel\(dropout=0.5\): {type(decoder).__name__}'s queries hold more"):
            KGEModel(encoder, decoder, dropout=0.5)
        model = KGEModel(encoder, decoder).train()  # without dropout they train as before
        assert torch.equal(model.scorer(model.encode(None), query).vector, whole)
        return
    model = KGEModel(encoder, decoder, dropout=0.5).train()
    scorer = model.scorer(model.encode(None), query)
    kept = scorer.vector / whole
    assert set(kept.detach().round(decimals=3).abs().unique().tolist()) == {0.0, 2.0}
    candidate = torch.randn(NODES, 3, CHANNELS)
    assert_close(scorer.decode(candidate), decoder.similarity(whole * kept, Private(candidate)))
    assert torch.equal(scorer.composed(), whole)  # what is made of a query is made of all of it
    model.eval()
    assert torch.equal(model.scorer(model.encode(None), query).vector, whole)


def test_a_state_is_dropped_where_it_is_a_vector_else_refused():
    with pytest.raises(UserError, match=r"NodeClassifier\(dropout=0.2\): DynamicMapping's queries hold more"):
        NodeClassifier(Lookup(NODES, CHANNELS), DynamicMapping(), 3, dropout=0.2)
    NodeClassifier(Lookup(NODES, CHANNELS), DynamicMapping(), 3)
    NodeClassifier(Lookup(NODES, CHANNELS), Inner(), 3, dropout=0.2)
