"""What samplers draw, counted, against the probabilities they declare, and these against enumeration."""

import networkx
import pytest
import torch
from examples import NODES, RELATIONS, Scores, examples, graph, kge, known, name, sparse, toy
from scipy.stats import chi2
from torch.testing import assert_close

from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import Pools, slots
from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler
from gnnneg.kernels.alias import alias
from gnnneg.records import Query, Triplets, asked
from gnnneg.samplers import Corrected, Corrupt, Filtered, InBatch, KHop, Popular, RandomWalk, Relational, Typed, Uniform


def distinct(triplets: Triplets) -> Triplets:
    return Triplets(*torch.unique(torch.stack(list(triplets)), dim=1))


def counts(sampler, query, target, critic, draws: int) -> torch.Tensor:
    """How often each query ``(b)`` is given each entity ``(n)``; one row, if the draw is shared."""
    rng, count = torch.Generator().manual_seed(0), 0
    sampler.eval()
    for _ in range(draws):
        index = sampler(query, target, critic, rng).index
        count = count + torch.nn.functional.one_hot(index, NODES).sum(1)
    return count


def fits(count: torch.Tensor, probability: torch.Tensor) -> bool:
    """Pearson's test; what has no probability must not have been drawn at all."""
    expected = probability.double() * count.sum(1, keepdim=True)
    assert (count[expected == 0] == 0).all()
    there = expected > 0
    statistic = ((count - expected)[there] ** 2 / expected[there]).sum()
    freedom = (there.sum(1) - 1).clamp(min=0).sum()
    return freedom == 0 or chi2.sf(float(statistic), int(freedom)) > 1e-4


def declared(sampler, *given) -> torch.Tensor | None:
    try:
        return sampler.log_prob(*given)
    except UserError:
        return None


@pytest.mark.parametrize("make", examples(Sampler), ids=name)
def test_drawn_as_often_as_declared(make):
    """Every sampler that declares a distribution draws from it."""
    sampler = make()
    query, target = asked(distinct(toy()), RELATIONS)
    model = kge()
    critic, every = model.scorer(model.encode(None), query), torch.arange(NODES)[None]
    log_prob = declared(sampler.eval(), query, target, critic, every)
    if log_prob is None:
        return
    count = counts(sampler, query, target, critic, 400)
    probability = log_prob.double().exp().expand(max(len(count), len(log_prob)), NODES)[: len(count)]
    there = probability.sum(1) > 0  # an empty pool has no distribution
    assert there.any()
    assert_close(probability[there].sum(1), torch.ones(int(there.sum())).double(), atol=1e-5, rtol=0)
    assert fits(count[there], probability[there])


def test_the_alias_table_holds_the_distribution():
    """What each column gives, summed up, exactly."""
    for share in (torch.rand(50) ** 4, torch.ones(7), torch.tensor([0.0, 0.0, 1.0])):
        table = alias(share)
        mass = table.keep.double().index_add(0, table.other, 1 - table.keep.double()) / len(share)
        assert_close(mass, share.double() / share.double().sum(), atol=1e-6, rtol=0)


def test_popular_by_hand():
    """Entity 0 answers twice, 1 and 2 once, 3 never: (c + 1) ** alpha."""
    facts = KnownAnswers(Triplets(*torch.tensor([[1, 2], [0, 0], [0, 0]])), 4, 1)
    none = Query(torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.long))
    every = torch.arange(4)[None]
    for alpha, share in ((0.0, [1, 1, 1, 1]), (1.0, [3, 2, 2, 1]), (2.0, [9, 4, 4, 1])):
        found = Popular(facts, 5, alpha).log_prob(none, none.anchor, Scores(torch.zeros(1, 4)), every).exp()
        assert_close(found, torch.tensor([share]) / sum(share))


@pytest.mark.parametrize("hops", [1, 2, 3])
@pytest.mark.parametrize("triplets", [sparse(), toy(14, 3)])
def test_k_hop_against_networkx(triplets, hops):
    """Walks of hops - 1 and of hops steps, from powers of networkx's adjacency matrix."""
    adjacency = torch.from_numpy(networkx.to_numpy_array(graph(triplets), nodelist=range(NODES)))
    shorter = torch.linalg.matrix_power(adjacency, hops - 1)
    wanted = (shorter + shorter @ adjacency) > 0
    pools = KHop(known(triplets), 5, hops).pools
    for node in range(NODES):
        row = pools.member[pools.offset[node] : pools.offset[node + 1]]
        assert row.tolist() == wanted[node].nonzero().flatten().tolist()


@pytest.mark.parametrize("hops", [1, 3])
def test_random_walks_start_anew(hops):
    """Where walks end, against powers of the transition matrix: each walk is one of its own."""
    triplets = toy(14, 3)
    adjacency = torch.from_numpy(networkx.to_numpy_array(graph(triplets), nodelist=range(NODES)))
    degree = adjacency.sum(1, keepdim=True)
    ends = torch.linalg.matrix_power(adjacency / degree.clamp(min=1), hops)
    query = Query(torch.arange(NODES), torch.zeros(NODES, dtype=torch.long))
    walk = RandomWalk(known(triplets), 50, hops)
    linked = degree[:, 0] > 0
    count = counts(walk, query, query.anchor, Scores(torch.zeros(NODES, NODES)), 40)
    assert fits(count[linked], ends[linked])
    weight = walk(query, query.anchor, Scores(torch.zeros(NODES, NODES))).weight
    assert torch.equal(weight[:, 0] > 0, linked)


def test_relational_by_enumeration():
    """In proportion to how many other relations link the two."""
    triplets = distinct(toy())
    query, target = asked(triplets, RELATIONS, head=True)
    facts = [*zip(*(c.tolist() for c in triplets))]
    facts += [(t, r + RELATIONS, h) for h, r, t in facts]
    wanted = torch.zeros(len(target), NODES)
    for i, (anchor, rel_type) in enumerate(zip(query.anchor.tolist(), query.rel_type.tolist())):
        for a, r, c in facts:
            wanted[i, c] += a == anchor and r != rel_type
    sampler, critic = Relational(known(), 5), Scores(torch.zeros(len(target), NODES))
    there = wanted.sum(1) > 0
    assert torch.equal(sampler(query, target, critic).weight[:, 0] > 0, there)
    count = counts(sampler, query, target, critic, 400)
    assert fits(count[there], (wanted / wanted.sum(1, keepdim=True))[there])


def test_typed_by_enumeration():
    """A type of the target's, then one of its entities."""
    facts = known(sparse())
    types = slots(facts)
    members = [set(types.member[types.offset[t] : types.offset[t + 1]].tolist()) for t in range(len(types))]
    target = torch.arange(NODES)
    query = Query(target, torch.zeros(NODES, dtype=torch.long))
    critic, every = Scores(torch.zeros(NODES, NODES)), torch.arange(NODES)[None]
    found = Typed(types, NODES, 5).log_prob(query, target, critic, every).exp()
    for t in range(NODES):
        own = [type_ for type_ in members if t in type_]
        for u in range(NODES):
            wanted = sum((u in type_) / len(type_) for type_ in own) / max(len(own), 1)
            assert abs(float(found[t, u].nan_to_num()) - wanted) < 1e-6


def test_corrupt_is_who_fills_the_slot():
    triplets = sparse()
    sampler = Corrupt(known(triplets), 5)
    for head in (False, True):
        query, target = asked(triplets, RELATIONS, head)
        for rel_type in query.rel_type.unique().tolist():
            wanted = set(target[query.rel_type == rel_type].tolist())
            offset = sampler.pools.offset
            assert set(sampler.pools.member[offset[rel_type] : offset[rel_type + 1]].tolist()) == wanted


def test_correction_makes_sums_over_all_entities():
    """Five entities, every possible draw of two enumerated: in expectation the sum over candidates, and its
    gradient, is the sum over all, though popular entities are drawn more often."""
    nodes = 5
    facts = KnownAnswers(Triplets(*torch.tensor([[0, 1, 2, 0], [0, 0, 0, 0], [1, 1, 1, 2]])), nodes, 1)
    query, target = Query(torch.tensor([0]), torch.tensor([0])), torch.tensor([4])
    score = torch.randn(1, nodes, dtype=torch.double, requires_grad=True)
    every = torch.arange(nodes)[None]

    class Fixed(Popular):
        """Offers what it is told, with the probabilities it would have."""

        def forward(self, query, target, critic, rng=None):
            from gnnneg.records import Negatives, ones

            return Negatives(self.told, ones(self.told))

    sampler = Fixed(facts, 2, alpha=1.0)
    chance = sampler.log_prob(query, target, Scores(score), every)[0].double().exp()
    assert chance.max() > 2 * chance.min()
    expected = 0
    for i in range(nodes):
        for j in range(nodes):
            sampler.told = torch.tensor([[i, j]])
            drawn = Corrected(sampler)(query, target, Scores(score))
            total = (drawn.weight * score.gather(1, drawn.index).exp()).sum()
            expected = expected + chance[i] * chance[j] * total
    assert_close(expected, score.exp().sum(), rtol=1e-6, atol=0)
    assert_close(*(torch.autograd.grad(value, score)[0] for value in (expected, score.exp().sum())), rtol=1e-6, atol=0)


def test_corrected_softmax_has_the_gradient_of_the_full_one():
    """Every entity drawn as often as its probability says: then corrected cross-entropy is 1-vs-all, at any
    proposal."""
    from gnnneg.losses import InfoNCE
    from gnnneg.samplers import All

    nodes = 5
    facts = KnownAnswers(Triplets(*torch.tensor([[0, 1, 2, 0], [0, 0, 0, 0], [1, 1, 1, 2]])), nodes, 1)
    query, target = Query(torch.tensor([0]), torch.tensor([0])), torch.tensor([4])
    popular = Popular(facts, 1, alpha=1.0)
    share = popular.log_prob(query, target, Scores(torch.zeros(1, nodes)), torch.arange(nodes)[None])[0].exp()
    times = (share * 13).round().long()  # (c + 1) of 13: each an exact number of draws
    assert times.tolist() == [3, 5, 3, 1, 1]
    index = torch.repeat_interleave(torch.arange(nodes), times)[None]
    score = torch.randn(1, nodes, requires_grad=True)
    weight = (-popular.log_prob(query, target, Scores(score), index)).exp() / 13 * (index != target)
    found = InfoNCE()(score[:, 4:], score.gather(1, index), weight)
    full = All(nodes)(query, target, Scores(score))
    wanted = InfoNCE()(score[:, 4:], score, full.weight)
    assert_close(found, wanted)
    assert_close(torch.autograd.grad(found, score), torch.autograd.grad(wanted, score))


def test_uncorrectable_proposals_say_so():
    from gnnneg.samplers import Hardest

    query, target = asked(toy(), RELATIONS)
    with pytest.raises(UserError, match="Hardest does not know how probable its candidates are"):
        Corrected(Hardest(Uniform(NODES, 5), 2))(query, target, Scores(torch.zeros(len(target), NODES)))


@pytest.mark.parametrize("sides", [[False], [True], [False, True]])
def test_in_batch_declares_the_sides_asked(sides):
    """All distinct statements at once: an entity's share of the targets, whichever sides are asked."""
    parts = [asked(distinct(toy()), RELATIONS, head) for head in sides]
    query = Query(*(torch.cat(columns) for columns in zip(*(query for query, _ in parts))))
    target = torch.cat([target for _, target in parts])
    share = torch.bincount(target, minlength=NODES) / len(target)
    critic = Scores(torch.zeros(len(target), NODES))
    found = InBatch(known()).log_prob(query, target, critic, torch.arange(NODES)[None])
    assert_close(found[0].exp(), share)


def test_in_batch_without_statements_is_not_corrected():
    """It draws as always, but how frequent its candidates are is nothing over nothing."""
    query, target = asked(toy(5), RELATIONS)
    critic, sampler = Scores(torch.zeros(5, NODES)), InBatch(known(toy(0)))
    assert torch.equal(sampler(query, target, critic).index, target[None])
    with pytest.raises(UserError, match="InBatch knows no statements"):
        Corrected(sampler)(query, target, critic)


def test_what_is_never_drawn_is_not_corrected():
    """A batch of other statements than those that are known, whose targets answer none of them: weights of 1 / 0."""
    query, target = asked(Triplets(*torch.tensor([[0, 1], [0, 0], [2, 3]])), RELATIONS)
    facts = Triplets(*torch.tensor([[0, 1], [0, 0], [4, 3]]))
    sampler = Corrected(InBatch(KnownAnswers(facts, NODES, RELATIONS)))
    with pytest.raises(
        UserError, match=r"Corrected\(InBatch\): a candidate was drawn .* the statements that are trained"
    ):
        sampler(query, target, Scores(torch.zeros(2, NODES)))
    query, target = asked(facts, RELATIONS)
    found = sampler(query, target, Scores(torch.zeros(2, NODES)))
    assert found.weight.tolist() == [[0.0, 1.0], [1.0, 0.0]]  # 1 / (2 * 1/2)


def test_k_hop_draws_from_its_own_anchor():
    """What each query is given is reached from its anchor, against networkx."""
    triplets = toy(14, 3)
    sampler, anchor = KHop(known(triplets), 40, 1), torch.arange(NODES)
    query = Query(anchor, torch.zeros(NODES, dtype=torch.long))
    found = sampler(query, anchor.flip(0), Scores(torch.zeros(NODES, NODES)), torch.Generator().manual_seed(0))
    world = graph(triplets)
    for node in range(NODES):
        drawn = set(found.index[node][found.weight.expand_as(found.index)[node] > 0].tolist())
        assert drawn == {node, *world[node]} if world[node] else drawn <= {node}
    with pytest.raises(UserError, match=r"KHop\(hops=0\)"):
        KHop(known(triplets), 5, 0)


def test_popular_keeps_its_table_out_of_checkpoints():
    assert not Popular(known(), 5).state_dict()


def test_typed_of_one_type_and_of_none():
    """Entity 0 is of one type, 1 of two, 2 of none: whoever has a type is drawn for, whoever has none is not."""
    types = Pools(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 2)
    target = torch.tensor([0, 1, 2])
    query, critic = Query(target, torch.zeros(3, dtype=torch.long)), Scores(torch.zeros(3, 3))
    found = Typed(types, 3, 4)(query, target, critic, torch.Generator().manual_seed(0))
    assert found.weight.expand(3, 4).tolist() == [[1.0] * 4, [1.0] * 4, [0.0] * 4]
    chance = Typed(types, 3, 4).log_prob(query, target, critic, torch.arange(3)[None]).exp()
    assert_close(chance, torch.tensor([[0.5, 0.5, 0.0], [0.25, 0.75, 0.0], [0.0, 0.0, 0.0]]))


def test_what_is_absent_stays_absent_when_corrected():
    query, target = asked(toy(), RELATIONS)
    critic = Scores(torch.zeros(len(target), NODES))
    plain = Filtered(Uniform(NODES, 6), known())(query, target, critic, torch.Generator().manual_seed(1))
    found = Corrected(Filtered(Uniform(NODES, 6), known()))(query, target, critic, torch.Generator().manual_seed(1))
    assert (plain.weight == 0).any()
    assert torch.equal(found.weight == 0, plain.weight == 0)
