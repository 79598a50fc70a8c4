"""NBFNet: six layers of it forward and backward, queries a second; ours, and the same weights in PyG's plain way.

``cases.py`` runs it, each side in a process of its own. The graph is that of training statements with their inverses,
the batch 16 queries. PyG's side makes messages edge by edge; it runs its layers again for the gradient, as ours does,
since it would need six times the memory otherwise. ``kernel`` is the message passing alone, of one layer of sums,
maxima or all that PNA needs, at width 512.
"""

import argparse
from collections.abc import Callable

import torch
from measure import rate
from torch import Tensor
from torch.utils.checkpoint import checkpoint

QUERIES, WIDTH, LAYERS = 16, 32, 6


def _setting(data):  # type: ignore[no-untyped-def]
    from gnnneg.data.statements import message_graph, num_relations
    from gnnneg.models import NBFNet
    from gnnneg.records import Query

    graph, r = message_graph(data), num_relations(data)
    torch.manual_seed(0)
    model = NBFNet(r, WIDTH, LAYERS, recompute=True)
    draw = torch.Generator().manual_seed(0)
    query = Query(*(torch.randint(high, (QUERIES,), generator=draw) for high in (graph.num_nodes, 2 * r)))
    return graph, model, query


def _rate(score: Callable[[], Tensor]) -> float:
    def step() -> int:
        score().square().mean().backward()
        return QUERIES

    return rate(step, 3)


def ours(arguments: argparse.Namespace, data) -> float:  # type: ignore[no-untyped-def]
    if arguments.model != "PNA":
        return _kernel(arguments.model, data)
    graph, model, query = _setting(data)
    everyone = torch.arange(graph.num_nodes)[None]
    return _rate(lambda: model.scorer(model.encode(graph), query)(everyone))


def peer(arguments: argparse.Namespace, data) -> float:  # type: ignore[no-untyped-def]
    if arguments.model != "PNA":
        return _chunked(arguments.model, data)
    return _rate(plain(*_setting(data)))


def plain(graph, model, query) -> Callable[[], Tensor]:  # type: ignore[no-untyped-def]
    """What computes the scores of all nodes with the model's weights, edge by edge, as PyG's users would write it."""
    from torch_geometric.nn import MessagePassing
    from torch_geometric.utils import degree, scatter

    size, queries = graph.num_nodes, len(query.anchor)
    count = (degree(graph.edge_index[1], size) + 1)[:, None, None]
    scale = count.log() / count.log().mean()

    class Plain(MessagePassing):
        def forward(self, x, relation, boundary):  # type: ignore[no-untyped-def]
            return self.propagate(graph.edge_index, x=x, relation=relation, boundary=boundary, size=(size, size))

        def message(self, x_j, relation):  # type: ignore[no-untyped-def]
            return x_j * relation[graph.edge_type]

        def aggregate(self, inputs, index, boundary):  # type: ignore[no-untyped-def]
            mean = (scatter(inputs, index, 0, size, "sum") + boundary) / count
            square = (scatter(inputs**2, index, 0, size, "sum") + boundary**2) / count
            high = torch.maximum(scatter(inputs, index, 0, size, "max"), boundary)
            low = torch.minimum(scatter(inputs, index, 0, size, "min"), boundary)
            told = torch.cat([mean, high, low, (square - mean**2).clamp(min=1e-6).sqrt()], dim=2)
            return torch.cat([told, scale * told, told / scale.clamp(min=0.01)], dim=2)

    passing = Plain(node_dim=0)

    def score() -> Tensor:
        vector = model.query(query.rel_type)
        boundary = vector.new_zeros(size, *vector.shape)
        boundary = boundary.index_put((query.anchor, torch.arange(queries, device=vector.device)), vector)
        states = boundary
        for layer in model.layers:

            def once(states: Tensor, boundary: Tensor, vector: Tensor, layer=layer) -> Tensor:  # type: ignore[no-untyped-def]
                told = passing(states, layer.relations(vector), boundary)
                return states + layer.norm(layer.update(torch.cat([states, told], dim=2))).relu()

            states = checkpoint(once, states, boundary, vector, use_reentrant=False)
        return model.read(states, vector[None]).T

    return score


def _columns(data):  # type: ignore[no-untyped-def]
    from gnnneg.data.statements import message_graph

    graph = message_graph(data)
    draw = torch.Generator().manual_seed(0)
    states, relation = (
        torch.randn(rows, QUERIES * WIDTH, generator=draw, requires_grad=True)
        for rows in (graph.num_nodes, int(graph.edge_type.max()) + 1)
    )
    return graph, states, relation


def _kernel(what: str, data) -> float:  # type: ignore[no-untyped-def]
    from gnnneg.kernels import relational

    graph, states, relation = _columns(data)
    edges = relational.sort_edges(graph.edge_index, graph.edge_type, graph.num_nodes)
    want = {"sum": relational.TOTAL, "max": relational.EXTREME, "all": relational.ALL}[what]

    def passed() -> Tensor:
        told = relational.propagate(states, relation, edges, want=want)
        return torch.cat([one for one in told if one.numel()], dim=1)

    return _rate(passed)


def _chunked(what: str, data) -> float:  # type: ignore[no-untyped-def]
    """A part of the columns after the others, so that tensors of edges fit the caches less badly than the memory."""
    from torch_geometric.utils import scatter

    graph, states, relation = _columns(data)
    (source, target), size = graph.edge_index, graph.num_nodes
    ways = {"sum": ["sum"], "max": ["max"], "all": ["sum", "square", "max", "min"]}[what]

    def passed() -> Tensor:
        out = []
        for x, w in zip(states.split(64, 1), relation.split(64, 1)):
            sent = x[source] * w[graph.edge_type]
            for way in ways:
                out.append(scatter(sent**2 if way == "square" else sent, target, 0, size, way.replace("square", "sum")))
        return torch.cat(out, dim=1)

    return _rate(passed)
