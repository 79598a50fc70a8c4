"""The heaviest paths, if every step of a path has its own weight."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.kernels.ragged import entries
from gnnneg.records import Path


def heaviest(
    source: Int[Tensor, "e"],
    edge_type: Int[Tensor, "e"],
    target: Int[Tensor, "e"],
    weight: Float[Tensor, "l e"],
    num_nodes: int,
    begin: int,
    end: int,
    count: int,
) -> list[Path]:
    r"""The ``count`` walks from ``begin`` to ``end`` with the largest mean weight, walked step by step,

    .. math::
        w(e_1, \dots, e_l) = \frac{1}{l} \sum_{i = 1}^{l} w_{i, e_i} .

    At each step every node keeps its ``count`` heaviest walks of that length, which is enough for the result. Walks may
    visit a node twice. Cost: for each step a sort of ``count`` times all edges.

    Args:
        source, edge_type, target (torch.Tensor): The edges, ``(e,)``.
        weight (torch.Tensor): The weight of each edge as each step, ``(l, e)``, for walks of at most ``l`` steps.
        num_nodes (int): Size of the graph.
        begin (int): The first node.
        end (int): The last node.
        count (int): The largest number of walks.
    """
    heavy = torch.full((num_nodes, count), -torch.inf)
    heavy[begin, 0] = 0
    came: list[tuple[Tensor, Tensor]] = []  # by which edge, and as which of its source's walks
    found: list[tuple[float, int, int]] = []  # weight, length, which of the end's walks
    for step, here in enumerate(weight, 1):
        offered = (heavy[source] + here[:, None]).flatten()
        order = offered.argsort(descending=True)
        order = order[offered[order] > -torch.inf]
        where = target[order // count]
        by_node = where.argsort(stable=True)
        where, order = where[by_node], order[by_node]
        place = entries(torch.bincount(where, minlength=num_nodes))[1]
        kept = place < count
        where, order, place = where[kept], order[kept], place[kept]
        heavy = torch.full((num_nodes, count), -torch.inf)
        heavy[where, place] = offered[order]
        edge, before = torch.full((2, num_nodes, count), -1)
        edge[where, place], before[where, place] = order // count, order % count
        came.append((edge, before))
        found += [(value / step, step, rank) for rank, value in enumerate(heavy[end].tolist()) if value > -float("inf")]
    paths = []
    for value, length, rank in sorted(found, reverse=True)[:count]:
        steps, node = [], end
        for edge, before in reversed(came[:length]):
            by, rank = int(edge[node, rank]), int(before[node, rank])
            steps.append((int(source[by]), int(edge_type[by]), node))
            node = int(source[by])
        paths.append(Path(value, steps[::-1]))
    return paths
