"""Terms of the answered query alone, against written-out tensors."""

from functools import partial

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, Scores, kge, known, toy
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.decoders import RESCAL, ComplEx, DistMult, RotatE, TransD, TransE, TransH
from gnnneg.encoders import Lookup
from gnnneg.errors import UserError
from gnnneg.losses import HaSa
from gnnneg.models import KGEModel
from gnnneg.penalties import DURA, Lp, QueryPrediction, RelationPrediction, SoftConstraints, Together
from gnnneg.records import Query, Triplets


def answered(decoder=DistMult, **options):
    model = kge(partial(decoder, **options))
    query, target = Both(RELATIONS)(toy())
    return model, model.scorer(model.encode(None), query), query, target


def matrices(model) -> torch.Tensor:
    """``W_r`` of every relation, inverses too, so that a score is ``a W_r c``."""
    weight = model.decoder.relation.weight
    if isinstance(model.decoder, RESCAL):
        forth = weight.unflatten(1, (CHANNELS, CHANNELS))
    elif isinstance(model.decoder, DistMult):
        forth = torch.diag_embed(weight)
    else:  # a complex number as the matrix that multiplies a row of real and imaginary part by it
        real, imaginary = (torch.diag_embed(half) for half in weight.chunk(2, dim=1))
        forth = torch.cat([torch.cat([real, imaginary], 2), torch.cat([-imaginary, real], 2)], 1)
    return forth if model.decoder.relation.reciprocal else torch.cat([forth, forth.mT])


@pytest.mark.parametrize("decoder", [DistMult, ComplEx, RESCAL])
@pytest.mark.parametrize("reciprocal", [False, True])
def test_dura_by_its_formula(decoder, reciprocal):
    model, scorer, query, target = answered(decoder, reciprocal=reciprocal)
    matrix = matrices(model)[query.rel_type]
    anchor, candidate = model.encoder.weight[query.anchor], model.encoder.weight[target]
    assert_close(torch.einsum("bi,bij,bj->b", anchor, matrix, candidate), scorer(target[:, None])[:, 0])

    norm = anchor.square().sum(1) + candidate.square().sum(1)
    forth, back = torch.einsum("bi,bij->bj", anchor, matrix), torch.einsum("bij,bj->bi", matrix, candidate)
    image = forth.square().sum(1) + back.square().sum(1)
    assert_close(DURA(0.3)(scorer, query, target), 0.3 * (norm + image))
    assert_close(DURA(0.3, norm=0.5, image=1.5)(scorer, query, target), 0.3 * (0.5 * norm + 1.5 * image))


def test_dura_bounds_the_distance_between_image_and_target():
    """Why it is called duality-induced: both squared distances are at most twice the penalty."""
    model, scorer, query, target = answered(ComplEx)
    anchor, candidate = model.encoder.weight[query.anchor], model.encoder.weight[target]
    forth, back = model.decoder.images(anchor, query.rel_type, candidate)
    for apart in (forth - candidate, back - anchor):
        assert (apart.square().sum(1) <= 2 * DURA(1.0)(scorer, query, target)).all()


def test_dura_needs_a_bilinear_score():
    _, scorer, query, target = answered(TransE)
    with pytest.raises(UserError, match="TransE is not bilinear in anchor and target: use the penalty Lp"):
        DURA(0.1)(scorer, query, target)


@pytest.mark.parametrize("decoder", [DistMult, ComplEx, RESCAL, TransE])
@pytest.mark.parametrize("reciprocal", [False, True])
def test_relation_prediction_is_the_likelihood_of_the_relation(decoder, reciprocal):
    """Asked relation by relation, each with a scorer of its own; inverses that score like their relation are it."""
    model, scorer, query, target = answered(decoder, reciprocal=reciprocal)
    score = torch.cat(
        [
            model.scorer(model.encode(None), Query(query.anchor, torch.full_like(target, rel)))(target[:, None])
            for rel in range(2 * RELATIONS)
        ],
        dim=1,
    )
    plain, inverse = score.chunk(2, dim=1)
    if torch.allclose(plain, inverse):
        score = plain
    expected = -2.0 * score.log_softmax(1)[torch.arange(len(target)), query.rel_type % score.size(1)]
    found = RelationPrediction(2.0)(scorer, query, target)
    assert_close(found, expected)
    leaves = list(model.parameters())
    assert_close(torch.autograd.grad(found.sum(), leaves), torch.autograd.grad(expected.sum(), leaves))


@pytest.mark.parametrize("reciprocal", [False, True])
def test_a_relation_that_is_told_apart_costs_nothing(reciprocal):
    """One relation of the pair scores 20, all others 0: the term is below 5 exp(-20)."""
    model = KGEModel(Lookup(2, CHANNELS), DistMult(RELATIONS, CHANNELS, reciprocal=reciprocal))
    with torch.no_grad():
        model.encoder.weight.fill_(1.0)
        model.decoder.relation.weight.zero_()[1] = 20 / CHANNELS
    query, target = Query(torch.tensor([0]), torch.tensor([1])), torch.tensor([1])
    scorer = model.scorer(model.encode(None), query)
    assert_close(scorer(target[:, None]), torch.tensor([[20.0]]))
    assert RelationPrediction(1.0)(scorer, query, target).item() < 1e-7


def test_relation_prediction_needs_a_model_that_can_be_asked():
    query = Query(torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long))
    with pytest.raises(UserError, match="RelationPrediction asks a decoder, and this model has none: leave"):
        RelationPrediction(1.0)(Scores(torch.zeros(2, NODES)), query, torch.zeros(2, dtype=torch.long))


@pytest.mark.parametrize("decoder", [DistMult, TransE])
def test_query_prediction_by_its_formula(decoder):
    """Each pair of query and answer scored by itself, in double; pairs that are known are left out."""
    model, _, query, target = answered(decoder)
    model, facts, b = model.double(), {(h, r, t) for h, r, t in zip(*(c.tolist() for c in toy(30)))}, len(target)
    facts |= {(t, r + RELATIONS, h) for h, r, t in facts}
    asked, answer = list(zip(query.anchor.tolist(), query.rel_type.tolist())), target.tolist()
    score = torch.empty(b, b, dtype=torch.double)
    for j, (anchor, rel) in enumerate(asked):
        one = Query(torch.tensor([anchor]), torch.tensor([rel]))
        score[j] = model.scorer(model.encode(None), one)(target[None])[0]
    expected = torch.zeros(b, dtype=torch.double)
    for i in range(b):
        own = (score[i, i] - 0.5).exp()
        others = [j for j in range(b) if j != i and (*asked[j], answer[i]) not in facts]
        assert len(others) < b - 1
        expected[i] = -2 * (own / (own + sum(score[j, i].exp() for j in others))).log()
    found = QueryPrediction(known(toy(30)), 2.0, 0.5)(model.scorer(model.encode(None), query), query, target)
    assert_close(found, expected)
    leaves = list(model.parameters())
    assert_close(torch.autograd.grad(found.sum(), leaves), torch.autograd.grad(expected.sum(), leaves))


def test_hasa_plus_is_the_authors_sum():
    """In-batch candidates of which nobody is suspected: the sum of both cross-entropies of one matrix of scores."""
    b, margin, facts = 4, 1.0, Triplets(torch.arange(4), torch.zeros(4).long(), torch.arange(4) + 4)
    query, target = Query(facts.head_index, facts.rel_type), facts.tail_index
    model = kge()
    scorer = model.scorer(model.encode(None), query)
    score = scorer(target[None]) - margin * torch.eye(b)
    negative, there = scorer(target[None]), 1 - torch.eye(b)
    found = HaSa(0.0, 0.0, margin)(scorer(target[:, None]), negative, there)
    found = found + QueryPrediction(known(facts), margin=margin)(scorer, query, target)
    row = torch.arange(b)
    assert_close(found, -score.log_softmax(1)[row, row] - score.log_softmax(0)[row, row])


def test_query_prediction_of_one_query_costs_nothing():
    model = kge()
    query, target = Query(torch.tensor([1]), torch.tensor([0])), torch.tensor([2])
    found = QueryPrediction(known(), 2.0, 0.5)(model.scorer(model.encode(None), query), query, target)
    found.sum().backward()
    assert found.item() == 0
    assert all(weight.grad.abs().max() == 0 for weight in model.parameters())


def test_together_adds_up():
    _, scorer, query, target = answered()
    parts = Lp(0.1), RelationPrediction(0.5)
    found = Together(list(parts))(scorer, query, target)
    assert_close(found, sum(part(scorer, query, target) for part in parts))


def asked_by_hand(decoder, relation, entities):
    """The first entity asked for the second, both ways, by vectors written out."""
    model = KGEModel(Lookup(2, len(entities[0])), decoder(1, len(entities[0])))
    model.encoder.weight.data = torch.tensor(entities)
    model.decoder.relation.weight.data = torch.tensor([relation])
    query, target = Query(torch.tensor([0, 1]), torch.tensor([0, 1])), torch.tensor([1, 0])
    return model, model.scorer(model.encode(None), query), query, target


def test_soft_constraints_of_transe_by_hand():
    """Squared lengths 4 and 0.25: only the first is too long, by 3. The relation, of length 5, is free."""
    _, *asked = asked_by_hand(TransE, [3.0, 4.0], [[2.0, 0.0], [0.3, 0.4]])
    assert_close(SoftConstraints(0.5)(*asked), torch.tensor([1.5, 1.5]))


def test_soft_constraints_of_transh_by_hand():
    """The normal (3, 4) is taken as (.6, .8), the translation (2, 0): a product of 1.2, a square of 1.44 over 4."""
    _, *asked = asked_by_hand(TransH, [3.0, 4.0, 2.0, 0.0], [[2.0, 0.0], [0.3, 0.4]])
    assert_close(SoftConstraints(0.5, 0.5)(*asked), torch.full((2,), 0.5 * (3 + 0.36 - 0.25)))
    assert_close(SoftConstraints(0.5, 0.6)(*asked), torch.full((2,), 1.5))  # a cosine of .6 is free


def test_soft_constraints_of_transd_by_hand():
    """Vector and projection vector: (2, 0; 1, 1) has overlap 2, (.3, .4; 1, 0) has .3, and the relation moves along
    (0, 1): moved they are (2, 2) and (.3, .7). Squared lengths 4, .25, 9 of the relation's (0, 3), 8 and .58.
    """
    _, *asked = asked_by_hand(TransD, [0.0, 3.0, 0.0, 1.0], [[2.0, 0.0, 1.0, 1.0], [0.3, 0.4, 1.0, 0.0]])
    assert_close(SoftConstraints(0.5)(*asked), torch.full((2,), 0.5 * (3 + 8 + 7)))


@pytest.mark.parametrize("decoder", [TransE, TransH, TransD])
@pytest.mark.parametrize("reciprocal", [False, True])
def test_soft_constraints_are_reached(decoder, reciprocal):
    """Descent on the penalty alone ends where every vector that took part keeps to its constraint, and stays there."""
    model, _, query, target = answered(decoder, reciprocal=reciprocal)
    model.encoder.weight.data *= 3
    model.decoder.relation.weight.data *= 0.5
    optimizer, penalty = torch.optim.SGD(model.parameters(), lr=0.003), SoftConstraints(1.0, 0.1)
    found = []
    for _ in range(400):
        optimizer.zero_grad()
        found.append(penalty(model.scorer(model.encode(None), query), query, target).sum())
        found[-1].backward()
        optimizer.step()
    assert found[0] > 1
    assert found[-1] < 1e-3
    anchor, candidate = model.encoder.weight[query.anchor], model.encoder.weight[target]
    length, slant = model.decoder.limits(anchor, query.rel_type, candidate)
    assert length.max() < 1.001
    assert not slant.numel() or slant.max() < 0.011


def test_soft_constraints_at_a_translation_of_zero():
    model, *asked = asked_by_hand(TransH, [3.0, 4.0, 0.0, 0.0], [[2.0, 0.0], [0.3, 0.4]])
    found = SoftConstraints(0.5, 0.0)(*asked)
    assert_close(found, torch.tensor([1.5, 1.5]))
    found.sum().backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


def test_soft_constraints_need_a_decoder_that_has_some():
    for decoder in (DistMult, RotatE):
        with pytest.raises(UserError, match=f"{decoder.__name__} has no constraints: use SoftConstraints with TransE"):
            SoftConstraints(0.1)(*answered(decoder)[1:])
    zero = torch.zeros(2, dtype=torch.long)
    with pytest.raises(UserError, match="SoftConstraints asks a decoder, and this model has none"):
        SoftConstraints(0.1)(Scores(torch.zeros(2, NODES)), Query(zero, zero), zero)
