"""Closed forms of mutated scores against vectors really made, for every decoder and every kind of candidates."""

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS
from torch.testing import assert_close

from gnnneg.decoders import HAKE, RESCAL, ComplEx, DistMult, RotatE, TransD, TransE, TransH
from gnnneg.encoders import Dense
from gnnneg.errors import UserError
from gnnneg.interfaces import Scorer
from gnnneg.kernels.noise import normal
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
PROJECTED = {
    "transh-l1": lambda r, d: TransH(r, d, p=1),
    "transh-l2": TransH,
    "transd-l1": lambda r, d: TransD(r, d, p=1),
    "transd-l2": TransD,
}  # no sums over the coordinates of a candidate
EVERY = DECODERS | PROJECTED
decoders = pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
every_decoder = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
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


@every_decoder
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


@every_decoder
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


def terms(of: KGEScorer, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What each coordinate gives, of the candidates ``(b, k, h)`` and of the targets ``(b, 1, h)``."""
    return of.terms(of.embed(index)), of.terms(target(of)[:, None])


@decoders
@shared
@pytest.mark.parametrize("alike", [True, False], ids=["one probability", "many"])
def test_matched_noise_has_the_moments_of_masks(make, shared, alike):
    """Mean and standard deviation, written out coordinate by coordinate, and the noise of that seed put on them."""
    of, index, seed = scorer(make), candidates(shared), 77
    width = CHANNELS // of.parts
    keep = torch.full((QUERIES, 1), 0.3).double() if alike else torch.rand(QUERIES, width).double()
    found = of.mutated(index, Mutation(target(of), keep, noise=seed))

    each, own = terms(of, index)
    keep = keep.expand(-1, width)[:, None]
    mean, variance = keep * each + (1 - keep) * own, keep * (1 - keep) * (each - own).square()

    def drawn(part: slice, seed: int) -> torch.Tensor:
        spread = variance[..., part].sum(2).sqrt()
        return mean[..., part].sum(2) + spread * normal(seed, spread)

    if make is DECODERS["hake"]:
        weights, half = of.decoder.similarity, CHANNELS // 2
        scale = torch.cat([weights.modulus_weight.expand(half), weights.phase_weight.expand(half)])
        mean, variance = mean / scale, variance / scale.square()
        moduli, phases = drawn(slice(half), seed), drawn(slice(half, None), seed + 1)
        wanted = -weights.modulus_weight * (-moduli).clamp(min=0).sqrt() + weights.phase_weight * phases
    else:
        wanted = drawn(slice(None), seed)
        if make is DECODERS["transe-l2"]:
            wanted = -(-wanted).clamp(min=0).sqrt()
    assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make", [DistMult, RotatE, TransE], ids=["distmult", "rotate", "transe"])
def test_masks_have_these_moments(make):
    """Monte Carlo: margins of 10,000 independent masks against (1 - rho) margin and rho (1 - rho) v."""
    of, index, rho, draws = scorer(make), candidates(True), 0.6, 10_000
    each, own = terms(of, index)
    part = (own - each).detach()
    keep = (torch.rand(draws, *part.shape) >= rho).double()
    margin = (keep * part).sum(3)
    spread = (rho * (1 - rho) * part.square().sum(2)).sqrt()
    assert ((margin.mean(0) - (1 - rho) * part.sum(2)).abs() <= 5 * spread / draws**0.5 + 1e-12).all()
    assert_close(margin.std(0), spread, rtol=0.03, atol=1e-9)
    made = of.mutated(index.expand(QUERIES, -1), Mutation(target(of), keep[0]))
    assert_close(own.sum(2) - made, margin[0])


@pytest.mark.parametrize("make", [*DECODERS.values(), TransH], ids=[*DECODERS, "transh-l2"])
def test_matched_gradient_is_that_of_its_formula(make):
    """Autograd through the expanded products against finite differences, with the noise of one seed."""
    of, index = scorer(make), candidates(True)
    table, keep = of.encoding.table, torch.rand(QUERIES, CHANNELS // of.parts).double().requires_grad_()

    def loss(table: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
        again = KGEScorer(Dense(table), of.decoder, of.query, 0.0)
        return again.mutated(index, Mutation(target(again), keep, noise=3))[:, :2].sum()

    slopes = torch.autograd.grad(loss(table, keep), (table, keep))
    for leaf, slope in zip((table, keep), slopes):
        step = 1e-4 * torch.randn_like(leaf)
        moved = [(table + s * step, keep) if leaf is table else (table, keep + s * step) for s in (1, -1)]
        difference = (loss(*moved[0]) - loss(*moved[1])) / 2
        assert_close(difference, (slope * step).sum(), rtol=2e-2, atol=1e-5)


@pytest.mark.parametrize("pace", [3.0, 1.0, 0.5])
@pytest.mark.parametrize("name", [name for name in DECODERS if name != "hake"])
def test_paced_negatives_win_as_often_as_they_should(name, pace):
    """P(score above the target's) is Phi(-z) for every pair that did not win already, whatever its margin."""
    of, index = scorer(DECODERS[name]), candidates(True)
    positive = target(of)
    own, draws = of.decode(positive[:, None]), 4000
    behind = own - of(index) > 1e-9
    assert behind.any()
    score = of.mutated(index.repeat(1, draws), Mutation(positive, torch.ones(QUERIES, 1).double(), noise=5, pace=pace))
    rate = (score > own).double().view(QUERIES, draws, -1).mean(1)[behind]
    wanted = torch.distributions.Normal(0.0, 1.0).cdf(torch.tensor(-pace)).item()
    assert (rate - wanted).abs().max() < 5 * (wanted * (1 - wanted) / draws) ** 0.5 + 1e-3


def test_pace_refuses_what_is_no_sum():
    of = scorer(DECODERS["hake"])
    with pytest.raises(UserError, match="cannot be paced"):
        of.mutated(candidates(True), Mutation(target(of), torch.ones(QUERIES, 1).double(), noise=1, pace=1.0))


def test_half_precision_does_not_spoil_variances():
    """Under autocast the products that nearly cancel stay in float32."""
    of, index = scorer(DistMult), candidates(True)
    of = KGEScorer(Dense(of.encoding.table.float() + 10), of.decoder.float(), of.query, 0.0)
    keep = torch.full((QUERIES, 1), 0.5)
    exact = of.mutated(index, Mutation(target(of), keep, noise=1))
    with torch.autocast("cpu", torch.bfloat16):
        again = KGEScorer(of.encoding, of.decoder, of.query, 0.0)
        assert_close(again.mutated(index, Mutation(target(again), keep, noise=1)), exact, rtol=1e-3, atol=1e-3)
