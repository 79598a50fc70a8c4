"""Relational convolutions and Bellman-Ford networks, forth and back, and the same in PyG."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from on_gpu.bench import Bench
from on_gpu.made_up import message_graph
from torch import Tensor


def rgcn(bench: Bench) -> None:
    """One relational convolution forth and back, with bases, blocks and a full matrix a relation; and PyG's two: one
    takes relation by relation, the other a matrix for each edge.
    """
    from torch_geometric.nn import FastRGCNConv, RGCNConv

    width, types = 16 if bench.toy else 64, 2 * bench.paper.relations
    graph = message_graph(bench.paper, bench.device)
    for form, options in (("30 bases", {"num_bases": 30}), ("8 blocks", {"num_blocks": 8}), ("full", {})):
        layer = partial(our_layer, graph, width, types, options)
        bench.case("rgcn", form, partial(convolution, bench, graph, width, layer), who="ours")
        for kind in (RGCNConv, FastRGCNConv):
            layer = partial(pyg_layer, graph, partial(kind, width, width, types, **options))
            bench.case("rgcn", form, partial(convolution, bench, graph, width, layer), who=f"PyG, {kind.__name__}")


Layer = Callable[[Tensor], Tensor]


def convolution(bench: Bench, graph, width: int, make: Callable[[torch.device], Layer]) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    layer = make(bench.device)
    x = torch.randn(graph.num_nodes, width, device=bench.device, requires_grad=True)
    outward = torch.randn_like(x)
    return bench.measured(lambda: layer(x).backward(outward), graph.num_edges)


def our_layer(graph, width: int, types: int, options: dict[str, int], device: torch.device) -> Layer:  # type: ignore[no-untyped-def]
    from gnnneg.encoders.messages import messages
    from gnnneg.encoders.rgcn import RGCNLayer
    from gnnneg.subgraph import MessageGraph

    layer = RGCNLayer(width, width, types, **options).to(device)
    sent, _ = messages(MessageGraph.of(graph, "R-GCN"), types)
    kept = torch.ones(graph.num_edges, dtype=torch.bool, device=device)
    return lambda x: layer.along(x, sent, sent.weights(True, kept))


def pyg_layer(graph, make: Callable[[], torch.nn.Module], device: torch.device) -> Layer:  # type: ignore[no-untyped-def]
    layer = make().to(device)
    return lambda x: layer(x, graph.edge_index, graph.edge_type)


def nbfnet(bench: Bench) -> None:
    """Six layers of an NBFNet forth and back on FB15k-237's size; and the same weights in PyG's plain way."""
    import bellman_ford

    layers = 2 if bench.toy else bellman_ford.LAYERS
    for recompute in (True, False):
        case = f"{layers} layers, PNA{', layers run again' if recompute else ''}"
        bench.case("nbfnet", case, partial(our_nbfnet, bench, layers, recompute), who="ours")
        if recompute:
            bench.case("nbfnet", case, partial(plain_nbfnet, bench, layers), who="PyG")


def our_nbfnet(bench: Bench, layers: int, recompute: bool) -> dict[str, Any]:
    graph, made, query, everyone = setting(bench, layers, recompute)
    return bench.measured(
        lambda: made.scorer(made.encode(graph), query)(everyone).square().mean().backward(), len(query.anchor)
    )


def plain_nbfnet(bench: Bench, layers: int) -> dict[str, Any]:
    import bellman_ford

    graph, made, query, everyone = setting(bench, layers, recompute=True)
    score = bellman_ford.plain(graph, made, query)
    gap = float((score() - made.scorer(made.encode(graph), query)(everyone)).abs().max())
    found = bench.measured(lambda: score().square().mean().backward(), len(query.anchor))
    return found | {"largest_difference": gap}


def setting(bench: Bench, layers: int, recompute: bool):  # type: ignore[no-untyped-def]
    """A graph, a model, queries, and all nodes as candidates."""
    import bellman_ford

    from gnnneg.models import NBFNet
    from gnnneg.records import Query

    size = bench.paper
    graph = message_graph(size, bench.device)
    torch.manual_seed(0)
    made = NBFNet(size.relations, bellman_ford.WIDTH, layers, recompute=recompute).to(bench.device)
    draw, queries = torch.Generator().manual_seed(0), 3 if bench.toy else bellman_ford.QUERIES
    highs = size.nodes, 2 * size.relations
    query = Query(*(torch.randint(high, (queries,), generator=draw).to(bench.device) for high in highs))
    return graph, made, query, torch.arange(size.nodes, device=bench.device)[None]
