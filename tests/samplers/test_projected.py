"""Made vectors as entities, against brute force."""

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, kge, known, messages, toy
from torch.testing import assert_close

from gnnneg import nearest as search
from gnnneg.corruption import Both
from gnnneg.decoders import ComplEx
from gnnneg.errors import UserError
from gnnneg.generators import DANS, EMU, GNDN, Mixup, SelfPacedEMU
from gnnneg.interfaces import Drawn
from gnnneg.losses import InfoNCE
from gnnneg.models import Difference, NBFNet
from gnnneg.nearest import nearest
from gnnneg.records import Negatives, asked
from gnnneg.samplers import Corrected, Diverse, Filtered, Hardest, Mixture, Nearest, Projected, Uniform, WithCritic
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
    made = part.vectors(Drawn(critic, query, target, found, chance()))
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


@pytest.mark.parametrize("training", [True, False])
def test_a_paced_generator_goes_on_by_either_door(training):
    """Ten steps from 3 to a half, whether scores are asked for or vectors; none while it is judged (fault 16)."""
    query, target, _, critic = question()
    proposal = Uniform(NODES, 4)
    for door in (
        lambda made: Projected(made, NODES, proposal).train(training)(query, target, critic, chance()),
        lambda made: made.train(training)(Drawn(critic, query, target, proposal(query, target, critic), chance())),
        lambda made: made.train(training).vectors(Drawn(critic, query, target, proposal(query, target, critic))),
    ):
        made, seen = SelfPacedEMU(3.0, 0.5, steps=10), []
        for _ in range(12):
            seen.append(made.pace)
            door(made)
        wanted = [*torch.linspace(3, 0.5, 11).tolist(), 0.5] if training else [3.0] * 12
        assert seen == pytest.approx(wanted)


def test_its_vectors_are_of_its_pace():
    """Those of the first step are those of one that stays at the start, those of the second of one at the end."""
    query, target, _, critic = question()
    offered = Uniform(NODES, 4)(query, target, critic, chance())
    made, found = SelfPacedEMU(3.0, 0.25, steps=1), []
    for pace in (3.0, 0.25, 0.25):
        found.append(made.vectors(Drawn(critic, query, target, offered, chance())))
        assert torch.equal(found[-1], SelfPacedEMU(pace, pace).vectors(Drawn(critic, query, target, offered, chance())))
    assert not torch.equal(found[0], found[1])


def states():
    torch.manual_seed(0)
    return NBFNet(RELATIONS, CHANNELS, 2)


@pytest.mark.parametrize(
    "model",
    [states, lambda: Difference(kge(), states(), 0.5, messages()), lambda: Difference(states(), kge(), 0.5)],
    ids=["NBFNet", "Difference of one", "Difference with one"],
)
@pytest.mark.parametrize(
    "sampler",
    [
        lambda: Nearest(NODES, 4, 3),
        lambda: Projected(EMU(0.5), NODES, Uniform(NODES, 4)),
        lambda: Projected(GNDN(RELATIONS, CHANNELS, 2), NODES),
        lambda: Filtered(Mixture([Uniform(NODES, 3), Hardest(Nearest(NODES, 4, 3), 2)]), known()),
        lambda: Corrected(Nearest(NODES, 4, 3)),
    ],
)
def test_entities_without_vectors_of_their_own_are_near_to_nobody(model, sampler):
    """They would be compared by what they are for the first query of the batch (fault 9)."""
    model, (query, target) = model(), asked(toy(), RELATIONS)
    critic = model.scorer(model.encode(messages()), query)
    sampler = sampler()
    if not isinstance(model, NBFNet) and any(isinstance(part, GNDN) for part in sampler.modules()):
        pytest.skip("is made for vectors of one width")
    name = next(type(part).__name__ for part in sampler.modules() if isinstance(part, Nearest | Projected))
    with pytest.raises(UserError, match=f"{name} compares the entities' own vectors.*leave {name} out"):
        sampler(query, target, critic, chance())
    # what asks about each query by itself goes on, and so does whoever brings a model of its own
    assert Diverse(Uniform(NODES, 5, shared=True), 2)(query, target, critic).index.shape == (40, 2)
    assert WithCritic(Nearest(NODES, 4, 3), kge())(query, target, critic).index.shape == (40, 4)


def test_whose_vectors_hang_on_the_query_is_seen_even_if_it_does_not_say_so():
    query, target = asked(toy(), RELATIONS)
    model = states()
    critic = model.scorer(model.encode(messages()), query)
    critic.has_vectors = True
    with pytest.raises(UserError, match="Nearest compares the entities' own vectors"):
        Nearest(NODES, 4, 3)(query, target, critic)


def test_dans_says_nothing_of_neighbours_that_there_are_not():
    """Under NBFNet all figures but the share of known answers among the nearest entities."""
    query, target = asked(toy(), RELATIONS)
    figures = []
    for model in (states(), kge()):
        made = DANS(known(), CHANNELS, 1, 1, width=12)
        negatives = Negatives(target[:, None], torch.ones(1, 1))
        made(Drawn(model.scorer(model.encode(messages()), query), query, target, negatives))
        figures.append(set(made.monitored()))
    assert figures[1] - figures[0] == {"known"}
    assert "rank" in figures[0]


@pytest.mark.parametrize(("share", "nodes", "wanted"), [(0.1, 30, 3), (0.07, 100, 7), (0.28, 50, 14), (0.11, 30, 4)])
def test_a_share_of_neighbours_is_counted_as_it_is_written(share, nodes, wanted):
    """As an exact fraction, rounded up; in binary 0.07 times 100 is a little more than 7."""
    assert Nearest(nodes, 5, share).table.size(1) == wanted
