"""A batch's own statements are removed from the graph before messages pass, so that they do not reveal the answers."""

from dataclasses import replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch_geometric.data import Data

from gnnneg.records import Triplets
from gnnneg.remember import once
from gnnneg.subgraph import MessageGraph

Pairs = tuple[Int[Tensor, "m"], Int[Tensor, "m"]]


def hide(graph: Data, triplets: Triplets, num_relations: int, between: Pairs | None = None) -> Data:
    """The graph without the edges of ``triplets`` and their inverses.

    Without this a graph network learns to copy the edge that it has to predict, and fails on every new one. A signed
    encoder also reads denied edges. All of them that answer a query of ``triplets``, for head or tail, are removed,
    because any of them may be sampled as a negative of that query and a message over it would reveal that. With
    ``between``, all denied edges between these pairs are removed too.

    The result also refers to the whole graph (:class:`~gnnneg.subgraph.MessageGraph`), so that an encoder that sorts
    edges need not sort them again.

    Args:
        graph (torch_geometric.data.Data): Homogeneous, with inverse edges, as ``message_graph`` makes it.
        triplets (Triplets): The statements to hide.
        num_relations (int): Number of relations, inverses not counted.
        between (tuple, optional): Pairs of entities, ``(m,)`` and ``(m,)``. All edges between them are removed, in any
            relation and direction. (default: :obj:`None`)
    """
    head_index, rel_type, tail_index = triplets
    # the batch's queries from both sides, and their answers: an edge leads from an anchor to an answer
    anchor, answer = torch.cat([head_index, tail_index]), torch.cat([tail_index, head_index])
    query = anchor * 2 * num_relations + torch.cat([rel_type, rel_type + num_relations])

    seen = MessageGraph.of(graph, "hide")
    kept = ~_found(seen, query, answer, 2 * num_relations)
    if between is not None:
        kept &= ~_found(seen, torch.cat(between), torch.cat(between[::-1]), 1)
    stays = None
    if seen.denied_edge_index is not None:
        (source, target), edge_type = seen.edges(denied=True)
        back = (edge_type + num_relations) % (2 * num_relations)
        asked = torch.stack([source * 2 * num_relations + edge_type, target * 2 * num_relations + back])
        stays = ~torch.isin(asked, query).any(0)
        if between is not None:  # a denied edge tells of a pair as a stated one does
            one, other = (torch.cat(ends) for ends in (between, between[::-1]))
            stays &= ~torch.isin(source * seen.num_nodes + target, one * seen.num_nodes + other)
    return replace(seen.subgraph(kept, stays), whole=graph, kept=kept, denied_kept=stays).data(graph, kept)


def _found(graph: MessageGraph, query: Int[Tensor, "b"], answer: Int[Tensor, "b"], num_types: int) -> Bool[Tensor, "e"]:
    """Which edges of the graph answer one of the queries; with one type, types do not matter."""

    def by_query() -> tuple[Tensor, Tensor, Tensor]:
        (source, target), edge_type = graph.edges()
        asked, row = (source * num_types + (edge_type if num_types > 1 else 0)).unique(return_inverse=True)
        # numbered queries, so that no fused key can overflow on a large graph
        return asked, *(row * graph.num_nodes + target).sort()

    asked, edge, order = once(graph, ("by query", num_types), by_query)
    found = torch.zeros(len(order), dtype=torch.bool, device=order.device)
    if len(order):
        row = torch.searchsorted(asked, query).clamp(max=len(asked) - 1)
        there = asked[row] == query
        key = row[there] * graph.num_nodes + answer[there]
        first, last = torch.searchsorted(edge, key), torch.searchsorted(edge, key, right=True)
        length = last - first  # of a run of equal edges
        run = torch.repeat_interleave(first - (length.cumsum(0) - length), length)
        found[order[run + torch.arange(len(run), device=run.device)]] = True
    return found
