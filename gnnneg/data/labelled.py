"""A graph with labelled nodes as statements: which node is of which class."""

import torch
from torch_geometric.data import Data, HeteroData

from gnnneg.data.statements import LINKED, assemble
from gnnneg.data.words import SPLITS
from gnnneg.errors import UserError
from gnnneg.records import Triplets

RELATION = "has class"
MASKS = dict(zip(SPLITS, ("train_mask", "val_mask", "test_mask")))


def labelled_graph(data: Data) -> HeteroData:
    """The statements *node has class* of the masked nodes, and the graph for messages beside them.

    Entities are the classes in their order, then the nodes. So the tail of a statement is the number of a class. Edges
    become ``data["entity", "linked", "entity"]``. Features of classes are zero, and classes have no edges.

    Args:
        data (torch_geometric.data.Data): With ``x (n, f)``, ``y (n,)``, ``edge_index (2, e)``, and the masks
            ``train_mask``, ``val_mask`` and ``test_mask``, as PyG has them. Nodes in no mask have no statement.

    Raises:
        UserError: If one of these is missing, or a node is in two masks.
    """
    for name in ("x", "y", "edge_index", *MASKS.values()):
        if name not in data:
            raise UserError(f"The graph has no {name}: labelled nodes need x, y, edge_index and three masks.")
    classes, nodes = int(data.y.max()) + 1, int(data.num_nodes or 0)
    masks = torch.stack([data[mask] for mask in MASKS.values()])
    if (masks.sum(0) > 1).any():
        raise UserError("A node is in two of train_mask, val_mask and test_mask: a node is in one split.")
    split, node = masks.nonzero(as_tuple=True)
    made = assemble(
        Triplets(classes + node, torch.zeros_like(node), data.y[node]),
        split,
        [*(f"class {number}" for number in range(classes)), *(f"node {number}" for number in range(nodes))],
        [RELATION],
    )
    made["entity"].x = torch.cat([data.x.new_zeros(classes, data.x.size(1)), data.x])
    made["entity"].candidate_tails = torch.arange(classes)
    made[LINKED].edge_index = data.edge_index + classes
    return made
