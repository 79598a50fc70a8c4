"""What every generator and label promises."""

import copy
import inspect

import pytest
import torch
from examples import NODES, RELATIONS, examples, kge, name
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.decoders import ComplEx, DistMult, RotatE, TransE
from gnnneg.generators import DANS, GNDN, DeniedStatements, LearnedEMU, MatchedEMU, Redrawn, SelfPacedEMU
from gnnneg.interfaces import Drawn, Generator, SoftLabel
from gnnneg.losses import InfoNCE
from gnnneg.records import Negatives, Query
from gnnneg.samplers import All, Filtered, InBatch, Uniform
from gnnneg.tasks import LinkPrediction

generators = pytest.mark.parametrize("make", examples(Generator), ids=name)
labels = pytest.mark.parametrize("make", examples(SoftLabel), ids=name)
OWN = DANS | GNDN | DeniedStatements | Redrawn  # two negatives of their own, whatever is sampled
shared = pytest.mark.parametrize("shared", [True, False], ids=["shared", "private"])


def asked(decoder=DistMult):
    model, query = kge(decoder), Query(torch.arange(4), torch.arange(4) % (2 * RELATIONS))
    return model, model.scorer(model.encode(None), query), query, torch.arange(4, 8)


def offered(shared: bool) -> Negatives:
    index = torch.randint(NODES, (1 if shared else 4, 6))
    return Negatives(index, torch.ones(1, 1))


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@generators
@shared
@pytest.mark.parametrize("decoder", [DistMult, ComplEx, RotatE, TransE])
def test_scores_for_every_decoder(make, shared, decoder):
    """One score for each negative, whatever it is made of; the gradient reaches the query."""
    model, scorer, query, target = asked(decoder)
    made = make()(Drawn(scorer, query, target, offered(shared), draw()))
    assert made.score.shape == (4, 2 if isinstance(make(), OWN) else 6)
    made.score.sum().backward()
    reached = model.encoder.weight.grad.abs().sum(1) > 0
    # what is denied has anchors of its own
    assert reached.any() if isinstance(make(), DeniedStatements) else reached[query.anchor].all()


@generators
@shared
def test_same_generator_same_negatives(make, shared):
    _, scorer, query, target = asked()
    part, negatives = make().eval(), offered(shared)
    first = part(Drawn(scorer, query, target, negatives, draw())).score
    assert_close(part(Drawn(scorer, query, target, negatives, draw())).score, first, rtol=0, atol=0)


@generators
def test_eval_moves_nothing(make):
    _, scorer, query, target = asked()
    part = make().eval()
    before = copy.deepcopy(part.state_dict())
    part(Drawn(scorer, query, target, offered(True), draw()))
    assert_close(part.state_dict(), before, rtol=0, atol=0)


@generators
def test_round_trips(make):
    _, scorer, query, target = asked()
    part, again, negatives = make(), make(), offered(True)
    again.eval()
    part(Drawn(scorer, query, target, negatives, draw()))
    again.load_state_dict(part.state_dict())
    part.eval()
    one, other = (each(Drawn(scorer, query, target, negatives, draw(1))).score for each in (part, again))
    assert_close(one, other, rtol=0, atol=0)


@generators
def test_absent_negatives_stay_absent(make):
    """The weight is the sampler's, and the term is divided by how many there are."""
    if isinstance(make(), OWN):
        pytest.skip("has negatives of its own, whatever is sampled")
    _, scorer, query, target = asked()
    weight = torch.ones(4, 6)
    weight[0, :4] = 0
    made = make()(Drawn(scorer, query, target, Negatives(offered(True).index, weight), draw()))
    assert torch.equal(made.weight, weight)
    assert_close(made.scale, torch.tensor([1 / 2, 1 / 6, 1 / 6, 1 / 6]))


@generators
def test_scale_is_the_weight_of_the_term(make):
    """However many are made; only who has the option ``mean`` divides by that, and only where it is set."""
    if "scale" not in inspect.signature(type(make())).parameters:
        pytest.skip("its term is another's")
    args, options = make().made_with
    given = inspect.signature(type(make())).bind(*args, **options).arguments
    _, scorer, query, target = asked()
    for whole in {"mean": False}, {"mean": True}, {}:
        if whole and "mean" not in inspect.signature(type(make())).parameters:
            continue
        part, count = type(make())(**{**given, "scale": 3.0, **whole}), 6
        scale = torch.as_tensor(part(Drawn(scorer, query, target, offered(True), draw())).scale)
        divided = part.term.mean if hasattr(part, "term") else False
        assert_close(scale, torch.full_like(scale, 3 / count if divided else 3.0))


@generators
@pytest.mark.parametrize(
    "sampler",
    [
        lambda known: Uniform(NODES, 5),
        lambda known: Uniform(NODES, 5, shared=True),
        lambda known: Filtered(Uniform(NODES, 5), known),
        lambda known: InBatch(known),
        lambda known: All(NODES),
        lambda known: Filtered(All(NODES), known),
    ],
    ids=["private", "shared", "filtered", "in-batch", "all", "all filtered"],
)
def test_over_any_sampler(make, sampler):
    """A step with it learns, and costs something else than without."""
    from examples import known, toy

    model = kge(ComplEx)
    task = LinkPrediction(model, Both(RELATIONS), sampler(known()), InfoNCE(), generators=[make()])
    loss = task(toy(), draw())
    loss.backward()
    assert all(weight.grad.isfinite().all() for weight in task.trained() if weight.grad is not None)
    task.generators = torch.nn.ModuleList()
    assert abs(task(toy(), draw()).item() - loss.item()) > 1e-3


@labels
def test_labels_are_fractions(make):
    query = Query(torch.arange(4), torch.arange(4))
    for index in (torch.randint(NODES, (1, 6)), torch.randint(NODES, (4, 6))):
        label = make()(query, index)
        assert label.shape in {(4, 6), (1, 6), (4, 1), (1, 1)}
        assert ((label >= 0) & (label <= 1)).all()


@generators
@shared
@pytest.mark.parametrize("decoder", [DistMult, ComplEx, RotatE, TransE])
def test_vectors_are_those_that_are_scored(make, shared, decoder):
    """Those with noise instead of masks have vectors with the same scores in the mean."""
    if isinstance(make(), DeniedStatements):
        pytest.skip("its vectors have their scores with other anchors")
    _, scorer, query, target = asked(decoder)
    part, negatives = make().eval(), offered(shared)
    made = part(Drawn(scorer, query, target, negatives, draw()))
    vectors = part.vectors(Drawn(scorer, query, target, negatives, draw()))
    if isinstance(part, MatchedEMU | LearnedEMU | SelfPacedEMU):
        many = [part(Drawn(scorer, query, target, negatives, draw(seed))).score for seed in range(100)]
        other = [
            scorer.decode(part.vectors(Drawn(scorer, query, target, negatives, draw(seed)))) for seed in range(100)
        ]
        one, two = torch.stack(many), torch.stack(other)
        assert ((one.mean(0) - two.mean(0)).abs() < 6 * (one.std(0) + two.std(0)) / 100**0.5 + 1e-4).all()
    else:
        assert_close(scorer.decode(vectors), made.score, rtol=1e-4, atol=1e-5)
