"""All contradictions of a graph and all leaks between its splits, by name."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.gate import within
from gnnneg.data.ontology import hierarchy, relation_of
from gnnneg.data.statements import POLARITIES, SPLITS, distinct, triplets
from gnnneg.records import Triplets

Row = tuple[int, int, int]


@dataclass(frozen=True)
class Finding:
    """One statement, and what is wrong with it.

    Args:
        kind (str): ``stated and denied``; ``contradicted by a subclass``: the head is stated to be of a class below the
            denied one; ``in two splits``; or ``the other way round``: an earlier split links the tail to the head, by
            whatever relation.
        head, relation, tail (str): The statement.
        split (str): Its split.
        other (str): The split of the other statement.
        polarity (str): ``denied`` or ``stated``.
        chain (tuple[str, ...]): From the stated class up to the denied one; empty without a hierarchy.
    """

    kind: str
    head: str
    relation: str
    tail: str
    split: str
    other: str
    polarity: str
    chain: tuple[str, ...] = ()


def check(data: HeteroData, relation: str | None = None) -> list[Finding]:
    """All contradictions and leaks of a graph.

    A denied statement is contradicted if some split states it. With a hierarchy, it is also contradicted if the same
    head and relation are stated with a subclass of its tail. A statement leaks if an earlier split has it. A stated
    one of valid or test also leaks if train links its entities the other way round. The number of repeated statements
    within a split is in :func:`~gnnneg.data.profile.profile`.

    Cost: sorts of whole numbers, about 60 bytes a statement. With a hierarchy, also the superclasses of what is stated,
    for each head and relation of a denied statement.

    Args:
        data (torch_geometric.data.HeteroData): A graph in the convention.
        relation (str, optional): The relation that makes the hierarchy, such as ``subClassOf``. (default: :obj:`None`)

    Raises:
        UserError: If there is no such relation.
    """
    found = list(contradictions(data, relation))
    for polarity in POLARITIES:
        found += _leaks(data, polarity)
    return [*found, *_mirrored(data)]


def contradictions(data: HeteroData, relation: str | None) -> Iterator[Finding]:
    """The findings of :func:`check` that are contradictions."""
    order = None if relation is None else hierarchy(data, relation, split=None)
    made_of = None if relation is None else relation_of(data, relation)
    denied = triplets(data, "denied")
    if not denied.rel_type.numel():
        return
    first = _first_stated(data, denied)
    contradicted = first < len(SPLITS)
    asked = torch.zeros_like(contradicted) if order is None else ~contradicted & (denied.rel_type != made_of)
    stated = {} if order is None else _tails(data, denied, asked)
    for place in (contradicted | asked).nonzero()[:, 0].tolist():
        row, split = _row(denied, place), int(data["entity", "denied", "entity"].split[place])
        if contradicted[place]:
            yield _finding(data, "stated and denied", row, split, int(first[place]), "denied")
            continue
        head, r, tail = row
        assert order is not None
        tails = stated.get((head, r), {})
        below = [own for own in tails if tail in order.reached(own)]
        if below:
            own = min(below, key=lambda own: (len(order.chain(own, tail)), own))
            kind, chain = "contradicted by a subclass", order.chain(own, tail)
            yield _finding(data, kind, row, split, tails[own], "denied", chain)


def _first_stated(data: HeteroData, denied: Triplets) -> Int[Tensor, "f"]:
    """Of each denied statement the first split that states it, or one past the last."""
    stated, split = triplets(data, "stated"), data["entity", "stated", "entity"].split
    near = within(stated.head_index, denied.head_index) & within(stated.tail_index, denied.tail_index)
    both = Triplets(*(torch.cat([one[near], other]) for one, other in zip(stated, denied)))
    _, place = distinct(both)
    return _first(place[: int(near.sum())], split[near], int(place.max()) + 1)[place[int(near.sum()) :]]


def _first(place: Int[Tensor, "e"], split: Int[Tensor, "e"], count: int) -> Int[Tensor, "m"]:
    """The first split of each of so many statements, or one past the last."""
    none = torch.full((count,), len(SPLITS), dtype=torch.long, device=split.device)
    return none.scatter_reduce(0, place, split.long(), "amin")


def _tails(data: HeteroData, denied: Triplets, asked: Bool[Tensor, "f"]) -> dict[tuple[int, int], dict[int, int]]:
    """What is stated of each head and relation of some denied statements, and the first split that states it."""
    stated, split = triplets(data, "stated"), data["entity", "stated", "entity"].split
    count = len(data.relation_names)
    near = within(stated.head_index * count + stated.rel_type, (denied.head_index * count + denied.rel_type)[asked])
    found: dict[tuple[int, int], dict[int, int]] = {}
    for head, r, tail, part in zip(*(column[near].tolist() for column in (*stated, split))):
        tails = found.setdefault((head, r), {})
        tails[tail] = min(part, tails.get(tail, part))
    return found


def _leaks(data: HeteroData, polarity: str) -> Iterator[Finding]:
    part, split = triplets(data, polarity), data["entity", polarity, "entity"].split
    if not split.numel():
        return
    _, place = distinct(part)
    first = _first(place, split, int(place.max()) + 1)[place]
    for i in _once(first < split, place, split):
        yield _finding(data, "in two splits", _row(part, i), int(split[i]), int(first[i]), polarity)


def _mirrored(data: HeteroData) -> Iterator[Finding]:
    part, split = triplets(data, "stated"), data["entity", "stated", "entity"].split
    size = int(data["entity"].num_nodes)
    later = ((split > 0) & (part.head_index != part.tail_index)).nonzero()[:, 0]
    few = Triplets(*(column[later] for column in part))
    train = triplets(data, "stated", "train")
    pairs = train.head_index * size + train.tail_index
    mirrored = within(few.tail_index * size + few.head_index, pairs)
    _, place = distinct(few)
    for i in _once(mirrored, place, split[later]):
        yield _finding(data, "the other way round", _row(few, i), int(split[later[i]]), 0, "stated")


def _once(chosen: Bool[Tensor, "e"], place: Int[Tensor, "e"], split: Int[Tensor, "e"]) -> list[int]:
    """Where the statements chosen stand, of those that are the same in one split the first alone."""
    where = chosen.nonzero()[:, 0]
    seen = dict[tuple[int, int], int]()
    for i, key in zip(where.tolist(), zip(place[where].tolist(), split[where].tolist())):
        seen.setdefault(key, i)
    return list(seen.values())


def _row(part: Triplets, place: int) -> Row:
    return int(part.head_index[place]), int(part.rel_type[place]), int(part.tail_index[place])


def _finding(
    data: HeteroData, kind: str, row: Row, split: int, other: int, polarity: str, chain: list[int] | None = None
) -> Finding:
    names = data["entity"].names
    said = names[row[0]], data.relation_names[row[1]], names[row[2]]
    return Finding(kind, *said, SPLITS[split], SPLITS[other], polarity, tuple(names[c] for c in chain or ()))
