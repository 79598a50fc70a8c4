"""Diagnosis of draws that are known in advance."""

import math

import pytest
import torch
from evaluation.tabled import Tabled
from examples import Fixed

from gnnneg.corruption import Both, Tail
from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import Pools
from gnnneg.errors import UserError
from gnnneg.evaluation import diagnose, shown
from gnnneg.records import Triplets

NODES = 4


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


def test_one_private_draw_each(model, facts):
    """0 gets 1, and 1 gets 0: two entities, each once."""
    figures = diagnose(Fixed(torch.tensor([[1], [0]]), torch.ones(2, 1)), model, None, facts, truth(), Tail(1))
    assert figures["drawn"] == 2
    assert figures["perplexity"] == pytest.approx(2)


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


def answers(*rows: tuple[int, int, int]) -> KnownAnswers:
    return KnownAnswers(Triplets(*(torch.tensor(column) for column in zip(*rows))), NODES, 1)


def test_types_degrees_and_denials_by_hand(model, facts):
    """0 gets 2 and 1, 1 gets 0, 0 and 3. In training 3 and 2 fill the slot; 0 has one fact, 1 one, 2 one, 3 one."""
    sampler = Fixed(torch.tensor([[2, 1, 3], [0, 0, 3]]), torch.tensor([[1.0, 0.5, 0.0], [1.0, 2.0, 1.0]]))
    plain = diagnose(sampler, model, None, facts, truth(), Tail(1))
    assert not {"type_consistency", "degree_ratio", "denied"} & set(plain)
    known, denied = answers((0, 0, 3), (1, 0, 2), (1, 0, 3)), answers((0, 0, 1), (1, 0, 0), (2, 0, 0))
    figures = diagnose(sampler, model, None, facts, truth(), Tail(1), known=known, denied=denied)
    assert figures["type_consistency"] == pytest.approx(2 / 5)  # 2 and 3 answer somebody, 1 and 0 nobody
    assert figures["denied"] == pytest.approx(3 / 5)  # 0's 1 and both of 1's 0
    # plus one: 0 has 2, 1 has 3, 2 has 2, 3 has 3; targets are 3 (of the first two) and 2 (of the last three)
    ratio = (2 / 3) * (3 / 3) * (2 / 2) * (2 / 2) * (3 / 2)
    assert figures["degree_ratio"] == pytest.approx(ratio ** (1 / 5))
    assert sum(figures["percentiles"]) == pytest.approx(1)

    # of types {0, 1}, {2} and {1, 3}: 1 is of a type with the target 3, nobody with the target 2
    types = Pools(torch.tensor([0, 0, 1, 2, 2]), torch.tensor([0, 1, 2, 1, 3]), 3)
    figures = diagnose(sampler, model, None, facts, truth(), Tail(1), types=types)
    assert figures["type_consistency"] == pytest.approx(1 / 5)
    assert "degree_ratio" not in figures


def test_no_denied_statements_no_figure(model, facts):
    none = torch.empty(0, dtype=torch.long)
    denied = KnownAnswers(Triplets(none, none, none), NODES, 1)
    sampler = Fixed(torch.tensor([[2]]), torch.ones(1, 1))
    assert "denied" not in diagnose(sampler, model, None, facts, truth((1, 0, 1)), Tail(1), denied=denied)


def test_what_is_drawn_in_words(model, facts):
    sampler = Fixed(torch.tensor([[2, 1, 3], [0, 0, 3]]), torch.tensor([[1.0, 0.5, 0.0], [1.0, 2.0, 1.0]]))
    found = shown(sampler, model, None, facts, truth(), Tail(1), ["a", "b", "c", "d"], ["likes"])
    assert [{key: one[key] for key in ("anchor", "relation", "side", "target")} for one in found] == [
        {"anchor": "a", "relation": "likes", "side": "tail", "target": "d"},
        {"anchor": "b", "relation": "likes", "side": "tail", "target": "c"},
    ]
    assert [(one["name"], one["true"]) for one in found[0]["negatives"]] == [("c", True), ("b", False)]
    assert [one["percentile"] for one in found[0]["negatives"]] == [0.625, 0.375]
    assert [one["name"] for one in found[1]["negatives"]] == ["a", "a", "d"]
    words = {"labels": ["Ann", None, "Cleo", "Dan"], "relation_labels": ["is fond of"]}
    told = shown(sampler, model, None, facts, truth(), Tail(1), ["a", "b", "c", "d"], ["likes"], **words)
    keys = "anchor_label", "relation_label", "target_label"
    assert [[one[key] for key in keys] for one in told] == [["Ann", "is fond of", "Dan"], ["", "is fond of", "Cleo"]]
    assert [one["label"] for one in told[0]["negatives"]] == ["Cleo", ""]


def test_the_degree_ratio_is_a_mean_over_what_is_there(model, facts):
    """Plus one, 0 has 2, 1 has 3, 2 has 3, 3 has 4: what is absent does not count."""
    sampler = Fixed(torch.tensor([[2, 1, 3], [0, 0, 3]]), torch.tensor([[1.0, 0.5, 0.0], [1.0, 2.0, 1.0]]))
    known = answers((0, 0, 3), (1, 0, 2), (1, 0, 3), (2, 0, 3))
    figures = diagnose(sampler, model, None, facts, truth(), Tail(1), known=known)
    ratio = (3 / 4) * (3 / 4) * (2 / 3) * (2 / 3) * (4 / 3)
    assert figures["degree_ratio"] == pytest.approx(ratio ** (1 / 5))
    assert ratio == pytest.approx(1 / 3)
