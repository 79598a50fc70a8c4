"""The types of entities: a table of truth values if it is small, and pairs of entity and type."""

import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.errors import UserError

DENSE = 256 << 20  # bytes of a table of truth values; of a larger one, what is true is kept alone


def table(entity: Int[Tensor, "m"], kind: Int[Tensor, "m"], num_nodes: int, num_types: int) -> Tensor:
    """``data["entity"].type``: a table ``(n, t)`` of truth values, or a sparse one where it would take over 256 MiB.

    Args:
        entity, kind (torch.Tensor): Entities, and a type of each; a pair may come twice.
        num_nodes, num_types (int): How many there are.
    """
    if num_nodes * num_types <= DENSE:
        dense = torch.zeros(num_nodes, num_types, dtype=torch.bool)
        dense[entity, kind] = True
        return dense
    key = torch.unique(entity * num_types + kind)
    pairs, true = torch.stack([key // num_types, key % num_types]), torch.ones_like(key, dtype=torch.bool)
    size = (num_nodes, num_types)
    return torch.sparse_coo_tensor(pairs, true, size, is_coalesced=True, check_invariants=False)


def pairs(data: HeteroData) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
    """Pairs of an entity and one of its types, in ascending order of entities."""
    member = data["entity"].type
    if member.layout == torch.strided:
        entity, kind = member.nonzero(as_tuple=True)
        return entity, kind
    known = member.to_sparse_coo().coalesce()
    entity, kind = known.indices()[:, known.values().bool()]
    return entity, kind


def dense(data: HeteroData, what: str) -> Tensor:
    """The table of truth values, for methods that need it.

    Args:
        data (torch_geometric.data.HeteroData): The graph.
        what (str): The name of the method, to begin the error.

    Raises:
        UserError: If the table is too large and pairs are kept in its place; the error gives its bytes.
    """
    member: Tensor = data["entity"].type
    if member.layout == torch.strided:
        return member
    size = member.size(0) * member.size(1)
    if size > DENSE:
        raise UserError(
            f"{what} needs a table of {member.size(0):,} entities by {member.size(1):,} types, which takes {size:,} "
            "bytes: use data with fewer types."
        )
    return member.to_dense()
