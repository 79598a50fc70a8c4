"""A generator that learns against the model."""

import pytest
import torch
import torch.nn.functional as F
from examples import CHANNELS, NODES, RELATIONS, kge, toy
from generators.adversary import NONE, asked, chance
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.decoders import ERMLPE, RESCAL, ComplEx, DistMult, TransE
from gnnneg.errors import UserError
from gnnneg.generators import GNDN
from gnnneg.interfaces import Drawn
from gnnneg.losses import InfoNCE, LogSigmoid, MarginRanking
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction


def test_vectors_by_the_formula():
    model, scorer, query, target = asked(ComplEx)
    made = GNDN(RELATIONS, CHANNELS, 3).eval()
    found = made.vectors(Drawn(scorer, query, target, NONE, chance()))
    noise = torch.randn(len(target), 3, CHANNELS, generator=chance())
    for i in (0, 17, 60):
        for j in range(3):
            given = [model.encoder.weight[query.anchor[i]], made.relation.weight[query.rel_type[i]], noise[i, j]]
            raw = made.network(torch.cat(given))
            assert_close(found[i, j], model.encoder.weight[target[i]].norm() * raw / raw.norm())


def test_its_step_is_down_its_loss_and_touches_nobody_else():
    """One step of plain gradient descent, written out; the model has no gradient from it."""
    model, scorer, query, target = asked(ComplEx)
    made = GNDN(RELATIONS, CHANNELS, 2)
    made.optimizer = torch.optim.SGD(made.parameters(), lr=0.5)
    own = list(made.parameters())
    drawn = Drawn(scorer, query, target, NONE, chance())
    vectors = made._make(drawn, made._given(drawn))
    loss = F.softplus(-scorer.decode(vectors)).mean()
    wanted = [weight - 0.5 * pull for weight, pull in zip(own, torch.autograd.grad(loss, own))]
    made(Drawn(scorer, query, target, NONE, chance()))
    assert_close(own, wanted)
    assert all(weight.grad is None for weight in model.parameters())


def test_the_models_gradient_stops_at_the_vectors():
    model, scorer, query, target = asked(ComplEx)
    made = GNDN(RELATIONS, CHANNELS, 2).eval()
    score = made(Drawn(scorer, query, target, NONE, chance())).score
    vectors = made.vectors(Drawn(scorer, query, target, NONE, chance()))
    weights = list(model.parameters())
    assert_close(
        torch.autograd.grad(score.sum(), weights, retain_graph=True),
        torch.autograd.grad(scorer.decode(vectors).sum(), weights),
    )


@pytest.mark.parametrize("decoder", [ComplEx, TransE])
def test_it_comes_to_be_believed(decoder):
    """Against a frozen model what it makes comes to outscore random entities, and nearly every target."""
    _, scorer, query, target = asked(decoder)
    made, draws, share = GNDN(RELATIONS, CHANNELS, 2, lr=0.01), chance(), []
    own = scorer(target[:, None]).detach()
    for _ in range(200):
        share.append(float((made(Drawn(scorer, query, target, NONE, draws)).score > own).float().mean()))
    assert share[-1] > 0.95
    assert share[-1] > share[0] + 0.15


def test_the_tasks_optimiser_leaves_it_alone():
    made = GNDN(RELATIONS, CHANNELS, 2)
    task = LinkPrediction(kge(), Both(RELATIONS), Uniform(NODES, 3), InfoNCE(), generators=[made])
    owned = {id(weight) for weight in task.trained()}
    assert not owned & {id(weight) for weight in made.parameters()}
    before = [weight.clone() for weight in made.parameters()]
    task(toy(), chance()).backward()
    assert all(weight.grad is None for weight in made.parameters())
    assert not all(torch.equal(a, b) for a, b in zip(before, made.parameters()))


def test_widths_must_agree():
    _, scorer, query, target = asked(ComplEx)
    with pytest.raises(UserError, match="GNDN has 6 hidden_channels, the model's vectors 8"):
        GNDN(RELATIONS, 6)(Drawn(scorer, query, target, NONE))
    with pytest.raises(UserError, match=r"GNDN\(num_negatives=0\): give a whole number from 1"):
        GNDN(RELATIONS, CHANNELS, 0)


@pytest.mark.parametrize("loss", [MarginRanking(), LogSigmoid()], ids=["MarginRanking", "LogSigmoid"])
def test_an_averaging_loss_weighs_one_as_much_as_twenty(loss):
    """The whole loss, with one vector that is always the same: how many are made makes no difference."""
    found = []
    for count in (1, 5, 20):
        torch.manual_seed(0)
        made = GNDN(RELATIONS, CHANNELS, count).eval()
        for weight in made.network.parameters():
            weight.data.zero_()
        made.network[2].bias.data.normal_(generator=chance())
        task = LinkPrediction(kge(), Both(RELATIONS), Uniform(NODES, 3), loss, generators=[made])
        found.append(task(toy(), chance()))
    assert_close(found[1:], [found[0]] * 2)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("decoder", [DistMult, RESCAL, ERMLPE, TransE])
def test_in_half_precision_vectors_are_those_of_the_weights_after_the_step(decoder, dtype):
    """A step size of 1 tells them from those before it."""
    model, _, query, target = asked(decoder)
    made, draws = GNDN(RELATIONS, CHANNELS, 2, lr=1.0), chance()
    with torch.autocast("cpu", dtype):
        scorer = model.scorer(model.encode(None), query)
        scorer(target[:, None])
        found = made.vectors(Drawn(scorer, query, target, NONE, draws))
    again = chance()
    torch.randn(len(target), 2, CHANNELS, generator=again)  # what it learnt from
    assert_close(found, made.eval().vectors(Drawn(scorer, query, target, NONE, again)))


def test_small_gradients_are_not_lost_in_half_precision():
    """Scores of 1e-7 pull with as little, which is nothing in float16."""
    moved = []
    for half in (False, True):
        model, _, query, target = asked(DistMult)
        model.decoder.relation.weight.data *= 1e-7
        made = GNDN(RELATIONS, CHANNELS, 2)
        made.optimizer = torch.optim.SGD(made.parameters(), lr=1e6)
        before = [weight.clone() for weight in made.parameters()]
        with torch.autocast("cpu", torch.float16, enabled=half):
            scorer = model.scorer(model.encode(None), query)
            made(Drawn(scorer, query, target, NONE, chance()))
        moved.append([now - was for now, was in zip(made.parameters(), before)])
    assert moved[0][-1].abs().max() > 1e-4
    assert_close(moved[1], moved[0])
