"""CompGCN against an implementation that goes edge by edge, and its compositions against their formulas."""

import pytest
import torch
from encoders.watched import D, E, N, R, distinct, world
from torch import nn
from torch.testing import assert_close
from torch_geometric.data import Data

from gnnneg.corruption import Both
from gnnneg.decoders import DistMult
from gnnneg.encoders import CompGCN, Correlation, Multiplication, SampledEdges, SampledNeighbors, Subtraction
from gnnneg.encoders.messages import arrange
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoder
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.records import Triplets
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction, hide


def correlated(x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """Coordinate k sums what lies k apart."""
    return torch.stack([sum(x[i] * z[(i + k) % len(x)] for i in range(len(x))) for k in range(len(x))])


compositions = pytest.mark.parametrize(
    ("composition", "formula"),
    [(Subtraction, lambda x, z: x - z), (Multiplication, lambda x, z: x * z), (Correlation, correlated)],
    ids=["sub", "mult", "corr"],
)


@compositions
@pytest.mark.parametrize("width", [5, 8])
def test_composition(composition, formula, width):
    x, z = torch.randn(2, 7, width, dtype=torch.double)
    assert_close(composition()(x, z), torch.stack([formula(*both) for both in zip(x, z)]))


def test_correlation_by_hand():
    """(1, 2, 3) and (4, 5, 6): 32 in place, 1 * 5 + 2 * 6 + 3 * 4 one apart, 1 * 6 + 2 * 4 + 3 * 5 two apart."""
    assert_close(
        Correlation()(torch.tensor([[1.0, 2, 3]]), torch.tensor([[4.0, 5, 6]])), torch.tensor([[32.0, 29, 29]])
    )


def plainly(encoder: CompGCN, graph: Data, formula) -> torch.Tensor:
    """Edge by edge, one direction after the other."""
    x, z = encoder.weight, encoder.relation
    for depth, layer in enumerate(encoder.layers):
        total = [formula(x[i], layer.loop[0]) @ layer.root for i in range(N)]
        for direction, matrix in enumerate(layer.weight):
            edges = [
                (s, t, r)
                for s, t, r in zip(*graph.edge_index.tolist(), graph.edge_type.tolist())
                if r // R == direction
            ]
            arriving = [sum(t == node for _, t, _ in edges) for node in range(N)]
            leaving = [sum(s == node for s, _, _ in edges) for node in range(N)]
            for s, t, r in edges:
                total[t] = total[t] + formula(x[s], z[r]) @ matrix / (arriving[t] * leaving[s]) ** 0.5
        out = torch.stack(total) / 3 + layer.bias
        mean, variance = out.mean(0), out.var(0, correction=0)
        x = torch.tanh((out - mean) / (variance + layer.norm.eps).sqrt() * layer.norm.weight + layer.norm.bias)
        z = z @ layer.relation if depth < len(encoder.layers) - 1 else None
    return x


@compositions
@pytest.mark.parametrize("hidden", [False, True])
def test_edge_by_edge(composition, formula, hidden):
    """Two layers of different widths, with every gradient; and without a batch's own edges as without having them."""
    torch.manual_seed(0)
    graph = hide(world(), Triplets(*(column[:20] for column in distinct(0, E))), R) if hidden else world()
    encoder = CompGCN(N, R, 4, 2, composition(), dropout=0.0, in_channels=D)
    for layer in encoder.layers:
        for scale in (layer.bias, layer.norm.weight, layer.norm.bias):
            nn.init.normal_(scale)
    found, wanted = encoder(graph).table, plainly(encoder, graph, formula)
    assert found.shape == (N, 4)
    assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    outward = torch.randn(N, 4)
    for one, other in zip(*(torch.autograd.grad(out, encoder.parameters(), outward) for out in (found, wanted))):
        assert_close(one, other, rtol=1e-3, atol=1e-3)
        assert one.abs().max() > 0 or one.shape == (4,)  # what comes before batch normalisation has no bias


def test_weights_are_those_of_the_adjacency_matrix_of_a_direction():
    """D^-1/2 A D'^-1/2, by dense matrices; edges may be there twice, and some may be hidden."""
    torch.manual_seed(0)
    edge_index, edge_type = torch.randint(7, (2, 60)), torch.randint(4, (60,))
    kept = torch.rand(60) < 0.8
    sent = arrange(edge_index, edge_type, 7, 4, parts=2)
    found = sent.summed(torch.eye(7)[sent.source], sent.symmetric(kept)).view(7, 2, 7)
    for direction in range(2):
        source, target = edge_index[:, kept & (edge_type // 2 == direction)]
        matrix = torch.zeros(7, 7).index_put((target, source), torch.ones(len(source)), accumulate=True)
        into, away = (matrix.sum(axis).clamp(min=1).rsqrt() for axis in (1, 0))
        assert_close(found[:, direction], into[:, None] * matrix * away)


def test_dropout_is_of_what_arrives():
    """All of it dropped, a node hears itself alone; nothing when judged."""
    torch.manual_seed(0)
    graph, encoder = world(), CompGCN(N, R, D, dropout=1.0, composition=Multiplication())
    (layer,) = encoder.layers
    alone = layer.norm((encoder.weight * layer.loop) @ layer.root / 3 + layer.bias).tanh()
    assert_close(encoder(graph).table, alone)
    encoder.eval()
    judged = encoder(graph).table
    assert torch.equal(encoder(graph).table, judged)
    layer.dropout = 0.0
    assert torch.equal(encoder(graph).table, judged)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda encoder: encoder,
        lambda encoder: SampledEdges(encoder, 60),
        lambda encoder: SampledNeighbors(encoder, [5, 5]),
    ],
    ids=["whole", "edges", "neighbors"],
)
def test_it_learns(wrap):
    """Under a decoder, with its batch's edges hidden: a few epochs halve the loss."""
    torch.manual_seed(0)
    encoder: Encoder = wrap(CompGCN(N, R, 32, 2))
    model, every = KGEModel(encoder, DistMult(R, 32, reciprocal=True)), distinct(0, E)
    task = LinkPrediction(model, Both(R), Uniform(N, 16), InfoNCE(), graph=world())
    optimizer, loss = torch.optim.Adam(task.trained(), lr=0.02), []
    for step in range(60):
        optimizer.zero_grad()
        value = task(Triplets(*(column[step % 4 :: 4] for column in every)))
        value.backward()
        optimizer.step()
        loss.append(value.item())
    assert sum(loss[-4:]) < 0.5 * sum(loss[:4])


def test_bad_input():
    with pytest.raises(UserError, match="at least one layer"):
        CompGCN(N, R, D, 0)
    with pytest.raises(UserError, match="CompGCN needs a graph"):
        CompGCN(N, R, D)(None)
    with pytest.raises(UserError, match="CompGCN was made for 24 nodes, but the graph has 23"):
        CompGCN(N + 1, R, D)(world())
