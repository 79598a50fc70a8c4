"""TransH and TransD against numbers worked by hand, PyKEEN, their geometry, and every mask there is."""

import itertools

import pytest
import torch
from examples import NODES, RELATIONS
from torch.testing import assert_close

import gnnneg.candidates
from gnnneg.candidates import Gathered, Private, Shared
from gnnneg.decoders import DynamicMapping, Hyperplane, TransD, TransE, TransH
from gnnneg.encoders import Lookup
from gnnneg.encodings import Dense
from gnnneg.errors import UserError
from gnnneg.generators import EMU, HardestEMU, MatchedEMU, SelfPacedEMU
from gnnneg.interfaces import Drawn, Generator
from gnnneg.kernels.noise import normal
from gnnneg.models import KGEModel
from gnnneg.models.kge import KGEScorer
from gnnneg.records import Mutation, Negatives, Query

RANK = 5
WIDTH = {TransH: RANK, TransD: 2 * RANK}
norms = pytest.mark.parametrize("p", [1, 2])
decoders = pytest.mark.parametrize("decoder", [TransH, TransD])


def model(decoder: type, p: int = 2, bound: float = 1.0, **options) -> KGEModel:
    width = WIDTH[decoder]
    return KGEModel(Lookup(NODES, width, bound=bound), decoder(RELATIONS, width, p=p, bound=bound, **options))


def triplets() -> tuple[torch.Tensor, ...]:
    return torch.randint(NODES, (30,)), torch.randint(RELATIONS, (30,)), torch.randint(NODES, (30,))


def scorer(of: KGEModel, **query) -> KGEScorer:
    anchor = torch.arange(4)
    return of.scorer(of.encode(None), Query(anchor, query.get("rel_type", anchor % (2 * RELATIONS))))


def weigh(of: KGEModel, entity: list, relation: list) -> None:
    of.encoder.weight.data, of.decoder.relation.weight.data = torch.tensor(entity), torch.tensor(relation)


@pytest.mark.parametrize(("p", "wanted"), [(1, -5.0), (2, -(13**0.5))])
def test_transh_by_hand(p, wanted):
    """The plane of normal (0, 1) sees (1, 5) as (1, 0) and (4, -2) as (4, 0): (1, 0) + (1, 3) - (4, 0) = (-2, 3)."""
    of = KGEModel(Lookup(2, 2), TransH(1, 2, p=p))
    weigh(of, [[1.0, 5.0], [4.0, -2.0]], [[0.0, 7.0, 1.0, 3.0]])  # a normal of any length
    zero = torch.zeros(1, dtype=torch.long)
    assert_close(of(None, zero, zero, zero + 1), torch.tensor([wanted]))
    assert_close(of(None, zero + 1, zero + 1, zero), torch.tensor([wanted]))


@pytest.mark.parametrize(("p", "wanted"), [(1, -3.0), (2, -(5**0.5))])
def test_transd_by_hand(p, wanted):
    """(1, 2) + 5 (1, -1) = (6, -3) and (2, 0) + 2 (1, -1) = (4, -2): (6, -3) + (0, 2) - (4, -2) = (2, 1)."""
    of = KGEModel(Lookup(2, 4), TransD(1, 4, p=p))
    weigh(of, [[1.0, 2.0, 3.0, 1.0], [2.0, 0.0, 1.0, 7.0]], [[0.0, 2.0, 1.0, -1.0]])
    zero = torch.zeros(1, dtype=torch.long)
    assert_close(of(None, zero, zero, zero + 1), torch.tensor([wanted]))
    assert_close(of(None, zero + 1, zero + 1, zero), torch.tensor([wanted]))


@norms
def test_pykeen_transh(p):
    from pykeen.nn.modules import TransHInteraction

    of, (h, r, t) = model(TransH, p), triplets()
    entity, (plane, move) = of.encoder.weight.detach(), of.decoder.relation.weight.detach().chunk(2, dim=1)
    theirs = TransHInteraction(p=p)(entity[h], (plane[r], move[r]), entity[t])
    assert_close(of(None, h, r, t), theirs, rtol=1e-4, atol=1e-5)


@norms
def test_pykeen_transd(p):
    """PyKEEN cuts moved vectors to length 1, so that here they are short."""
    from pykeen.nn.modules import TransDInteraction

    of, (h, r, t) = model(TransD, p, bound=0.3), triplets()
    entity, projection = of.encoder.weight.detach().chunk(2, dim=1)
    move, along = of.decoder.relation.weight.detach().chunk(2, dim=1)
    theirs = TransDInteraction(p=p, power_norm=False)(
        (entity[h], projection[h]), (move[r], along[r]), (entity[t], projection[t])
    )
    assert_close(of(None, h, r, t), theirs, rtol=1e-4, atol=1e-5)


@norms
def test_along_the_normal_all_is_one(p):
    """An entity moved along w keeps its score, on either side; moved across, it does not."""
    of, (h, r, t) = model(TransH, p), triplets()
    r = torch.ones_like(r)
    before, table = of(None, h, r, t), of.encoder.weight.data.clone()
    plane, across = of.decoder.relation.weight.detach()[1, :RANK], torch.randn(RANK)
    of.encoder.weight.data = table + 2 * torch.randn(NODES, 1) * plane
    assert_close(of(None, h, r, t), before, rtol=1e-4, atol=1e-4)
    across -= across @ plane * plane
    of.encoder.weight.data = table + 2 * torch.randn(NODES, 1) * across
    assert (of(None, h, r, t) - before).abs().max() > 0.1


def test_normals_are_directions():
    """Their length tells nothing and learns nothing; they start at 1."""
    of, (h, r, t) = model(TransH), triplets()
    weight = of.decoder.relation.weight
    assert_close(weight[:, :RANK].norm(dim=1), torch.ones(RELATIONS))
    before = of(None, h, r, t)
    (grad,) = torch.autograd.grad(before.sum(), weight)
    assert grad[:, :RANK].abs().max() > 1e-2
    assert_close((grad * weight)[:, :RANK].sum(1), torch.zeros(RELATIONS), rtol=0, atol=1e-4)
    weight.data[:, :RANK] *= 20
    assert_close(of(None, h, r, t), before)


@norms
@pytest.mark.parametrize("zero", ["entities'", "relations'"])
def test_without_projection_vectors_transd_is_transe(p, zero):
    of, (h, r, t) = model(TransD, p), triplets()
    (of.encoder if zero == "entities'" else of.decoder.relation).weight.data[:, RANK:] = 0
    plain = KGEModel(Lookup(NODES, RANK), TransE(RELATIONS, RANK, p=p))
    plain.encoder.weight.data = of.encoder.weight.data[:, :RANK].clone()
    plain.decoder.relation.weight.data = of.decoder.relation.weight.data[:, :RANK].clone()
    assert_close(of(None, h, r, t), plain(None, h, r, t))
    assert_close(of(None, t, r + RELATIONS, h), plain(None, t, r + RELATIONS, h))


def direct(similarity, query: torch.Tensor, candidate: torch.Tensor) -> torch.Tensor:
    """The formulas, vector by vector, in double precision."""
    own, other = query.double()[:, None].chunk(2, dim=2)
    candidate = candidate.double()[None]
    if isinstance(similarity, Hyperplane):
        projected = candidate - (candidate * other).sum(2, keepdim=True) * other
    else:
        vector, projection = candidate.chunk(2, dim=2)
        projected = vector + (vector * projection).sum(2, keepdim=True) * other
    return -(own - projected).norm(p=similarity.p, dim=2).float()


@norms
@pytest.mark.parametrize("similarity", [Hyperplane, DynamicMapping])
@pytest.mark.parametrize("scale", [0.05, 1.0, 20.0])
def test_accuracy(similarity, p, scale):
    """In single precision and at width 100; what is expanded errs by the length of what cancels."""
    made, width = similarity(p), 100
    other = torch.nn.functional.normalize(torch.randn(20, width), dim=1)
    candidate = scale * torch.randn(40, width * made.parts) / width**0.5
    query = torch.cat([scale * torch.randn(20, width) / width**0.5, other], 1)
    wanted = direct(made, query, candidate)
    for path in (
        Shared(candidate),
        Gathered(candidate, torch.arange(40).expand(20, -1)),
        Private(candidate.expand(20, -1, -1)),
    ):
        assert_close(made(query, path), wanted, rtol=2e-5, atol=0)


@pytest.mark.parametrize("similarity", [Hyperplane, DynamicMapping])
@pytest.mark.parametrize("distance", [1e-4, 1e-2, 1.0])
def test_accuracy_of_what_is_near(similarity, distance):
    """The square errs by a few roundings of what cancels in it, so that a near candidate's distance errs most."""
    made, width = similarity(2), 100
    candidate = torch.randn(40, width * made.parts) / width**0.5
    other = torch.nn.functional.normalize(torch.randn(40, width), dim=1)
    shift = torch.nn.functional.normalize(torch.randn(40, width), dim=1) * distance
    if similarity is Hyperplane:
        own = candidate - (candidate * other).sum(1, keepdim=True) * other
    else:
        own = candidate[:, :width] + (candidate[:, :width] * candidate[:, width:]).sum(1, keepdim=True) * other
    query = torch.cat([own + shift, other], 1)
    square, wanted = made(query, Shared(candidate)).square(), direct(made, query, candidate).square()
    assert_close(wanted.diagonal(), torch.full((40,), distance**2), rtol=1e-2, atol=0)
    assert (square - wanted).abs().max() < 2e-6


@norms
@decoders
def test_gradients(decoder, p):
    """Finite differences, over entities and relations at once."""
    of, rel_type = model(decoder, p).double(), torch.tensor([0, 1, 3, 5])

    def score(entity: torch.Tensor, relation: torch.Tensor) -> torch.Tensor:
        given = {"relation.weight": relation}
        query = torch.func.functional_call(of.decoder, given, (entity[:4], rel_type))
        return of.decoder.similarity(query, Shared(entity[4:7]))

    parameters = of.encoder.weight, of.decoder.relation.weight
    assert torch.autograd.gradcheck(score, parameters, eps=1e-6, atol=1e-5)


@norms
@decoders
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_at_distance_zero_all_is_finite(decoder, p, dtype):
    """Every candidate answers exactly, or all but: scores are next to zero and gradients no larger than elsewhere."""
    of = model(decoder, p).to(dtype)
    of.decoder.relation.weight.data[:, RANK if decoder is TransH else 0 :][:, :RANK] = 0  # no translation
    of.encoder.weight.data = of.encoder.weight.data[:1].expand(NODES, -1).clone()
    for index in (torch.arange(NODES)[None], torch.randint(NODES, (4, 6)), torch.randint(NODES, (4, 1))):
        of.zero_grad()
        score = scorer(of)(index)
        assert score.abs().max() < 1e-3
        score.sum().backward()
        for weight in of.parameters():
            assert weight.grad.isfinite().all()
            assert weight.grad.abs().max() < 20


@norms
@pytest.mark.parametrize("similarity", [Hyperplane, DynamicMapping])
@pytest.mark.parametrize("chunk", [1, 4 * 2 * RANK * 3])
def test_chunks_are_the_whole(similarity, p, chunk, monkeypatch):
    """Values and gradients, plain and mutated, one candidate or three at a time."""
    made = similarity(p)
    width = RANK * made.parts
    query, table = torch.randn(4, 2 * RANK).double(), torch.randn(NODES, width).double()
    index, outward = torch.randint(NODES, (4, 7)), torch.randn(4, 7).double()
    mutation = Mutation(torch.randn(4, width).double(), (torch.rand(4, RANK) < 0.5).double())
    found = []
    for size in (1 << 22, chunk):
        monkeypatch.setattr(gnnneg.candidates, "CHUNK", size)
        for some in (None, mutation):
            for path in (
                lambda t: Shared(t[index[0]]),
                lambda t: Gathered(t, index),
                lambda t: Private(t[index]),
            ):
                leaves = query.clone().requires_grad_(), table.clone().requires_grad_()
                score = made(leaves[0], path(leaves[1]), some)
                found.append((score, *torch.autograd.grad(score, leaves, outward)))
    assert_close(found[:6], found[6:])


@decoders
@norms
def test_mixtures_of_vectors(decoder, p):
    """What is kept may be a fraction: the score is that of the mixed vector."""
    of = scorer(model(decoder, p))
    index, keep = torch.randint(NODES, (1, 6)), torch.rand(4, RANK)
    positive, twice = of.embed(torch.arange(5, 9)[:, None]), keep.repeat(1, of.parts)[:, None]
    made = of.decode(positive + twice * (of.embed(index) - positive))
    assert_close(of.mutated(index, Mutation(positive[:, 0], keep)), made, rtol=1e-4, atol=1e-5)


def test_a_coordinate_of_transd_is_a_number_of_each():
    """Vector and projection vector are exchanged together, unless they are asked for apart: then vectors are made."""
    of, index = scorer(model(TransD)), torch.randint(NODES, (1, 6))
    positive, keep = of.embed(torch.arange(5, 9)[:, None])[:, 0], (torch.rand(4, RANK) < 0.5).float()
    together = of.mutated(index, Mutation(positive, keep))
    assert_close(of.mutated(index, Mutation(positive, keep.repeat(1, 2))), together, rtol=1e-4, atol=1e-5)
    torn = torch.cat([keep, 1 - keep], 1)
    vector = torch.where(torn[:, None] > 0, of.embed(index), positive[:, None])
    assert_close(of.mutated(index, Mutation(positive, torn)), of.decode(vector), rtol=1e-4, atol=1e-5)
    assert (of.mutated(index, Mutation(positive, torn)) - together).abs().max() > 1e-2


@pytest.mark.parametrize("length", [1.0, 1.7])
@pytest.mark.parametrize("alike", [True, False], ids=["one probability", "many"])
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "private"])
def test_matched_noise_has_the_moments_of_all_masks(length, alike, shared):
    """Mean and variance of the square over all 32 masks, each as likely as it is, for normals of any length."""
    query, table = torch.randn(4, 2 * RANK).double(), torch.randn(NODES, RANK).double()
    query[:, RANK:] *= length / query[:, RANK:].norm(dim=1, keepdim=True)
    positive, index = torch.randn(4, RANK).double(), torch.randint(NODES, (1 if shared else 4, 6))
    chance = torch.full((4, 1), 0.3).double() if alike else torch.rand(4, RANK).double()
    similarity = Hyperplane(2)
    candidates = Shared(table[index[0]]) if shared else Gathered(table, index)
    found = similarity(query, candidates, Mutation(positive, chance, noise=9))

    chance, square, share = chance.expand(-1, RANK), [], []
    for mask in itertools.product([0.0, 1.0], repeat=RANK):
        kept = torch.tensor(mask).double()
        vector = torch.where(kept > 0, table[index], positive[:, None])
        square.append(similarity(query, Private(vector)).square())
        share.append((kept * chance + (1 - kept) * (1 - chance)).prod(1, keepdim=True))
    mean = sum(p * s for p, s in zip(share, square))
    variance = sum(p * (s - mean).square() for p, s in zip(share, square))
    wanted = -(mean - variance.clamp(min=0).sqrt() * normal(9, variance)).clamp(min=0).sqrt()
    assert (variance > 1e-3).all()
    assert_close(found, wanted, rtol=1e-6, atol=1e-6)


def test_what_has_no_form_is_refused():
    target, index = torch.arange(5, 9), torch.randint(NODES, (1, 6))

    def asked(generator: Generator, decoder: type, p: int) -> torch.Tensor:
        of = scorer(model(decoder, p))
        return generator(Drawn(of, of.query, target, Negatives(index, torch.ones(1, 1)))).score

    for decoder, p in itertools.product((TransH, TransD), (1, 2)):
        assert asked(EMU(0.5), decoder, p).shape == (4, 6)
        assert asked(EMU(0.5, groups=None), decoder, p).shape == (4, 6)
        assert asked(HardestEMU(0.5), decoder, p).shape == (4, 6)
    assert asked(MatchedEMU(0.5), TransH, 2).shape == (4, 6)
    for decoder, p in ((TransH, 1), (TransD, 1), (TransD, 2)):
        with pytest.raises(UserError, match="use EMU"):
            asked(MatchedEMU(0.5), decoder, p)
    with pytest.raises(UserError, match="cannot be paced"):
        asked(SelfPacedEMU(), TransH, 2)
    for decoder, p in itertools.product((TransH, TransD), (1, 2)):
        of = scorer(model(decoder, p))
        with pytest.raises(UserError, match="LinkPrediction with All"):
            of.mutated(index, Mutation(None, torch.ones(4, RANK)))


@decoders
def test_half_precision(decoder):
    """Under autocast, and with an encoder that hands over halves, products that nearly cancel stay in float32."""
    of, index = model(decoder).eval(), torch.arange(NODES)[None]
    table = of.encoder.weight.detach().bfloat16()
    exact = KGEScorer(Dense(table.float()), of.decoder, scorer(of).query, 0.0)(index)
    with torch.autocast("cpu", torch.bfloat16):
        assert_close(KGEScorer(Dense(table.float()), of.decoder, scorer(of).query, 0.0)(index), exact)
        assert_close(KGEScorer(Dense(table), of.decoder, scorer(of).query, 0.0)(index), exact, rtol=1e-2, atol=1e-2)


def test_nonsense_is_refused():
    for decoder in (TransH, TransD):
        with pytest.raises(ValueError, match="p = 1 or p = 2"):
            decoder(2, 4, p=3)
    with pytest.raises(ValueError, match="7 is odd"):
        TransD(2, 7)


@pytest.mark.parametrize("p", [1, 2])
def test_the_terms_of_transd_are_what_its_score_adds_up(p):
    """Minus the absolute differences, or minus their squares under the root."""
    torch.manual_seed(0)
    made = model(TransD, p)
    query = Query(torch.arange(4), torch.arange(4) % RELATIONS)
    scorer, index = made.scorer(made.encode(None), query), torch.randint(NODES, (4, 6))
    terms = made.decoder.similarity.terms(scorer.whole, scorer.embed(index))
    assert (terms <= 0).all()
    total = terms.sum(2)
    assert_close(scorer(index), total if p == 1 else -(-total).sqrt(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("decoder", [TransH, TransD])
def test_matched_noise_stays_in_full_precision_under_autocast(decoder):
    """A small difference of large products: rounded to half precision it would be noise of another kind."""
    torch.manual_seed(0)
    made = model(decoder)
    query = Query(torch.arange(4), torch.arange(4) % RELATIONS)
    scorer, index = made.scorer(made.encode(None), query), torch.randint(NODES, (4, 6))
    positive = scorer.embed(torch.arange(4, 8)[:, None])[:, 0]
    width = positive.size(1) // scorer.parts
    if decoder is TransH:
        mutation = Mutation(positive, torch.full((4, width), 0.4), noise=5)
    else:
        mutation = Mutation(positive, (torch.rand(4, width) > 0.4).float())
    plain = scorer.mutated(index, mutation)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = scorer.mutated(index, mutation)
    assert_close(found, plain, rtol=1e-5, atol=1e-5)
