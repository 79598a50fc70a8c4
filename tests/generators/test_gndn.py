"""A generator that learns against the model."""

import pytest
import torch
import torch.nn.functional as F
from examples import CHANNELS, NODES, RELATIONS, kge, toy
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.decoders import ComplEx, TransE
from gnnneg.errors import UserError
from gnnneg.generators import GNDN
from gnnneg.losses import InfoNCE
from gnnneg.records import Negatives, Query
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction

NONE = Negatives(torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1))


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def asked(decoder=ComplEx):
    torch.manual_seed(0)
    model = kge(decoder)
    query, target = Both(RELATIONS)(toy())
    return model, model.scorer(model.encode(None), query), query, target


def test_vectors_by_the_formula():
    model, scorer, query, target = asked()
    made = GNDN(RELATIONS, CHANNELS, 3).eval()
    found = made.vectors(scorer, query, target, NONE, chance())
    noise = torch.randn(len(target), 3, CHANNELS, generator=chance())
    for i in (0, 17, 60):
        for j in range(3):
            given = [model.encoder.weight[query.anchor[i]], made.relation.weight[query.rel_type[i]], noise[i, j]]
            raw = made.network(torch.cat(given))
            assert_close(found[i, j], model.encoder.weight[target[i]].norm() * raw / raw.norm())


def test_its_step_is_down_its_loss_and_touches_nobody_else():
    """One step of plain gradient descent, written out; the model has no gradient from it."""
    model, scorer, query, target = asked()
    made = GNDN(RELATIONS, CHANNELS, 2)
    made.optimizer = torch.optim.SGD(made.parameters(), lr=0.5)
    own = list(made.parameters())
    loss = F.softplus(-scorer.decode(made._make(scorer, query, target, chance()))).mean()
    wanted = [weight - 0.5 * pull for weight, pull in zip(own, torch.autograd.grad(loss, own))]
    made(scorer, query, target, NONE, chance())
    assert_close(own, wanted)
    assert all(weight.grad is None for weight in model.parameters())


def test_the_models_gradient_stops_at_the_vectors():
    model, scorer, query, target = asked()
    made = GNDN(RELATIONS, CHANNELS, 2).eval()
    score = made(scorer, query, target, NONE, chance()).score
    vectors = made.vectors(scorer, query, target, NONE, chance())
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
        share.append(float((made(scorer, query, target, NONE, draws).score > own).float().mean()))
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
    _, scorer, query, target = asked()
    with pytest.raises(UserError, match="GNDN has 6 hidden_channels, the model's vectors 8"):
        GNDN(RELATIONS, 6)(scorer, query, target, NONE)
    with pytest.raises(UserError, match="make at least one negative"):
        GNDN(RELATIONS, CHANNELS, 0)


def test_the_term_is_divided_by_how_many_are_made():
    """Three negatives and a scale of 6 make a term of weight 2."""
    torch.manual_seed(0)
    model, query = kge(), Query(torch.arange(4), torch.arange(4) % RELATIONS)
    scorer, target = model.scorer(model.encode(None), query), torch.arange(4, 8)
    none = Negatives(torch.zeros(1, 0, dtype=torch.long), torch.ones(1, 1))
    made = GNDN(RELATIONS, CHANNELS, 3, scale=6.0).eval()(scorer, query, target, none, torch.Generator())
    assert made.scale == 2.0
    assert made.score.shape == (4, 3)
    assert made.weight.tolist() == [[1.0]]
