"""Sampled neighbourhoods: all neighbours are the whole graph, each as likely as any other, at a cost that does not grow
with the graph."""

import json
from pathlib import Path

import pytest
import torch
from encoders.watched import D, E, N, R, Watched, distinct, listed, world
from torch.testing import assert_close
from torch_geometric import typing
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader
from torch_geometric.nn import GCN
from torch_geometric.sampler import BaseSampler, SamplerOutput

from gnnneg.cli import main
from gnnneg.corruption import Both
from gnnneg.decoders import DistMult
from gnnneg.encoders import GNN, RGCN, CompGCN, Lookup, SampledEdges, SampledNeighbors
from gnnneg.encoders.in_edges import InEdges
from gnnneg.errors import UserError
from gnnneg.kernels import aggregate
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.records import Query, Triplets
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction


@pytest.fixture
def graph() -> Data:
    return world()


@pytest.mark.parametrize(
    "form",
    [
        {"num_bases": 3},
        {"num_blocks": 2, "per_relation": True},
        {"one_hot": True, "num_bases": 2, "tied_root": True},
        {"one_hot": True},
        {"signed": True},
        {"num_layers": 1},
        {"num_layers": 3},
    ],
    ids=str,
)
def test_all_neighbors_are_the_whole_graph(form, graph):
    """Vectors, a step's loss with its statements hidden, and every gradient of it."""
    torch.manual_seed(0)
    encoder = RGCN(N, R, D, **form)
    sampled = SampledNeighbors(encoder, [-1] * form.get("num_layers", 2))
    index = torch.tensor([[3, 3, 8], [0, 22, 1]])
    assert_close(sampled(graph)[index], encoder(graph)[index])
    batch, found = Triplets(*(column[:20] for column in distinct(0, E))), []
    decoder = DistMult(R, D)
    for one in (encoder, sampled):
        task = LinkPrediction(KGEModel(one, decoder), Both(R), Uniform(N, 5), InfoNCE(), graph=graph)
        loss = task(batch, torch.Generator().manual_seed(0))
        found.append([loss, *torch.autograd.grad(loss, list(encoder.parameters()))])
    assert task.model.reads_denied == ("signed" in form)
    for one, other in zip(*found):
        assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_graph_network_sees_the_features_of_its_part(graph):
    class Mean(torch.nn.Module):
        def forward(self, x, edge_index):
            source, target = edge_index
            count = torch.bincount(target, minlength=len(x)).clamp(min=1)
            return torch.zeros_like(x).index_add(0, target, x[source]) / count[:, None]

    graph.x = torch.randn(N, D)
    encoder = GNN(Mean(), D)
    sampled, everyone = SampledNeighbors(encoder, [-1]), torch.arange(N)
    assert_close(sampled(graph)[everyone], encoder(graph)[everyone])
    with pytest.raises(UserError, match="features"):
        sampled(Data(edge_index=graph.edge_index, num_nodes=N))[everyone]


def test_a_sampled_mean_is_right_on_average(graph):
    """Of one layer, which is a mean over neighbours; and with fewer of them it varies more."""
    torch.manual_seed(0)
    encoder = RGCN(N, R, D, num_layers=1)
    wanted, spread, steps = encoder(graph).table.detach(), [], 200
    for size in (1, 4):
        sampled = SampledNeighbors(encoder, [size])
        with torch.no_grad():
            drawn = torch.stack([sampled(graph)[torch.arange(N)] for _ in range(steps)])
        error = drawn.std(0).max() / steps**0.5
        assert (drawn.mean(0) - wanted).abs().max() < 5 * error
        spread.append(drawn.std(0).mean())
    assert spread[0] > 2 * spread[1] > 0.02


def chi_square(count: torch.Tensor, steps: int, size: int) -> float:
    """Of how often each of ``len(count)`` was drawn, ``size`` of them without replacement in each step."""
    share = size / len(count)
    each = (count - steps * share).square().sum() / (steps * share * (1 - share))
    return float(each * (len(count) - 1) / len(count))


def test_deeper_layers_see_less_and_the_same_nodes_are_asked_for_once(graph, monkeypatch):
    """The second of two layers visits the edges into the nodes asked for alone; a question is not drawn twice, but with
    and without gradients."""
    torch.manual_seed(0)
    encoder, visited, sums = RGCN(N, R, D), [], aggregate._sums
    monkeypatch.setattr(aggregate, "_sums", lambda *given: visited.append(len(given[2])) or sums(*given))
    encoding, asked = SampledNeighbors(encoder, [3, 2])(graph), torch.tensor([1, 5, 5, 9])
    part = encoding.around(torch.tensor([1, 5, 9]))
    assert part.n_id[:3].tolist() == [1, 5, 9]
    first, second, third = part.num_sampled_nodes
    assert (first, first + second + third) == (3, part.num_nodes)
    target = part.edge_index[1]
    few = sum(min(3, int((graph.edge_index[1] == node).sum())) for node in (1, 5, 9))
    assert (target < 3).sum() == few  # three edges into each, where there are three
    assert (target < 3 + second).all()

    vector = encoding[asked]
    assert visited[1] == few < visited[0]
    visited.clear()
    assert torch.equal(encoding[asked.flip(0)], vector.flip(0))
    assert not visited
    with torch.no_grad():
        alone = encoding[asked]
    assert not alone.requires_grad
    assert len(visited) == 2
    assert torch.equal(encoding[torch.tensor([1, 5])], vector[:2])  # some of them: not drawn again
    assert len(visited) == 2
    assert not torch.equal(encoding[torch.tensor([1, 5, 6])][:2], vector[:2])  # with another: drawn anew
    assert len(visited) == 4


@pytest.mark.parametrize("hidden", [0.0, 0.3, 0.9], ids=["none", "some", "nearly all"])
def test_each_edge_as_likely_as_any_other(hidden):
    """Of a node with few edges, of one with many, of one that has lost most of them: 5 that are there."""
    torch.manual_seed(0)
    target = torch.repeat_interleave(torch.arange(5), torch.tensor([15, 40, 3, 0, 60]))[torch.randperm(118)]
    edges = InEdges.of(torch.stack([torch.randint(5, (118,)), target]), 5)
    kept = None if hidden == 0 else torch.rand(118) >= hidden
    there = torch.ones(118, dtype=torch.bool) if kept is None else kept
    count, steps, node = torch.zeros(118), 1000, torch.tensor([4, 0, 3, 1, 2])
    visible = torch.bincount(target[there], minlength=5)
    for _ in range(steps):
        edge = edges.drawn(node, 5, kept)
        assert len(edge.unique()) == len(edge)
        assert torch.equal(torch.bincount(target[edge], minlength=5), visible.clamp(max=5))
        count[edge] += 1
    assert not count[~there].any()
    for one in range(5):
        own, degrees = count[there & (target == one)], int(visible[one]) - 1
        if visible[one] <= 5:
            assert (own == steps).all()
        else:  # within four standard deviations of what chi-square is on average
            assert abs(chi_square(own, steps, 5) - degrees) < 4 * (2 * degrees) ** 0.5
    every = edges.drawn(node, -1, kept)
    assert sorted(every.tolist()) == there.nonzero()[:, 0].tolist()


@pytest.mark.parametrize("num_nodes", [1_000, 100_000])
def test_nodes_visited_do_not_grow_with_the_graph(num_nodes):
    """Ten nodes, four neighbours each and three of theirs, of twenty and of a hub's thousand edges."""
    torch.manual_seed(0)
    target = torch.cat([torch.arange(num_nodes).repeat(20), torch.zeros(1000, dtype=torch.long)])
    edge_index = torch.stack([torch.randint(num_nodes, (len(target),)), target])
    graph = Data(edge_index=edge_index, edge_type=torch.zeros_like(target), num_nodes=num_nodes)
    encoder = Watched()
    SampledNeighbors(encoder, [4, 3])(graph).rows(torch.arange(10).repeat(7))
    (seen,) = encoder.seen
    assert 100 < seen.num_nodes <= 10 * (1 + 4 + 4 * 3)
    assert seen.num_edges == 10 * 4 + 3 * (len(torch.unique(_after(seen, 10))))
    assert len(seen.n_id) == len(seen.n_id.unique())
    # what it shows are edges of the graph
    there, shown = (one[0] * num_nodes + one[1] for one in (edge_index, seen.n_id[seen.edge_index]))
    assert torch.isin(shown, there).all()


def _after(part: Data, first: int) -> torch.Tensor:
    """Nodes of a neighbourhood, beside the first ones of the graph, that have edges of their own in it."""
    target = part.n_id[part.edge_index[1]]
    return target[target >= first]


def test_what_is_hidden_stays_hidden_and_the_judge_sees_all(graph):
    batch = Triplets(*(column[:20] for column in distinct(0, E)))
    model = KGEModel(SampledNeighbors(Watched(signed=True), [-1, -1, -1]), DistMult(R, D))
    task = LinkPrediction(model, Both(R), Uniform(N, 5), InfoNCE(), graph=graph)
    task(batch).backward()
    gone = set(listed(torch.stack([batch.head_index, batch.tail_index]), batch.rel_type))
    queries = {(h, r) for h, _, r in gone} | {(t, r + R) for _, t, r in gone}
    seen = model.encoder.encoder.seen
    assert len(seen) > 1
    for part in seen:
        assert part.num_edges > 60
        assert not gone & set(listed(part.n_id[part.edge_index], part.edge_type))
        denied = listed(part.n_id[part.denied_edge_index], part.denied_edge_type)
        assert denied
        assert not queries & {(source, kind) for source, _, kind in denied}
    seen.clear()
    model.eval().encode(graph)
    assert seen[0] is graph


@pytest.mark.parametrize("numbers", [[-1], [-1, -1, -1]])
def test_one_number_for_each_layer(numbers):
    """Of too few, vectors would be other ones without a word."""
    decoded = GNN(GCN(D, D, num_layers=2), D)
    for encoder in (RGCN(N, R, D), CompGCN(N, R, D, num_layers=2), SampledEdges(RGCN(N, R, D), 9), decoded):
        with pytest.raises(UserError, match="num_layers=2: give as many num_neighbors"):
            SampledNeighbors(encoder, numbers)
        SampledNeighbors(encoder, [-1, -1])
    SampledNeighbors(GNN(torch.nn.Identity(), D), numbers)  # nobody knows


def test_composes_with_sampled_edges(graph):
    """Neighbours among a part of the statements: all neighbours among all statements are the whole graph."""
    encoder, everyone = RGCN(N, R, D), torch.arange(N)
    whole = encoder(graph)[everyone]
    assert_close(SampledEdges(SampledNeighbors(encoder, [-1, -1]), E)(graph)[everyone], whole)
    assert (SampledEdges(SampledNeighbors(encoder, [-1, -1]), 9)(graph)[everyone] - whole).abs().max() > 1e-3


@pytest.mark.parametrize("counted", [False, True])
def test_reads_batches_of_pyg_s_loader(graph, counted):
    """A loader of PyG's, over a sampler of two hops with all neighbours: its seeds' vectors are those of the graph,
    whether or not it says how many nodes each hop has."""
    torch.manual_seed(0)
    encoder, (source, target) = RGCN(N, R, D, num_bases=2), graph.edge_index

    class TwoHops(BaseSampler):
        def sample_from_nodes(self, inputs, **kwargs):
            hops, edges = [inputs.node], []
            for _ in range(2):
                edges.append(torch.isin(target, hops[-1]).nonzero()[:, 0])
                others = source[edges[-1]].unique()
                hops.append(others[~torch.isin(others, torch.cat(hops))])
            node, edge = torch.cat(hops), torch.cat(edges)
            row, col = ((node == one[edge, None]).nonzero()[:, 1] for one in (source, target))
            size = [len(hop) for hop in hops] if counted else None
            metadata = inputs.input_id, None
            return SamplerOutput(node, row, col, edge, num_sampled_nodes=size, metadata=metadata)

        def sample_from_edges(self, inputs, **kwargs):
            raise NotImplementedError

        @property
        def edge_permutation(self):
            return None

    data = Data(edge_index=graph.edge_index, edge_type=graph.edge_type, num_nodes=N)
    whole, asked = encoder(graph).table, 0
    for batch in NeighborLoader(data, [-1, -1], neighbor_sampler=TwoHops(), batch_size=2):
        table = encoder(batch).table
        assert_close(table[: batch.batch_size], whole[batch.n_id[: batch.batch_size]])
        assert ("num_sampled_nodes" in batch) == counted
        assert (len(table) < batch.num_nodes) == counted
        asked += batch.batch_size
    assert asked == N


@pytest.mark.skipif(not (typing.WITH_PYG_LIB or typing.WITH_TORCH_SPARSE), reason="PyG has no compiled sampler here")
@pytest.mark.filterwarnings("ignore:Using 'NeighborSampler' without a 'pyg-lib'")
def test_reads_batches_of_pyg_s_own_sampler(graph):
    """All neighbours are the whole graph; three of each are it on average, and a model trains on them."""
    torch.manual_seed(0)
    data = Data(edge_index=graph.edge_index, edge_type=graph.edge_type, num_nodes=N)
    encoder, deep = (RGCN(N, R, D, num_layers=layers, num_bases=2) for layers in (1, 2))
    whole = deep(data).table
    for batch in NeighborLoader(data, [-1, -1], batch_size=5):
        seeds = batch.n_id[: batch.batch_size]
        assert_close(deep(batch).table[: batch.batch_size], whole[seeds])
    drawn, steps = torch.zeros(2, N, D), 200
    with torch.no_grad():
        for _ in range(steps):
            for batch in NeighborLoader(data, [3], batch_size=5):
                vector = encoder(batch).table[: batch.batch_size]
                drawn[:, batch.n_id[: batch.batch_size]] += torch.stack([vector, vector**2])
    mean, square = drawn / steps
    error = ((square - mean**2).clamp(min=0).max() / steps).sqrt()
    assert (mean - encoder(data).table).abs().max() < 5 * error
    optimizer, wanted, loss = torch.optim.Adam(deep.parameters(), lr=0.02), torch.randn(N, D), []
    for _ in range(20):
        loss.append(0.0)
        for batch in NeighborLoader(data, [3, 3], batch_size=5, shuffle=True):
            optimizer.zero_grad()
            away = (deep(batch).table[: batch.batch_size] - wanted[batch.n_id[: batch.batch_size]]).square().mean()
            away.backward()
            optimizer.step()
            loss[-1] += away.item()
    assert loss[-1] < 0.5 * loss[0]


def test_nobody_and_bad_input(graph):
    encoder = RGCN(N, R, D)
    table, place = SampledNeighbors(encoder, [2, 2])(graph).rows(torch.empty(3, 0, dtype=torch.long))
    assert (table.shape, place.shape) == ((0, D), (3, 0))
    with pytest.raises(UserError, match="Lookup passes no messages"):
        SampledNeighbors(Lookup(N, D), [2])
    for sizes in ([], [0], [3, -2]):
        with pytest.raises(UserError, match="positive numbers, or -1"):
            SampledNeighbors(encoder, sizes)
    with pytest.raises(UserError, match="needs a graph"):
        SampledNeighbors(encoder, [2, 2])(None)


def test_from_config_to_ranks(tmp_path):
    """Trained on neighbourhoods, it ranks over the whole graph: nearly as well as what was trained on all of it."""
    configs, found = Path(__file__).parents[2] / "configs" / "synthetic", []
    for name, setting in (("neighbours", []), ("rgcn", ["--task.model.encoder.edge_dropout", "0"])):
        out = tmp_path / name
        settings = [*setting, "--fit.epochs", "15", "--fit.evaluate_every", "15", "--quiet"]
        assert main(["train", str(configs / f"{name}.yaml"), "--out", str(out), *settings]) == 0
        found.append(json.loads((out / "result.json").read_text())["metrics"]["test"]["mrr"])
    assert found[0] > 0.9 * found[1] > 0.3  # chance among 200 entities is 0.03


def ring(size: int = 12) -> Data:
    """Each node sends one edge each way, so that what CompGCN counts is the same in every part."""
    node = torch.arange(size)
    stated = torch.stack([node, (node + 1) % size])
    return Data(
        edge_index=torch.cat([stated, stated.flip(0)], dim=1),
        edge_type=torch.cat([torch.zeros(size), torch.ones(size)]).long(),
        num_nodes=size,
    )


def one_layer(encoder: CompGCN, graph: Data) -> torch.Tensor:
    """What its one layer normalises, node by node."""
    x, z, layer = encoder.weight, encoder.relation, encoder.layers[0]
    total = layer.composition(x, layer.loop.expand_as(x)) @ layer.root
    for source, target, kind in zip(*graph.edge_index.tolist(), graph.edge_type.tolist()):
        total = total.index_add(
            0, torch.tensor([target]), (layer.composition(x[source][None], z[kind][None]) @ layer.weight[kind])
        )
    return total / 3 + layer.bias


def test_one_mean_and_variance_for_anchors_targets_and_negatives():
    """By hand: of the nodes asked for first, their neighbours left out, which have heard nobody."""
    torch.manual_seed(0)
    graph, encoder = ring(), CompGCN(12, 1, D, dropout=0.0)
    with torch.no_grad():
        encoder.weight[::3] += 3.0
    sampled = SampledNeighbors(encoder, [-1]).train()
    first, later = torch.tensor([0, 3, 6, 7]), torch.tensor([[1, 3, 7], [4, 9, 0]])
    encoding, norm = sampled(graph), encoder.layers[0].norm
    anchors, negatives = encoding[first], encoding[later]
    state = one_layer(encoder, graph)
    mean, variance = state[first].mean(0), state[first].var(0, correction=0)
    wanted = ((state - mean) / (variance + norm.eps).sqrt() * norm.weight + norm.bias).tanh()
    assert_close(anchors, wanted[first], rtol=1e-4, atol=1e-5)
    assert_close(negatives, wanted[later], rtol=1e-4, atol=1e-5)
    outward = torch.randn(3, D)
    found = torch.autograd.grad((negatives[0] * outward).sum() + anchors.sum(), encoder.weight)
    by_hand = torch.autograd.grad((wanted[later[0]] * outward).sum() + wanted[first].sum(), encoder.weight)
    assert_close(found, by_hand, rtol=1e-3, atol=1e-5)
    assert int(norm.num_batches_tracked) == 1
    assert_close(norm.running_mean, 0.1 * mean.detach(), rtol=1e-4, atol=1e-6)
    unbiased = state[first].var(0).detach()
    assert_close(norm.running_var, 0.9 + 0.1 * unbiased, rtol=1e-4, atol=1e-6)


def test_a_step_ranks_a_target_among_itself():
    """The same entity as a target and as a negative has one score, so nothing but its vector tells which it is."""
    torch.manual_seed(0)
    model = KGEModel(SampledNeighbors(CompGCN(12, 1, D, dropout=0.0), [-1]), DistMult(1, D, reciprocal=True)).train()
    query = Query(torch.tensor([0, 5, 7]), torch.tensor([0, 1, 0]))
    target, others = torch.tensor([[1], [4], [8]]), torch.arange(12)[None]
    scorer = model.scorer(model.encode(ring()), query)
    assert_close(scorer(target), scorer(others).gather(1, target), rtol=1e-4, atol=1e-5)


def test_a_single_node_is_normalised_by_the_running_statistics():
    torch.manual_seed(0)
    graph, encoder = ring(), CompGCN(12, 1, D, dropout=0.0)
    norm = encoder.layers[0].norm
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    encoding = SampledNeighbors(encoder, [-1]).train()(graph)
    wanted = encoder.eval()(graph).table.detach()
    encoder.train()
    assert_close(encoding[torch.tensor([4])], wanted[[4]], rtol=1e-4, atol=1e-5)
    assert_close(encoding[torch.tensor([7, 2])], wanted[[7, 2]], rtol=1e-4, atol=1e-5)
    assert int(norm.num_batches_tracked) == 0


def test_two_layers_leave_out_of_each_mean_who_has_not_heard_enough():
    """The first layer's are the nodes asked for and their neighbours, the second's the nodes asked for."""
    torch.manual_seed(0)
    graph, encoder = ring(), CompGCN(12, 1, D, num_layers=2, dropout=0.0)
    seen = []
    for layer in encoder.layers:
        layer.norm.register_forward_hook(lambda _, given, made: seen.append((given[0].detach(), given[1])))
    SampledNeighbors(encoder, [-1, -1]).train()(graph)[torch.tensor([5])]
    assert [(len(x), right) for x, right in seen] == [(5, 3), (3, 1)]
    state = one_layer(encoder, graph).detach()
    assert_close(seen[0][0][:3], state[[5, 4, 6]], rtol=1e-4, atol=1e-5)


def test_a_network_that_normalises_over_batches_is_refused():
    network = torch.nn.Sequential(torch.nn.BatchNorm1d(D))
    with pytest.raises(UserError, match="use layer normalisation"):
        SampledNeighbors(GNN(network, D), [3])
    SampledNeighbors(GNN(torch.nn.LayerNorm(D), D), [3])
