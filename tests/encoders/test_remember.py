"""What is made of a graph's edges is made anew when they change, and goes when they go."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from encoders.watched import D, N, R, distinct, world
from torch.testing import assert_close
from torch_geometric.data import Data

from gnnneg.encoders import RGCN, SampledNeighbors
from gnnneg.models import NBFNet
from gnnneg.records import Query
from gnnneg.remember import once
from gnnneg.subgraph import MessageGraph
from gnnneg.tasks import hide


def hidden(graph: Data) -> torch.Tensor:
    """Which edges of the graph answer the first query of another batch."""
    return torch.cat([hide(graph, distinct(1, 9), R, pairs).kept for pairs in (None, distinct(0, 40)[::2])]).double()


def propagated() -> Callable:
    model = NBFNet(R, D, 2)
    query = Query(torch.arange(N), torch.arange(N) % R)
    return lambda graph: model.scorer(model.encode(graph), query)(torch.arange(N)[None])


def encoded(make: Callable, signed: bool = False) -> Callable:
    encoder = make(RGCN(N, R, D, signed=signed))
    return lambda graph: encoder(graph)[torch.arange(N)]


ASKED = {
    "hide": lambda: hidden,
    "NBFNet": propagated,
    "R-GCN": lambda: encoded(lambda encoder: encoder),
    "signed": lambda: encoded(lambda encoder: encoder, True),
    "neighbours": lambda: encoded(lambda encoder: SampledNeighbors(encoder, [-1, -1])),
    "signed neighbours": lambda: encoded(lambda encoder: SampledNeighbors(encoder, [-1, -1]), True),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_a_graph_that_changes_in_place_is_another(asked):
    """Each answer is that of a graph which nobody has asked before."""
    torch.manual_seed(0)
    ask, graph = asked(), world()
    before = ask(graph)
    for change in (
        lambda: graph.edge_index.copy_(graph.edge_index.flip(0).roll(3, 1)),
        lambda: graph.edge_type.copy_(graph.edge_type.roll(5)),
        lambda: graph.denied_edge_index.copy_(graph.denied_edge_index.roll(7, 1)),
    ):
        change()
        assert_close(ask(graph), ask(graph.clone()))
    assert not torch.equal(ask(graph), before)


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_what_is_made_of_a_graph_goes_with_it(asked):
    ask, graph = asked(), world()
    ask(graph)
    gone = weakref.ref(graph.edge_index)
    del graph
    gc.collect()
    assert gone() is None


def test_a_graph_is_sorted_once():
    """Whoever asks: the same tensors, size and key give the same thing, and no others do."""
    graph, made = MessageGraph.of(world(), "this test"), []

    def ask(asked: MessageGraph, key: str = "a") -> int:
        return once(asked, key, lambda: made.append(key) or len(made))

    assert [ask(graph) for _ in range(3)] == [1, 1, 1]
    assert ask(replace(graph, kept=None)) == 1  # what is hidden does not matter
    assert ask(graph, "b") == 2
    assert ask(replace(graph, edge_index=graph.edge_index.clone())) == 3
    assert ask(replace(graph, edge_type=graph.edge_type.clone())) == 4
    assert ask(graph) == 5  # the last one is remembered
    assert ask(replace(graph, num_nodes=N + 1)) == 6
    graph.edge_type.add_(0)
    assert [ask(graph), ask(graph)] == [7, 7]
    graph.edge_index[0, 1] = 7
    assert ask(graph) == 8
    assert ask(graph, "b") == 9
    with torch.inference_mode():
        assert ask(MessageGraph(torch.zeros(2, 3, dtype=torch.long), 1)) == 10
