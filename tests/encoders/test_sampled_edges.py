"""A part of the graph in each step: which, how often, what it costs, and that nobody is judged on it."""

import pytest
import torch
from encoders.watched import D, E, N, R, Watched, distinct, listed, world
from torch.testing import assert_close
from torch_geometric.data import Data

from gnnneg.corruption import Both
from gnnneg.decoders import DistMult
from gnnneg.encoders import GNN, RGCN, Lookup, SampledEdges
from gnnneg.errors import UserError
from gnnneg.kernels import aggregate
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.records import Triplets
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction


@pytest.fixture
def graph() -> Data:
    return world()


def test_each_statement_as_often_as_any_other(graph):
    """Thirty of eighty, none twice, each with its inverse; over 800 steps a chi-square of what each was drawn."""
    torch.manual_seed(0)
    sampled, steps = SampledEdges(Watched(signed=True), 30), 800
    number = {one: i for i, one in enumerate(listed(graph.edge_index, graph.edge_type))}
    denied = {one: i for i, one in enumerate(listed(graph.denied_edge_index, graph.denied_edge_type))}
    count = torch.zeros(E)
    for _ in range(steps):
        sampled(graph)
        (seen,) = sampled.encoder.seen
        found = [number[one] for one in listed(seen.edge_index, seen.edge_type)]
        assert len(set(found)) == 60
        assert found[30:] == [i + E for i in found[:30]]
        also = [denied[one] for one in listed(seen.denied_edge_index, seen.denied_edge_type)]
        assert len(set(also)) == 30  # 15 of 40
        assert also[15:] == [i + E // 2 for i in also[:15]]
        count[found[:30]] += 1
        sampled.encoder.seen.clear()
    share = 30 / E
    # drawn without replacement, counts sum to a constant: E - 1 degrees of freedom once scaled by 1 - share
    statistic = (count - steps * share).square().sum() / (steps * share * (1 - share)) * (E - 1) / E
    assert 45 < statistic < 125  # 0.1% and 99.9% of chi-square with 79 degrees of freedom: 44.3 and 123.6


def test_fewer_edges_cost_less_and_all_of_them_are_the_whole_graph(graph, monkeypatch):
    """Edges visited by the sums, both ways; whoever is judged sees all."""
    torch.manual_seed(0)
    encoder, visited = RGCN(N, R, D, num_bases=2, num_layers=1), []
    whole = encoder(graph).table
    sums = aggregate._sums
    monkeypatch.setattr(aggregate, "_sums", lambda *given: visited.append(len(given[2])) or sums(*given))
    for num_edges in (1, 10, 40, E, 2 * E):
        sampled = SampledEdges(encoder, num_edges)
        part = sampled(graph).table
        part.sum().backward()
        assert visited == [2 * min(num_edges, E)] * 2
        visited.clear()
        difference = (part - whole).abs().max()
        assert difference < 1e-6 if num_edges >= E else difference > 1e-3
    assert_close(SampledEdges(encoder, 1).eval()(graph).table, whole)
    assert visited == [2 * E]


def test_what_is_hidden_stays_hidden(graph):
    batch = Triplets(*(column[:20] for column in distinct(0, E)))
    model = KGEModel(SampledEdges(Watched(), 70), DistMult(R, D))
    task = LinkPrediction(model, Both(R), Uniform(N, 5), InfoNCE(), graph=graph)
    task(batch).backward()
    (seen,) = model.encoder.encoder.seen
    left = set(listed(seen.edge_index, seen.edge_type))
    assert len(left) == 2 * (E - 20)
    assert not left & set(listed(torch.stack([batch.head_index, batch.tail_index]), batch.rel_type))
    assert seen.num_nodes == N
    assert "kept" not in seen


def test_other_attributes_go_along(graph):
    graph.edge_weight, graph.x = graph.edge_type.double(), torch.randn(N, D)
    sampled = SampledEdges(Watched(), 30)
    sampled(graph)
    (seen,) = sampled.encoder.seen
    assert torch.equal(seen.edge_weight, seen.edge_type.double())
    assert torch.equal(seen.x, graph.x)


def test_bad_input(graph):
    with pytest.raises(UserError, match="Lookup passes no messages"):
        SampledEdges(Lookup(N, D), 30)
    with pytest.raises(UserError, match=r"SampledEdges\(num_edges=0\)"):
        SampledEdges(Watched(), 0)
    for edge_index in (
        graph.edge_index[:, 1:],
        graph.edge_index[:, torch.cat([torch.arange(E).roll(1), torch.arange(E, 2 * E)])],
    ):
        with pytest.raises(UserError, match="inverse edges lie behind"):
            SampledEdges(GNN(torch.nn.Identity(), D), 30)(Data(edge_index=edge_index, num_nodes=N))
    with pytest.raises(UserError, match="needs a graph"):
        SampledEdges(RGCN(N, R, D), 30)(None)
