"""What is absent stays absent and takes nobody's place; steps of learners that are taken twice; by hand."""

import copy

import pytest
import torch
from examples import NODES, RELATIONS, Fixed, Scores, kge
from torch import nn
from torch.testing import assert_close

from gnnneg.data.known import KnownAnswers
from gnnneg.decoders import DistMult
from gnnneg.encoders import Lookup
from gnnneg.encodings import Dense
from gnnneg.errors import UserError
from gnnneg.interfaces import Model
from gnnneg.labels import SlotLabel
from gnnneg.models import KGEModel
from gnnneg.records import Query, Triplets
from gnnneg.samplers import (
    KBGAN,
    Cached,
    Child,
    Corrected,
    Curriculum,
    Denied,
    Discounted,
    Diverse,
    Filtered,
    HardDraw,
    Hardest,
    Influence,
    Mixture,
    NoiseContrastive,
    Padded,
    SelfPaced,
    Uniform,
    WithCritic,
)
from gnnneg.samplers.diverse import greedy


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one(target: int, rows: int = 1) -> tuple[Query, torch.Tensor]:
    """The first entity asked by the first relation."""
    zero = torch.zeros(rows, dtype=torch.long)
    return Query(zero, zero), torch.full((rows,), target)


class Odds(Fixed):
    """Candidates whose probabilities are given, by entity."""

    def __init__(self, index, weight, odds):
        super().__init__(index, weight)
        self.odds = odds

    def log_prob(self, query, target, critic, index):
        return self.odds.log()[index].expand(len(target), -1)


# caches


@pytest.mark.parametrize(("purge", "wanted"), [(False, [1, 3]), (True, [1, 5])])
def test_a_cache_takes_in_what_is_there(purge, wanted):
    """Offered are 1 to 4, of which 2 and 4, the best, are absent; 3 is a known answer, 5 and 6 are in the cache."""
    facts = KnownAnswers(Triplets(*torch.tensor([[0, 0], [0, 0], [0, 3]])), NODES, RELATIONS)
    offers = Fixed(torch.tensor([[1, 2, 3, 4]]), torch.tensor([[1.0, 0.0, 1.0, 0.0]]))
    sampler = Cached(offers, facts, 1, size=2, temperature=0.0, purge=purge)
    query, target = one(0)
    row = facts.row(query)[0]
    sampler.cache[row] = torch.tensor([5, 6], dtype=sampler.cache.dtype)
    score = torch.tensor([[0.0, 4.0, 10.0, 5.0, 9.0, 3.0, 2.0, 0.0, 0.0, 0.0, 0.0]])
    sampler(query, target, Scores(score), chance())
    assert sorted(sampler.cache[row][0].tolist()) == wanted


def test_a_cache_that_nothing_may_enter_is_empty():
    """Only the target and a known answer are in it and offered."""
    facts = KnownAnswers(Triplets(*torch.tensor([[0, 0], [0, 0], [0, 3]])), NODES, RELATIONS)
    sampler = Cached(Fixed(torch.tensor([[0, 3, 7]]), torch.tensor([[1.0, 1.0, 0.0]])), facts, 2, size=2)
    query, target = one(0)
    row = facts.row(query)[0]
    sampler.cache[row] = torch.tensor([0, 3], dtype=sampler.cache.dtype)
    found = sampler(query, target, Scores(torch.zeros(1, NODES)), chance())
    assert sampler.cache[row].tolist() == [[-1, -1]]
    assert found.weight.tolist() == [[0.0, 0.0]]


# a small model


class Given(Model):
    """Scores that are given, of which those of a single column come out a bit higher."""

    def __init__(self, score):
        super().__init__()
        self.num_relations, self.uses_graph, self.score = RELATIONS, False, nn.Parameter(score)

    def encode(self, graph):
        return Dense(self.score[:, :1])

    def scorer(self, encoding, query):
        class Bits(Scores):
            def __call__(self, index):
                score = super().__call__(index)
                return score + 1e-6 if index.size(1) == 1 else score

        return Bits(self.score.expand(len(query.anchor), -1))

    def forward(self, graph, head_index, rel_type, tail_index):
        return self.score[0, tail_index]


def test_a_child_never_offers_the_target():
    """Even where rounding scores it otherwise among candidates than alone."""
    query, target = one(2)
    child = Given(torch.tensor([[1.0, 1.5, 2.0, 2.5]]))
    found = Child(Fixed(torch.tensor([[0, 1, 2, 3]]), torch.ones(1, 1)), child, 4).eval()(
        query, target, Scores(torch.zeros(1, 4)), chance()
    )
    assert sorted(found.index[found.weight > 0].tolist()) == [0, 1]


def test_a_child_suspects_by_its_margin():
    """Below the target by as much as the margin is suspected still, by more is not."""
    query, target = one(3)
    child = Given(torch.tensor([[0.0, 1.0, 1.5, 2.0]]))
    offers = Fixed(torch.tensor([[0, 1, 2, 3]]), torch.ones(1, 1))

    def there(margin):
        sampler = Child(offers, child, 4, margin=margin).eval()
        found = sampler(query, target, Scores(torch.zeros(1, 4)), chance())
        return sorted(found.index[found.weight > 0].tolist())

    assert there(0.75) == [0, 1]
    assert there(1.25) == [0]
    assert there(-0.75) == [0, 1, 2, 3]  # the target, too, is below itself and more
    assert there(3.0) == []


def test_a_child_passes_over_what_is_absent():
    query, target = one(3)
    offers = Fixed(torch.tensor([[0, 1, 2, 2]]), torch.tensor([[0.0, 1.0, 1.0, 0.0]]))
    child = Given(torch.tensor([[1.9, 1.0, 1.5, 2.0]]))
    for seed in range(20):
        found = Child(offers, child, 2).eval()(query, target, Scores(torch.zeros(1, 4)), chance(seed))
        assert sorted(found.index[0].tolist()) == [1, 2]
        assert found.weight.tolist() == [[1.0, 1.0]]


def test_a_child_takes_two_steps_of_adagrad():
    """Written out: the cross-entropy of the target against the candidates, each counted by its weight."""
    torch.manual_seed(0)
    child, query, target = kge(), *one(2, 3)
    by_hand = copy.deepcopy(child)
    index, weight = torch.tensor([[1, 3, 4]]), torch.tensor([[1.0, 0.5, 2.0]])
    sampler = Child(Fixed(index, weight), child, 2, lr=0.3)
    optimizer = torch.optim.Adagrad(by_hand.parameters(), lr=0.3)
    for _ in range(2):
        sampler(query, target, Scores(torch.zeros(3, NODES)), chance())
        scorer = by_hand.scorer(by_hand.encode(None), query)
        own, others = scorer(target[:, None]), scorer(index)
        loss = -(own[:, 0].exp() / (own[:, 0].exp() + (weight * others.exp()).sum(1))).log().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for mine, wanted in zip(child.parameters(), by_hand.parameters()):
        assert_close(mine, wanted)


# weights and probabilities


def test_corrected_leaves_what_is_absent_alone():
    """Entity 2 is never drawn and absent; 0 of 1/4 and 1 of 3/4 among three candidates."""
    query, target = one(3)
    odds = torch.tensor([0.25, 0.75, 0.0, 0.0])
    offers = Odds(torch.tensor([[0, 1, 2]]), torch.tensor([[1.0, 2.0, 0.0]]), odds)
    found = Corrected(offers)(query, target, Scores(torch.zeros(1, 4)))
    assert_close(found.weight, torch.tensor([[4 / 3, 2 * 4 / 9, 0.0]]))
    offers = Odds(torch.tensor([[0, 1, 2]]), torch.tensor([[1.0, 2.0, 1e-3]]), odds)
    with pytest.raises(UserError, match=r"^Corrected\(Odds\): a candidate was drawn"):
        Corrected(offers)(query, target, Scores(torch.zeros(1, 4)))


def test_noise_of_what_is_absent_is_no_infinity():
    """Log k q of the target and of each candidate; a query without candidates may have a target that is never drawn."""
    odds = torch.tensor([0.25, 0.75, 0.0, 0.0])
    query, _ = one(0, 2)
    offers = Odds(torch.tensor([[0, 1, 2], [0, 1, 2]]), torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), odds)
    found = NoiseContrastive(offers)(query, torch.tensor([1, 3]), Scores(torch.zeros(2, 4)))
    own, drawn = found.noise
    assert_close(own[:, 0], torch.tensor([3 * 0.75, 1.0]).log())
    assert_close(drawn, torch.tensor([[3 * 0.25, 3 * 0.75, 1.0], [1.0, 1.0, 1.0]]).log())
    with pytest.raises(UserError, match=r"^NoiseContrastive\(Odds\): the proposal never draws some of the targets"):
        NoiseContrastive(offers)(query, torch.tensor([2, 3]), Scores(torch.zeros(2, 4)))


def test_hard_draws_by_weight():
    """Half as much weight is as much as a score lower by T log 2; a row of nobody is drawn from at weight 0."""
    query, target = one(3, 2)
    weight = torch.tensor([[1.0, 0.5, 0.0], [0.0, 0.0, 0.0]])
    score = torch.tensor([[0.0, 2 * torch.log(torch.tensor(2.0)), 9.0, 0.0]]).expand(2, -1)
    sampler = HardDraw(Fixed(torch.tensor([[0, 1, 2], [0, 1, 2]]), weight), 4000, temperature=2.0)
    found = sampler(query, target, Scores(score), chance())
    share = torch.bincount(found.index[0], minlength=3) / 4000
    assert_close(share, torch.tensor([0.5, 0.5, 0.0]), atol=0.03, rtol=0)
    assert_close(found.weight[0][found.index[0] == 0], torch.full((int((found.index[0] == 0).sum()),), 1 / (3 * 0.5)))
    assert_close(found.weight[0][found.index[0] == 1], torch.full((int((found.index[0] == 1).sum()),), 0.5 / 1.5))
    assert (found.weight[1] == 0).all()
    assert found.index[1].unique().tolist() == [0, 1, 2]
    plain = HardDraw(sampler.proposal, 9, temperature=2.0, weighted=False)(query, target, Scores(score), chance())
    assert plain.weight.tolist() == [[1.0] * 9, [0.0] * 9]


@pytest.mark.parametrize(
    "make",
    [
        lambda offers: Hardest(offers, 2),
        lambda offers: SelfPaced(offers, 2).eval(),
        lambda offers: Diverse(offers, 2),
        lambda offers: Influence(offers, 2),
    ],
)
def test_those_who_choose_pass_over_what_is_absent(make):
    """Of five only the two that are there, however the others score; weights go along."""
    torch.manual_seed(0)
    model = kge()
    query, target = one(9, 2)
    weight = torch.tensor([[0.0, 3.0, 0.0, 2.0, 0.0], [1.0, 0.0, 0.0, 0.0, 4.0]])
    sampler = make(Fixed(torch.tensor([[1, 2, 3, 4, 5]]), weight))
    if isinstance(sampler, SelfPaced):
        sampler.log_size.fill_(torch.tensor(5.0).log())
    found = sampler(query, target, model.scorer(model.encode(None), query), chance())
    for row, there in enumerate(({2: 3.0, 4: 2.0}, {1: 1.0, 5: 4.0})):
        assert dict(zip(found.index[row].tolist(), found.weight[row].tolist())) == there


def test_the_easiest():
    query, target = one(0)
    offers = Fixed(torch.tensor([[1, 2, 3]]), torch.tensor([[1.0, 1.0, 0.0]]))
    score = Scores(torch.tensor([[0.0, 5.0, 3.0, 1.0]]))
    assert Hardest(offers, 1, likeliest=False)(query, target, score).index.tolist() == [[2]]
    assert Hardest(offers, 1)(query, target, score).index.tolist() == [[1]]


def test_padded_keeps_weights():
    query, target = one(0)
    first = Fixed(torch.tensor([[1, 2]]), torch.tensor([[0.3, 0.0]]))
    rest = Fixed(torch.tensor([[3, 4]]), torch.tensor([[5.0, 6.0]]))
    found = Padded(first, rest)(query, target, Scores(torch.zeros(1, 5)))
    assert found.index.tolist() == [[1, 4]]
    assert_close(found.weight, torch.tensor([[0.3, 6.0]]))


@pytest.mark.parametrize("size", [1, 3])
def test_padded_with_another_number_is_told_so(size):
    query, target = one(0)
    parts = [Fixed(torch.arange(k)[None], torch.ones(1, 1)) for k in (2, size)]
    for first, rest in (parts, parts[::-1]):
        with pytest.raises(UserError, match="num_negatives"):
            Padded(first, rest)(query, target, Scores(torch.zeros(1, 5)))


def test_self_paced_counts_what_scores_above():
    """Three of four above a target that ties with one: log K rises by rate (wanted - share), within its bounds."""
    query, target = one(0)
    offers = Fixed(torch.tensor([[1, 2, 3, 4]]), torch.ones(1, 1))
    score = Scores(torch.tensor([[2.0, 2.0, 3.0, 1.0, 5.0]]))
    sampler = SelfPaced(offers, 2, violation=0.75, rate=0.5)
    sampler.log_size.fill_(torch.tensor(3.0).log())
    found = sampler(query, target, score)
    assert found.index.tolist() == [[2, 1]]  # the hardest of the first three; one of two scores above the target
    assert_close(sampler.log_size.exp(), torch.tensor(3.0) * torch.tensor(0.5 * 0.25).exp())
    for violation, end in ((50.0, 4.0), (0.0, 2.0)):
        sampler = SelfPaced(offers, 2, violation=violation, rate=1.0)
        for _ in range(3):
            sampler(query, target, score)
        assert_close(sampler.log_size.exp(), torch.tensor(end))
    assert SelfPaced(offers, 9)(query, target, score).index.tolist() == [[4, 2, 1, 3]]


def test_wrappers_hand_on_how_probable():
    query, target = one(0)
    critic, index = Scores(torch.zeros(1, 4)), torch.tensor([[3, 0]])
    facts = KnownAnswers(Triplets(*torch.tensor([[0], [0], [1]])), 4, 1)
    odds = Odds(torch.tensor([[1, 2]]), torch.ones(1, 1), torch.tensor([0.1, 0.2, 0.3, 0.4]))
    for wrapped in (
        Filtered(odds, facts),
        Discounted(odds, SlotLabel(facts, 0.5)),
        Curriculum([odds], [0]),
        Mixture([odds, odds], [0.2, 0.8]),
        WithCritic(odds, kge()),
    ):
        assert_close(wrapped.log_prob(query, target, critic, index), torch.tensor([[0.4, 0.1]]).log())
    assert Filtered(odds, facts)(query, target, critic).weight.tolist() == [[0.0, 1.0]]
    assert Uniform(4, 2).log_prob(query, target, critic, index).exp().item() == pytest.approx(0.25)
    parts = Mixture([odds, Uniform(4, 2)], [1.0, 3.0])
    assert_close(parts.log_prob(query, target, critic, index), torch.tensor([[0.2875, 0.2125]]).log())
    nobody = Mixture([odds, Uniform(4, 2)], [1.0, 0.0])
    assert_close(nobody.log_prob(query, target, critic, index), torch.tensor([[0.4, 0.1]]).log())
    unsaid = Mixture([odds, Uniform(4, 2)])
    with pytest.raises(UserError, match="draw first, or declare its shares"):
        unsaid.log_prob(query, target, critic, index)
    unsaid(query, target, critic, chance())
    assert_close(unsaid.log_prob(query, target, critic, index), torch.tensor([[0.325, 0.175]]).log())


def test_diverse_of_vectors_of_any_length():
    """The greedy choice by score / T and direction, of more than there are queries, and of all if they are fewer."""
    torch.manual_seed(0)
    model, (query, target) = kge(), one(0, 2)
    critic, index = model.scorer(model.encode(None), query), torch.arange(1, 8)[None]
    unit = nn.functional.normalize(model.encoder.weight.detach()[1:8], dim=1)
    for temperature in (0.1, 3.0):
        wanted = greedy(critic(index).detach() / temperature, unit[None], 5)
        found = Diverse(Fixed(index, torch.ones(1, 1)), 5, temperature)(query, target, critic)
        assert torch.equal(found.index, wanted + 1)
    assert Diverse(Fixed(index, torch.ones(1, 1)), 50)(query, target, critic).index.shape == (2, 7)


def test_nothing_is_denied():
    """Entities there are, and none counts."""
    query, target = one(0, 3)
    none = torch.empty(0, dtype=torch.long)
    found = Denied(KnownAnswers(Triplets(none, none, none), NODES, RELATIONS), 2)(
        query, target, Scores(torch.zeros(3, NODES)), chance()
    )
    assert found.index.dtype == torch.long
    assert found.index.tolist() == found.weight.tolist() == [[0, 0]] * 3


def test_denied_by_confidence():
    """Each with its own, once; the second place of one alone is nobody's."""
    rows = Triplets(*torch.tensor([[0, 0, 1], [0, 0, 0], [2, 5, 3]]))
    denied = KnownAnswers(rows, NODES, RELATIONS, torch.tensor([0.25, 0.5, 0.75]))
    query = Query(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 0]))
    found = Denied(denied, 3)(query, torch.tensor([9, 9, 9]), Scores(torch.zeros(3, NODES)), chance())
    there = [
        {e: w for e, w in zip(index, weight) if w} for index, weight in zip(found.index.tolist(), found.weight.tolist())
    ]
    assert there == [{2: 0.25, 5: 0.5}, {3: 0.75}, {}]


def test_diverse_of_more_than_span_the_space():
    """Five vectors in a plane, two of them twins: whoever is left comes last, each once."""
    vector = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [-1.0, 0.0]]])
    found = greedy(torch.tensor([[5.0, 4.0, 3.0, 2.0, -torch.inf]]), vector, 5)[0].tolist()
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert found[:2] == [0, 2]
    assert found[-1] == 4
    assert greedy(torch.tensor([[-5.0, -torch.inf, -9.0, -torch.inf]]), vector[:, :4], 3)[0, :2].tolist() == [0, 2]


def test_a_policy_takes_two_steps_of_reinforce():
    """Written out for Adam: the drawn ones' rewards less a running mean, and nothing of a query without candidates."""
    torch.manual_seed(0)
    policy, query, target = kge(), *one(9, 3)
    by_hand = copy.deepcopy(policy)
    index = torch.tensor([[1, 3, 4, 5]]).expand(3, -1)
    weight = torch.tensor([[1.0, 0.5, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    score = torch.arange(33.0).view(3, 11) % 7
    sampler = KBGAN(Fixed(index, weight), policy, 2, lr=0.1, temperature=0.5, momentum=0.75)
    optimizer, baseline = torch.optim.Adam(by_hand.parameters(), lr=0.1), None
    for step in range(2):
        found = sampler(query, target, Scores(score), chance(step))
        assert found.weight.tolist() == [[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
        assert not (found.index[0] == 5).any()
        logit = by_hand.scorer(by_hand.encode(None), query)(index)[:2] / 0.5 + weight[:2].log()
        place = (found.index[:2, :, None] == index[0]).int().argmax(2)
        chosen, reward = logit.log_softmax(1).gather(1, place), score[:2].gather(1, found.index[:2])
        mean = reward.mean()
        baseline = mean if baseline is None else baseline
        optimizer.zero_grad()
        (-(chosen * (reward - baseline)).sum() / 4).backward()
        optimizer.step()
        baseline = 0.75 * baseline + 0.25 * mean
        assert_close(sampler.baseline, baseline)
        assert int(sampler.steps) == step + 1
    for mine, wanted in zip(policy.parameters(), by_hand.parameters()):
        assert_close(mine, wanted)
    sampler.eval()
    before = copy.deepcopy(policy.state_dict())
    sampler(query, target, Scores(score), chance())
    assert_close(dict(policy.state_dict()), dict(before))
    with pytest.raises(UserError, match="give its policy a Lookup with sparse: false"):
        KBGAN(Uniform(NODES, 2), KGEModel(Lookup(NODES, 8, sparse=True), DistMult(RELATIONS, 8)))


def test_a_mixture_of_one_candidate():
    """Which counts as it is, and is as probable; a part that offers nobody has no share."""
    query, target = one(0)
    critic, index = Scores(torch.zeros(1, 4)), torch.tensor([[1]])
    alone = Mixture([Uniform(4, 1)])
    assert alone(query, target, critic, chance()).weight.tolist() == [[1.0]]
    assert alone.log_prob(query, target, critic, index).exp().item() == pytest.approx(0.25)
    none = Odds(torch.empty(1, 0, dtype=torch.long), torch.ones(1, 1), torch.ones(4))
    both = Mixture([none, Uniform(4, 1)])
    assert both(query, target, critic, chance()).weight.tolist() == [[1.0]]
    assert both.log_prob(query, target, critic, index).exp().item() == pytest.approx(0.25)
    halves = Mixture([Uniform(4, 1), Uniform(4, 3)], [1.0, 1.0])
    found = halves(query, target, critic, chance()).weight
    assert_close(found, torch.tensor([[2.0, 2 / 3, 2 / 3, 2 / 3]]))
