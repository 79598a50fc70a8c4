"""Terms of the answered query alone, against written-out tensors."""

from functools import partial

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, Scores, kge, toy
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.decoders import RESCAL, ComplEx, DistMult, TransE
from gnnneg.errors import UserError
from gnnneg.penalties import DURA, Lp, RelationPrediction, Together
from gnnneg.records import Query


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
    forth, back = scorer.images(target)
    anchor, candidate = model.encoder.weight[query.anchor], model.encoder.weight[target]
    for apart in (forth - candidate, back - anchor):
        assert (apart.square().sum(1) <= 2 * DURA(1.0)(scorer, query, target)).all()


def test_dura_needs_a_bilinear_score():
    _, scorer, query, target = answered(TransE)
    with pytest.raises(UserError, match="TransE is not bilinear in anchor and target: use the penalty Lp"):
        DURA(0.1)(scorer, query, target)


@pytest.mark.parametrize("decoder", [DistMult, ComplEx, RESCAL, TransE])
@pytest.mark.parametrize("reciprocal", [False, True])
def test_relation_prediction_is_the_likelihood_of_the_relation(decoder, reciprocal):
    """Asked relation by relation, each with a scorer of its own."""
    model, scorer, query, target = answered(decoder, reciprocal=reciprocal)
    score = torch.cat(
        [
            model.scorer(model.encode(None), Query(query.anchor, torch.full_like(target, rel)))(target[:, None])
            for rel in range(2 * RELATIONS)
        ],
        dim=1,
    )
    expected = -2.0 * score.log_softmax(1)[torch.arange(len(target)), query.rel_type]
    found = RelationPrediction(2.0)(scorer, query, target)
    assert_close(found, expected)
    leaves = list(model.parameters())
    assert_close(torch.autograd.grad(found.sum(), leaves), torch.autograd.grad(expected.sum(), leaves))


def test_relation_prediction_needs_a_model_that_can_be_asked():
    query = Query(torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long))
    with pytest.raises(UserError, match="Scores cannot score all relations of a pair"):
        RelationPrediction(1.0)(Scores(torch.zeros(2, NODES)), query, torch.zeros(2, dtype=torch.long))


def test_together_adds_up():
    _, scorer, query, target = answered()
    parts = Lp(0.1), RelationPrediction(0.5)
    found = Together(list(parts))(scorer, query, target)
    assert_close(found, sum(part(scorer, query, target) for part in parts))
