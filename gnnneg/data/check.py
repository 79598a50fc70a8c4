"""Where a graph contradicts itself, and where its splits leak: each finding by name, none left out."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch_geometric.data import HeteroData

from gnnneg.data.ontology import hierarchy, relation_of
from gnnneg.data.statements import POLARITIES, SPLITS

Row = tuple[int, int, int]


@dataclass(frozen=True)
class Finding:
    """One statement, and what speaks against it.

    Args:
        kind (str): ``stated and denied``; ``contradicted by a subclass``: the head is stated to be of a class below the
            denied one; ``in two splits``; or ``the other way round``: an earlier split links the tail to the head, by
            whatever relation.
        head, relation, tail (str): The statement.
        split (str): Where it stands.
        other (str): The split of what speaks against it.
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

    A denied statement is contradicted if it is stated in some split or, given a hierarchy, if a statement of the same
    head and relation about a class below its own is. A statement that an earlier split has too leaks, and so does a
    stated one of valid or test whose entities train links the other way round; of those that repeat within a split,
    :func:`~gnnneg.data.profile.profile` gives the number.

    Cost: for each head and relation, the classes above what is stated; seconds for 100,000 statements.

    Args:
        data (torch_geometric.data.HeteroData): A graph in the convention.
        relation (str, optional): The relation that makes the hierarchy, such as ``subClassOf``. (default: :obj:`None`)

    Raises:
        UserError: If there is no such relation.
    """
    found = list(_contradictions(data, relation))
    for polarity in POLARITIES:
        found += _leaks(data, polarity)
    return [*found, *_mirrored(data)]


def _contradictions(data: HeteroData, relation: str | None) -> Iterator[Finding]:
    order = None if relation is None else hierarchy(data, relation, split=None)
    made_of = None if relation is None else relation_of(data, relation)
    stated = _splits(data, "stated")
    tails: dict[tuple[int, int], list[int]] = {}
    for head, r, tail in stated:
        tails.setdefault((head, r), []).append(tail)
    for row, split in _rows(data, "denied"):
        if row in stated:
            yield _finding(data, "stated and denied", row, split, stated[row], "denied")
            continue
        head, r, tail = row
        if order is None or r == made_of:
            continue
        below = [own for own in tails.get((head, r), ()) if tail in order.reached(own)]
        if below:
            own = min(below, key=lambda own: (len(order.chain(own, tail)), own))
            kind, chain = "contradicted by a subclass", order.chain(own, tail)
            yield _finding(data, kind, row, split, stated[head, r, own], "denied", chain)


def _leaks(data: HeteroData, polarity: str) -> Iterator[Finding]:
    first = _splits(data, polarity)
    for row, split in dict.fromkeys(_rows(data, polarity)):
        if first[row] < split:
            yield _finding(data, "in two splits", row, split, first[row], polarity)


def _mirrored(data: HeteroData) -> Iterator[Finding]:
    train = {(row[0], row[2]) for row, split in _rows(data, "stated") if split == 0}
    for row, split in dict.fromkeys(_rows(data, "stated")):
        if split and row[0] != row[2] and (row[2], row[0]) in train:
            yield _finding(data, "the other way round", row, split, 0, "stated")


def _rows(data: HeteroData, polarity: str) -> list[tuple[Row, int]]:
    store = data["entity", polarity, "entity"]
    columns = torch.stack([store.edge_index[0], store.edge_type, store.edge_index[1]]).tolist()
    return [((h, r, t), split) for h, r, t, split in zip(*columns, store.split.tolist())]


def _splits(data: HeteroData, polarity: str) -> dict[Row, int]:
    """The first split that each statement stands in."""
    found: dict[Row, int] = {}
    for row, split in _rows(data, polarity):
        found[row] = min(split, found.get(row, split))
    return found


def _finding(
    data: HeteroData, kind: str, row: Row, split: int, other: int, polarity: str, chain: list[int] | None = None
) -> Finding:
    names = data["entity"].names
    said = names[row[0]], data.relation_names[row[1]], names[row[2]]
    return Finding(kind, *said, SPLITS[split], SPLITS[other], polarity, tuple(names[c] for c in chain or ()))
