"""What messages pass over, read from PyG's graphs and written to them."""

import pytest
import torch
from torch_geometric.data import Data

from gnnneg.encoders import RGCN, CompGCN, SampledEdges, SampledNeighbors
from gnnneg.errors import UserError
from gnnneg.models import NBFNet
from gnnneg.records import Triplets
from gnnneg.subgraph import MessageGraph
from gnnneg.tasks import hide


def world() -> Data:
    """Two statements both ways, and as many edges as denied ones; something of each edge and each node."""
    return Data(
        edge_index=torch.tensor([[0, 1, 1, 2], [1, 2, 0, 1]]),
        edge_type=torch.tensor([0, 1, 2, 3]),
        denied_edge_index=torch.tensor([[0, 2, 2, 0], [2, 0, 0, 2]]),
        denied_edge_type=torch.tensor([1, 0, 3, 2]),
        x=torch.eye(3),
        edge_weight=torch.arange(4.0),
        twin_index=torch.arange(8).view(2, 4),  # PyG says that its columns are the edges
        title="three nodes",
    )


def test_a_part_has_what_the_graph_holds_of_it():
    graph, edge, node = world(), torch.tensor([0, 2]), torch.tensor([1, 0])
    seen = MessageGraph.of(graph, "this test")
    part = seen.subgraph(edge).data(graph, edge, node)
    assert part.edge_index.tolist() == [[0, 1], [1, 0]]
    assert part.edge_type.tolist() == [0, 2]
    assert part.edge_weight.tolist() == [0, 2]
    assert part.twin_index.tolist() == [[0, 2], [4, 6]]
    assert part.x.tolist() == [[0, 1, 0], [1, 0, 0]]
    assert part.title == "three nodes"
    assert "denied_edge_index" not in part  # as many as edges, but none of them is named
    both = seen.subgraph(edge, torch.tensor([False, True, True, False])).data(graph, edge)
    assert both.denied_edge_index.tolist() == [[2, 2], [0, 0]]
    assert both.denied_edge_type.tolist() == [0, 3]
    assert torch.equal(both.x, graph.x)


def test_what_is_hidden_is_read_again():
    graph = world()
    left = MessageGraph.of(hide(graph, Triplets(*torch.tensor([[0], [0], [1]])), 2), "this test")
    assert left.whole is graph
    assert left.kept.tolist() == [False, True, False, True]
    assert left.left(signed=False).tolist() == left.kept.tolist()
    assert left.left(signed=True).tolist() == [*left.kept.tolist(), *left.denied_kept.tolist()]
    assert torch.equal(left.origin.edge_index, graph.edge_index)
    assert left.origin.whole is None
    with pytest.raises(AttributeError):
        left.keptt  # noqa: B018
    with pytest.raises(TypeError):
        MessageGraph(graph.edge_index, 3, kepd=left.kept)


TRAINED = {
    "RGCN": lambda: RGCN(3, 2, 4),
    "CompGCN": lambda: CompGCN(3, 2, 4),
    "NBFNet": lambda: NBFNet(2, 4, 1).encode,
    "SampledEdges": lambda: SampledEdges(RGCN(3, 2, 4), 1),
    "SampledNeighbors": lambda: SampledNeighbors(RGCN(3, 2, 4), [1, 1]),
    "hide": lambda: lambda graph: hide(graph, Triplets(*torch.tensor([[0], [0], [1]])), 2),
}


@pytest.mark.parametrize("make", TRAINED.values(), ids=TRAINED)
def test_what_a_graph_lacks_is_said(make):
    asked, graph = make(), world()
    del graph.edge_type
    with pytest.raises(UserError, match="The encoder needs edge_index and edge_type"):
        asked(graph)[torch.arange(3)]
    del graph.edge_index
    with pytest.raises(UserError, match="needs a graph with edge_index and edge_type"):
        asked(graph)


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: SampledEdges(e, 1), lambda e: SampledNeighbors(e, [1, 1])])
def test_denied_edges_are_asked_for(wrap):
    graph = world()
    encoder = wrap(RGCN(3, 2, 4, signed=True))
    del graph.denied_edge_index, graph.denied_edge_type
    with pytest.raises(UserError, match="needs denied_edge_index and denied_edge_type"):
        encoder(graph)[torch.arange(3)]


def test_types_of_denied_edges_are_checked():
    graph = world()
    graph.denied_edge_type = graph.denied_edge_type + 1  # one more than there are, which would be another's
    with pytest.raises(UserError, match="edge type 4, but num_relations allows only 4"):
        RGCN(3, 2, 4, signed=True)(graph)
    graph.edge_type = graph.edge_type + 1  # it would be taken for a denied one
    with pytest.raises(UserError, match="edge type 4, but num_relations allows only 4"):
        RGCN(3, 2, 4, signed=True)(graph)
