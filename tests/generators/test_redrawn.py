"""A mutation's negatives, drawn for it alone."""

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, Fixed, denied, kge, known, messages, toy
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.decoders import DistMult
from gnnneg.encoders import RGCN
from gnnneg.errors import UserError
from gnnneg.evaluation.geometry import made
from gnnneg.generators import DANS, EMU, GNDN, DeniedStatements, MatchedEMU, Mixup, Redrawn
from gnnneg.interfaces import Drawn
from gnnneg.losses import BCE, InfoNCE
from gnnneg.models import KGEModel
from gnnneg.records import Negatives, asked, ones
from gnnneg.samplers import KBGAN, All, Filtered, NoiseContrastive, Uniform
from gnnneg.tasks import LinkPrediction

INDEX = torch.tensor([[1, 2, 3, 4, 5]]), torch.tensor([[6, 7, 8]])


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def task(sampler, *generators, model=None) -> LinkPrediction:
    torch.manual_seed(0)
    return LinkPrediction(model or kge(), Both(RELATIONS), sampler, InfoNCE(), generators=generators)


def test_each_term_has_negatives_of_its_own():
    """Unmutated, the two terms are the cross-entropies over two draws; shared, over one and the same. Each is drawn
    once.
    """
    one, other = (Fixed(index, ones(index)) for index in INDEX)
    over_one, over_other = task(Fixed(one.index, one.weight)), task(Fixed(other.index, other.weight))
    plain = EMU(0.0, mean=False)
    assert_close(task(one, Redrawn(plain, other))(toy()), over_one(toy()) + over_other(toy()))
    assert (one.learnt, other.learnt) == (1, 1)
    assert_close(task(one, plain)(toy()), 2 * over_one(toy()))


def test_both_terms_draw_alike_and_apart():
    """Of one distribution, other entities, as many as either is told; a term is divided by its own number."""
    drawn = []
    samplers = Uniform(NODES, 7), Uniform(NODES, 5)
    for sampler in samplers:
        sampler.register_forward_hook(lambda _, __, out: drawn.append(out.index))
    made = Redrawn(EMU(0.5, scale=3.0), samplers[1])
    scales: list = []
    made.register_forward_hook(lambda _, __, out: scales.append(out.scale))
    task(samplers[0], made)(toy(), chance())
    assert [index.shape for index in drawn] == [(80, 7), (80, 5)]
    assert not torch.equal(drawn[0][:, :5], drawn[1])
    assert_close(scales[0].unique(), torch.tensor([3 / 5]))


@pytest.mark.parametrize("inner", [EMU(0.5), EMU(0.5, groups=None), Mixup(), MatchedEMU(0.3)])
def test_over_all_entities_there_is_nothing_to_redraw(inner):
    assert_close(
        task(All(NODES), Redrawn(inner, All(NODES)))(toy(), chance()), task(All(NODES), inner)(toy(), chance())
    )


def test_what_its_sampler_learns_is_the_samplers_affair():
    """The task's optimiser has none of it; it learns when it is asked, and its state travels."""
    policy = KBGAN(Uniform(NODES, 6), kge(), 2)
    step = task(Uniform(NODES, 3), Redrawn(EMU(0.5), policy))
    assert not {id(weight) for weight in step.trained()} & {id(weight) for weight in policy.parameters()}
    before = [weight.clone() for weight in policy.parameters()]
    step(toy(), chance()).backward()
    assert any(not torch.equal(*pair) for pair in zip(before, policy.parameters()))
    again = task(Uniform(NODES, 3), Redrawn(EMU(0.5), KBGAN(Uniform(NODES, 6), kge(), 2)))
    again.load_state_dict(step.state_dict())
    assert_close(again(toy(), chance(1)), step(toy(), chance(1)))


def test_vectors_are_of_candidates_that_are_there():
    """Unmutated they are the entities' own; an absent one's place is another's, in turn."""
    model = kge()
    query, target = asked(toy(2), RELATIONS)
    index, weight = (
        torch.tensor([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]),
        torch.tensor([[0.0, 1, 0, 1, 0], [1, 1, 1, 1, 1]]),
    )
    scorer, empty = model.scorer(model.encode(None), query), Negatives(INDEX[0][:, :0], ones(INDEX[0]))
    found = Redrawn(EMU(0.0), Fixed(index, weight)).vectors(Drawn(scorer, query, target, empty))
    assert_close(found, model.encoder.weight[torch.tensor([[2, 4, 2, 4, 2], [6, 7, 8, 9, 10]])])


@pytest.mark.parametrize("make", [lambda: Redrawn(EMU(0.5), Uniform(NODES, 5)), lambda: DeniedStatements(known(), 5)])
def test_what_is_drawn_anew_is_not_looked_at_as_changed(make):
    """Even where it is as many: which of the sampled ones are there says nothing of it."""
    model = kge()
    query, target = asked(toy(), RELATIONS)
    negatives = Negatives(INDEX[0], torch.ones(1, 1))
    clouds = made([make()], Drawn(model.scorer(model.encode(None), query), query, target, negatives))
    assert [cloud.changed for cloud in clouds.values()] == [False]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Redrawn(GNDN(RELATIONS, CHANNELS), Uniform(NODES, 3)), "GNDN makes its own negatives"),
        (lambda: Redrawn(DANS(known(), CHANNELS), Uniform(NODES, 3)), "DANS makes its own negatives"),
        (lambda: Redrawn(DeniedStatements(known(denied())), Uniform(NODES, 3)), "DeniedStatements makes its own"),
        (lambda: Redrawn(Redrawn(EMU(0.5), All(NODES)), All(NODES)), "Redrawn makes its own negatives"),
        (lambda: Redrawn(EMU(0.5), NoiseContrastive(Uniform(NODES, 3))), "NoiseContrastive does not know"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(make, told):
    with pytest.raises(UserError, match=told):
        make()


def test_edges_of_what_is_drawn_cannot_be_hidden():
    model = KGEModel(RGCN(NODES, RELATIONS, CHANNELS), DistMult(RELATIONS, CHANNELS))
    given = model, Both(RELATIONS), Filtered(Uniform(NODES, 3), known()), BCE()
    for drawing in (Redrawn(EMU(0.5), Uniform(NODES, 3)), DeniedStatements(known(denied()))):
        with pytest.raises(UserError, match=f"leave hide_between or {type(drawing).__name__} out"):
            LinkPrediction(*given, generators=[drawing], graph=messages(), hide_between=True)
        LinkPrediction(*given, generators=[drawing], graph=messages())
