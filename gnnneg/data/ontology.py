"""Statements that follow from a hierarchy of classes: stated ones for superclasses, denied ones for subclasses.

``(aspirin, treats, migraine)`` with ``(migraine, subClassOf, headache)`` implies ``(aspirin, treats, headache)``. A
denied ``(aspirin, treats, infection)`` denies every kind of infection.
"""

import copy
import warnings
from collections import deque
from collections.abc import Iterable

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import EdgeStorage

from gnnneg.data.statements import POLARITIES, SPLITS, triplets
from gnnneg.errors import UserError, echo, nearest
from gnnneg.records import Triplets

Row = tuple[int, int, int]


class Hierarchy:
    """The classes above (or below) each class, by the shortest way there.

    Args:
        edges (iterable): Pairs of a class and one right above it (below it, for the other direction). Circles are
            walked once.
    """

    def __init__(self, edges: Iterable[tuple[int, int]]):
        self.next: dict[int, list[int]] = {}
        for one, other in edges:
            self.next.setdefault(one, []).append(other)
        self._reached: dict[int, dict[int, int]] = {}

    def reached(self, start: int) -> dict[int, int]:
        """All classes that lie beyond, each with the one before it on the way; ``start`` itself with itself."""
        if start not in self._reached:
            before = {start: start}
            queue = deque([start])
            while queue:
                here = queue.popleft()
                for there in self.next.get(here, ()):
                    if there not in before:
                        before[there] = here
                        queue.append(there)
            self._reached[start] = before
        return self._reached[start]

    def chain(self, start: int, end: int) -> list[int]:
        """The classes on the way from ``start`` to ``end``, both included."""
        before = self.reached(start)
        way = [end]
        while way[-1] != start:
            way.append(before[way[-1]])
        return way[::-1]


def hierarchy(data: HeteroData, relation: str, down: bool = False, split: str | None = "train") -> Hierarchy:
    """The hierarchy that the stated statements of one relation make, ``(subclass, relation, superclass)``.

    Args:
        data (torch_geometric.data.HeteroData): A graph in the convention.
        relation (str): Name of the relation, such as ``subClassOf`` or ``is_a``.
        down (bool): Whether to go from classes to their subclasses. (default: :obj:`False`, to superclasses)
        split (str, optional): The split whose statements make it; :obj:`None` for all. (default: ``"train"``)

    Raises:
        UserError: If there is no such relation.
    """
    head_index, _, tail_index = _of(triplets(data, "stated", split), relation_of(data, relation))
    pairs = (tail_index, head_index) if down else (head_index, tail_index)
    return Hierarchy(zip(*(column.tolist() for column in pairs)))


def inherited(data: HeteroData, relation: str, denied: bool = True) -> HeteroData:
    """The graph with the statements that follow from a hierarchy. A stated statement also holds for the superclasses of
    its tail, a denied one for the subclasses.

    New statements follow from training statements alone, and are training statements. A statement is not added if some
    split of its polarity has it, so that nothing of valid or test enters train. The hierarchy itself does not change.

    A statement is not added if it contradicts the graph, in any split. If one follows both as stated and as denied,
    neither is added. A warning gives the number of such statements.

    Args:
        data (torch_geometric.data.HeteroData): A graph in the convention.
        relation (str): The relation that makes the hierarchy; all others are about its classes, as tails.
        denied (bool): Whether denied statements are inherited, too. These can be many: one for every subclass.
            (default: :obj:`True`)

    Raises:
        UserError: If there is no such relation.
    """
    made_of = relation_of(data, relation)
    result = copy.copy(data)
    rows = {polarity: _rows(data, polarity) for polarity in POLARITIES}
    there = {polarity: set(mine) for polarity, mine in rows.items()}
    origin: dict[str, dict[Row, int]] = {polarity: {} for polarity in POLARITIES}
    for polarity in POLARITIES if denied else POLARITIES[:1]:
        store = result["entity", polarity, "entity"]
        order = hierarchy(data, relation, down=polarity == "denied")
        split = store.split.tolist()
        for place in _surest_first(store):
            head, r, tail = rows[polarity][place]
            if r != made_of and split[place] == SPLITS.index("train"):
                for beyond in order.reached(tail):
                    if (head, r, beyond) not in there[polarity]:
                        origin[polarity].setdefault((head, r, beyond), place)
    stated, opposed = POLARITIES
    refused = {p: there[other] | set(origin[other]) for p, other in ((stated, opposed), (opposed, stated))}
    for polarity, mine in origin.items():
        kept = {row: place for row, place in mine.items() if row not in refused[polarity]}
        if len(kept) < len(mine):
            other = opposed if polarity == stated else stated
            warnings.warn(
                f"{len(mine) - len(kept):,} statements that would be {polarity} by {relation} were not added, since "
                f"they are {other}: 'gnnneg data check NAME --hierarchy {relation}' lists what contradicts itself.",
                stacklevel=2,
            )
        store = result["entity", polarity, "entity"]
        ends = torch.tensor([(head, tail) for head, _, tail in kept], dtype=torch.long).reshape(-1, 2).T
        of = torch.tensor(list(kept.values()), dtype=torch.long)
        size = store.edge_type.numel()
        for key, value in store.to_dict().items():  # all but the ends is as where it follows from
            if key == "edge_index":
                store[key] = torch.cat([value, ends], dim=1)
            elif isinstance(value, Tensor) and value.dim() and value.size(0) == size:
                store[key] = torch.cat([value, value[of]])
            elif isinstance(value, list) and len(value) == size:
                store[key] = [*value, *(value[place] for place in kept.values())]
    return result


def _rows(data: HeteroData, polarity: str) -> list[Row]:
    return list(zip(*(column.tolist() for column in triplets(data, polarity))))


def _surest_first(store: EdgeStorage) -> list[int]:
    if "confidence" not in store:
        return list(range(store.edge_type.numel()))
    return store.confidence.argsort(descending=True, stable=True).tolist()


def relation_of(data: HeteroData, name: str) -> int:
    """The number of a relation.

    Raises:
        UserError: If there is none of that name.
    """
    names = list(data.relation_names)
    if name not in names:
        raise UserError(f"There is no relation {echo(name)} to make a hierarchy; {nearest(name, names)}")
    return names.index(name)


def _of(part: Triplets, relation: int) -> Triplets:
    return Triplets(*(column[part.rel_type == relation] for column in part))
