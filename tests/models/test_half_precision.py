"""Under autocast a target is rounded as shared candidates are, private ones are not rounded: no margin is shifted."""

import pytest
import torch

from gnnneg.decoders import ERMLPE, HAKE, RESCAL, ComplEx, DistMult, RotatE, TransD, TransE, TransH
from gnnneg.encoders import Lookup
from gnnneg.losses import InfoNCE, LogSigmoid
from gnnneg.models import KGEModel
from gnnneg.records import Query

NODES, RELATIONS, WIDTH, QUERIES = 200, 5, 64, 4000
HALF = 2.0**-9  # the largest error of rounding to bfloat16, of what is rounded


@pytest.fixture
def query():
    return Query(torch.randint(NODES, (QUERIES,)), torch.randint(RELATIONS, (QUERIES,)))


def scores(model, query, target):
    """Of one entity each, as a target, as a private and as a shared candidate."""
    scorer = model.scorer(model.encode(None), query)
    own = scorer(target[:, None])[:, 0]
    private = scorer(torch.stack([target, (target + 1) % NODES], 1))[:, 0]
    shared = scorer(torch.arange(NODES)[None])[torch.arange(QUERIES), target]
    return own.float(), private.float(), shared.float()


def made(decoder):
    return KGEModel(Lookup(NODES, WIDTH, bound=1.0), decoder(RELATIONS, WIDTH)).requires_grad_(False)


@pytest.mark.parametrize("decoder", [DistMult, ComplEx, RESCAL, ERMLPE])
def test_inner_products(decoder, query):
    model, target = made(decoder), torch.randint(NODES, (QUERIES,))
    exact = scores(model, query, target)[0]
    with torch.autocast("cpu", torch.bfloat16):
        own, private, shared = scores(model, query, target)
    vector = model.scorer(model.encode(None), query).vector
    size = (vector[:, :WIDTH] * model.encoder.weight[target]).abs().sum(1)

    error = own - private
    assert error.abs().max() > 0
    assert (error.abs() <= HALF * (3 * size + own.abs())).all()  # two factors, and their sum
    assert error.mean().abs() < 4 * error.std() / QUERIES**0.5  # neither up nor down
    assert error.std() < 0.01 * exact.std()
    assert ((own - shared).abs() <= 2 * HALF * own.abs().clamp(min=0.01)).all()  # the last digit
    slope = torch.cov(torch.stack([exact, own]))[0, 1] / exact.var()
    assert abs(slope - 1) < 1e-3  # nor good answers more than bad ones
    negative, weight = exact.view(-1, 5)[:, 1:], torch.ones(1, 1)
    for loss in (InfoNCE(), LogSigmoid(1.0)):
        means = [loss(one.view(-1, 5)[:, :1], negative, weight).mean() for one in (exact, own)]
        assert abs(means[1] / means[0] - 1) < 1e-3


@pytest.mark.parametrize("decoder", [RotatE, TransE, HAKE, TransH, TransD])
def test_distances_are_not_rounded(decoder, query):
    model, target = made(decoder), torch.randint(NODES, (QUERIES,))
    plain = scores(model, query, target)
    with torch.autocast("cpu", torch.bfloat16):
        found = scores(model, query, target)
    assert all(torch.equal(one, other) for one, other in zip(found, plain))
