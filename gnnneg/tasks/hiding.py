"""No reading the answer off the graph: a batch's own statements are taken out before messages pass."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary
from torch_geometric.data import Data

from gnnneg.records import Triplets

DENIED = "denied_edge_index", "denied_edge_type"


Pairs = tuple[Int[Tensor, "m"], Int[Tensor, "m"]]


def hide(graph: Data, triplets: Triplets, num_relations: int, between: Pairs | None = None) -> Data:
    """The graph without the edges of ``triplets`` and their inverses.

    Without this a graph network learns to copy the edge that it is asked for, and fails on every new one. Of denied
    edges, which a signed encoder reads, all that answer a query of ``triplets`` from either side go: any of them may
    be offered as that query's negative, and a message over it would tell. With ``between``, all denied edges between
    these pairs go, too.

    Besides what is left, the result holds the ``whole`` graph and which of its edges are ``kept`` (``denied_kept``), so
    that an encoder which sorts edges need not sort them again.

    Args:
        graph (torch_geometric.data.Data): Homogeneous, with inverse edges, as ``message_graph`` makes it. Its edges
            are looked up in an index that is made once: give it new tensors instead of changing them in place.
        triplets (Triplets): The statements to hide.
        num_relations (int): Number of relations, inverses not counted.
        between (tuple, optional): Pairs of entities, ``(m,)`` and ``(m,)``, between which all edges go, whatever
            relation and direction. (default: :obj:`None`)
    """
    head_index, rel_type, tail_index = triplets
    # the batch's queries from both sides, and their answers: an edge leads from an anchor to an answer
    anchor, answer = torch.cat([head_index, tail_index]), torch.cat([tail_index, head_index])
    query = anchor * 2 * num_relations + torch.cat([rel_type, rel_type + num_relations])

    kept = ~_found(graph, query, answer, 2 * num_relations)
    if between is not None:
        kept &= ~_found(graph, torch.cat(between), torch.cat(between[::-1]), 1)
    left = {"num_nodes": graph.num_nodes, "whole": graph, "kept": kept}
    if DENIED[0] in graph:
        (source, target), edge_type = graph[DENIED[0]], graph[DENIED[1]]
        back = (edge_type + num_relations) % (2 * num_relations)
        asked = torch.stack([source * 2 * num_relations + edge_type, target * 2 * num_relations + back])
        stays = ~torch.isin(asked, query).any(0)
        if between is not None:  # a denied edge tells of a pair as a stated one does
            one, other = (torch.cat(ends) for ends in (between, between[::-1]))
            stays &= ~torch.isin(source * graph.num_nodes + target, one * graph.num_nodes + other)
        left["denied_kept"] = stays
        left |= {name: graph[name][..., stays] for name in DENIED}
    for name, value in graph.to_dict().items():
        if name not in left:
            edges = isinstance(value, Tensor) and graph.is_edge_attr(name)
            left[name] = value[..., kept] if name == "edge_index" else value[kept] if edges else value
    return Data(**left)


# a graph's edges by query and answer, for as long as its edge_index lives: a graph that moves has another
_sorted = WeakTensorKeyDictionary()


def _found(graph: Data, query: Int[Tensor, "b"], answer: Int[Tensor, "b"], num_types: int) -> Bool[Tensor, "e"]:
    """Which edges of the graph answer one of the queries; with one type, types do not matter."""
    edge_type, made_of = graph.edge_type, graph.num_nodes
    known = _sorted.setdefault(graph.edge_index, {})
    if num_types not in known or known[num_types][0] is not edge_type or known[num_types][1] != made_of:
        source, target = graph.edge_index
        asked, row = (source * num_types + (edge_type if num_types > 1 else 0)).unique(return_inverse=True)
        # numbered queries, so that no fused key can overflow on a large graph
        edge, order = (row * graph.num_nodes + target).sort()
        known[num_types] = edge_type, made_of, asked, edge, order
    *_, asked, edge, order = known[num_types]
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
