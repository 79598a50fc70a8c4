"""What the data say of many triplets at once."""

import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.statements import POLARITIES, SPLITS, distinct, num_relations
from gnnneg.records import Triplets

WORDS = (*SPLITS, "denied", "unknown")


class Said:
    """An index of all statements, stated and denied, on the CPU.

    A statement that is both stated and denied counts as stated. In two splits, the split of the last row counts.

    Args:
        data (torch_geometric.data.HeteroData): The data set.

    Cost: one sort of the statements, and two searches for each triplet of a call.
    """

    def __init__(self, data: HeteroData):
        self.num_nodes, self.num_relations = int(data["entity"].num_nodes), num_relations(data)
        parts, codes = [], []
        for polarity in reversed(POLARITIES):  # what is stated comes last, and has the last word
            store = data["entity", polarity, "entity"]
            parts.append(torch.stack([store.edge_index[0], store.edge_type, store.edge_index[1]]).cpu())
            split = store.split.cpu().long()
            codes.append(split if polarity == "stated" else torch.full_like(split, WORDS.index(polarity)))
        part, place = distinct(Triplets(*torch.cat(parts, 1)))
        if len(place) != len(part.rel_type) or not place.numel():
            rows = torch.arange(len(place))
            last = torch.zeros(len(part.rel_type), dtype=torch.long).scatter_reduce(0, place, rows, "amax")
        else:
            last = place.argsort()
        self.code = torch.cat(codes)[last]
        # the number of head and relation, and not the two themselves, so that nothing overflows
        self.asked, number = torch.unique(part.head_index * self.num_relations + part.rel_type, return_inverse=True)
        self.key = number * self.num_nodes + part.tail_index

    def __call__(self, triplets: Triplets) -> Int[Tensor, "b"]:
        """For each triplet a position in :data:`WORDS`."""
        number, there = _found(self.asked, triplets.head_index * self.num_relations + triplets.rel_type)
        place, known = _found(self.key, number * self.num_nodes + triplets.tail_index)
        unknown = torch.full_like(place, WORDS.index("unknown"))
        return torch.where(there & known, self.code[place], unknown) if self.code.numel() else unknown


def _found(ascending: Int[Tensor, "m"], value: Int[Tensor, "b"]) -> tuple[Tensor, Tensor]:
    """The position of each value, and whether there is one."""
    if not ascending.numel():
        return torch.zeros_like(value), torch.zeros_like(value, dtype=torch.bool)
    place = torch.searchsorted(ascending, value).clamp(max=ascending.numel() - 1)
    return place, ascending[place] == value
