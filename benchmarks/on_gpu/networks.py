"""Relational convolutions and Bellman-Ford networks, forth and back, and the same in PyG."""

import torch
from on_gpu.bench import Bench, guarded
from on_gpu.made_up import message_graph


def rgcn(bench: Bench) -> None:
    """One relational convolution forth and back, with bases, blocks and a full matrix a relation; and PyG's."""
    from torch_geometric.nn import RGCNConv

    from gnnneg.encoders.messages import messages
    from gnnneg.encoders.rgcn import RGCNLayer
    from gnnneg.subgraph import MessageGraph

    size = bench.paper._replace(width=16 if bench.toy else 64)
    graph = message_graph(size, bench.device)
    kept = torch.ones(graph.num_edges, dtype=torch.bool, device=bench.device)
    for form, options in (("30 bases", {"num_bases": 30}), ("8 blocks", {"num_blocks": 8}), ("full", {})):
        x = torch.randn(size.nodes, size.width, device=bench.device, requires_grad=True)
        outward = torch.randn_like(x)
        with guarded(bench, "rgcn", form, who="ours"):
            torch.manual_seed(0)
            layer = RGCNLayer(size.width, size.width, 2 * size.relations, **options).to(bench.device)
            sent, _ = messages(MessageGraph.of(graph, "R-GCN"), 2 * size.relations)

            def ours(layer=layer, sent=sent, x=x, outward=outward) -> None:  # type: ignore[no-untyped-def]
                layer.along(x, sent, sent.weights(True, kept)).backward(outward)

            bench.tell("rgcn", form, who="ours", **bench.measured(ours, graph.num_edges))
        with guarded(bench, "rgcn", form, who="PyG"):
            torch.manual_seed(0)
            conv = RGCNConv(size.width, size.width, 2 * size.relations, **options).to(bench.device)

            def theirs(conv=conv, x=x, outward=outward) -> None:  # type: ignore[no-untyped-def]
                conv(x, graph.edge_index, graph.edge_type).backward(outward)

            bench.tell("rgcn", form, who="PyG", **bench.measured(theirs, graph.num_edges))


def nbfnet(bench: Bench) -> None:
    """Six layers of an NBFNet forth and back on FB15k-237's size; and the same weights in PyG's plain way."""
    import bellman_ford

    from gnnneg.models import NBFNet
    from gnnneg.records import Query

    size = bench.paper
    graph = message_graph(size, bench.device)
    layers, queries = (2, 3) if bench.toy else (bellman_ford.LAYERS, bellman_ford.QUERIES)
    draw = torch.Generator().manual_seed(0)
    highs = size.nodes, 2 * size.relations
    query = Query(*(torch.randint(high, (queries,), generator=draw).to(bench.device) for high in highs))
    everyone = torch.arange(size.nodes, device=bench.device)[None]
    for recompute in (True, False):
        case = f"{layers} layers, PNA{', layers run again' if recompute else ''}"
        torch.manual_seed(0)
        made = NBFNet(size.relations, bellman_ford.WIDTH, layers, recompute=recompute).to(bench.device)
        with guarded(bench, "nbfnet", case, who="ours"):

            def ours(made=made) -> None:  # type: ignore[no-untyped-def]
                made.scorer(made.encode(graph), query)(everyone).square().mean().backward()

            bench.tell("nbfnet", case, who="ours", **bench.measured(ours, queries))
        if recompute:
            with guarded(bench, "nbfnet", case, who="PyG"):
                score = bellman_ford.plain(graph, made, query)
                ours_score = made.scorer(made.encode(graph), query)(everyone)
                gap = float((score() - ours_score).abs().max())

                def theirs(score=score) -> None:  # type: ignore[no-untyped-def]
                    score().square().mean().backward()

                bench.tell("nbfnet", case, who="PyG", **bench.measured(theirs, queries), largest_difference=gap)
