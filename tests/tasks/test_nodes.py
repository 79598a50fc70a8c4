"""Classes as candidates: against PyG's GCN and cross-entropy, and EMU's identities there."""

import os

import pytest
import torch
import torch.nn.functional as F
from device import somewhere
from torch.testing import assert_close
from torch_geometric.data import Data
from torch_geometric.nn import GCN, GCNConv, RGCNConv

from gnnneg.data.known import KnownAnswers
from gnnneg.datasets import Entities
from gnnneg.decoders import Inner
from gnnneg.encoders import GNN, RGCN
from gnnneg.errors import UserError
from gnnneg.evaluation import accuracy
from gnnneg.generators import DANS, EMU, GNDN, Adversary, MatchedEMU
from gnnneg.interfaces import Drawn
from gnnneg.losses import InfoNCE
from gnnneg.models import NodeClassifier
from gnnneg.records import Query, Triplets
from gnnneg.samplers import All
from gnnneg.tasks import NodeClassification, labelled

N, FEATURES, CLASSES, WIDTH = 30, 5, 4, 16


def graph() -> Data:
    torch.manual_seed(0)
    y = torch.arange(N) % CLASSES
    x = torch.randn(N, FEATURES) + F.one_hot(y, FEATURES)
    return Data(x=x, y=y, edge_index=torch.randint(N, (2, 80)), train_mask=torch.arange(N) < 20)


def model(channels: int = WIDTH) -> NodeClassifier:
    torch.manual_seed(1)
    return NodeClassifier(GNN(GCN(FEATURES, channels, num_layers=2), channels), Inner(), CLASSES)


def test_loss_is_cross_entropy():
    data, made = graph(), model()
    task = NodeClassification(made, All(CLASSES), InfoNCE(), data)
    batch = labelled(data.y, data.train_mask)
    logit = made.encoder.module(data.x, data.edge_index) @ made.weight.T
    assert_close(task(batch), F.cross_entropy(logit[data.train_mask], data.y[data.train_mask]))
    assert torch.equal(batch.head_index, torch.arange(20))


def test_is_the_gcn_of_its_paper():
    """Propagating states before the last weights or after them is one thing."""
    data, convolution = graph(), GCNConv(FEATURES, CLASSES, bias=False)
    spread = GCNConv(FEATURES, FEATURES, bias=False)
    spread.lin.weight.data = torch.eye(FEATURES)
    made = NodeClassifier(GNN(spread, FEATURES), Inner(), CLASSES)
    made.weight.data = convolution.lin.weight.data
    node, kind = torch.meshgrid(torch.arange(N), torch.arange(CLASSES), indexing="ij")
    score = made(data, node.flatten(), torch.zeros(N * CLASSES, dtype=torch.long), kind.flatten())
    assert_close(score.view(N, CLASSES), convolution(data.x, data.edge_index))


def test_unit_classes_read_scores_off_the_state():
    data = graph()
    made = NodeClassifier(GNN(GCN(FEATURES, CLASSES, num_layers=2), CLASSES), Inner(), CLASSES, unit=True)
    task = NodeClassification(made, All(CLASSES), InfoNCE(), data)
    logit = made.encoder.module(data.x, data.edge_index)[data.train_mask]
    assert_close(task(labelled(data.y, data.train_mask)), F.cross_entropy(logit, data.y[data.train_mask]))
    assert {id(weight) for weight in task.trained()} == {id(weight) for weight in made.encoder.parameters()}
    with pytest.raises(UserError, match="16 coordinates for 4 classes"):
        NodeClassifier(GNN(GCN(FEATURES, WIDTH, num_layers=2), WIDTH), Inner(), CLASSES, unit=True)


@pytest.mark.skipif(not os.environ.get("GNNNEG_MIRROR"), reason="GNNNEG_MIRROR is not set")
def test_r_gcn_on_aifb_is_pyg_s(tmp_path):
    """The real graph, both layers and the loss, with PyG's convolutions on the same weights."""
    data = Entities("AIFB", root=tmp_path)[0]
    torch.manual_seed(0)
    encoder = RGCN(data.num_nodes, 45, 16, num_bases=5, per_relation=True, one_hot=True, out_channels=4)
    task = NodeClassification(NodeClassifier(encoder, Inner(), 4, unit=True), All(4), InfoNCE(), data)
    first, second = RGCNConv(data.num_nodes, 16, 90, num_bases=5), RGCNConv(16, 4, 90, num_bases=5)
    for theirs, ours in zip((first, second), encoder.layers):
        theirs.load_state_dict(ours.state_dict())
    with torch.no_grad():
        logit = second(first(None, data.edge_index, data.edge_type).relu(), data.edge_index, data.edge_type)
        wanted = F.cross_entropy(logit[data.train_mask], data.y[data.train_mask])
        assert_close(task(labelled(data.y, data.train_mask)), wanted, rtol=1e-5, atol=1e-5)
        assert_close(encoder(data).table, logit, rtol=1e-4, atol=1e-5)


def test_shared_masks_are_dropout_of_states():
    data, made = graph(), model()
    batch = labelled(data.y, data.train_mask)
    emu = EMU(0.5, soft_label=0.2, mean=False)
    task = NodeClassification(made, All(CLASSES), InfoNCE(), data, generators=[emu], scale=0.0)
    found = task(batch, torch.Generator().manual_seed(0))
    keep = emu.masks((20, WIDTH), torch.device("cpu"), torch.Generator().manual_seed(0))
    logit = (made.encoder.module(data.x, data.edge_index)[:20] * keep) @ made.weight.T
    target = torch.full((20, CLASSES), 0.2).scatter(1, data.y[:20, None], 1.0)
    assert_close(found, -(target * logit.log_softmax(1)).sum(1).mean())


def test_noise_grows_with_the_distance_of_classes():
    """rho (1 - rho) sum x^2 (z_y - z_c)^2, the variance that dropout of states does not have class by class."""
    data, made = graph(), model()
    batch = labelled(data.y, data.train_mask)
    query, target = Query(batch.head_index, batch.rel_type), batch.tail_index
    scorer = made.scorer(made.encode(data), query)
    state, own = scorer.vector, made.weight[target]
    variance = 0.21 * (state[:, None] * (own[:, None] - made.weight)).square().sum(2)
    negatives, draw, noise = All(CLASSES)(query, target, scorer), torch.Generator().manual_seed(0), MatchedEMU(0.3)
    scores = [noise(Drawn(scorer, query, target, negatives, draw)).score for _ in range(800)]
    assert_close(torch.stack(scores).var(0), variance.clamp(min=1e-6), rtol=0.3, atol=1e-6)


@pytest.mark.parametrize("nodes", [range(20), range(3)], ids=["more nodes than classes", "fewer"])
def test_adversaries_read_the_states_of_nodes(nodes):
    """A node's number is no class's: the anchor of a query is the state that is compared with classes."""
    data, made, torch_nodes = graph(), model(), torch.tensor(list(nodes))
    batch = labelled(data.y, torch.isin(torch.arange(N), torch_nodes))
    facts = KnownAnswers(batch, N, 1)
    scorer = made.scorer(made.encode(data), Query(batch.head_index, batch.rel_type))
    assert_close(scorer.anchors(Query(batch.head_index, batch.rel_type)), scorer.vector)
    for adversary in (GNDN(1, WIDTH, 2), DANS(facts, WIDTH, entity=2, relation=0)):
        seen, network = [], adversary.network if isinstance(adversary, GNDN) else adversary.pathways["entity"]
        network.register_forward_pre_hook(lambda _, given, seen=seen: seen.append(given[0].detach()))
        task = NodeClassification(made, All(CLASSES), InfoNCE(), data, generators=[adversary])
        task(batch, torch.Generator().manual_seed(0)).backward()
        state = made.encoder.module(data.x, data.edge_index)[batch.head_index].detach()
        found = seen[0][:, 0, :WIDTH] if isinstance(adversary, GNDN) else seen[0]
        unit = 1.0 if isinstance(adversary, GNDN) else state.square().mean().sqrt()
        assert_close(found, state / unit)


@pytest.mark.parametrize("options", [{}, {"relation": 0, "adversary": Adversary(conditional=True)}])
def test_who_asks_for_a_relation_of_nodes_and_classes_is_told_what_to_set(options):
    batch = labelled(graph().y, graph().train_mask)
    dans = DANS(KnownAnswers(batch, N, 1), WIDTH, **options)
    task = NodeClassification(model(), All(CLASSES), InfoNCE(), graph(), generators=[dans])
    with pytest.raises(UserError, match=r"no vector of the entities' space.*give DANS relation=0 .*conditional=False"):
        task(batch)


def test_its_graph_follows_the_batch():
    """The task keeps its graph where it was made; a batch elsewhere reads it there, and the loss is the same."""
    torch.manual_seed(0)
    batch, made = labelled(graph().y, graph().train_mask), model()
    task = NodeClassification(made, All(CLASSES), InfoNCE(), graph())
    with torch.no_grad():
        here = task(batch)
    with somewhere() as place:
        there = task.to(place.device)(Triplets(*(column.to(place.device) for column in batch)))
        assert there.device.type == "cuda"
        assert_close(there.detach().cpu(), here.detach())


def test_accuracy_by_hand():
    data, made = graph(), model()
    logit = made.encoder.module(data.x, data.edge_index) @ made.weight.T
    right = (logit.argmax(1) == data.y).double()
    everyone = labelled(data.y, torch.ones(N, dtype=torch.bool))
    assert accuracy(made, data, everyone, CLASSES) == pytest.approx(right.mean().item())
    assert made.training
    made.weight.data.zero_()  # all the same: nobody is right
    assert accuracy(made, data, everyone, CLASSES) == 0


def test_bad_input():
    data, made = graph(), model()
    with pytest.raises(UserError, match="no node to judge"):
        accuracy(made, data, labelled(data.y, torch.zeros(N, dtype=torch.bool)), CLASSES)
    with pytest.raises(UserError, match="node features"):
        made.encode(None)
    made.weight.data[0, 0] = torch.nan
    with pytest.raises(UserError, match="NaN"):
        accuracy(made, data, labelled(data.y, data.train_mask), CLASSES)
