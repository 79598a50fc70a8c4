"""Edges as PyG's users write them, checked: two rows of whole numbers, and a split for each edge."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from gnnneg.data.statements import SPLITS
from gnnneg.errors import UserError, echo

EdgeType = tuple[str, str, str]
SPELT = {**{name: i for i, name in enumerate(SPLITS)}, "val": 1, "validation": 1, "dev": 1, "training": 0, "testing": 2}


def checked(index: Any, edge_type: EdgeType | str, key: str) -> Int[Tensor, "2 e"]:
    """Edges as two rows of whole numbers from 0 on."""
    if isinstance(index, np.ndarray):
        index = torch.from_numpy(index)
    if not isinstance(index, Tensor) or index.dim() != 2 or index.size(0) != 2:
        shape = tuple(index.shape) if isinstance(index, Tensor) else type(index).__name__
        raise UserError(f"{key} of {edge_type} should have shape (2, number of edges), not {shape}.")
    index = index.as_subclass(Tensor)
    if index.is_floating_point() or index.is_complex() or index.dtype == torch.bool:
        raise UserError(f"{key} of {edge_type} should hold whole numbers, not {index.dtype}.")
    if index.numel() and int(index.min()) < 0:
        raise UserError(f"{key} of {edge_type} holds the node number {int(index.min())}: number nodes from 0 on.")
    return index.long().cpu()


def checked_split(split: Any, edge_type: EdgeType, count: int) -> Int[Tensor, "e"]:
    """A number for each edge, from names or numbers."""
    if isinstance(split, list | tuple) and all(isinstance(one, str) for one in split):
        split = [one.strip().lower() for one in split]
        unknown = sorted({one for one in split if one not in SPELT})
        if unknown:
            raise UserError(f"split of {edge_type} holds {echo(unknown[0])}: it is one of {', '.join(SPLITS)}.")
        split = [SPELT[one] for one in split]
    try:
        found = torch.as_tensor(split)
    except (TypeError, ValueError, RuntimeError):
        raise UserError(f"split of {edge_type} should be a tensor of 0, 1 or 2 for each edge.") from None
    if found.shape != (count,):
        raise UserError(f"split of {edge_type} has shape {tuple(found.shape)}, but there are {count} edges.")
    if found.is_floating_point() or (count and not 0 <= int(found.min()) <= int(found.max()) < len(SPLITS)):
        raise UserError(f"split of {edge_type} should be 0 (train), 1 (valid) or 2 (test) for each edge.")
    return found.long().cpu()


def within(edges: Int[Tensor, "2 e"], others: Int[Tensor, "2 f"]) -> Bool[Tensor, "e"]:
    """Which edges are among others."""
    size = int(torch.cat([edges, others], 1).max()) + 1 if edges.numel() or others.numel() else 1
    return torch.isin(edges[0] * size + edges[1], others[0] * size + others[1])


def length(value: Any) -> int:
    """The length of an array or list; -1 for anything else."""
    if isinstance(value, Tensor | np.ndarray):
        return int(value.shape[0]) if value.ndim else -1
    return len(value) if isinstance(value, list | tuple) else -1
