"""Noise-contrastive estimation against distributions that are known in full."""

import math

import pytest
import torch
from device import somewhere
from examples import NODES, RELATIONS, Fixed, Scores, kge, known, toy
from torch import Tensor, nn
from torch.testing import assert_close

from gnnneg.corruption import Both, Tail
from gnnneg.data.pools import slots
from gnnneg.errors import UserError
from gnnneg.generators import EMU
from gnnneg.interfaces import Drawn, Sampler, Scorer
from gnnneg.labels import SlotLabel
from gnnneg.losses import BCE, HaSa, InfoNCE, LogSigmoid, MarginRanking
from gnnneg.records import Negatives, Query, Triplets
from gnnneg.samplers import (
    Corrected,
    Corrupt,
    Discounted,
    Filtered,
    Hardest,
    Mixture,
    Nearest,
    NoiseContrastive,
    Popular,
    Typed,
    Uniform,
)
from gnnneg.tasks import LinkPrediction, NodeClassification

DATA = torch.tensor([0.5, 0.25, 0.125, 0.125])  # p, and as often are these the targets of one query
TARGETS = torch.tensor([0, 0, 0, 0, 1, 1, 2, 3])
NOISE = torch.tensor([0.125, 0.125, 0.25, 0.5])  # q, and as often do these stand among eight draws
DRAWS = torch.tensor([[0, 1, 2, 2, 3, 3, 3, 3]])


class Stated(Sampler):
    """Given candidates, and the probability with which each entity would be drawn."""

    def __init__(self, index: Tensor, weight: Tensor, chance: Tensor):
        super().__init__()
        self.fixed, self.chance = Fixed(index, weight), chance

    def forward(self, query: Query, target: Tensor, critic: Scorer, rng: torch.Generator | None = None) -> Negatives:
        return self.fixed(query, target, critic, rng)

    def log_prob(self, query: Query, target: Tensor, critic: Scorer, index: Tensor) -> Tensor:
        return self.chance[index].log()


def costs(score: Tensor, target: Tensor, sampler: Sampler, loss) -> Tensor:
    """The loss of each target of one query, whose scores are ``(n,)``."""
    query = Query(torch.zeros_like(target), torch.zeros_like(target))
    scorer = Scores(score.expand(len(target), -1))
    negatives = sampler(query, target, scorer)
    return NodeClassification(kge(), sampler, loss).contrast(Drawn(scorer, query, target, negatives))


def optimum(cost, size: int = 4) -> Tensor:
    """The scores at which a convex cost is least."""
    score = torch.zeros(size, dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([score], max_iter=500, tolerance_grad=1e-12, tolerance_change=0, history_size=20)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = cost(score)
        loss.backward()
        return loss

    optimizer.step(closure)
    return score.detach()


def test_optimum_is_the_normalised_log_probability():
    """Every target as often as the data have it, every draw as often as the noise gives it: s = log p, with sum 1."""
    sampler = NoiseContrastive(Stated(DRAWS, torch.ones(1, 1), NOISE))
    found = optimum(lambda score: costs(score, TARGETS, sampler, BCE()).mean())
    assert_close(found.exp(), DATA.double(), atol=1e-5, rtol=0)
    # without the correction the noise is what comes out: the log-odds p / (k q)
    plain = optimum(lambda score: costs(score, TARGETS, sampler.proposal, BCE()).mean())
    assert_close(plain.exp(), (DATA / (8 * NOISE)).double(), atol=1e-5, rtol=0)


def test_optimum_under_a_margin_is_shifted_by_it():
    sampler = NoiseContrastive(Stated(DRAWS, torch.ones(1, 1), NOISE))
    found = optimum(lambda score: costs(score, TARGETS, sampler, BCE(margin=2.0)).mean())
    assert_close((2 + found).exp(), DATA.double(), atol=1e-5, rtol=0)


def test_optimum_of_the_softmax_is_the_log_probability_up_to_a_number():
    """InfoNCE with one draw, over all pairs of target and draw as often as they come."""
    target = TARGETS.repeat_interleave(8)
    sampler = NoiseContrastive(Stated(DRAWS[0].repeat(8)[:, None], torch.ones(1, 1), NOISE))
    found = optimum(lambda score: costs(score, target, sampler, InfoNCE()).mean())
    assert_close((found - found.logsumexp(0)).exp(), DATA.double(), atol=1e-5, rtol=0)


def drawn(filtered: bool = True):
    """A batch of the toy, with private draws by popularity, some of them twice and some known to be right."""
    torch.manual_seed(0)
    proposal = Popular(known(), 6, alpha=0.5)
    proposal = Filtered(proposal, known()) if filtered else proposal
    batch = toy()
    query, target = Query(batch.head_index, batch.rel_type), batch.tail_index
    score = torch.randn(len(target), NODES)
    return proposal, query, target, score


def test_gradient_by_hand():
    """Each entity's gradient: minus k q / (e^s + k q) for the target, e^s / (e^s + k q) for each time it is drawn."""
    proposal, query, target, score = drawn()
    sampler, score = NoiseContrastive(proposal), score.requires_grad_()
    scorer = Scores(score)
    negatives = sampler(query, target, scorer, torch.Generator().manual_seed(1))
    assert (negatives.weight == 0).any()  # some are absent,
    assert any(len(set(row)) < 6 for row in negatives.index.tolist())  # and some there twice
    drawn_for = Drawn(scorer, query, target, negatives)
    NodeClassification(kge(), sampler, BCE()).contrast(drawn_for).sum().backward()

    chance = (torch.bincount(known().answer, minlength=NODES) + 1).double().sqrt()
    noise = (6 * chance / chance.sum()).tolist()
    expected = torch.zeros(len(target), NODES, dtype=torch.double)
    for row, answer in enumerate(target.tolist()):
        odds = [math.exp(value) for value in score[row].tolist()]
        expected[row, answer] -= noise[answer] / (odds[answer] + noise[answer])
        for entity, there in zip(negatives.index[row].tolist(), negatives.weight.expand(-1, 6)[row].tolist()):
            expected[row, entity] += there * odds[entity] / (odds[entity] + noise[entity])
    assert_close(score.grad, expected.float())


def test_absent_candidates_change_nothing():
    """Not even one that could never have been drawn."""
    chance = torch.tensor([0.5, 0.5, 0.0, 0.0])
    score, target = torch.randn(4), torch.tensor([0, 1])
    wide = Stated(torch.tensor([[1, 3, 0]]), torch.tensor([[1.0, 0.0, 1.0]]), chance)
    gone = NoiseContrastive(wide)(Query(target, target), target, Scores(score.expand(2, -1)))
    assert gone.noise.negatives.isfinite().all()
    for loss in (BCE(), InfoNCE()):
        own = [(score - (3 * chance).log())[target], (score - (3 * chance).log())[torch.tensor([1, 0])]]
        by_hand = loss(own[0][:, None], own[1].expand(2, -1), torch.ones(1, 1))
        assert_close(costs(score, target, NoiseContrastive(wide), loss), by_hand)


def test_shared_and_private_draws_cost_the_same():
    """And k q of a uniform draw is k / n."""
    score, target = torch.randn(NODES), torch.arange(5)
    negatives = NoiseContrastive(Uniform(NODES, 4, shared=True))(
        Query(target, target), target, Scores(score.expand(5, -1)), torch.Generator().manual_seed(0)
    )
    by_hand = BCE()(
        (score[target] - math.log(4 / NODES))[:, None],
        (score[negatives.index] - math.log(4 / NODES)).expand(5, -1),
        torch.ones(1, 1),
    )
    for rows in (1, 5):
        fixed = Stated(negatives.index.expand(rows, -1), torch.ones(1, 1), torch.full((NODES,), 1 / NODES))
        assert_close(costs(score, target, NoiseContrastive(fixed), BCE()), by_hand)


def test_weights_of_the_proposal_stay():
    proposal, query, target, score = drawn()
    sampler, same = NoiseContrastive(proposal), torch.Generator
    found = sampler(query, target, Scores(score), same().manual_seed(3))
    plain = proposal(query, target, Scores(score), same().manual_seed(3))
    assert torch.equal(found.index, plain.index)
    assert torch.equal(found.weight, plain.weight)


def test_a_query_without_candidates_keeps_its_score():
    """Entity 2 has no type: nothing is drawn for it, and it has no probability."""
    chance, score, target = torch.tensor([0.5, 0.5, 0.0]), torch.randn(3), torch.tensor([0, 2])
    weight = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    sampler = NoiseContrastive(Stated(torch.tensor([[1, 0], [1, 0]]), weight, chance))
    assert_close(costs(score, target, sampler, BCE())[1], nn.functional.softplus(-score[2]))


def test_a_training_step_by_hand():
    """LinkPrediction over all that is asked, against the formula."""
    torch.manual_seed(0)
    model, batch = kge(), toy()
    task = LinkPrediction(model, Both(RELATIONS), NoiseContrastive(Uniform(NODES, 3, shared=True)), BCE())
    loss = task(batch, torch.Generator().manual_seed(5))
    query, target = Both(RELATIONS)(batch)
    scorer, shift = model.scorer(model.encode(None), query), math.log(3 / NODES)
    index = Uniform(NODES, 3, shared=True)(query, target, scorer, torch.Generator().manual_seed(5)).index
    right = torch.sigmoid(scorer(target[:, None]) - shift).log().sum(1)
    wrong = (1 - torch.sigmoid(scorer(index) - shift)).log().sum(1)
    assert_close(loss, -(right + wrong).mean())


@pytest.mark.parametrize("proposal", [Hardest(Uniform(NODES, 5), 2), Corrected(Uniform(NODES, 5))])
def test_a_proposal_that_knows_no_probabilities_is_refused(proposal):
    score, target = torch.randn(NODES), torch.arange(3)
    with pytest.raises(UserError, match="does not know how probable its candidates are"):
        costs(score, target, NoiseContrastive(proposal), BCE())


def test_a_proposal_that_never_draws_the_target_is_refused():
    """Truncated sampling draws the target's neighbours only: the positive would cost nothing, whatever its score."""
    task = LinkPrediction(kge(), Tail(RELATIONS), NoiseContrastive(Nearest(NODES, 5, 4)), BCE())
    with pytest.raises(UserError, match=r"NoiseContrastive\(Nearest\): the proposal never draws some of the targets"):
        task(toy())


def test_on_a_device_such_a_target_makes_the_loss_no_number():
    """Entity 2 is never drawn. Where the second query has candidates, it has no loss; the third has none, and keeps its
    score. Nobody waits for the device to find that out, and the trainer stops at a loss that is no number.
    """
    chance, score, target = torch.tensor([0.75, 0.25, 0.0]), torch.randn(3), torch.tensor([1, 2, 2])
    index, weight = torch.tensor([[1, 0], [1, 0], [1, 0]]), torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    sampler = NoiseContrastive(Stated(index, weight, chance))
    for loss in (BCE(), InfoNCE()):
        with pytest.raises(UserError, match="never draws some of the targets"):
            costs(score, target, sampler, loss)
        with somewhere() as place:
            there = NoiseContrastive(Stated(*(value.to(place.device) for value in (index, weight, chance))))
            asked = score.to(place.device), target.to(place.device)
            with place.counted() as waits:
                found = costs(*asked, there, loss)
            assert not waits
            found = found.cpu()
        assert found.isfinite().tolist() == [True, False, True]
        assert found[1].isnan()
        assert_close(found[0], costs(score, target[:1], NoiseContrastive(Stated(index, weight[:1], chance)), loss)[0])


@pytest.mark.parametrize("inner", [Corrupt(known(), 5), Typed(slots(known()), NODES, 5)])
def test_typed_noise_can_draw_its_targets(inner):
    task = LinkPrediction(kge(), Both(RELATIONS), NoiseContrastive(inner), BCE())
    assert task(toy()).isfinite()


def around(sampler: Sampler, **options) -> LinkPrediction:
    return LinkPrediction(kge(), Tail(RELATIONS), sampler, options.pop("loss", BCE()), **options)


def test_it_is_the_outermost_sampler():
    inner = NoiseContrastive(Uniform(NODES, 5))
    wraps = [Filtered(inner, known()), Hardest(inner, 2), Mixture([inner, Uniform(NODES, 5)]), NoiseContrastive(inner)]
    wraps.append(Discounted(inner, SlotLabel(known(), 0.5)))
    for sampler in wraps:
        with pytest.raises(UserError, match="NoiseContrastive must be the outermost sampler"):
            around(sampler)


def test_losses_and_generators_that_cannot_have_it_are_refused():
    sampler = NoiseContrastive(Uniform(NODES, 5))
    for loss in (LogSigmoid(), MarginRanking(), HaSa(), InfoNCE(0.5), InfoNCE(learnable=True)):
        with pytest.raises(UserError, match="use BCE, or InfoNCE at temperature 1"):
            around(sampler, loss=loss)
    with pytest.raises(UserError, match="leave generators out"):
        around(sampler, generators=[EMU(0.5)])
    assert around(sampler, loss=InfoNCE())(Triplets(*(column[:4] for column in toy()))).isfinite()


def test_no_draws_at_all():
    """Of a proposal that offers nothing to anybody, the noise is that of one draw and not of none."""

    class Nobody(Uniform):
        def forward(self, query, target, critic, rng=None):
            return Negatives(torch.empty(1, 0, dtype=torch.long), torch.empty(1, 0))

    query = Query(torch.tensor([0, 1]), torch.tensor([0, 0]))
    model = kge()
    found = NoiseContrastive(Nobody(NODES, 5))(query, torch.tensor([1, 2]), model.scorer(model.encode(None), query))
    assert_close(found.noise.target, torch.tensor([[-math.log(NODES)]]))
    assert found.noise.negatives.size(1) == 0
