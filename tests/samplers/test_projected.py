"""Made vectors as entities, against brute force."""

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, kge, known, toy
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.decoders import ComplEx
from gnnneg.errors import UserError
from gnnneg.generators import DANS, EMU, GNDN, Mixup
from gnnneg.kernels import nearest as search
from gnnneg.kernels.nearest import nearest
from gnnneg.losses import InfoNCE
from gnnneg.records import asked
from gnnneg.samplers import Filtered, Hardest, Mixture, Projected, Uniform
from gnnneg.tasks import LinkPrediction


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def question():
    query, target = asked(toy(), RELATIONS)
    model = kge(ComplEx)
    return query, target, model, model.scorer(model.encode(None), query)


@pytest.mark.parametrize("cells", [1 << 24, 40])
def test_nearest_by_brute_force(monkeypatch, cells):
    """All distances in double, sorted; however it is chunked, and with each vector's own entity left out or not."""
    monkeypatch.setattr(search, "CELLS", cells)
    table, vector, itself = torch.randn(50, 4), torch.randn(23, 4), torch.randint(50, (23,))
    far = torch.cdist(vector.double(), table.double())
    assert torch.equal(nearest(vector, lambda some: table[some], 50, 7), far.argsort(1)[:, :7])
    far.scatter_(1, itself[:, None], torch.inf)
    assert torch.equal(nearest(vector, lambda some: table[some], 50, 7, itself), far.argsort(1)[:, :7])


@pytest.mark.parametrize("make", [lambda: DANS(known(), CHANNELS, 2, 3), lambda: GNDN(RELATIONS, CHANNELS, 4)])
def test_each_made_vector_becomes_the_nearest_entity(make):
    query, target, model, critic = question()
    part = make().eval()
    found = Projected(part, NODES)(query, target, critic, chance())
    made = part.vectors(critic, query, target, found, chance())
    far = (made[:, :, None] - model.encoder.weight.detach()).norm(dim=3)
    assert torch.equal(found.index, far.argmin(2))
    assert not found.index.requires_grad
    assert (found.weight == 1).all()


def test_what_is_not_changed_is_itself():
    """With nothing of the positive each candidate is its own nearest, with all of it the target is everyone's."""
    query, target, _, critic = question()
    proposal = Filtered(Uniform(NODES, 6), known())
    offered = proposal(query, target, critic, chance())
    same = Projected(EMU(0.0, groups=None), NODES, proposal)(query, target, critic, chance())
    assert torch.equal(same.index, offered.index)
    assert torch.equal(same.weight, offered.weight)
    whole = Projected(EMU(1.0), NODES, proposal)
    assert (whole(query, target, critic, chance()).index == target[:, None]).all()
    assert not Filtered(whole, known())(query, target, critic, chance()).weight.any()


@pytest.mark.parametrize("make", [lambda: DANS(known(), CHANNELS, 2, 2), lambda: GNDN(RELATIONS, CHANNELS, 4)])
def test_it_learns_under_wrappers_and_the_model_learns_entities(make):
    """Through a filter and a choice without gradients; nothing known is offered, and the task leaves it alone."""
    learner, model = make(), kge(ComplEx)
    hard = Hardest(Filtered(Projected(learner, NODES), known()), 2)
    before = [weight.clone() for weight in learner.parameters()]
    task = LinkPrediction(model, Both(RELATIONS), Mixture([hard, Uniform(NODES, 2)]), InfoNCE())
    query, target = task.corruption(toy())
    offered = hard(query, target, model.scorer(model.encode(None), query), chance())
    there = offered.weight > 0
    assert there.any()
    assert not (known().contains(query, offered.index) & there).any()
    task(toy(), chance()).backward()
    assert not all(torch.equal(a, b) for a, b in zip(before, learner.parameters()))
    assert model.encoder.weight.grad.isfinite().all()
    assert not {id(weight) for weight in task.trained()} & {id(weight) for weight in learner.parameters()}


def test_without_a_proposal_there_is_nothing_to_change():
    query, target, _, critic = question()
    for change in (EMU(0.5), Mixup()):
        with pytest.raises(UserError, match=f"{type(change).__name__} changes sampled negatives, so give it a propos"):
            Projected(change, NODES)(query, target, critic, chance())


def test_in_a_config_and_by_name():
    from pathlib import Path

    from gnnneg.experiment import untrained

    config = Path(__file__).parents[2] / "configs" / "synthetic" / "uniform.yaml"
    made = "{class_path: DANS, init_args: {hidden_channels: 64, entity: 3}}"
    projected = f"{{class_path: Projected, init_args: {{generator: {made}}}}}"
    sampler = f"{{class_path: Filtered, init_args: {{proposal: {projected}}}}}"
    run = untrained(config, ["--task.sampler", sampler])
    figures = run.negatives("train", 50)
    assert run.task.sampler.proposal.generator.count == {"entity": 3, "relation": 5}
    names = set(run.data["entity"].names)
    drawn = [one["name"] for shown in figures["examples"] for one in shown["negatives"]]
    assert drawn
    assert set(drawn) <= names
    assert_close(figures["absent"], 1 - figures["drawn"] / (2 * 50 * 8))
