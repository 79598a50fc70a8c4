"""Mutation is as hard as it is meant to be, from the first step on, whatever the scale of the vectors (fault 15)."""

import math

import pytest
import torch
from torch.testing import assert_close

from gnnneg.decoders import ERMLPE, HAKE, RESCAL, ComplEx, DistMult, RotatE, TransE, TransH
from gnnneg.encoders import Lookup
from gnnneg.generators import SelfPacedEMU
from gnnneg.interfaces import Drawn
from gnnneg.kernels.noise import normal
from gnnneg.models import KGEModel
from gnnneg.records import Mutation, Negatives, Query, ones

NODES, RELATIONS, WIDTH, QUERIES, NEGATIVES = 1500, 10, 32, 300, 400


def transe_l2(num_relations, hidden_channels):
    return TransE(num_relations, hidden_channels, p=2)


PACED = [DistMult, ComplEx, RESCAL, ERMLPE, TransE, transe_l2, RotatE]


def untrained(decoder, shared, scale=1.0):
    """A model as it is made, queries, their targets and candidates."""
    torch.manual_seed(0)
    model = KGEModel(Lookup(NODES, WIDTH), decoder(RELATIONS, WIDTH))
    model.encoder.weight.data *= scale
    query = Query(torch.randint(NODES, (QUERIES,)), torch.randint(2 * RELATIONS, (QUERIES,)))
    target, index = torch.randint(NODES, (QUERIES,)), torch.randint(NODES, (1 if shared else QUERIES, NEGATIVES))
    return model.scorer(model.encode(None), query), query, target, index


def found(scorer, query, target, index, start):
    """How many of those that lose to their target beat it mutated, of how many; how far the others were moved."""
    made = SelfPacedEMU(start)(
        Drawn(scorer, query, target, Negatives(index, ones(index)), torch.Generator().manual_seed(5))
    )
    plain, own = scorer(index), scorer(target[:, None])
    behind = own - plain > 1e-3 * plain.std()
    moved = (made.score - plain)[plain > own + 1e-3 * plain.std()].abs() / plain.std()
    return int((made.score > own)[behind].sum()), int(behind.sum()), float(moved.max())


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "private"])
@pytest.mark.parametrize("decoder", PACED)
@torch.no_grad()
def test_hardness_is_what_is_asked_at_step_0(decoder, shared):
    """At z = 3 one in 740, at z = 1 one in six; who wins already is left alone."""
    for start in (3.0, 1.0):
        won, behind, moved = found(*untrained(decoder, shared), start)
        wanted = 0.5 * math.erfc(start / 2**0.5)
        assert abs(won - wanted * behind) < 5 * (wanted * behind) ** 0.5
        assert moved < 1e-4


@pytest.mark.parametrize("scale", [1e-3, 1e3])
@torch.no_grad()
def test_hardness_knows_no_scale(scale):
    """The very same negatives win, however long all vectors are."""
    one, other = (found(*untrained(DistMult, False, size), 3.0) for size in (1.0, scale))
    assert one[0] > 50
    assert abs(one[0] - other[0]) <= 1
    assert one[1] == other[1]


@pytest.mark.parametrize("half", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("decoder", [DistMult, RESCAL, RotatE, TransE])
@torch.no_grad()
def test_matched_noise_at_step_0_is_that_of_masks(decoder, half):
    """Against mean and variance summed up in double, of the query as it is; the target itself has next to none."""
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        scorer, _, target, index = untrained(decoder, False)
        index = torch.cat([index[:, :50], target[:, None]], dim=1)
        positive = scorer.embed(target[:, None])[:, 0]
        made = scorer.mutated(index, Mutation(positive, torch.full((QUERIES, 1), 0.3), noise=9))
    query = scorer.vector.double()
    each, own = (scorer.similarity.terms(query, scorer.embed(some).double()) for some in (index, target[:, None]))
    spread = (0.21 * (each - own).square().sum(2)).sqrt()
    wanted = 0.3 * each.sum(2) + 0.7 * own.sum(2) + spread * normal(9, made).double()
    itself = index == target[:, None]
    assert_close(made.double()[~itself], wanted[~itself], rtol=1e-4, atol=0.01 * float(spread.mean()))
    assert (made - wanted)[itself].abs().max() < 0.01 * own.abs().sum(2).max()


@pytest.mark.parametrize("decoder", [DistMult, HAKE, RotatE, TransE, transe_l2, TransH])
def test_equal_vectors_have_finite_gradients(decoder):
    """All candidates are their targets, or all vectors nothing at all."""
    for scale in (1.0, 0.0):
        scorer, _, target, _ = untrained(decoder, False, scale)
        index = target[:, None].expand(-1, 3).contiguous()
        positive = scorer.embed(target[:, None])[:, 0]
        paces = [None] if decoder in (HAKE, TransH) else [None, 2.0]
        for pace in paces:
            mutation = Mutation(positive, torch.full((QUERIES, 1), 0.5), noise=1, pace=pace)
            score = scorer.mutated(index, mutation)
            assert score.isfinite().all()
            (slope,) = torch.autograd.grad(score.sum(), scorer.encoding.table, retain_graph=True)
            assert slope.isfinite().all()
