"""The profile of a graph in numbers: its difficulty, its leaks and its contradictions."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.cardinality import CARDINALITIES, cardinality
from gnnneg.data.known import Answers, Joined, KnownAnswers
from gnnneg.data.statements import SPLITS, counts, distinct, num_relations, triplets
from gnnneg.kernels.ragged import entries
from gnnneg.records import Query, Triplets

AT_ONCE = 1 << 20  # statements whose pairs are compared at a time
MATCHES = 1 << 23  # pairs of statements that are held for that


@dataclass(frozen=True)
class Leak:
    """Two relations. In training the second has nearly all pairs of the first.

    Args:
        relation (str): The first relation.
        other (str): The second relation; the same one if it is symmetric.
        reversed (bool): Whether head and tail are exchanged.
        share (float): Share of the first relation's training pairs that the second has.
        pairs (int): Number of the first relation's pairs.
    """

    relation: str
    other: str
    reversed: bool
    share: float
    pairs: int


@dataclass(frozen=True)
class Profile:
    """The numbers of one graph.

    Args:
        counts (dict): Entities, relations, statements by split; ``denied_...`` for denied ones.
        published (dict): The same from the literature, if the card has them.
        cardinality (dict): Share of *relations* that are 1-1, 1-N, N-1, N-N; see
            :func:`~gnnneg.data.cardinality.cardinality`.
        cardinality_test (dict): The same as shares of test statements.
        unseen_entities (dict): By split, entities without stated training statements; ``any`` is their number in the
            whole vocabulary.
        unseen_statements (dict): By split, stated statements with such an entity.
        unseen_relations (dict): By split, relations that are not in training.
        duplicates (dict): By split, stated lines that repeat an earlier one of the split.
        overlap (dict): By split, distinct stated statements that are also in train.
        self_loops (dict): By split, stated statements from an entity to itself.
        leakage (dict): Numbers and shares of test pairs ``(h, t)`` that train links ``reversed`` (some ``(t, r, h)``),
            in the ``same`` direction (some ``(h, r, t)``, with any relation), or in ``either``.
        leaks (list): Pairs of relations; the second has nearly all pairs of the first.
        contradictions (dict): Denied statements, by split, that are stated in some split.
    """

    counts: dict[str, int]
    published: dict[str, int]
    cardinality: dict[str, float]
    cardinality_test: dict[str, float]
    unseen_entities: dict[str, int]
    unseen_statements: dict[str, int]
    unseen_relations: dict[str, int]
    duplicates: dict[str, int]
    overlap: dict[str, int]
    self_loops: dict[str, int]
    leakage: dict[str, int | float]
    leaks: list[Leak]
    contradictions: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def profile(data: HeteroData, published: dict[str, int] | None = None) -> Profile:
    """The profile of a graph.

    Cost: a few sorts of the statements.

    Args:
        data (HeteroData): A graph in the convention.
        published (dict, optional): Counts from the literature.
    """
    n, r = data["entity"].num_nodes, num_relations(data)
    stated = {split: triplets(data, "stated", split) for split in SPLITS}
    denied = {split: triplets(data, "denied", split) for split in SPLITS}
    train, later = stated["train"], {split: part for split, part in stated.items() if split != "train"}
    seen = torch.zeros(n, dtype=torch.bool)
    seen[train.head_index] = seen[train.tail_index] = True
    related = torch.bincount(train.rel_type, minlength=r) > 0
    kind = cardinality(train, r)
    facts = KnownAnswers(train, n, r)
    rest = Triplets(*(torch.cat(column) for column in zip(*later.values())))
    every = Joined(facts, KnownAnswers(rest, n, r).without(facts))
    once = {split: distinct(part)[0] for split, part in later.items()}
    different = {"train": len(facts)} | {split: part.rel_type.numel() for split, part in once.items()}
    return Profile(
        counts=counts(data),
        published=dict(published or {}),
        cardinality=_shares(kind[related]),
        cardinality_test=_shares(kind[stated["test"].rel_type]),
        unseen_entities={s: _unseen(t, seen) for s, t in later.items()} | {"any": int((~seen).sum())},
        unseen_statements={s: int((~seen[t.head_index] | ~seen[t.tail_index]).sum()) for s, t in later.items()},
        unseen_relations={s: int((~related[torch.unique(t.rel_type)]).sum()) for s, t in later.items()},
        duplicates={s: t.rel_type.numel() - different[s] for s, t in stated.items()},
        overlap={s: int(_in(t, facts).sum()) for s, t in once.items()},
        self_loops={s: int((t.head_index == t.tail_index).sum()) for s, t in stated.items()},
        leakage=_leakage(train, stated["test"], n),
        leaks=_leaks(facts, data.relation_names),
        contradictions={s: int(_in(t, every).sum()) for s, t in denied.items()},
    )


def _shares(kind: Int[Tensor, "e"]) -> dict[str, float]:
    total = torch.bincount(kind, minlength=len(CARDINALITIES)).double() / max(kind.numel(), 1)
    return dict(zip(CARDINALITIES, total.tolist()))


def _unseen(part: Triplets, seen: Bool[Tensor, "n"]) -> int:
    mentioned = torch.unique(torch.cat([part.head_index, part.tail_index]))
    return int((~seen[mentioned]).sum())


def _in(part: Triplets, known: Answers) -> Bool[Tensor, "b"]:
    return known.contains(Query(part.head_index, part.rel_type), part.tail_index[:, None])[:, 0]


def _leakage(train: Triplets, test: Triplets, n: int) -> dict[str, int | float]:
    linked = torch.unique(train.head_index * n + train.tail_index)
    back = torch.isin(test.tail_index * n + test.head_index, linked)
    same = torch.isin(test.head_index * n + test.tail_index, linked)
    total = max(test.rel_type.numel(), 1)
    sizes = {"reversed": int(back.sum()), "same": int(same.sum()), "either": int((back | same).sum())}
    return sizes | {f"{key}_share": value / total for key, value in sizes.items()}


def _leaks(facts: KnownAnswers, names: list[str], share: float = 0.8, least: int = 10, limit: int = 50) -> list[Leak]:
    """Relations of whose training pairs at least ``share`` are also pairs of another relation, in either direction."""
    (head_index, rel_type), tail_index = facts.at(torch.arange(len(facts)))
    n = facts.num_nodes
    keep = head_index != tail_index  # a self-loop is its own reverse and says nothing
    pair, rel_type = (head_index * n).add_(tail_index)[keep], rel_type[keep]
    del head_index, tail_index, keep
    size = torch.bincount(rel_type, minlength=len(names))
    order = pair.argsort(stable=True)
    pair, rel_type = pair[order], rel_type[order]
    del order
    found: list[Leak] = []
    for reversed_ in (True, False):
        both, common = _common(pair, rel_type, n, len(names), reversed_)
        for key, shared in zip(both.tolist(), common.tolist()):
            a, b = divmod(key, len(names))
            if (a == b and not reversed_) or size[a] < least or shared < share * size[a]:
                continue
            found.append(Leak(names[a], names[b], reversed_, shared / int(size[a]), int(size[a])))
    return sorted(found, key=lambda leak: (-leak.share * leak.pairs, leak.relation, leak.other))[:limit]


def _common(
    pair: Int[Tensor, "e"], rel_type: Int[Tensor, "e"], n: int, num_relations: int, reversed_: bool
) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
    """For two relations, as one number, how many pairs of the one the other has; those that have none are left out.

    Args:
        pair (torch.Tensor): The entities of each statement as one number, sorted.
        rel_type (torch.Tensor): Their relations.
        n (int): Number of entities.
        num_relations (int): Number of relations.
        reversed_ (bool): Whether the other has them the other way round.
    """
    key, count = pair.new_empty(0), pair.new_empty(0)
    waiting = [(start, min(start + AT_ONCE, len(pair))) for start in range(0, len(pair), AT_ONCE)][::-1]
    while waiting:
        start, stop = waiting.pop()
        asked = pair[start:stop]
        asked = asked % n * n + asked // n if reversed_ else asked
        begin = torch.searchsorted(pair, asked)
        length = torch.searchsorted(pair, asked, right=True) - begin
        if int(length.sum()) > MATCHES and stop - start > 1:  # pairs that many relations link
            middle = (start + stop) // 2
            waiting += [(middle, stop), (start, middle)]
            continue
        row, within = entries(length)
        mine = rel_type[start:stop][row] * num_relations + rel_type[begin[row] + within]
        key, place = torch.unique(torch.cat([key, mine]), return_inverse=True)
        more = torch.cat([count, torch.ones_like(mine)])
        count = torch.zeros_like(key).index_add_(0, place, more)
    return key, count
