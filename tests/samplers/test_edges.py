"""At the edge of what is counted: one fact, nobody there, a bound of memory, what a checkpoint carries; by hand."""

import math

import pytest
import torch
from examples import NODES, RELATIONS, Fixed, Scores, kge, known, toy
from torch.testing import assert_close

from gnnneg.data.known import Joined, KnownAnswers
from gnnneg.data.pools import slots
from gnnneg.losses import InfoNCE
from gnnneg.records import Query, Triplets
from gnnneg.samplers import (
    MCNS,
    All,
    Cached,
    Curriculum,
    Denied,
    Diverse,
    HardDraw,
    Hardest,
    InBatch,
    Mixture,
    Nearest,
    NoiseContrastive,
    Popular,
    RandomWalk,
    Relational,
    SelfPaced,
    Typed,
    Uniform,
    cached,
    hardest,
    mcns,
    nearest,
)
from gnnneg.samplers import all as all_
from gnnneg.samplers.kbgan import KBGAN, reinforce
from gnnneg.samplers.last import write_last
from gnnneg.samplers.slots import Slots


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def facts(*rows: tuple[int, int, int], nodes: int = NODES, relations: int = RELATIONS) -> KnownAnswers:
    return KnownAnswers(Triplets(*torch.tensor(rows).T), nodes, relations)


def one(target: int, rows: int = 1) -> tuple[Query, torch.Tensor]:
    zero = torch.zeros(rows, dtype=torch.long)
    return Query(zero, zero), torch.full((rows,), target)


# one of what is counted


def test_one_fact_is_enough_to_know_how_frequent_targets_are():
    query, target = one(1)
    odds = InBatch(facts((0, 0, 1))).log_prob(query, target, Scores(torch.zeros(1, NODES)), torch.tensor([[1, 0]]))
    assert odds.exp().tolist() == [[1.0, 0.0]]


def test_one_other_relation_is_enough():
    """Of entity 0 one fact of another relation: always its answer, whatever the query's own facts are."""
    some = facts((0, 0, 1), (0, 0, 2), (0, 1, 7))
    query, target = one(1)
    found = Relational(some, 50)(query, target, Scores(torch.zeros(1, NODES)), chance())
    assert found.weight.tolist() == [[1.0]]
    assert found.index.unique().tolist() == [7]
    asked = Query(torch.tensor([0]), torch.tensor([1]))
    found = Relational(some, 50)(asked, target, Scores(torch.zeros(1, NODES)), chance())
    assert found.index.unique().tolist() == [1, 2]


def test_denied_ones_come_in_their_order():
    """A run of the row that goes on at its beginning."""
    some = Denied(facts((0, 0, 2), (0, 0, 5), (0, 0, 7), (0, 0, 9)), 3)
    query, target = one(1, 40)
    found = some(query, target, Scores(torch.zeros(40, NODES)), chance())
    runs = {(2, 5, 7), (5, 7, 9), (7, 9, 2), (9, 2, 5)}
    assert {tuple(row) for row in found.index.tolist()} == runs


def test_a_walk_from_an_anchor_with_one_neighbour():
    query, target = one(1)
    found = RandomWalk(facts((0, 0, 4)), 6, hops=1)(query, target, Scores(torch.zeros(1, NODES)), chance())
    assert found.index.tolist() == [[4] * 6]
    assert found.weight.tolist() == [[1.0]]


def test_several_indices_count_as_one():
    """Statements of two parts, each asked for from both sides; a part of none changes nothing."""
    one, two, none = facts((0, 0, 3)), facts((0, 0, 1), (2, 1, 3)), facts((0, 0, 3)).without(facts((0, 0, 3)))
    both = facts((0, 0, 3), (0, 0, 1), (2, 1, 3))
    query = Query(torch.tensor([0, 2, 3, 5]), torch.tensor([0, 1, RELATIONS, 2]))
    every = torch.arange(NODES)[None]
    for joined in (Joined(one, two), Joined(two, none, one)):
        assert len(joined) == len(both) == 3
        assert joined.count(query).tolist() == both.count(query).tolist() == [2, 1, 1, 0]
        for start, stop in ((None, None), (0, NODES), (1, 3), (2, 4)):
            found, wanted = joined.answers(query, start, stop), both.answers(query, start, stop)
            assert [column.tolist() for column in found] == [column.tolist() for column in wanted]
        assert torch.equal(joined.contains(query, every), both.contains(query, every))
        assert (joined.num_nodes, joined.num_relations) == (NODES, RELATIONS)
    assert len(none) == 0


# nobody there


def test_a_policy_that_drew_nobody_learns_nothing():
    none = torch.zeros(2, 3)
    assert reinforce(torch.zeros(2, 3), torch.ones(2, 3), none).item() == 0.0
    assert reinforce(torch.tensor([[-1.0, -2.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 1.0]])) == 5.5
    assert reinforce(torch.tensor([[-1.0, -2.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.5]])) == 4.0
    sampler = KBGAN(Fixed(torch.tensor([[1, 2]]), torch.zeros(1, 2)), kge(), 2, momentum=0.5)
    query, target = one(0, 2)
    before = [weight.clone() for weight in sampler.policy.parameters()]
    found = sampler(query, target, Scores(torch.ones(2, NODES)), chance())
    assert found.weight.tolist() == [[0.0, 0.0]] * 2
    assert sampler.baseline.item() == 0.0
    assert sampler.steps.item() == 1
    for mine, wanted in zip(sampler.policy.parameters(), before):
        assert torch.equal(mine, wanted)


def test_a_baseline_is_the_mean_of_who_is_there():
    """Entities score their number: first the mean itself, then by momentum towards the next."""
    sampler = KBGAN(Fixed(torch.tensor([[2]]), torch.tensor([[0.25]])), kge(), 3, momentum=0.75)
    query, target = one(0, 2)
    score = torch.arange(float(NODES)).expand(2, -1)
    for times, wanted in ((1.0, 2.0), (5.0, 0.75 * 2 + 0.25 * 10)):
        sampler(query, target, Scores(times * score), chance())
        assert sampler.baseline.item() == pytest.approx(wanted)
    sampler.eval()
    assert sampler(query, target, Scores(score), chance()).weight.tolist() == [[1.0] * 3] * 2
    assert sampler.steps.item() == 2


def test_noise_of_nobody_at_all():
    """Log k is that of one where nothing is offered."""
    nobody = Fixed(torch.empty(1, 0, dtype=torch.long), torch.empty(1, 0))
    nobody.log_prob = lambda query, target, critic, index: torch.full(index.shape, -math.log(4))
    query, target = one(0)
    own, drawn = NoiseContrastive(nobody)(query, target, Scores(torch.zeros(1, NODES))).noise
    assert_close(own, torch.tensor([[0.25]]).log())
    assert drawn.shape == (1, 0)


def test_types_of_nobody():
    nobody = torch.empty(0, dtype=torch.long)
    sampler = Typed(slots(known(toy(12))), NODES, 2)
    found = sampler.log_prob(Query(nobody, nobody), nobody, Scores(torch.zeros(0, NODES)), torch.zeros(1, 2).long())
    assert found.shape == (0, 2)


def test_a_mixture_of_a_part_that_offers_nobody():
    """The other counts for all."""
    nobody = Fixed(torch.empty(1, 0, dtype=torch.long), torch.empty(1, 0))
    query, target = one(0)
    critic = Scores(torch.zeros(1, NODES))
    found = Mixture([nobody, Fixed(torch.tensor([[1, 2]]), torch.ones(1, 1))])(query, target, critic)
    assert (found.index.tolist(), found.weight.tolist()) == ([[1, 2]], [[1.0, 1.0]])
    assert Mixture([nobody])(query, target, critic).index.shape == (1, 0)
    halves = Mixture([Fixed(torch.tensor([[3]]), torch.ones(1, 1)), nobody], [0.5, 0.5])(query, target, critic)
    assert halves.weight.tolist() == [[0.5]]


def test_absent_rows_of_a_table_keep_what_they_had():
    table = torch.tensor([[1], [2], [3]])
    write_last(table, torch.tensor([1, 1, 2, 0]), torch.tensor([[7], [8], [9], [5]]), torch.tensor([1, 0, 0, 1]).bool())
    assert table.tolist() == [[5], [7], [3]]
    write_last(table, torch.tensor([1, 1]), torch.tensor([[4], [6]]))
    assert table.tolist() == [[5], [6], [3]]


def test_slots_of_no_row():
    none = Slots(0, 2)
    slot, there = none(torch.zeros(3, dtype=torch.long), torch.ones(3, dtype=torch.bool))
    assert (slot.tolist(), there.tolist()) == ([0] * 3, [False] * 3)


def test_caches_and_chains_begin_with_nothing():
    some = known(toy(12))
    cache, chains = Cached(Uniform(NODES, 3), some, 2, size=4), MCNS(some, 5, chains=3)
    assert (cache.cache == -1).all()
    assert (chains.state == -1).all()
    assert chains.state.shape == (len(some.key), 3)
    assert MCNS(some, 2, chains=3).state.shape == (len(some.key), 2)
    assert (cache.step.item(), Curriculum([Uniform(NODES, 1)], [0]).step.item()) == (0, 0)
    assert (Slots(5, 2).slot == -1).all()
    assert (Slots(5, 2).owner == -1).all()
    assert Slots(5, 2).turn.item() == 0
    empty = known(Triplets(*[torch.empty(0, dtype=torch.long)] * 3))
    query, target = one(0, 3)
    for sampler in (Cached(Uniform(NODES, 3), empty, 2, size=4), MCNS(empty, 2)):
        found = sampler(query, target, Scores(torch.zeros(3, NODES)), chance())
        assert found.index.shape == (3, 2)
        assert ((found.index >= 0) & (found.index < NODES)).all()


def test_as_many_caches_as_queries_need_no_slots():
    some = known(toy(12))
    count = len(some.key)
    for queries in (None, count, count + 1):
        sampler = Cached(Uniform(NODES, 3), some, 2, size=4, queries=queries)
        assert (len(sampler.cache), sampler.slots) == (count, None)
    fewer = Cached(Uniform(NODES, 3), some, 2, size=4, queries=count - 1)
    assert (len(fewer.cache), len(fewer.slots.slot), len(fewer.slots.owner)) == (count - 1, count, count - 1)


# bounds of memory


def test_what_is_refused_is_counted_in_bytes(monkeypatch):
    """Four bytes a place of a cache or chain, eight a weight with its score, twenty a neighbour with its search."""
    told = []
    for room in (all_, cached, mcns, nearest):
        monkeypatch.setattr(room, "refuse_beyond", lambda size, *_: told.append(size))
    some = known(toy(12))
    count = len(some.key)
    Cached(Uniform(NODES, 3), some, 2, size=4)
    Cached(Uniform(NODES, 3), some, 2, size=4, queries=3)
    MCNS(some, 5, chains=3)
    MCNS(some, 2, chains=3)
    Nearest(NODES, 2, 3)
    query, target = one(0, 5)
    All(NODES)(query, target, Scores(torch.zeros(5, NODES)))
    assert told == [count * 4 * 4, 3 * 4 * 4, count * 3 * 4, count * 2 * 4, NODES * 3 * 20, 5 * NODES * 8]


@pytest.mark.parametrize(
    ("rows", "most", "wanted"), [(2, 4, [2, 2, 2, 2, 1]), (3, 12, [4, 4, 1]), (2, 2, [2] * 4 + [1])]
)
def test_candidates_are_scored_some_at_a_time(monkeypatch, rows, most, wanted):
    """As many as fit for all queries, though no fewer than are kept: the best of all come out."""
    monkeypatch.setattr(hardest, "SCORES", most)
    asked = []

    class Told(Scores):
        def __call__(self, index):
            asked.append(index.size(1))
            return super().__call__(index)

    torch.manual_seed(0)
    score = torch.rand(rows, NODES)
    query, target = one(0, rows)
    found = Hardest(Fixed(torch.arange(1, 10)[None], torch.ones(1, 1)), 2)(query, target, Told(score))
    assert asked == wanted
    assert found.index.tolist() == (score[:, 1:10].topk(2, dim=1).indices + 1).tolist()


# what a checkpoint carries


@pytest.mark.parametrize(
    ("make", "kept"),
    [
        (lambda: InBatch(known(toy(12))), set()),
        (lambda: Popular(known(toy(12)), 2), set()),
        (lambda: Relational(known(toy(12)), 2), set()),
        (lambda: known(toy(12)), set()),
        (lambda: KnownAnswers(toy(3), NODES, RELATIONS, torch.ones(3)), set()),
        (lambda: Nearest(NODES, 2, 3), {"table", "draws"}),
        (lambda: SelfPaced(Uniform(NODES, 5), 2), {"log_size"}),
        (lambda: Curriculum([Uniform(NODES, 5)], [0]), {"step"}),
        (lambda: Cached(Uniform(NODES, 3), known(toy(12)), 2, size=4), {"cache", "step"}),
        (
            lambda: Cached(Uniform(NODES, 3), known(toy(12)), 2, size=4, queries=2),
            {"cache", "step", "slots.slot", "slots.owner", "slots.turn"},
        ),
        (lambda: MCNS(known(toy(12)), 2), {"state"}),
    ],
)
def test_checkpoints_carry_what_was_learnt_and_no_facts(make, kept):
    assert set(make().state_dict()) == kept


# how often, how hot


def test_a_cache_is_renewed_every_so_many_steps():
    """At the first step and each third one after it, in training alone."""
    offers = Fixed(torch.tensor([[1, 2, 3]]), torch.ones(1, 1))
    sampler = Cached(offers, facts((0, 0, 9)), 1, size=2, every=3)
    query, target = one(9)
    for step in range(7):
        sampler(query, target, Scores(torch.zeros(1, NODES)), chance(step))
        assert offers.learnt == 1 + step // 3
        assert sampler.step.item() == step + 1
    sampler.eval()
    sampler(query, target, Scores(torch.zeros(1, NODES)), chance())
    assert (offers.learnt, sampler.step.item()) == (3, 7)


def test_a_cache_keeps_in_proportion():
    """One place, offered 1 and 2 of scores 0 and T log 3, beside what it holds, which is 1: each stands once."""
    size = 400
    some = facts(*((anchor, 0, 9) for anchor in range(10, size)), nodes=size)
    sampler = Cached(Fixed(torch.tensor([[1, 2]]), torch.ones(1, 1)), some, 1, size=1, temperature=2.0)
    score = torch.zeros(size - 10, size)
    score[:, 2], score[:, 9] = 2 * math.log(3), 50.0
    query = Query(torch.arange(10, size), torch.zeros(size - 10, dtype=torch.long))
    row = some.row(query)[0]
    sampler.cache[row] = 1
    sampler(query, torch.full((size - 10,), 9), Scores(score), chance())
    assert sampler.cache[row].unique().tolist() == [1, 2]
    assert (sampler.cache[row] == 2).float().mean().item() == pytest.approx(0.75, abs=0.07)


def test_hotter_is_evener():
    """The chance of the better of two by e^(s/T), of several temperatures; no weight hands on a share."""
    query, target = one(0)
    offers = Fixed(torch.tensor([[1, 2]]), torch.ones(1, 1))
    score = Scores(torch.tensor([[0.0, 0.0, 1.0]]))
    for temperature in (0.5, 2.0):
        found = HardDraw(offers, 4000, temperature)(query, target, score, chance())
        wanted = torch.tensor([0.0, 1.0 / temperature]).softmax(0)
        share = (found.index == 2).float().mean()
        assert_close(share, wanted[1], atol=0.03, rtol=0)
        assert_close(found.weight[found.index == 2][0], 1 / (2 * wanted[1]))


def test_diverse_takes_each_once():
    """All that there are, the absent last."""
    torch.manual_seed(0)
    model, (query, target) = kge(), one(0)
    weight = torch.tensor([[1.0, 0.0, 1.0, 1.0]])
    found = Diverse(Fixed(torch.tensor([[4, 5, 6, 7]]), weight), 4)(
        query, target, model.scorer(model.encode(None), query)
    )
    assert sorted(found.index[0].tolist()) == [4, 5, 6, 7]
    assert found.index[0, -1] == 5


# a loss


def test_soft_labels_of_weights_of_each_candidate():
    """One number for all, two columns of weights: the share of each is its own weight times the label."""
    positive, negative = torch.tensor([[0.5]]), torch.tensor([[1.0, -2.0]])
    weight, label = torch.tensor([[2.0, 0.5]]), 0.25
    total = positive.exp().sum() + (weight * negative.exp()).sum()
    log_p = torch.cat([positive, negative], 1) - total.log()
    wanted = -(log_p[0, 0] + (label * weight * log_p[:, 1:]).sum())
    assert_close(InfoNCE()(positive, negative, weight, label)[0], wanted)
    same = torch.tensor([[2.0]])
    total = positive.exp().sum() + (same * negative.exp()).sum()
    log_p = torch.cat([positive, negative], 1) - total.log()
    wanted = -(log_p[0, 0] + (label * same * log_p[:, 1:]).sum())
    assert_close(InfoNCE()(positive, negative, same, label)[0], wanted)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_a_temperature_divides_all_scores(temperature):
    positive, negative, weight = torch.tensor([[0.5]]), torch.tensor([[1.0, -2.0]]), torch.tensor([[2.0, 0.5]])
    wanted = InfoNCE()(positive / temperature, negative / temperature, weight)
    assert_close(InfoNCE(temperature)(positive, negative, weight), wanted)
