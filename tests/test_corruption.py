"""Which side is asked, on graphs worked by hand."""

import math

import pytest
import torch

from gnnneg.corruption import Alternating, Bernoulli, OneSide
from gnnneg.data.known import KnownAnswers
from gnnneg.records import Triplets


@pytest.fixture
def facts():
    """Relation 0 is 1-N (entity 0 has three tails), 1 is N-1 its mirror, 2 is 1-1, 3 is N-N, 4 has no facts."""
    rows = [(0, 0, 1), (0, 0, 2), (0, 0, 3), (1, 1, 0), (2, 1, 0), (3, 1, 0), (0, 2, 1), (2, 2, 3)]
    rows += [(h, 3, t) for h in (0, 1) for t in (2, 3)]
    return KnownAnswers(Triplets(*torch.tensor(rows).T), 4, 5)


def asked_for_head(corruption, relation: int) -> float:
    many = torch.zeros(20_000, dtype=torch.long)
    query, _ = corruption(Triplets(many, many + relation, many + 1), torch.Generator().manual_seed(0))
    return (query.rel_type >= 5).float().mean().item()


@pytest.mark.parametrize(("relation", "head"), [(0, 3 / 4), (1, 1 / 4), (2, 1 / 2), (3, 1 / 2), (4, 1 / 2)])
def test_bernoulli(facts, relation, head):
    """Tails a head over tails a head plus heads a tail: 3 / (3 + 1) for the first."""
    assert math.isclose(asked_for_head(Bernoulli(facts), relation), head, abs_tol=0.015)


@pytest.mark.parametrize(("relation", "head"), [(0, 1.0), (1, 0.0), (2, 1 / 2), (3, 1 / 2), (4, 1 / 2)])
def test_one_side(facts, relation, head):
    """1-N is asked for its head, N-1 for its tail, the others for either."""
    assert math.isclose(asked_for_head(OneSide(facts), relation), head, abs_tol=0.015)


def test_how_many_are_many(facts):
    """With four needed to be many, no relation is to many."""
    assert math.isclose(asked_for_head(OneSide(facts, many=4.0), 0), 0.5, abs_tol=0.015)


ROWS = Triplets(torch.tensor([0, 1, 2]), torch.tensor([3, 0, 1]), torch.tensor([4, 5, 6]))
TAILS, HEADS = ([0, 1, 2], [3, 0, 1], [4, 5, 6]), ([4, 5, 6], [8, 5, 6], [0, 1, 2])  # of five relations


def sides(corruption, steps: int) -> list:
    """Anchors, relations and targets of some steps."""
    asked = [corruption(ROWS) for _ in range(steps)]
    return [(query.anchor.tolist(), query.rel_type.tolist(), target.tolist()) for query, target in asked]


def test_alternating_asks_a_batch_of_tails_and_then_one_of_heads():
    assert sides(Alternating(5), 5) == [TAILS, HEADS, TAILS, HEADS, TAILS]


def test_alternating_goes_on_with_the_side_that_was_next():
    corruption = Alternating(5)
    sides(corruption, 3)
    other = Alternating(5)
    other.load_state_dict(corruption.state_dict())
    assert sides(other, 3) == sides(corruption, 3) == [HEADS, TAILS, HEADS]
    assert int(other.to("meta").step) == 6  # a step is read on the CPU, wherever the rest goes


def test_looking_at_alternating_counts_no_step():
    """Then both sides are asked, of every second triplet the head."""
    corruption = Alternating(5)
    sides(corruption, 1)
    corruption.eval()
    assert sides(corruption, 2) == [([0, 5, 2], [3, 5, 1], [4, 1, 6])] * 2
    assert int(corruption.step) == 1
    corruption.train()
    assert sides(corruption, 1) == [HEADS]
