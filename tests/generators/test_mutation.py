"""Closed forms of mutated scores against vectors that are really made, for every decoder and every kind of candidates."""

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS
from torch.testing import assert_close

from gnnneg.decoders import HAKE, RESCAL, ComplEx, DistMult, RotatE, TransE
from gnnneg.encoders import Dense
from gnnneg.interfaces import Scorer
from gnnneg.models.kge import KGEScorer
from gnnneg.records import Mutation, Query

DECODERS = {
    "distmult": DistMult,
    "complex": ComplEx,
    "rescal": RESCAL,
    "rotate": RotatE,
    "transe-l1": TransE,
    "transe-l2": lambda r, d: TransE(r, d, p=2),
    "hake": lambda r, d: HAKE(r, d, bound=2.0),
}
decoders = pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
shared = pytest.mark.parametrize("shared", [True, False], ids=["shared", "private"])

QUERIES, NEGATIVES = 4, 6


def scorer(make, seed: int = 0) -> KGEScorer:
    torch.manual_seed(seed)
    table = torch.randn(NODES, CHANNELS, dtype=torch.double, requires_grad=True)
    decoder = make(RELATIONS, CHANNELS).double()
    query = Query(torch.arange(QUERIES), torch.arange(QUERIES) % (2 * RELATIONS))
    return KGEScorer(Dense(table), decoder, query, 0.0)


def candidates(shared: bool) -> torch.Tensor:
    return torch.randint(NODES, (1 if shared else QUERIES, NEGATIVES))


def target(of: KGEScorer) -> torch.Tensor:
    return of.embed(torch.arange(5, 5 + QUERIES)[:, None])[:, 0]


def masks(*size: int) -> torch.Tensor:
    return (torch.rand(*size) < 0.5).double()


@decoders
@shared
def test_one_mask_a_query(make, shared):
    """Values and gradients of the closed form are those of the vectors made, chunk by chunk."""
    of = scorer(make)
    index, keep = candidates(shared), masks(QUERIES, CHANNELS // of.parts)
    outward, found = torch.randn(QUERIES, NEGATIVES), []
    for way in (KGEScorer.mutated, Scorer.mutated):
        score = way(of, index, Mutation(target(of), keep))
        (slope,) = torch.autograd.grad(score, of.encoding.table, outward.double(), retain_graph=True)
        found.append((score, slope))
    assert_close(found[0], found[1], rtol=1e-5, atol=1e-5)


@decoders
def test_nothing_and_everything(make):
    of, index = scorer(make), candidates(True)
    positive = target(of)
    nothing = of.mutated(index, Mutation(positive, torch.ones(QUERIES, CHANNELS // of.parts).double()))
    assert_close(nothing, of(index), rtol=1e-5, atol=1e-5)
    everything = of.mutated(index, Mutation(positive, torch.zeros(QUERIES, CHANNELS // of.parts).double()))
    assert_close(everything, of.decode(positive[:, None]).expand(-1, NEGATIVES), rtol=1e-5, atol=1e-5)


def test_complex_coordinates_may_be_torn_apart():
    """RotatE with masks for real and imaginary parts has no closed form: vectors are made, and the scores differ."""
    of, index = scorer(RotatE), candidates(True)
    joint = masks(QUERIES, CHANNELS // 2)
    positive = target(of)
    together = of.mutated(index, Mutation(positive, joint))
    assert_close(of.mutated(index, Mutation(positive, joint.repeat(1, 2))), together)
    torn = torch.cat([joint, 1 - joint], 1)
    vector = torch.where(torn[:, None] > 0, of.embed(index), positive[:, None])
    assert_close(of.mutated(index, Mutation(positive, torn)), of.decode(vector))
    assert (of.mutated(index, Mutation(positive, torn)) - together).abs().max() > 1e-2
