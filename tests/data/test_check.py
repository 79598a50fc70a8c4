"""Findings of a check, and leaks of a profile, against sets of Python's on graphs by chance."""

from collections import Counter

import pytest
import torch

from gnnneg.data import check as checking
from gnnneg.data import profile as profiling
from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import SPLITS, assemble
from gnnneg.records import Triplets


def rows(rng, count, n, r):
    """Statements; of relation 0 from lower to higher entities, so that it makes a hierarchy."""
    head, tail = (torch.randint(n, (count,), generator=rng) for _ in range(2))
    rel = torch.randint(r, (count,), generator=rng)
    low, high = torch.minimum(head, tail), torch.maximum(head, tail)
    keep = (rel != 0) | (low != high)
    low, high = torch.where(rel == 0, low, head), torch.where(rel == 0, high, tail)
    return Triplets(low[keep], rel[keep], high[keep])


def graph(seed, n=6, r=3):
    rng = torch.Generator().manual_seed(seed)
    stated, denied = rows(rng, 60, n, r), rows(rng, 40, n, r)
    split = [torch.randint(3, (len(part.rel_type),), generator=rng) for part in (stated, denied)]
    names = [f"e{i}" for i in range(n)], [f"r{i}" for i in range(r)]
    return assemble(stated, split[0], *names, denied, split[1])


def listed(data, polarity):
    store = data["entity", polarity, "entity"]
    names, relations = data["entity"].names, data.relation_names
    columns = *store.edge_index.tolist(), store.edge_type.tolist(), store.split.tolist()
    return [((names[h], relations[r], names[t]), s) for h, t, r, s in zip(*columns)]


def by_sets(data, hierarchy):
    """What speaks against which statement, one statement after the other."""
    stated, denied = listed(data, "stated"), listed(data, "denied")
    first = {}
    for row, split in stated:
        first[row] = min(split, first.get(row, split))
    above = {}
    for head, relation, tail in first if hierarchy else ():
        if relation == hierarchy:
            above.setdefault(head, set()).add(tail)

    def under(low, high):
        return any(up == high or under(up, high) for up in above.get(low, ()))

    found = []
    for row, split in denied:
        head, relation, tail = row
        below = [r for r in first if r[:2] == (head, relation) and under(r[2], tail)]
        if row in first:
            found.append(("stated and denied", *row, SPLITS[split]))
        elif hierarchy and relation != hierarchy and below:
            found.append(("contradicted by a subclass", *row, SPLITS[split]))
    for every in (stated, denied):
        before = {row: min(s for other, s in every if other == row) for row, _ in every}
        found += [("in two splits", *row, SPLITS[s]) for row, s in dict.fromkeys(every) if before[row] < s]
    train = {(h, t) for (h, _, t), split in stated if not split}
    return found + [
        ("the other way round", h, r, t, SPLITS[s])
        for (h, r, t), s in dict.fromkeys(stated)
        if s and h != t and (t, h) in train
    ]


@pytest.mark.parametrize("hierarchy", [None, "r0"])
@pytest.mark.parametrize("seed", range(6))
def test_findings_are_those_of_sets(seed, hierarchy):
    data = graph(seed)
    found = checking.check(data, hierarchy)
    assert [(f.kind, f.head, f.relation, f.tail, f.split) for f in found] == by_sets(data, hierarchy)
    kinds = {f.kind for f in found}
    assert kinds >= {"stated and denied", "in two splits", "the other way round"}
    assert ("contradicted by a subclass" in kinds) == (hierarchy is not None)


def test_a_graph_of_nothing_has_no_findings():
    none = Triplets(*[torch.empty(0, dtype=torch.long)] * 3)
    assert checking.check(assemble(none, none[0], ["a"], ["r"])) == []


@pytest.mark.parametrize(("at_once", "matches"), [(1 << 20, 1 << 23), (7, 1 << 23), (7, 5), (1, 1)])
def test_leaks_are_counted_in_pieces_of_any_size(at_once, matches, monkeypatch):
    """Whatever is held at a time, the pairs that two relations share are those of sets."""
    monkeypatch.setattr(profiling, "AT_ONCE", at_once)
    monkeypatch.setattr(profiling, "MATCHES", matches)
    rng = torch.Generator().manual_seed(0)
    part = Triplets(*(torch.randint(high, (150,), generator=rng) for high in (6, 4, 6)))
    known, names = KnownAnswers(part, 6, 4), ["a", "b", "c", "d"]
    pairs = {r: {(h, t) for h, other, t in zip(*(c.tolist() for c in part)) if other == r and h != t} for r in range(4)}
    wanted = Counter()
    for one in range(4):
        for other in range(4):
            for back in (True, False):
                there = {(t, h) for h, t in pairs[other]} if back else pairs[other]
                if one != other or back:
                    wanted[names[one], names[other], back] = len(pairs[one] & there) / len(pairs[one])
    found = profiling._leaks(known, names, share=0.0, least=1)
    assert {(leak.relation, leak.other, leak.reversed): leak.share for leak in found} == pytest.approx(dict(wanted))


def test_leaks_hold_few_statements_at_a_time(monkeypatch):
    """A pair that every relation links: all of them meet, but never at once."""
    monkeypatch.setattr(profiling, "MATCHES", 100)
    sizes = []
    whole = profiling.entries
    monkeypatch.setattr(profiling, "entries", lambda length: sizes.append(int(length.sum())) or whole(length))
    relations = torch.arange(40)
    part = Triplets(torch.zeros(40, dtype=torch.long), relations, torch.ones(40, dtype=torch.long))
    profiling._leaks(KnownAnswers(part, 2, 40), [str(r) for r in range(40)])
    assert sum(sizes) == 40 * 40
    assert max(sizes) <= 100
