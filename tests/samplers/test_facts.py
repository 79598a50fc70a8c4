"""Samplers against counts and empirical frequencies."""

import math

import pytest
import torch
from examples import NODES, RELATIONS, Scores, known, toy

from gnnneg.corruption import Either
from gnnneg.errors import UserError
from gnnneg.records import Query, asked
from gnnneg.samplers import All, Filtered, InBatch, Uniform


def sample(sampler, b: int = 40, seed: int = 0):
    query, target = asked(toy(b), RELATIONS)
    return query, target, sampler(query, target, Scores(torch.zeros(b, NODES)), torch.Generator().manual_seed(seed))


def chi_square(count: torch.Tensor) -> float:
    expected = count.sum() / count.numel()
    return float(((count - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("shared", [True, False])
def test_uniform_is_uniform(shared):
    count = torch.zeros(NODES)
    for seed in range(2000 if shared else 50):
        count += torch.bincount(sample(Uniform(NODES, 5, shared), seed=seed)[2].index.flatten(), minlength=NODES)
    # ten degrees of freedom: 29.6 has probability 0.001
    assert chi_square(count) < 29.6


def test_shape_says_who_shares():
    assert sample(Uniform(NODES, 5))[2].index.shape == (40, 5)
    assert sample(Uniform(NODES, 5, shared=True))[2].index.shape == (1, 5)


def test_uniform_meets_true_answers_as_often_as_they_are():
    """The expected share of false negatives is (number of known answers) / n."""
    facts, hits, expected = known(), 0.0, 0.0
    for seed in range(200):
        query, _, negatives = sample(Uniform(NODES, 5), seed=seed)
        hits += facts.contains(query, negatives.index).float().mean().item() / 200
    expected = (facts.count(query).float() / NODES).mean().item()
    assert math.isclose(hits, expected, abs_tol=0.01)


@pytest.mark.parametrize("count", [0, NODES + 1])
def test_too_many_negatives(count):
    with pytest.raises(UserError, match=f"graph of {NODES} entities"):
        Uniform(NODES, count)


def test_all_is_everyone_but_the_target():
    _, target, negatives = sample(All(NODES))
    assert negatives.index.tolist() == [list(range(NODES))]
    assert negatives.weight.sum(1).tolist() == [NODES - 1] * 40
    assert (negatives.weight.argmin(1) == target).all()


def test_in_batch_is_the_other_targets():
    _, target, negatives = sample(InBatch(known()))
    assert negatives.index[0].tolist() == target.tolist()
    for i in range(40):
        for j in range(40):
            assert negatives.weight[i, j] == (target[i] != target[j])


@pytest.mark.parametrize("proposal", [Uniform(NODES, 9), Uniform(NODES, 9, shared=True), All(NODES), InBatch(known())])
def test_filtered_removes_exactly_the_known_answers(proposal):
    """Against the statements themselves, pair by pair."""
    facts = {(h, r, t) for h, r, t in zip(*(column.tolist() for column in toy()))}
    query, target, negatives = sample(Filtered(proposal, known()))
    offered = sample(proposal)[2]
    assert torch.equal(negatives.index, offered.index)
    index = negatives.index.expand(40, -1).tolist()
    before = offered.weight.expand(40, len(index[0])).tolist()
    for i, (a, r, t) in enumerate(zip(query.anchor.tolist(), query.rel_type.tolist(), target.tolist())):
        for j, candidate in enumerate(index[i]):
            expected = 0 if (a, r, candidate) in facts or candidate == t else before[i][j]
            assert negatives.weight[i, j] == expected


def test_filtered_keeps_the_target_out_even_if_it_is_not_a_known_fact():
    query, target = Query(torch.tensor([0]), torch.tensor([0])), torch.tensor([3])
    from gnnneg.data.known import KnownAnswers
    from gnnneg.records import Triplets

    none = torch.empty(0, dtype=torch.long)
    empty = KnownAnswers(Triplets(none, none, none), NODES, RELATIONS)
    negatives = Filtered(All(NODES), empty)(query, target, Scores(torch.zeros(1, NODES)))
    assert negatives.weight[0].nonzero().flatten().tolist() == [i for i in range(NODES) if i != 3]


@pytest.mark.parametrize("head", [0.0, 0.3, 1.0])
def test_either_asks_the_head_as_often_as_told(head):
    query, _ = Either(RELATIONS, head)(toy(4000), torch.Generator().manual_seed(0))
    assert math.isclose((query.rel_type >= RELATIONS).float().mean().item(), head, abs_tol=0.03)
