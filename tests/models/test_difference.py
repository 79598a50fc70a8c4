"""A difference is what its parts are: what they read, whether nodes have vectors, and how much they hold."""

import pytest
import torch
from examples import NODES, RELATIONS, denied, kge, messages, toy
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.data.known import KnownAnswers
from gnnneg.decoders import ComplEx, DistMult, RotatE, TransD, TransE, TransH
from gnnneg.encoders import RGCN
from gnnneg.errors import UserError
from gnnneg.evaluation.asking import at_once
from gnnneg.generators import DeniedStatements
from gnnneg.losses import InfoNCE
from gnnneg.models import Difference, KGEModel, NBFNet
from gnnneg.penalties import DURA, Lp, RelationPrediction, SoftConstraints
from gnnneg.samplers import All, Influence, Uniform
from gnnneg.tasks import LinkPrediction


def paths() -> NBFNet:
    return NBFNet(RELATIONS, 4, 2)


def signed(signed: bool = True) -> KGEModel:
    return KGEModel(RGCN(NODES, RELATIONS, 8, signed=signed), DistMult(RELATIONS, 8))


def test_both_hold_their_states():
    one = paths()
    both = Difference(paths(), paths())
    assert both.activations == 2 * one.activations > 0
    assert not both.has_vectors
    assert at_once(both, 40_943, 1024) == at_once(one, 2 * 40_943, 1024) < 1024
    for mixed in (Difference(kge(), paths()), Difference(paths(), kge())):
        assert mixed.uses_graph
        assert not mixed.has_vectors
        assert mixed.activations == one.activations
    looked_up = Difference(kge(), kge())
    assert (looked_up.uses_graph, looked_up.reads_denied, looked_up.activations) == (False, False, 0)
    assert looked_up.has_vectors


@pytest.mark.parametrize(
    "model",
    [
        lambda: Difference(signed(), kge()),
        lambda: Difference(kge(), signed()),
        lambda: Difference(kge(), signed(False), graph=messages()),  # denied statements are its edges
        lambda: Difference(Difference(kge(), signed()), kge()),
    ],
)
def test_a_part_that_reads_what_is_denied_is_refused_what_asks_about_it(model):
    asks = DeniedStatements(KnownAnswers(denied(), NODES, RELATIONS), 2)
    with pytest.raises(UserError, match="sees the denied statements"):
        LinkPrediction(model(), Both(RELATIONS), Uniform(NODES, 3), InfoNCE(), generators=[asks], graph=messages())
    plain = Difference(kge(), signed(False))
    LinkPrediction(plain, Both(RELATIONS), Uniform(NODES, 3), InfoNCE(), generators=[asks], graph=messages())


@pytest.mark.parametrize(
    ("penalty", "decoders"),
    [
        (DURA(0.3, 0.7, 1.5), (DistMult, ComplEx)),
        (Lp(0.1), (DistMult, RotatE)),
        (SoftConstraints(0.5), (TransE, TransD)),
        (SoftConstraints(0.5), (TransH, TransH)),
    ],
)
def test_a_penalty_of_a_difference_is_that_of_both(penalty, decoders):
    torch.manual_seed(0)
    parts = [kge(decoder) for decoder in decoders]
    for part in parts:
        part.encoder.weight.data *= 4  # so that some lengths are above what constraints allow
    query, target = Both(RELATIONS)(toy())
    model, own = Difference(*parts, 0.5), [part.scorer(part.encode(None), query) for part in parts]
    wanted = [penalty(scorer, query, target) for scorer in own]
    assert all((value > 0).any() for value in wanted)
    found = penalty(model.scorer(model.encode(None), query), query, target)
    assert_close(found, wanted[0] + wanted[1])
    leaves = list(model.parameters())
    every = {"allow_unused": True, "materialize_grads": True}  # RotatE's angles have no magnitude
    assert_close(*(torch.autograd.grad(one.sum(), leaves, **every) for one in (found, sum(wanted))))


@pytest.mark.parametrize("decoders", [(DistMult, TransE), (TransE, DistMult)])
def test_a_penalty_that_one_side_cannot_have_is_refused(decoders):
    model = Difference(*(kge(decoder) for decoder in decoders))
    query, target = Both(RELATIONS)(toy())
    scorer = model.scorer(model.encode(None), query)
    with pytest.raises(UserError, match="TransE is not bilinear"):
        DURA(1.0)(scorer, query, target)
    with pytest.raises(UserError, match="DistMult has no constraints"):
        SoftConstraints(1.0)(scorer, query, target)


def test_what_asks_one_decoder_is_refused():
    model = Difference(kge(DistMult), kge(DistMult))
    query, target = Both(RELATIONS)(toy())
    scorer = model.scorer(model.encode(None), query)
    with pytest.raises(UserError, match="RelationPrediction asks one decoder, and a difference has two: leave it out"):
        RelationPrediction(1.0)(scorer, query, target)
    with pytest.raises(UserError, match="Influence asks one decoder, and a difference has two: leave it out"):
        Influence(All(NODES), 3)(query, target, scorer)
