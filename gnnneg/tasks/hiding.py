"""No reading the answer off the graph: a batch's own statements are taken out before messages pass."""

import torch
from torch_geometric.data import Data

from gnnneg.records import Triplets


def hide(graph: Data, triplets: Triplets, num_relations: int) -> Data:
    """The graph without the edges of ``triplets`` and their inverses.

    Without this a graph network learns to copy the edge that it is asked for, and fails on every new one.

    Args:
        graph (torch_geometric.data.Data): Homogeneous, with inverse edges, as ``message_graph`` makes it.
        triplets (Triplets): The statements to hide.
        num_relations (int): Number of relations, inverses not counted.
    """
    head_index, rel_type, tail_index = triplets
    gone = torch.cat(
        [
            torch.stack([head_index, rel_type, tail_index], dim=1),
            torch.stack([tail_index, rel_type + num_relations, head_index], dim=1),
        ]
    )
    source, target = graph.edge_index
    edges = torch.stack([source, graph.edge_type, target], dim=1)
    # numbers for the distinct rows of both, so that no fused key can overflow on a large graph
    _, number = torch.unique(torch.cat([gone, edges]), dim=0, return_inverse=True)
    keep = ~torch.isin(number[len(gone) :], number[: len(gone)])
    return Data(edge_index=graph.edge_index[:, keep], edge_type=graph.edge_type[keep], num_nodes=graph.num_nodes)
