"""Finds the entities that can answer a question at all, so that nobody judges whether a city is a person's mother."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data import types
from gnnneg.data.facts import Facts
from gnnneg.data.pools import slots


class Fitting:
    """The entities that fit each slot: the tails of a relation, or its heads.

    An entity fits if it fills the slot in a training statement, or shares a type with an entity that does. If the data
    have no types, or an entity has none, only the first condition counts.

    Args:
        data (torch_geometric.data.HeteroData): The data set.

    Cost: one sort of the training statements. A question costs one pass over all entities for each distinct slot.
    """

    def __init__(self, data: HeteroData):
        self.num_nodes = int(data["entity"].num_nodes)
        self.slots = slots(Facts(data).known)
        self.pairs = types.pairs(data) if "type" in data["entity"] else None
        self.num_types = int(data["entity"].type.size(1)) if self.pairs is not None else 0

    def mask(self, rel_type: Int[Tensor, "b"]) -> Bool[Tensor, "b n"]:
        """A mask of the entities that fit as answers to each relation; inverse relations ask for heads."""
        asked, place = rel_type.unique(return_inverse=True)
        rows = [self._slot(one) for one in asked.tolist()]
        return torch.stack(rows)[place] if rows else torch.zeros(0, self.num_nodes, dtype=torch.bool)

    def __call__(self, rel_type: Int[Tensor, "b"], index: Int[Tensor, "b"]) -> Bool[Tensor, "b"]:
        """Whether each entity fits as an answer to its relation, for many pairs."""
        asked, place, count = rel_type.unique(return_inverse=True, return_counts=True)
        found = torch.zeros(len(index), dtype=torch.bool)
        for one, mine in zip(asked.tolist(), place.argsort().split(count.tolist())):
            found[mine] = self._slot(one)[index[mine]]
        return found

    def _slot(self, rel_type: int) -> Bool[Tensor, "n"]:
        fits = torch.zeros(self.num_nodes, dtype=torch.bool)
        begin, end = self.slots.offset[rel_type : rel_type + 2].tolist()
        fits[self.slots.member[begin:end].long()] = True
        if self.pairs is not None:
            entity, kind = self.pairs
            there = torch.zeros(self.num_types, dtype=torch.bool)
            there[kind[fits[entity]]] = True
            fits[entity[there[kind]]] = True
        return fits
