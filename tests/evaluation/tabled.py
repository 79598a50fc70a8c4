"""A model whose scores are given, so that ranks can be worked out by hand and by other people's code."""

import torch
from torch import Tensor

from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import SPLITS, assemble
from gnnneg.evaluation import Testbed
from gnnneg.interfaces import Encoding, Model, Scorer
from gnnneg.records import Query, Triplets

NODES, RELATIONS = 12, 3


class Nothing(Encoding):
    def __getitem__(self, index: Tensor) -> Tensor:
        return index[..., None].float()

    def rows(self, index: Tensor) -> tuple[Tensor, Tensor]:
        return self[index], index


class Rows(Scorer):
    """Scores of one batch of queries, ``(b, n)``."""

    def __init__(self, score: Tensor, asked: list[tuple[int, int]]):
        self.score, self.asked = score, asked

    def embed(self, index: Tensor) -> Tensor:
        return index[..., None].float()

    def decode(self, candidate: Tensor) -> Tensor:
        return self(candidate[..., 0].long())

    def __call__(self, index: Tensor) -> Tensor:
        self.asked.append((self.score.size(0), index.size(1)))
        return self.score.gather(1, index.expand(self.score.size(0), -1))

    def factors(self, target: Tensor) -> tuple[Tensor, ...]:
        return ()


class Tabled(Model):
    """``score[rel_type, anchor, candidate]``, of shape ``(2r, n, n)``; remembers what it was asked."""

    def __init__(self, score: Tensor):
        super().__init__()
        self.num_relations = score.size(0) // 2
        self.score = score
        self.asked: list[tuple[int, int]] = []
        self.encoded = 0

    def encode(self, graph) -> Nothing:
        assert not self.training
        assert not torch.is_grad_enabled()
        self.encoded += 1
        return Nothing()

    def scorer(self, encoding: Encoding, query: Query) -> Rows:
        return Rows(self.score[query.rel_type, query.anchor], self.asked)

    def forward(self, graph, head_index: Tensor, rel_type: Tensor, tail_index: Tensor) -> Tensor:
        return self.score[rel_type, head_index, tail_index]


def world(seed: int = 0, size: int = 70, nodes: int = NODES, relations: int = RELATIONS) -> tuple[Triplets, Triplets]:
    """All statements, with repeats and several answers a query, and those of them that are tested."""
    draw = torch.Generator().manual_seed(seed)
    stated = Triplets(*(torch.randint(top, (size,), generator=draw) for top in (nodes, relations, nodes)))
    return stated, Triplets(*(column[: size // 2] for column in stated))


def coarse(seed: int = 0, levels: int = 5, nodes: int = NODES, relations: int = RELATIONS) -> Tensor:
    """Scores with few values, so that most targets are tied with someone."""
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(-levels, levels, (2 * relations, nodes, nodes), generator=draw).float() / 3


def index_of(stated: Triplets, nodes: int = NODES, relations: int = RELATIONS) -> KnownAnswers:
    return KnownAnswers(stated, nodes, relations)


def bed(
    nodes: int, relations: int, stated: dict[str, Triplets], denied: dict[str, Triplets] | None = None, **policy
) -> Testbed:
    """One with these statements by split; entities and relations are called by their numbers."""
    sides = []
    for by_split in (stated, denied or {}):
        none = Triplets(*[torch.empty(0, dtype=torch.long)] * 3)
        parts = [by_split.get(split, none) for split in SPLITS]
        split = torch.cat([torch.full_like(part.rel_type, place) for place, part in enumerate(parts)])
        sides += [Triplets(*(torch.cat(column) for column in zip(*parts))), split]
    names = [str(i) for i in range(nodes)], [str(i) for i in range(relations)]
    return Testbed(assemble(*sides[:2], *names, *sides[2:]), **policy)


def brute(score: Tensor, tested: Triplets, stated: Triplets) -> list[tuple[int, int, int]]:
    """Optimistic rank, pessimistic rank and number of candidates, tails and then heads, in plain Python."""
    relations, nodes = score.size(0) // 2, score.size(1)
    facts = set(zip(*(column.tolist() for column in stated)))
    table, out = score.tolist(), []
    for side in ("tail", "head"):
        for h, r, t in zip(*(column.tolist() for column in tested)):
            if side == "tail":
                row, target = table[r][h], t
                rivals = [e for e in range(nodes) if e != t and (h, r, e) not in facts]
            else:
                row, target = table[r + relations][t], h
                rivals = [e for e in range(nodes) if e != h and (e, r, t) not in facts]
            above = sum(row[e] > row[target] for e in rivals)
            tied = sum(row[e] == row[target] for e in rivals)
            out.append((1 + above, 1 + above + tied, 1 + len(rivals)))
    return out
