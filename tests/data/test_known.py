"""KnownAnswers against a Python dictionary."""

import random

import pytest
import torch

from gnnneg.data.known import Joined, KnownAnswers
from gnnneg.kernels.membership import member_reference
from gnnneg.records import Query, Triplets

NODES, RELATIONS = 13, 3


@pytest.fixture
def facts() -> list[tuple[int, int, int]]:
    draw = random.Random(0)
    return [(draw.randrange(NODES), draw.randrange(RELATIONS), draw.randrange(NODES)) for _ in range(60)]


@pytest.fixture
def known(facts) -> KnownAnswers:
    return KnownAnswers(Triplets(*(torch.tensor(column) for column in zip(*facts))), NODES, RELATIONS)


def everything() -> Query:
    anchor, rel_type = torch.meshgrid(torch.arange(NODES), torch.arange(2 * RELATIONS), indexing="ij")
    return Query(anchor.flatten(), rel_type.flatten())


def truth(facts, query: Query) -> list[set[int]]:
    rows = []
    for a, r in zip(query.anchor.tolist(), query.rel_type.tolist()):
        if r < RELATIONS:
            rows.append({t for h, q, t in facts if (h, q) == (a, r)})
        else:
            rows.append({h for h, q, t in facts if (t, q) == (a, r - RELATIONS)})
    return rows


@pytest.mark.parametrize("shared", [True, False])
def test_contains_equals_dictionary(facts, known, shared):
    query = everything()
    index = torch.randint(NODES, (1 if shared else len(query.anchor), 7))
    wide = index.expand(len(query.anchor), -1).tolist()
    expected = [[c in row for c in line] for row, line in zip(truth(facts, query), wide)]
    assert known.contains(query, index).tolist() == expected
    assert member_reference(known.answer, *known.span(query), index).tolist() == expected


def test_answers_and_count(facts, known):
    query = everything()
    rows = truth(facts, query)
    assert known.count(query).tolist() == [len(row) for row in rows]
    row, entity = known.answers(query)
    found = [set() for _ in rows]
    for i, e in zip(row.tolist(), entity.tolist()):
        found[i].add(e)
    assert found == rows


@pytest.mark.parametrize("cut", [0, 7, 30, 60])
def test_joined_equals_one_index(facts, known, cut):
    """Some statements stand in both parts, as lines of training that another split repeats."""
    columns = torch.tensor(facts).T
    train, others = (
        KnownAnswers(Triplets(*part), NODES, RELATIONS) for part in (columns[:, :cut], columns[:, max(cut - 5, 0) :])
    )
    joined, query = Joined(train, others.without(train)), everything()
    assert len(joined) == len(known)
    assert torch.equal(joined.count(query), known.count(query))
    for span in ((), (0, NODES), (3, 9), (4, 4)):
        for one, other in zip(joined.answers(query, *span), known.answers(query, *span)):
            assert torch.equal(one, other)
    index = torch.randint(NODES, (1, 7))
    assert torch.equal(joined.contains(query, index), known.contains(query, index))


def test_nothing_known():
    none = torch.empty(0, dtype=torch.long)
    known = KnownAnswers(Triplets(none, none, none), NODES, RELATIONS)
    assert not known.contains(everything(), torch.arange(NODES)[None]).any()
    assert known.count(everything()).sum() == 0


def test_keys_of_a_huge_graph_do_not_overflow():
    """n * n * 2r would pass 2^63 here; two statements that such an overflow would merge stay apart."""
    n, r = 4_000_000_000, 10
    triplets = Triplets(torch.tensor([n - 1, 0]), torch.tensor([r - 1, 0]), torch.tensor([n - 2, 0]))
    known = KnownAnswers(triplets, n, r)
    query = Query(torch.tensor([n - 1, n - 2]), torch.tensor([r - 1, 2 * r - 1]))
    assert known.contains(query, torch.tensor([[n - 2, 0], [n - 1, 0]])).tolist() == [[True, False], [True, False]]


def test_sorted_as_one_number_or_column_by_column(facts, known):
    """Of confidence, and of more entities than fit into one number, columns are sorted: the same index."""
    statements = Triplets(*(torch.tensor(column) for column in zip(*facts)))
    same = KnownAnswers(statements, NODES, RELATIONS, torch.ones(len(facts)))
    for name in ("key", "offset", "answer"):
        assert torch.equal(getattr(same, name), getattr(known, name)), name
    large = KnownAnswers(statements, 2**31, RELATIONS)
    assert torch.equal(large.answer, known.answer)
    assert torch.equal(large.offset, known.offset)


@pytest.mark.parametrize("span", [(0, NODES), (3, 9), (0, 1), (5, 5), (12, NODES)])
def test_answers_within_a_span(known, span):
    query = everything()
    row, entity = known.answers(query)
    inside = (entity >= span[0]) & (entity < span[1])
    found = known.answers(query, *span)
    assert torch.equal(found[0], row[inside])
    assert torch.equal(found[1], entity[inside])
