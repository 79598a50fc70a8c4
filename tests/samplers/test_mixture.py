"""Corrected as a whole or part by part, a mixture's weighted sums estimate sums over all entities (fault 6)."""

import pytest
import torch
from examples import NODES, RELATIONS, Scores, kge, known, sparse, toy

from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler
from gnnneg.labels import SlotLabel
from gnnneg.records import Negatives, Query, Triplets, asked, ones
from gnnneg.samplers import (
    All,
    Corrected,
    Corrupt,
    Curriculum,
    Denied,
    Discounted,
    Filtered,
    Hardest,
    InBatch,
    Mixture,
    Padded,
    Popular,
    Uniform,
    WithCritic,
)


def uniform(size=6):
    return Uniform(NODES, size)


def popular(size=6, **options):
    return Popular(known(sparse()), size, alpha=2.0, **options)


ROWS = 1000


def ratios(sampler, draws=40):
    """Of many queries of one answer: the estimates of a sum over all entities, relative to it, a mean for each draw."""
    asking = Triplets(*(column[:1].expand(ROWS) for column in toy()))
    query, target = asked(asking, RELATIONS)
    value = torch.linspace(-2, 2, NODES).exp()
    critic, draw, found = Scores(value.log().expand(ROWS, -1)), torch.Generator().manual_seed(0), []
    for _ in range(draws):
        drawn = sampler(query, target, critic, draw)
        assert drawn.weight.isfinite().all()
        sums = (drawn.weight * value[drawn.index]).sum(1)
        found.append(sums.mean().double() / value.sum())
    return torch.stack(found)


def is_one(sampler):
    found = ratios(sampler)
    return bool((found.mean() - 1).abs() < 4.5 * found.std() / len(found) ** 0.5 + 1e-6 and found.std() < 0.6)


def some_shared():
    return [Uniform(NODES, 6, shared=True), popular(3, shared=True)]


PARTS = {
    "as many each": lambda: [uniform(), popular()],
    "unlike sizes": lambda: [popular(2), uniform(9)],
    "one for all and one each": lambda: [Uniform(NODES, 4, shared=True), popular()],
    "shared": some_shared,
    "three": lambda: [uniform(2), popular(5), Uniform(NODES, 3, shared=True)],
}


@pytest.mark.parametrize("parts", PARTS)
def test_its_sums_are_sums_over_all(parts):
    """Corrected as a whole or part by part, whatever counts for how much."""
    parts = PARTS[parts]()
    for shares in (None, [0.9, *[0.1] * (len(parts) - 1)]):
        assert is_one(Corrected(Mixture(parts, shares)))
        assert is_one(Mixture([Corrected(part) for part in parts], shares))


def test_mixtures_of_mixtures():
    """And behind wrappers that leave weights be."""
    parts, shares = [uniform(2), popular(5)], [0.9, 0.1]
    assert is_one(Corrected(Mixture([Mixture(parts), Mixture(parts[::-1], shares)], [0.3, 0.7])))
    assert is_one(Mixture([Mixture([Corrected(part) for part in parts], shares), Corrected(uniform(3))]))
    assert is_one(Corrected(WithCritic(Mixture(parts, shares), kge())))


def test_curricula_of_mixtures_and_mixtures_of_curricula():
    parts = [uniform(4), popular(7)]
    stages = Curriculum([Mixture(parts, [0.2, 0.8]), Mixture(parts)], [0, 20])
    assert is_one(Corrected(stages))
    assert is_one(Mixture([Corrected(uniform(2)), Curriculum([Corrected(part) for part in parts], [0, 20])]))
    assert is_one(Corrected(Mixture([uniform(2), Curriculum(parts, [0, 20])])))


def test_where_one_part_draws_nobody_the_others_make_up():
    """Some relations have no answers: who asks about them is given uniform ones alone, which then weigh more."""
    none = Triplets(*(column[:0] for column in toy()))
    assert is_one(Corrected(Mixture([Corrupt(known(none), 5), uniform()], [0.7, 0.3])))
    assert is_one(Corrected(Mixture([Corrupt(known(toy()), 5), uniform()], [0.7, 0.3])))


def test_probabilities_are_those_of_the_draws():
    """A third of the draws are one part's, two thirds the other's; declared shares count as declared."""
    query, target = asked(toy(), RELATIONS)
    every, critic = torch.arange(NODES)[None], Scores(torch.zeros(40, NODES))
    one, other = uniform(3), popular(6)
    probability = [part.log_prob(query, target, critic, every).exp().expand(1, NODES) for part in (one, other)]
    plain, told = Mixture([one, other]), Mixture([one, other], [3.0, 1.0])
    plain(query, target, critic)
    wanted = (probability[0] + 2 * probability[1]) / 3
    torch.testing.assert_close(plain.log_prob(query, target, critic, every).exp(), wanted)
    wanted = 0.75 * probability[0] + 0.25 * probability[1]
    torch.testing.assert_close(told.log_prob(query, target, critic, every).exp(), wanted)
    counts, draw = torch.zeros(NODES), torch.Generator().manual_seed(0)
    for _ in range(100):
        drawn = told(query, target, critic, draw)
        counts.index_add_(0, drawn.index.flatten(), drawn.weight.expand_as(drawn.index).flatten())
    torch.testing.assert_close(counts / counts.sum(), wanted[0], atol=0.01, rtol=0)


def test_nobody_knows_before_the_first_draw_what_is_not_declared():
    query, target = asked(toy(), RELATIONS)
    with pytest.raises(UserError, match="draw first, or declare its shares"):
        Mixture([uniform(), popular()]).log_prob(query, target, Scores(torch.zeros(40, NODES)), torch.arange(3)[None])


def test_a_part_that_cannot_be_corrected_says_so():
    query, target = asked(toy(), RELATIONS)
    mixed = Corrected(Mixture([uniform(), Hardest(All(NODES), 3)]))
    with pytest.raises(UserError, match="Hardest does not know how probable its candidates are"):
        mixed(query, target, Scores(torch.zeros(40, NODES)))


@pytest.mark.parametrize(
    "corrected",
    [
        lambda: Corrected(uniform()),
        lambda: Filtered(Corrected(InBatch(known())), known()),
        lambda: Discounted(Corrected(uniform()), SlotLabel(known(), 0.5)),
        lambda: WithCritic(Corrected(uniform()), kge()),
        lambda: Curriculum([Corrected(uniform()), Corrected(popular())], [0, 1]),
        lambda: Padded(Corrected(uniform()), Corrected(popular())),
        lambda: Mixture([Corrected(uniform()), Filtered(Corrected(popular()), known())]),
    ],
)
def test_corrected_and_uncorrected_parts_are_not_mixed(corrected):
    """However deep the correction stands; what is corrected in one stage only mixes with neither."""
    for other in (uniform(), Denied(known(sparse()), 4), Mixture([uniform(), popular()])):
        with pytest.raises(UserError, match=r"correct all of them or none, or the whole, Corrected\(Mixture"):
            Mixture([corrected(), other])
    assert Mixture([corrected(), Corrected(popular())]).is_corrected
    for stages in ([uniform(), corrected()], [corrected(), uniform()]):
        with pytest.raises(UserError, match="correct all of them or none"):
            Mixture([Corrected(uniform()), Curriculum(stages, [0, 1])])


def test_a_filter_within_a_mixture_leaves_out_what_it_leaves_out():
    """What is filtered from every part is missing from the sum, whether weights are corrected below or above."""
    query, _ = asked(toy(), RELATIONS)
    answers = known().contains(Query(query.anchor[:1], query.rel_type[:1]), torch.arange(NODES)[None])[0]
    value = torch.linspace(-2, 2, NODES).exp()
    assert 0 < (wanted := value[~answers].sum() / value.sum()) < 0.95
    for sampler in (
        Corrected(Mixture([Filtered(uniform(), known()), Filtered(popular(), known())], [0.2, 0.8])),
        Mixture([Corrected(Filtered(uniform(), known())), Filtered(Corrected(popular()), known())], [0.2, 0.8]),
    ):
        found = ratios(sampler)
        assert (found.mean() - wanted).abs() < 4.5 * found.std() / len(found) ** 0.5


def test_the_sampled_softmax_of_a_mixture_is_the_whole_one():
    """Under InfoNCE two parts of everybody, corrected, cost what all entities cost: no logit is shifted."""
    from gnnneg.losses import InfoNCE

    class Everybody(Sampler):
        """Every entity once, as a draw of as many would have it in the mean."""

        def forward(self, query, target, critic, rng=None):
            index = torch.arange(NODES)[None]
            return Negatives(index, ones(index))

        def log_prob(self, query, target, critic, index):
            return torch.full((1, 1), -float(torch.tensor(NODES).log()))

    query, target = asked(toy(), RELATIONS)
    score = torch.randn(40, NODES, generator=torch.Generator().manual_seed(1))
    critic, positive = Scores(score), score.gather(1, target[:, None])

    def cost(sampler):
        drawn = sampler(query, target, critic)
        return InfoNCE()(positive, critic(drawn.index), drawn.weight)

    wanted = InfoNCE()(positive, score, torch.ones(1, 1))
    for shares in (None, [0.5, 0.5], [0.9, 0.1]):
        torch.testing.assert_close(cost(Mixture([Corrected(Everybody()), Corrected(Everybody())], shares)), wanted)
        torch.testing.assert_close(cost(Corrected(Mixture([Everybody(), Everybody()], shares))), wanted)
