"""What is made of a graph's edges is made anew when they change, and goes when they go."""

import gc
import weakref
from collections.abc import Callable

import pytest
import torch
from encoders.watched import D, N, R, distinct, world
from torch.testing import assert_close
from torch_geometric.data import Data

from gnnneg.encoders import RGCN, SampledNeighbors
from gnnneg.models import NBFNet
from gnnneg.records import Query
from gnnneg.remember import once
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
    """Whoever asks: the same tensors and key give the same thing, and no other does."""
    index, kind, made = torch.zeros(2, 3), torch.zeros(3), []

    def ask(*given: object) -> int:
        return once(*given, lambda: made.append(given) or len(made))

    assert [ask(index, (kind,), "a") for _ in range(3)] == [1, 1, 1]
    assert ask(index, (kind,), "b") == 2
    assert ask(index.clone(), (kind,), "a") == 3
    assert ask(index, (kind.clone(),), "a") == 4
    assert ask(index, (kind,), "a") == 5  # the last one is remembered
    kind.add_(1)
    assert ask(index, (kind,), "a") == 6
    assert ask(index, (kind,), "a") == 6
    index[0, 1] = 7
    assert ask(index, (kind,), "a") == 7
    with torch.inference_mode():
        assert ask(torch.zeros(2, 3), (), "a") == 8
