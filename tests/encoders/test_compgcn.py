"""CompGCN against an implementation that goes edge by edge, and its compositions against their formulas."""

import copy

import pytest
import torch
from encoders.watched import D, E, N, R, distinct, world
from torch import nn
from torch.testing import assert_close
from torch_geometric.data import Data

from gnnneg.corruption import Both
from gnnneg.decoders import ComplEx, DistMult, RotatE, TransE
from gnnneg.encoders import CompGCN, Correlation, Multiplication, SampledEdges, SampledNeighbors, Subtraction
from gnnneg.encoders.compgcn import CompGCNLayer
from gnnneg.encoders.messages import arrange
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoder
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.penalties.relation_prediction import relations
from gnnneg.records import Query, Triplets
from gnnneg.samplers import Uniform
from gnnneg.samplers.alignment import alignment
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


def plainly(encoder: CompGCN, graph: Data, formula) -> tuple[torch.Tensor, torch.Tensor]:
    """Edge by edge, one direction after the other: of nodes and of relations."""
    x, z = encoder.weight, encoder.relation
    for layer in encoder.layers:
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
        z = z @ layer.relation
    return x, z


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
    found, wanted = (encoder(graph).table, encoder.relation_states()), plainly(encoder, graph, formula)
    assert found[0].shape == (N, 4)
    for one, other in zip(found, wanted):
        assert_close(one, other, rtol=1e-4, atol=1e-4)
    outward, weights = (torch.randn(N, 4), torch.randn(2 * R, 4)), list(encoder.parameters())
    for one, other in zip(*(torch.autograd.grad(out, weights, outward) for out in (found, wanted))):
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


wraps = pytest.mark.parametrize(
    "wrap",
    [
        lambda encoder: encoder,
        lambda encoder: SampledEdges(encoder, 60),
        lambda encoder: SampledNeighbors(encoder, [5, 5]),
    ],
    ids=["whole", "edges", "neighbors"],
)


@wraps
def test_decoders_read_the_relation_states(wrap):
    """DistMult's score from node and relation states; with the option off from its own table, whose gradient it is."""
    torch.manual_seed(0)
    graph, query, target = world(), Query(torch.tensor([3, 8]), torch.tensor([1, R + 2])), torch.tensor([5, 0])
    scores = []
    for told in (True, False):
        encoder = wrap(CompGCN(N, R, D, 2, dropout=0.0, relation_states=told))
        model = KGEModel(encoder, DistMult(R, D, reciprocal=True)).eval()
        encoding, own = model.encode(graph), model.decoder.relation.weight.detach()
        scorer, states = model.scorer(encoding, query), encoder.relation_states()
        read = states[query.rel_type] if told else own[query.rel_type]
        wanted = (encoding[query.anchor] * read * encoding[target]).sum(1)
        for asking in (scorer, scorer.asking(query)):
            scores.append(asking(target[:, None])[:, 0])
            assert_close(scores[-1], wanted)
        # all relations at once, what penalties read, and what influence is made of: the same vectors
        node, other = encoding[query.anchor], encoding[target]
        assert_close(relations(scorer.decoder, node, other)[torch.arange(2), query.rel_type], wanted)
        assert_close(scorer.factors(target)[1], read.abs())
        pull = alignment(scorer.decoder, encoding, query, target, target[:, None])
        assert_close(pull[:, 0], (other**2 * (read**2 + node**2)).sum(1))
        scores[-1].sum().backward()
        assert all(one.grad.abs().max() > 0 for one in model.parameters())  # no table that nobody reads
        assert told == ("decoder.relation.weight" not in model.state_dict())
        first = next(one for one in encoder.modules() if isinstance(one, CompGCN)).relation
        assert first.grad.abs().max() > 0
        assert (states is not None) == told


def test_other_decoders_read_them_too():
    """ComplEx's halves, TransE's moves; a decoder of another width or with tied inverses is told what it needs."""
    torch.manual_seed(0)
    graph, query, target = world(), Query(torch.tensor([3, 8]), torch.tensor([1, R + 2])), torch.tensor([[5], [0]])
    encoder = CompGCN(N, R, D).eval()
    for decoder in (ComplEx(R, D, reciprocal=True), TransE(R, D, reciprocal=True)):
        model, same = KGEModel(encoder, decoder), copy.deepcopy(decoder)
        found = model.scorer(model.encode(graph), query)(target)
        nn.init.zeros_(model.decoder.relation.weight)  # which nobody reads
        assert torch.equal(model.scorer(model.encode(graph), query)(target), found)
        same.relation.weight.data = encoder.relation_states().detach()
        apart = KGEModel(CompGCN(N, R, D, relation_states=False), same)
        apart.encoder.load_state_dict(encoder.state_dict(), strict=False)
        other = apart.eval().scorer(apart.encode(graph), query)
        assert_close(other(target), found)
        one, pool = model.scorer(model.encode(graph), query), torch.arange(N)[None]
        pulls = [alignment(it.decoder, it.encoding, query, target[:, 0], pool) for it in (one, other)]
        assert_close(*pulls)
    for decoder in (DistMult(R, D), RotatE(R, D, reciprocal=True)):
        with pytest.raises(UserError, match=r"reciprocal: true .* or the encoder relation_states: false"):
            KGEModel(encoder, decoder)


@wraps
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
    with pytest.raises(UserError, match=r"CompGCN\(num_layers=0\)"):
        CompGCN(N, R, D, 0)
    with pytest.raises(UserError, match="CompGCN needs a graph"):
        CompGCN(N, R, D)(None)
    with pytest.raises(UserError, match="CompGCN was made for 24 nodes, but the graph has 23"):
        CompGCN(N + 1, R, D)(world())


@pytest.mark.parametrize("composition", [Correlation(), Multiplication(), Subtraction()])
def test_without_any_edge_and_weight_the_bias_is_left(composition):
    """What nobody hears and nobody is, is the bias, of either sign: its tanh, where nothing is normalised."""
    layer = CompGCNLayer(D, D, composition)
    layer.norm = nn.Identity()
    nn.init.zeros_(layer.root)
    sent = arrange(torch.zeros(2, 0, dtype=torch.long), torch.zeros(0, dtype=torch.long), N, 2 * R, 2)
    bias = torch.linspace(-1, 1, D)
    layer.bias.data.copy_(bias)
    out, _ = layer(torch.randn(N, D), torch.randn(2 * R, D), sent, torch.zeros(0))
    assert_close(out, bias.tanh().expand(N, -1))
