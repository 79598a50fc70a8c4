"""Samplers on large graphs: what a step makes, and what is refused before it takes memory or hours."""

import pytest
import torch
from examples import NODES, RELATIONS, Scores, kge, known, toy
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gnnneg import memory
from gnnneg.corruption import Bernoulli, Both
from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import Pools, neighbours, reached
from gnnneg.errors import UserError
from gnnneg.kernels.walks import fewest
from gnnneg.labels import PathLabel
from gnnneg.records import Query, Triplets, asked
from gnnneg.samplers import (
    MCNS,
    All,
    Cached,
    Corrected,
    Denied,
    Filtered,
    HardDraw,
    Hardest,
    InBatch,
    KHop,
    Nearest,
    NoiseContrastive,
    Popular,
    RandomWalk,
    Relational,
    SelfPaced,
    Uniform,
)
from gnnneg.samplers.slots import Slots
from gnnneg.tasks import KvsAll


class Largest(TorchDispatchMode):
    """The most numbers that any tensor made meanwhile has; views and what is written in place make none."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        held = {
            one.untyped_storage().data_ptr() for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)
        }
        for one in tree_leaves(out):
            if isinstance(one, torch.Tensor) and one.untyped_storage().data_ptr() not in held:
                self.numbers = max(self.numbers, one.numel())
        return out


class Sines(Scores):
    """A critic that holds nothing for any entity."""

    def __call__(self, index):
        return torch.sin(index.expand(20, -1))


def facts(num_nodes: int) -> KnownAnswers:
    """The toy's statements among many more entities."""
    return KnownAnswers(toy(), num_nodes, RELATIONS)


STEADY = {
    "uniform": lambda n: Uniform(n, 9),
    "uniform, shared": lambda n: Uniform(n, 9, shared=True),
    "uniform, corrected": lambda n: Corrected(Filtered(Uniform(n, 9), facts(n))),
    "popular": lambda n: Popular(facts(n), 9),
    "popular, corrected": lambda n: Corrected(Popular(facts(n), 9, shared=True)),
    "in-batch": lambda n: InBatch(facts(n)),
    "in-batch, corrected": lambda n: Corrected(InBatch(facts(n))),
    "in-batch, noise": lambda n: NoiseContrastive(InBatch(facts(n))),
    "hardest": lambda n: Hardest(Filtered(Uniform(n, 9), facts(n)), 3),
    "hard draw": lambda n: HardDraw(Uniform(n, 9), 3),
    "self-paced": lambda n: SelfPaced(Uniform(n, 9), 3),
    "NSCaching": lambda n: Cached(Uniform(n, 9), facts(n), 3, size=4),
    "NSCaching, bounded": lambda n: Cached(Uniform(n, 9), facts(n), 3, size=4, queries=5),
    "MCNS": lambda n: MCNS(facts(n), 5),
    "denied": lambda n: Denied(facts(n), 5),
    "relational": lambda n: Relational(facts(n), 5),
    "random walk": lambda n: RandomWalk(facts(n), 5),
}


@pytest.mark.parametrize("make", STEADY.values(), ids=STEADY)
def test_a_step_makes_tensors_of_one_size_whatever_the_number_of_entities(make):
    made = []
    for num_nodes in (1_000, 100_000):
        sampler = make(num_nodes)
        batch, rng = toy(20), torch.Generator().manual_seed(0)
        corruption = Bernoulli(facts(num_nodes))
        with Largest() as largest, torch.no_grad():
            for _ in range(2):
                query, target = corruption(batch, rng)
                sampler(query, target, Sines(torch.zeros(20, 1)), rng)
        made.append(largest.numbers)
    assert made[0] == made[1] < 10_000


def test_what_is_counted_is_seen():
    """All makes a weight for each entity, and is no steady sampler."""
    query, target = asked(toy(20), RELATIONS)
    with Largest() as largest:
        All(1_000)(query, target, Sines(torch.zeros(20, 1)))
    assert largest.numbers == 20 * 1_000


def test_the_frequency_of_batch_targets_is_the_mean_of_both_sides():
    """By hand: each side's share of an entity, mixed as the batch asks."""
    facts, (query, target) = known(), asked(toy(), RELATIONS, head=torch.arange(40) < 10)
    key = facts.key.repeat_interleave(facts.offset.diff()) // NODES >= RELATIONS
    share = [torch.bincount(facts.answer[key == side], minlength=NODES).double() for side in (False, True)]
    mixed = 0.75 * share[0] / share[0].sum() + 0.25 * share[1] / share[1].sum()
    every = torch.arange(NODES)[None]
    found = InBatch(facts).log_prob(query, target, Scores(torch.zeros(40, NODES)), every)
    assert_close(found, mixed.log().float()[None])


@pytest.fixture
def little(monkeypatch):
    """A machine with 3 GiB free."""
    monkeypatch.setattr(memory, "free", lambda device="cpu": 3 << 30)


def test_all_says_what_its_weights_and_scores_would_take(little):
    """1,024 queries, 4,600,000 entities, four bytes a weight and four a score: 35.1 GiB."""
    query = Query(torch.zeros(1024).long(), torch.zeros(1024).long())
    with pytest.raises(UserError, match=r"All: .*1,024 queries .*4,600,000 entities would take 35\.1 GiB .*Uniform"):
        All(4_600_000)(query, query.anchor, Sines(torch.zeros(20, 1)))
    assert round(1024 * 4_600_000 * 8 / 2**30, 1) == 35.1


def test_k_vs_all_says_what_its_scores_would_take(little):
    """1,024 queries of 500,000 entities: 3.8 GiB of scores and their gradient, and as much for a softplus; before the
    model is asked at all.
    """
    many = KnownAnswers(toy(), 500_000, RELATIONS)
    task = KvsAll(kge(), many, softmax=True, smoothing=0.0)
    batch = task.examples(toy())
    batch = type(batch)(*(column[torch.zeros(1024).long()] for column in batch))
    with pytest.raises(
        UserError, match=r"KvsAll: .*1,024 .*500,000 .*3\.8 GiB .*3\.0 GiB are free: use LinkPrediction"
    ):
        task(batch)
    with pytest.raises(UserError, match=r"KvsAll: .*7\.6 GiB"):
        KvsAll(kge(), many)(batch)


def test_nearest_says_what_its_table_would_take(little):
    """A tenth of a million neighbours for each of a million, 20 bytes each: 1.8 TiB."""
    with pytest.raises(UserError, match=r"Nearest: .*1,000,000 entities' 100,000 neighbors.* 1\.8 TiB .*num_neighbors"):
        Nearest(1_000_000, 5, num_neighbors=0.1)


def test_nearest_says_how_many_products_its_search_would_take():
    """Five million entities of width eight: 2e14, before a vector but one is looked up."""
    seen = []

    class Vectors(Scores):
        def own_vectors(self, some, asker):
            seen.append(len(some))
            return torch.ones(len(some), 8)

    query, target = asked(toy(), RELATIONS)
    sampler = Nearest(5_000_000, 5, num_neighbors=1)
    told = r"Nearest: .*5,000,000 entities of width 8 would take 2\.0e\+14 products each .*, and 95\.4 MiB of memory"
    with pytest.raises(UserError, match=told):  # of 20 bytes for each
        sampler(query, target, Vectors(torch.zeros(40, NODES)))
    assert seen == [1]


def test_nearest_declares_an_even_chance_of_each_neighbour():
    query, target = asked(toy(), RELATIONS)
    model = kge()
    critic, sampler = model.scorer(model.encode(None), query), Nearest(NODES, 5, num_neighbors=4)
    sampler(query, target, critic)
    chance = torch.zeros(40, NODES).scatter_(1, sampler.table[target].long(), 0.25)
    assert torch.equal(sampler.log_prob(query, target, critic, torch.arange(NODES)[None]), chance.log())


def test_caches_say_what_they_would_take(monkeypatch):
    """70 queries of 40 statements at most, 10 entities of four bytes each."""
    monkeypatch.setattr(memory, "SURE", 0)
    monkeypatch.setattr(memory, "free", lambda device="cpu": 500)
    count = len(known().key)
    with pytest.raises(UserError, match=rf"Cached: the caches of {count} .*{count * 40:,} bytes.*set queries"):
        Cached(Uniform(NODES, 5), known(), 3, size=10)
    with pytest.raises(
        UserError, match=rf"MCNS: 5 chains for each of {count} queries.*{count * 20:,} bytes.*lower chains"
    ):
        MCNS(known(), 5)
    Cached(Uniform(NODES, 5), known(), 3, size=10, queries=12)


def hub(spokes: int) -> KnownAnswers:
    """One entity that all others are linked with."""
    ends = torch.arange(1, spokes + 1)
    zero = torch.zeros_like(ends)
    return KnownAnswers(Triplets(ends, zero, zero), spokes + 1, 1)


@pytest.mark.parametrize("make", [lambda facts: KHop(facts, 5), PathLabel], ids=["KHop", "PathLabel"])
def test_a_hub_is_refused_before_its_pairs_are_counted(make, monkeypatch):
    """Each of 30,000 neighbours reaches all of them in two steps, and the hub itself one of them: 3.4 GiB."""
    from gnnneg.kernels import walks

    monkeypatch.setattr(walks, "_walk", lambda *_: pytest.fail("counted"))
    with pytest.raises(UserError, match=r"at least 900,000,001 entities in all, 3\.4 GiB, .*2 GiB .*RandomWalk"):
        make(hub(30_000))
    RandomWalk(hub(30_000), 5)


@pytest.mark.parametrize("hops", [1, 2, 3, 4])
def test_walks_reach_no_fewer_than_the_bound(hops):
    near = neighbours(known(Triplets(*(column[:12] for column in toy()))))
    assert 0 < fewest(near.offset, near.member, hops) <= len(reached(near, hops, 0).member)


def test_the_bound_of_one_step_is_exact():
    near = Pools(torch.tensor([0, 0, 1]), torch.tensor([1, 2, 0]), 3)
    assert fewest(near.offset, near.member, 1) == 3
    assert fewest(near.offset, near.member, 0) == 3


def test_slots_go_round():
    """Two slots: 5 and 7 take them, 9 takes that of 5, which was given first, and 5 that of 7."""
    slots, yes = Slots(10, 2), torch.tensor([True])

    def ask(*rows):
        row = torch.tensor(rows)
        return slots.given(row, torch.ones_like(row, dtype=torch.bool))

    assert [column.tolist() for column in ask(7, 5, 7)] == [[1, 0, 1], [True, True, True]]
    assert [column.tolist() for column in ask(9, 7)] == [[0, 1], [True, True]]
    assert slots(torch.tensor([5]), yes)[1].tolist() == [False]
    assert [column.tolist() for column in ask(5)] == [[1], [True]]
    assert slots(torch.tensor([7]), yes)[1].tolist() == [False]
    assert slots.given(torch.tensor([3]), ~yes)[1].tolist() == [False]
    assert ask(1, 2, 3)[1].tolist() == [False, True, True]  # of more than there are the last
    assert ask(4, 2, 3)[1].tolist() == [True, False, True]


def test_slots_go_round_as_in_a_list():
    """Random batches, beside a list of owners and a place that goes round, as one would write it down."""
    draw = torch.Generator().manual_seed(0)
    slots, owner, turn = Slots(12, 4), [None] * 4, 0
    for size in torch.randint(9, (60,), generator=draw).tolist():
        row, known = torch.randint(12, (size,), generator=draw), torch.rand(size, generator=draw) < 0.8
        asking = sorted({one for one, is_known in zip(row.tolist(), known.tolist()) if is_known} - {*owner})
        for one in asking[-4:]:
            owner[turn], turn = one, (turn + 1) % 4
        place, there = slots.given(row, known)
        assert [-1 if one is None else one for one in owner] == slots.owner.tolist()
        assert slots.turn.item() == turn
        held = [is_known and one in owner for one, is_known in zip(row.tolist(), known.tolist())]
        assert there.tolist() == held
        assert place[there].tolist() == [owner.index(one) for one in row[there].tolist()]


def test_a_bounded_cache_that_is_never_full_is_a_cache():
    """As many slots as queries are asked: the same draws as without a bound, in whatever slot."""
    first = Triplets(*(column[:9] for column in toy()))
    drawn = []
    for queries in (None, 18):
        sampler, rng = Cached(Uniform(NODES, 5), known(), 3, size=4, queries=queries), torch.Generator().manual_seed(1)
        query, target = Both(RELATIONS)(first)
        critic = Scores(torch.arange(18 * NODES).view(18, NODES).sin())
        drawn.append([sampler(query, target, critic, rng).index for _ in range(4)])
        assert len(sampler.cache) == (len(known().key) if queries is None else 18)
    assert all(torch.equal(*pair) for pair in zip(*drawn))


def test_a_cache_given_up_is_begun_anew():
    """One slot, two queries in turn: each is given entities of its own cache, or any."""
    facts = known()
    sampler = Cached(Uniform(NODES, 5), facts, 3, size=4, queries=1)
    one, other = (Triplets(*(column[i : i + 1] for column in toy())) for i in (0, 1))
    for batch in (one, other, one):
        query, target = asked(batch, RELATIONS)
        sampler(query, target, Scores(torch.randn(1, NODES)), torch.Generator().manual_seed(0))
        row = facts.row(query)[0]
        assert sampler.slots.owner.tolist() == row.tolist()
        held = sampler.cache[0][sampler.cache[0] >= 0][None].long()
        assert held.numel()
        assert not facts.contains(query, held).any()


def test_free_memory_is_told_in_bytes():
    assert 1 << 20 < memory.free() < 1 << 50
    assert [memory.spoken(count) for count in (12, 3 << 20, 5 << 29, 3 << 40)] == [
        "12 bytes",
        "3.0 MiB",
        "2.5 GiB",
        "3.0 TiB",
    ]


def test_a_container_has_what_its_limit_leaves(tmp_path):
    for name, text in (("memory.max", "1000\n"), ("memory.current", "700\n"), ("memory.stat", "anon 500\nfile 200\n")):
        (tmp_path / name).write_text(text)
    assert memory._left_to_group(tmp_path) == 500
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._left_to_group(tmp_path) is None
    assert memory._left_to_group(tmp_path / "nowhere") is None
