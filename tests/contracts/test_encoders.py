"""Every encoder: both doors lead to the same vectors, judging draws nothing, what is saved is all there is."""

import re
from pathlib import Path

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, examples, known, messages, name, sparse, toy
from torch.testing import assert_close
from torch_geometric.data import Data

from gnnneg.corruption import Both
from gnnneg.decoders import DistMult
from gnnneg.encoders import GNN
from gnnneg.interfaces import Encoder
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.records import Triplets
from gnnneg.samplers import Filtered, Uniform
from gnnneg.tasks import LinkPrediction

encoders = pytest.mark.parametrize("make", examples(Encoder), ids=name)


@pytest.fixture
def graph() -> Data:
    graph = messages()
    graph.x = torch.randn(NODES, CHANNELS)
    return graph


@encoders
def test_both_doors_and_no_draw_when_judged(make, graph):
    torch.manual_seed(0)
    encoder, index = make().eval(), torch.tensor([[3, 3, 10], [0, 7, 1]])
    vector = encoder(graph)[index]
    assert vector.shape == (2, 3, encoder.hidden_channels)
    table, place = encoder(graph).rows(index)
    assert torch.equal(table[place], vector)
    assert torch.equal(encoder(graph)[index.flip(0)], vector.flip(0))


@encoders
def test_a_saved_state_gives_the_same_vectors(make, graph):
    torch.manual_seed(0)
    one, other, everyone = make(), make(), torch.arange(NODES)
    if list(one.parameters()):
        assert not torch.equal(one.eval()(graph)[everyone], other.eval()(graph)[everyone])
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.eval()(graph)[everyone], other.eval()(graph)[everyone])


@encoders
def test_every_parameter_learns(make, graph):
    """Over a few steps, whatever is dropped or drawn in one of them; a step draws with torch's seed."""
    torch.manual_seed(0)
    encoder = make()
    model = KGEModel(encoder, DistMult(RELATIONS, CHANNELS, reciprocal=True))
    sampler = Filtered(Uniform(NODES, 5), known(sparse()))
    task, batch = LinkPrediction(model, Both(RELATIONS), sampler, InfoNCE(), graph=graph), sparse()
    batch = type(batch)(*(column[:2] for column in batch))
    draw = torch.Generator().manual_seed(0)
    for step in range(5):
        losses = []
        for _ in range(2):
            torch.manual_seed(3)
            losses.append(task(batch, torch.Generator().manual_seed(0)))
        assert_close(*losses)
        torch.manual_seed(step)
        task(batch, draw).backward()
    named = dict(encoder.named_parameters())
    assert named or isinstance(encoder, GNN)
    for parameter, value in named.items():
        assert value.grad is not None, parameter
        assert value.grad.to_dense().isfinite().all()


def test_the_encoder_of_the_page_for_contributors_trains():
    page = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(import torch\n.*?)^```", page, re.DOTALL | re.MULTILINE)
    namespace = {"__name__": "mine"}
    exec(code, namespace)
    graph = messages()
    encoder = namespace["Mine"](NODES, RELATIONS, CHANNELS)
    task = LinkPrediction(
        KGEModel(encoder, DistMult(RELATIONS, CHANNELS)), Both(RELATIONS), Uniform(NODES, 3), InfoNCE(), graph=graph
    )
    batch = Triplets(*(column[:4] for column in toy()))  # the edges of the others are there to see
    optimizer, cost = torch.optim.Adam(task.trained(), lr=0.05), []
    for _ in range(20):
        optimizer.zero_grad()
        loss = task(batch, torch.Generator().manual_seed(0))
        loss.backward()
        optimizer.step()
        cost.append(loss.item())
    assert cost[-1] < cost[0]
    assert encoder.layer.weight.grad.abs().sum() > 0
