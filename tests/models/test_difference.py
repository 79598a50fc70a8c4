"""A difference is what its parts are: what they read, whether nodes have vectors, and how much they hold."""

import pytest
from examples import NODES, RELATIONS, denied, kge, messages

from gnnneg.corruption import Both
from gnnneg.data.known import KnownAnswers
from gnnneg.decoders import DistMult
from gnnneg.encoders import RGCN
from gnnneg.errors import UserError
from gnnneg.evaluation.at_once import at_once
from gnnneg.generators import DeniedStatements
from gnnneg.losses import InfoNCE
from gnnneg.models import Difference, KGEModel, NBFNet
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction


def paths() -> NBFNet:
    return NBFNet(RELATIONS, 4, 2)


def signed(signed: bool = True) -> KGEModel:
    return KGEModel(RGCN(NODES, RELATIONS, 8, signed=signed), DistMult(RELATIONS, 8))


def test_both_hold_their_states():
    one = paths()
    both = Difference(paths(), paths())
    assert both.footprint == 2 * one.footprint > 0
    assert not both.has_vectors
    assert at_once(both, 40_943, 1024) == at_once(one, 2 * 40_943, 1024) < 1024
    for mixed in (Difference(kge(), paths()), Difference(paths(), kge())):
        assert mixed.uses_graph
        assert not mixed.has_vectors
        assert mixed.footprint == one.footprint
    looked_up = Difference(kge(), kge())
    assert (looked_up.uses_graph, looked_up.reads_denied, looked_up.footprint) == (False, False, 0)
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
    with pytest.raises(UserError, match="sees the very statements"):
        LinkPrediction(model(), Both(RELATIONS), Uniform(NODES, 3), InfoNCE(), generators=[asks], graph=messages())
    plain = Difference(kge(), signed(False))
    LinkPrediction(plain, Both(RELATIONS), Uniform(NODES, 3), InfoNCE(), generators=[asks], graph=messages())
