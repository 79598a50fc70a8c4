"""What both sides of a Dual may share: no encoder that holds the relations, whichever it is."""

import copy

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, denied, examples, known, messages, name, toy
from torch_geometric.data import Data

from gnnneg.corruption import Both
from gnnneg.decoders import DistMult
from gnnneg.encoders import CompGCN, SampledEdges, SampledNeighbors
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoder
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.samplers import Uniform
from gnnneg.tasks import Dual, LinkPrediction

WRAPPED = [
    lambda: SampledEdges(CompGCN(NODES, RELATIONS, CHANNELS), 3),
    lambda: SampledNeighbors(CompGCN(NODES, RELATIONS, CHANNELS), [2]),
    lambda: CompGCN(NODES, RELATIONS, CHANNELS, relation_states=False),
]


def graph() -> Data:
    found = messages()
    found.x = torch.randn(NODES, CHANNELS, generator=torch.Generator().manual_seed(0))
    return found


def side(encoder: Encoder) -> LinkPrediction:
    model = KGEModel(encoder, DistMult(RELATIONS, CHANNELS, reciprocal=True))
    return LinkPrediction(model, Both(RELATIONS), Uniform(NODES, 5), InfoNCE(), graph=graph())


def scores(task: LinkPrediction) -> torch.Tensor:
    head, relation, tail = toy()
    with torch.no_grad():
        return copy.deepcopy(task.model).eval()(graph(), head, relation, tail)


@pytest.mark.parametrize("make", [*examples(Encoder), *WRAPPED], ids=name)
def test_sides_that_share_are_two_models_or_refused(make):
    """Found without asking for relation states: with one encoder on one graph, do the sides differ?"""
    torch.manual_seed(0)
    one, other = side(make()), side(make())
    once = copy.deepcopy(one), copy.deepcopy(other)
    once[1].model.encoder = once[0].model.encoder
    if torch.equal(scores(once[0]), scores(once[1])):
        with pytest.raises(UserError, match="both sides would be one and the same model"):
            Dual(one, other, known(denied()), shared=True)
        assert one.model.encoder is not other.model.encoder  # nothing is shared by halves
        return
    task = Dual(one, other, known(denied()), shared=True)
    assert task.positive.model.encoder is task.negative.model.encoder
    own = {*map(id, task.negative.model.parameters())} - {*map(id, task.positive.model.parameters())}
    assert own == {id(task.negative.model.decoder.relation.weight)}
    assert not torch.equal(scores(task.positive), scores(task.negative))
