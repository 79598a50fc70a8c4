"""Relational graph convolution: one layer forward and backward, edges a second; ours and PyG's, with the same weights.

``cases.py`` runs it, each side in a process of its own. The graph is that of training statements with their inverses.
"""

import argparse
from collections.abc import Callable

import torch
from measure import rate
from torch import Tensor

FORMS = {"bases": {"num_bases": 30}, "blocks": {"num_blocks": 8}, "full": {}}


def _rate(layer: Callable[[Tensor], Tensor], x: Tensor, num_edges: int) -> float:
    outward = torch.randn_like(x)

    def step() -> int:
        layer(x).backward(outward)  # gradients add up, which costs either side the same
        return num_edges

    return rate(step, 3)


def ours(arguments: argparse.Namespace, data) -> float:  # type: ignore[no-untyped-def]
    """With the graph sorted, as it is from a run's first step on, and with edges weighed anew."""
    from gnnneg.data.statements import message_graph, num_relations
    from gnnneg.encoders.messages import messages
    from gnnneg.encoders.rgcn import RGCNLayer
    from gnnneg.subgraph import MessageGraph

    graph, r = message_graph(data), num_relations(data)
    torch.manual_seed(0)
    layer = RGCNLayer(arguments.width, arguments.width, 2 * r, **FORMS[arguments.model])
    x = torch.randn(graph.num_nodes, arguments.width, requires_grad=True)
    sent, _ = messages(MessageGraph.of(graph, "R-GCN"), 2 * r)
    kept = torch.ones(graph.num_edges, dtype=torch.bool)
    return _rate(lambda x: layer.along(x, sent, sent.weights(True, kept)), x, graph.num_edges)


def peer(arguments: argparse.Namespace, data) -> float:  # type: ignore[no-untyped-def]
    from torch_geometric.nn import RGCNConv

    from gnnneg.data.statements import message_graph, num_relations

    graph, r = message_graph(data), num_relations(data)
    torch.manual_seed(0)
    layer = RGCNConv(arguments.width, arguments.width, 2 * r, **FORMS[arguments.model])
    x = torch.randn(graph.num_nodes, arguments.width, requires_grad=True)
    return _rate(lambda x: layer(x, graph.edge_index, graph.edge_type), x, graph.num_edges)
