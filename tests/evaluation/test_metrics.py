"""Metrics against numbers worked out elsewhere: by hand, from the exact table of random rankings, by Monte Carlo."""

import math

import numpy as np
import pytest
import torch
from evaluation.tabled import NODES, RELATIONS, Tabled, coarse, index_of, world

from gnnneg.errors import UserError
from gnnneg.evaluation import Ranks, expected_sampled_hits, ranks, strata, summary, tables
from gnnneg.evaluation.metrics import (
    amri,
    amrr,
    expected_mr,
    expected_mrr,
    hits,
    mrr,
    ndcg,
    standard_error,
    variance_mrr,
    z_mrr,
)
from gnnneg.evaluation.strata import _quartiles, cardinality, degree
from gnnneg.records import Triplets


@pytest.mark.parametrize(
    ("n", "chance", "deviation", "hits_at_10", "mean_rank"),
    [
        (135, 0.0406, 0.1024, 0.0741, 68),
        (2_034, 0.00403, 0.0282, 0.0049, 1_017.5),
        (14_541, 0.00070, 0.0106, 0.00069, 7_271),
        (17_050, 0.00061, 0.0098, 0.00059, 8_525.5),
        (40_943, 0.00027, 0.0063, 0.00024, 20_472),
        (77_951, 0.00015, 0.0046, 0.00013, 38_976),
        (123_182, 0.00010, 0.0037, 0.00008, 61_591.5),
    ],
)
def test_random_rankings(n, chance, deviation, hits_at_10, mean_rank):
    """The table of UMLS, CoDEx-S, FB15k-237, CoDEx-M, WN18RR, CoDEx-L and YAGO3-10, and the sums themselves."""
    one = torch.tensor([n])
    assert expected_mrr(one) == pytest.approx(chance, abs=5.1e-5 if n == 135 else 5.1e-6)
    assert math.sqrt(variance_mrr(one)) == pytest.approx(deviation, abs=6e-5)  # the table says 0.0282 for 0.02815
    assert expected_mr(one) == mean_rank
    every = torch.arange(1, n + 1).double()
    assert hits(every, 10) == pytest.approx(hits_at_10, abs=5.1e-5)
    assert expected_mrr(one) == pytest.approx(mrr(every), rel=1e-12)
    assert variance_mrr(one) == pytest.approx(float((1 / every).var(correction=0)), rel=1e-9)


def test_ndcg_at_ranks_one_to_six():
    gains = [ndcg(torch.tensor([float(r)]), 5) for r in range(1, 7)]
    assert gains == pytest.approx([1, 0.631, 0.5, 0.431, 0.387, 0], abs=5e-4)
    assert ndcg(torch.tensor([1.0, 6.0, 3.0]), 5) == pytest.approx(0.5)


def test_metrics_by_hand():
    """Ranks 1, 2.5 and 10 among 10, 5 and 20 candidates."""
    ours = Ranks(
        *(torch.zeros(3, dtype=torch.long) for _ in range(3)),
        side=torch.tensor([0, 0, 1]),
        optimistic=torch.tensor([1, 1, 10]),
        pessimistic=torch.tensor([1, 4, 10]),
        candidates=torch.tensor([10, 5, 20]),
    )
    with pytest.warns(UserWarning, match="Ties decide 0.250 of MRR"):
        result = summary(ours)
    assert result["mrr"] == pytest.approx((1 + 0.4 + 0.1) / 3)
    assert result["mrr_optimistic"] == pytest.approx((1 + 1 + 0.1) / 3)
    assert result["mrr_pessimistic"] == pytest.approx((1 + 0.25 + 0.1) / 3)
    assert result["mr"] == pytest.approx(4.5)
    assert (result["hits@1"], result["hits@3"], result["hits@10"]) == pytest.approx((1 / 3, 2 / 3, 1))
    assert result["ndcg@5"] == pytest.approx((1 + 1 / math.log2(3.5)) / 3)
    assert result["amr"] == pytest.approx(4.5 / ((5.5 + 3 + 10.5) / 3))
    assert result["amri"] == pytest.approx(1 - 3.5 / (19 / 3 - 1))
    chance = np.mean([sum(1 / i for i in range(1, n + 1)) / n for n in (10, 5, 20)])
    assert result["amrr"] == pytest.approx((0.5 - chance) / (1 - chance))
    spread = sum(np.var([1 / i for i in range(1, n + 1)]) for n in (10, 5, 20)) / 9
    assert result["z_mrr"] == pytest.approx((0.5 - chance) / math.sqrt(spread))
    assert result["head"]["mrr"] == pytest.approx(0.1)
    assert result["tail"]["mrr"] == pytest.approx(0.7)


def test_a_perfect_scorer():
    stated, tested = world(0)
    score = torch.zeros(2 * RELATIONS, NODES, NODES)
    score[stated.rel_type, stated.head_index, stated.tail_index] = 1
    score[stated.rel_type + RELATIONS, stated.tail_index, stated.head_index] = 1
    result = summary(ranks(Tabled(score), None, tested, index_of(stated)))  # and no warning: nothing is tied
    for name in ("mrr", "mr", "hits@1", "ndcg@5", "amri", "amrr", "mrr_optimistic", "mrr_pessimistic"):
        assert result[name] == result["head"][name] == 1, name


def test_a_constant_scorer():
    stated, tested = world(0)
    result = ranks(Tabled(torch.ones(2 * RELATIONS, NODES, NODES)), None, tested, index_of(stated))
    with pytest.warns(UserWarning, match="Ties decide"):
        values = summary(result)
    n = result.candidates.double()
    assert values["mrr"] == pytest.approx(float((2 / (n + 1)).mean()), rel=1e-12)
    assert values["mrr_optimistic"] == 1
    assert values["mrr_pessimistic"] == pytest.approx(float((1 / n).mean()), rel=1e-12)
    assert values["amri"] == pytest.approx(0, abs=1e-12)
    assert values["amr"] == pytest.approx(1, rel=1e-12)


def test_a_random_scorer_is_worth_nothing():
    nodes = 150
    stated, tested = world(1, size=3_000, nodes=nodes)
    score = torch.randn(2 * RELATIONS, nodes, nodes)
    result = ranks(Tabled(score), None, tested, index_of(stated, nodes))
    values = summary(result)
    deviation = math.sqrt(variance_mrr(result.candidates))
    assert abs(values["mrr"] - expected_mrr(result.candidates)) < 3 * deviation
    assert abs(values["z_mrr"]) < 3
    assert abs(values["amri"]) < 3 * 0.58 / math.sqrt(len(result))  # a uniform on [-1, 1] has deviation 1/sqrt(3)
    better = score.clone()
    better[tested.rel_type, tested.head_index, tested.tail_index] += 1
    better[tested.rel_type + RELATIONS, tested.tail_index, tested.head_index] += 1
    assert summary(ranks(Tabled(better), None, tested, index_of(stated, nodes)))["z_mrr"] > 10


def test_one_candidate_leaves_no_chance():
    one, rank = torch.tensor([1, 1]), torch.tensor([1.0, 1.0])
    assert (amri(rank, one), amrr(rank, one), z_mrr(rank, one)) == (0, 0, 0)


def test_no_ranks_are_refused():
    none = torch.empty(0, dtype=torch.long)
    with pytest.raises(UserError, match="no ranks"):
        summary(Ranks(none, none, none, none, none, none, none))


def test_expected_sampled_hits_against_sampling():
    draw = np.random.default_rng(0)
    n = draw.integers(50, 200, 40)
    rank = draw.integers(1, n + 1)
    for k, m in ((1, 5), (3, 20), (10, 50), (4, 3)):
        better = draw.random((4_000, 40, m)) < ((rank - 1) / (n - 1))[None, :, None]
        sampled = (1 + better.sum(2) <= k).mean()
        ours = expected_sampled_hits(torch.from_numpy(rank).double(), torch.from_numpy(n), k, m)
        assert ours == pytest.approx(sampled, abs=5e-3), (k, m)
    best, worst, n = torch.tensor([1.0]), torch.tensor([9.0]), torch.tensor([9])
    assert expected_sampled_hits(best, n, 1, 50) == 1
    assert expected_sampled_hits(worst, n, 10, 50) == 0
    assert expected_sampled_hits(worst, n, 3, 2) == 1  # two rivals cannot keep anyone out of three


def test_expected_sampled_hits_by_hand():
    """Two of four rivals are better, so that of two drawn none is with 1/4 and at most one with 3/4."""
    rank, n = torch.tensor([3.0]), torch.tensor([5])
    assert [expected_sampled_hits(rank, n, k, 2) for k in (1, 2, 3)] == pytest.approx([0.25, 0.75, 1.0])
    assert expected_sampled_hits(torch.tensor([3.0, 1.0]), torch.tensor([5, 5]), 1, 2) == pytest.approx(0.625)
    # the formula as papers write it, for 50 negatives and for 49
    p = 99 / 999
    for m in (50, 49):
        formula = sum(math.comb(m, i) * p**i * (1 - p) ** (m - i) for i in range(10))
        assert expected_sampled_hits(torch.tensor([100.0]), torch.tensor([1000]), 10, m) == pytest.approx(formula)


def test_expected_sampled_hits_are_those_of_drawn_candidates():
    """Candidates are drawn and their scores compared, which no formula takes part in."""
    draw = np.random.default_rng(0)
    score = draw.normal(size=(60, 300))
    score[:, 0] += 1.5  # the target's
    rank = 1 + (score[:, 1:] > score[:, :1]).sum(1)
    full = (rank <= 10).mean()
    drawn = []
    for _ in range(400):
        offered = np.take_along_axis(score, draw.integers(1, 300, (60, 50)), axis=1)
        drawn.append(((offered > score[:, :1]).sum(1) < 10).mean())
    ours = expected_sampled_hits(torch.from_numpy(rank).double(), torch.full((60,), 300), 10, 50)
    assert ours == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / 20)
    assert ours > full + 0.2


def test_sampled_hits_stand_beside_the_others():
    rank = torch.tensor([3, 1])
    found = Ranks(*torch.zeros(3, 2).long(), torch.tensor([0, 1]), rank, rank, torch.tensor([30, 30]))
    metrics = summary(found, 50)
    assert metrics["hits@10_50"] == expected_sampled_hits(rank.double(), torch.tensor([30, 30]), 10, 50)
    assert metrics["tail"]["hits@10_50"] == expected_sampled_hits(rank[:1].double(), torch.tensor([30]), 10, 50)
    assert metrics["head"]["hits@10_50"] == 1
    assert {name for name in metrics if name not in summary(found)} == {"hits@10_50"}
    with pytest.raises(UserError, match="among 0 random negatives"):
        summary(found, 0)


def test_cardinality_classes():
    """Relation 0: one head with three tails; 1: its inverse; 2: a chain; 3: all to all; 4: never in training."""
    facts = [(0, 0, 1), (0, 0, 2), (0, 0, 3), (0, 0, 3), (1, 1, 0), (2, 1, 0), (3, 1, 0), (0, 2, 1), (1, 2, 2)]
    facts += [(h, 3, t) for h in (0, 1) for t in (2, 3)]
    train = Triplets(*(torch.tensor(column) for column in zip(*facts)))
    assert cardinality(train, 5) == ["1-N", "N-1", "1-1", "N-N", "unseen"]
    # 3 facts over 2 heads are 1.5 tails a head, which is many; the repeated one must not make it more than 1 elsewhere
    border = Triplets(*torch.tensor([[0, 0, 1, 2, 2], [0, 0, 0, 1, 1], [3, 4, 5, 6, 6]]))
    assert cardinality(border, 2) == ["1-N", "1-1"]


def test_standard_error_by_hand():
    """Three statements have 3/4, 1/4 and 1/2 as the means of their two reciprocal ranks: a deviation of 1/4."""
    rank = torch.tensor([1, 4, 2, 2, 4, 2])
    zero = torch.zeros(6, dtype=torch.long)
    side = torch.tensor([0, 0, 0, 1, 1, 1])
    found = standard_error(Ranks(zero, zero, zero, side, rank, rank, zero))
    assert found == pytest.approx(0.25 / 3**0.5)
    each = (1 / rank.numpy()).reshape(2, 3).mean(0)
    assert found == pytest.approx(np.std(each, ddof=1) / np.sqrt(3))
    assert standard_error(Ranks(*[torch.ones(2, dtype=torch.long)] * 7)) == 0.0


@pytest.mark.parametrize("block", [1, 3, 5])
def test_cardinality_in_blocks_of_relations(monkeypatch, block):
    facts = Triplets(torch.randint(9, (80,)), torch.randint(6, (80,)), torch.randint(5, (80,)))
    whole = cardinality(facts, 7)
    monkeypatch.setattr("gnnneg.data.cardinality.BLOCK", block)
    assert cardinality(facts, 7) == whole


@pytest.mark.parametrize("size", [1, 2, 3, 4, 101, 1000])
def test_quartiles_are_those_of_torch(size):
    count = torch.randint(1, 5000, (size,))
    expected = count.double().quantile(torch.tensor([0.25, 0.5, 0.75]).double()).floor().long()
    assert _quartiles(count) == expected.tolist()


def test_degrees_and_strata():
    """Degrees 1, 1, 2, 2, 3, 3, 4, 20: quartiles 1.75, 2.5 and 3.25, so 1 | 2 | 3 | 4 and more; entity 8 is unseen."""
    ends = [e for e, d in enumerate([1, 1, 2, 2, 3, 3, 4, 20]) for _ in range(d)]
    train = Triplets(torch.tensor(ends[::2]), torch.zeros(18, dtype=torch.long), torch.tensor(ends[1::2]))
    assert degree(train, 9).tolist() == [1, 1, 2, 2, 3, 3, 4, 20, 0]
    one = torch.ones(9, dtype=torch.long)
    result = Ranks(one, 0 * one, torch.arange(9), 0 * one, one, one, 9 * one)
    labels = strata(result, train, 9, 1)["degree"]
    assert labels == ["1", "1", "2", "2", "3", "3", "4+", "4+", "0"]


def test_tables_part_the_queries():
    stated, tested = world(2)
    result = ranks(Tabled(coarse(2)), None, tested, index_of(stated))
    parts = tables(result, stated, NODES, RELATIONS, ["likes", "knows", "owns"])
    whole = mrr(result.realistic)
    for name, part in parts.items():
        assert part["queries"].sum() == len(result), name
        assert (part["mrr"] * part["queries"]).sum() / len(result) == pytest.approx(whole), name
    relation = parts["relation"].set_index("stratum")
    knows = result.take(result.rel_type == 1)
    assert relation.loc["knows", "mrr"] == pytest.approx(mrr(knows.realistic))
    assert relation.loc["knows", "amri"] == pytest.approx(amri(knows.realistic, knows.candidates))
    side = parts["side"].set_index("stratum")
    assert side.loc["head", "hits@3"] == pytest.approx(hits(result.of("head").realistic, 3))
