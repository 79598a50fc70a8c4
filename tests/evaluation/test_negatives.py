"""Diagnosis of draws that are known in advance."""

import math

import pytest
import torch
from evaluation.tabled import Tabled
from torch import Tensor

from gnnneg.corruption import Both, Tail
from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.evaluation import diagnose
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query, Triplets

NODES = 4


class Fixed(Sampler):
    """Always the same candidates."""

    def __init__(self, index: Tensor, weight: Tensor):
        super().__init__()
        self.index, self.weight, self.learnt = index, weight, 0

    def forward(
        self, query: Query, target: Tensor, critic: Scorer, generator: torch.Generator | None = None
    ) -> Negatives:
        self.learnt += self.training
        rows = slice(None) if self.index.size(0) == 1 else slice(0, target.numel())
        return Negatives(self.index[rows], self.weight)


@pytest.fixture
def facts() -> Triplets:
    """Two questions: 0 -> 3 (2 is right as well), 1 -> 2."""
    return Triplets(*torch.tensor([[0, 1], [0, 0], [3, 2]]))


@pytest.fixture
def model() -> Tabled:
    score = torch.zeros(2, NODES, NODES)
    score[0, 0] = torch.tensor([0.0, 1.0, 2.0, 3.0])
    score[0, 1] = torch.tensor([5.0, 1.0, 4.0, 1.0])
    return Tabled(score)


def truth(*more: tuple[int, int, int]) -> KnownAnswers:
    rows = [(0, 0, 3), (1, 0, 2), (0, 0, 2), *more]
    return KnownAnswers(Triplets(*(torch.tensor(column) for column in zip(*rows))), NODES, 1)


def test_private_draws_by_hand(model, facts):
    """0 gets 2 (true), 1 and, absent, 3; 1 gets 0, 0 and 3."""
    sampler = Fixed(torch.tensor([[2, 1, 3], [0, 0, 3]]), torch.tensor([[1.0, 0.5, 0.0], [1.0, 2.0, 1.0]]))
    figures = diagnose(sampler, model, None, facts, truth(), Tail(1))
    assert figures["drawn"] == 5
    assert figures["false_negative_rate"] == pytest.approx(1 / 5)
    assert figures["absent"] == pytest.approx(1 / 6)
    assert figures["coverage"] == 1
    # entities 2, 1, 0, 0, 3
    entropy = -(3 * 0.2 * math.log(0.2) + 0.4 * math.log(0.4))
    assert figures["perplexity"] == pytest.approx(math.exp(entropy))
    # percentiles of 2 and 1 in row 0 (2.5/4, 1.5/4), of 0, 0 and 3 in row 1 (3.5/4 twice; tied with one other: 1/4)
    assert figures["hardness"] == pytest.approx((2.5 + 1.5 + 3.5 + 3.5 + 1) / 4 / 5)
    assert figures["margin"] == pytest.approx(((3 - 2) + (3 - 1) + 2 * (4 - 5) + (4 - 1)) / 5)
    assert figures["above_target"] == pytest.approx(2 / 5)
    assert figures["per_second"] > 0
    assert sampler.learnt == 0
    assert sampler.training


def test_shared_draws_and_the_target_itself(model, facts):
    """One set for both: 3 is question 0's own target, 2 is true for both."""
    sampler = Fixed(torch.tensor([[2, 3]]), torch.ones(1, 1))
    figures = diagnose(sampler, model, None, facts, truth(), Tail(1))
    assert figures["drawn"] == 4
    assert figures["false_negative_rate"] == pytest.approx(3 / 4)
    assert figures["coverage"] == pytest.approx(2 / 4)
    assert figures["perplexity"] == pytest.approx(2)
    assert figures["absent"] == 0
    itself = diagnose(Fixed(torch.tensor([[3]]), torch.ones(1, 1)), model, None, facts, truth((1, 0, 1)), Tail(1))
    assert itself["false_negative_rate"] == pytest.approx(1 / 2)


def test_batches_and_both_sides(model, facts):
    sampler = Fixed(torch.tensor([[2, 3]]), torch.ones(1, 1))
    seen: list[tuple[int, int]] = []
    whole = diagnose(sampler, model, None, facts, truth(), Both(1))
    parts = diagnose(
        sampler,
        model,
        None,
        facts,
        truth(),
        Both(1),
        batch_size=1,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert whole["drawn"] == 8
    for name in ("false_negative_rate", "hardness", "margin", "perplexity", "coverage", "drawn"):
        assert parts[name] == pytest.approx(whole[name]), name
    assert seen == [(1, 2), (2, 2)]


def test_nothing_there(model, facts):
    with pytest.raises(UserError, match="no negatives at all"):
        diagnose(Fixed(torch.tensor([[2]]), torch.zeros(1, 1)), model, None, facts, truth(), Tail(1))
    none = Triplets(*(torch.empty(0, dtype=torch.long) for _ in range(3)))
    with pytest.raises(UserError, match="no statements"):
        diagnose(Fixed(torch.tensor([[2]]), torch.ones(1, 1)), model, None, none, truth(), Tail(1))


def test_hardness_looks_at_both_sides(facts):
    """Tail questions score candidate 3 above all others, head questions below: two of the four questions are enough."""
    score = torch.zeros(2, NODES, NODES)
    score[0, :, 3], score[1, :, 3] = 1, -1
    sampler = Fixed(torch.tensor([[3]]), torch.ones(1, 1))
    figures = diagnose(sampler, Tabled(score), None, facts, truth(), Both(1), scored=2)
    assert figures["hardness"] == pytest.approx((3.5 / 4 + 0.5 / 4) / 2)
