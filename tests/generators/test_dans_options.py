"""What each option of DANS does."""

import copy

import pytest
import torch
import torch.nn.functional as F
from examples import CHANNELS, NODES, RELATIONS, known, toy
from generators.adversary import NONE, asked, chance, dans, rms
from torch.testing import assert_close

import gnnneg.generators
from gnnneg.config import describe, resolve
from gnnneg.corruption import Both
from gnnneg.decoders import HAKE, RESCAL, TransD, TransE, TransH
from gnnneg.errors import UserError
from gnnneg.former import FormerName
from gnnneg.generators import DANS, EMU, Adversary, AsReleased
from gnnneg.interfaces import Drawn, Generator
from gnnneg.losses import BCE
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction


@pytest.mark.parametrize(("count", "name"), [((3, 0), "relation"), ((0, 3), "entity")])
def test_either_pathway_alone(count, name):
    _, scorer, query, target = asked()
    make = dans(entity=count[0], relation=count[1])
    assert make.vectors(Drawn(scorer, query, target, NONE, chance())).shape == (len(target), 3, CHANNELS)
    assert not any(name in key for key, _ in make.named_parameters())


def test_it_learns_from_some_and_makes_all(monkeypatch):
    """Of five and three made for each query, two of each pathway are judged; as without, if that is all there are."""
    _, scorer, query, target = asked()
    judged = []
    original = DANS._judged
    monkeypatch.setattr(DANS, "_judged", lambda self, x, given: judged.append(x.size(1)) or original(self, x, given))
    assert dans(entity=5, relation=3, learns=2).vectors(Drawn(scorer, query, target, NONE, chance())).size(1) == 8
    assert judged == [2, 2, 1, 4]  # either pathway, real ones, both
    torch.manual_seed(3)
    one = dans(entity=2, relation=2, learns=2)
    torch.manual_seed(3)
    other = dans(entity=2, relation=2)
    assert torch.equal(*(make.vectors(Drawn(scorer, query, target, NONE, chance())) for make in (one, other)))


def test_it_learns_from_every_third_batch_and_makes_for_each():
    """What moves, in which batch; where it went on after a round trip too."""
    _, scorer, query, target = asked()
    make = dans(every=3)
    moved = []
    for batch in range(7):
        if batch == 2:
            state = make.state_dict()
            make = dans(every=3)
            make.load_state_dict(state)
        before = [weight.clone() for weight in make.parameters()]
        assert make.vectors(Drawn(scorer, query, target, NONE, chance())).size(1) == 10
        moved.append(any(not torch.equal(*pair) for pair in zip(before, make.parameters())))
    assert moved == [True, False, False, True, False, False, True]
    make.eval().vectors(Drawn(scorer, query, target, NONE, chance()))
    assert int(make.asked) == 7  # whoever looks on does not count


@pytest.mark.parametrize(("generator_steps", "steps"), [(1, 1), (1, 4), (3, 1), (2, 5)])
def test_each_side_takes_as_many_steps_as_it_is_told(generator_steps, steps):
    """By its optimiser's own count of every weight's steps; after a round trip in between, too."""
    _, scorer, query, target = asked()
    make, draws = dans(generator_steps=generator_steps, steps=steps, every=2), chance()
    for batch in range(4):  # it learns from the first and the third
        if batch == 2:
            state = make.state_dict()
            make = dans(generator_steps=generator_steps, steps=steps, every=2)
            make.load_state_dict(state)
        make(Drawn(scorer, query, target, NONE, draws))
    counted = [
        {int(make.optimizer.state[weight]["step"]) for weight in group["params"]}
        for group in make.optimizer.param_groups
    ]
    assert counted == [{2 * generator_steps}, {2 * steps}]


def test_the_pathways_steps_are_of_one_batch_and_one_judge():
    """Three steps, written out: the discriminator is as it was before them, and noise is drawn anew for each."""
    torch.manual_seed(0)
    make, real = dans(generator_steps=3, average=0.5, lr=0.1), torch.randn(20, CHANNELS)
    given = {name: torch.randn(20, CHANNELS) for name in ("entity", "relation")}
    make.optimizer = torch.optim.SGD(
        [{"params": list(network.parameters())} for network in (make.pathways, make.discriminator)], lr=0.1
    )
    pathways, averaged, draws = copy.deepcopy(make.pathways), copy.deepcopy(make.averaged), chance()
    own = list(pathways.parameters())
    for _ in range(3):
        loss = 0.0
        for name in ("entity", "relation"):
            noise = make.sigma * torch.randn(20, make.count[name], CHANNELS, generator=draws)
            vectors, away = pathways[name](given[name], noise)
            loss = loss + F.softplus(-make.discriminator(vectors)[..., 0]).mean() + make.adversary.pull * away.mean()
        pulls = torch.autograd.grad(loss, own)
        with torch.no_grad():
            for weight, mean, pull in zip(own, averaged.parameters(), pulls):
                weight -= 0.1 * pull
                mean.copy_(0.5 * mean + 0.5 * weight)
    make._learn(real, given, chance())
    assert_close(list(make.pathways.parameters()), own)
    assert_close(list(make.averaged.parameters()), list(averaged.parameters()))


def test_a_conditional_discriminator_looks_at_the_query():
    """What is made is another query's target: any entity to who looks at vectors alone, wrong to who sees both."""
    right = []
    for conditional in (False, True):
        torch.manual_seed(0)
        make = dans(conditional=conditional, width=64, lr=0.0, discriminator_lr=0.01)
        weights = list(make.discriminator.parameters())
        query = torch.randn(200, CHANNELS)
        made, given = {"relation": query.roll(1, 0)[:, None]}, {"relation": query}
        for _ in range(150):
            make.descend(make._doubt(query, made, given)[0], weights)
        true, false = (make._judged(vectors, given)[..., 0] for vectors in (query[:, None], made["relation"]))
        right.append(float(torch.cat([true > 0, false < 0]).float().mean()))
    assert right[0] < 0.6
    assert right[1] > 0.9


def test_spectral_norms_are_one():
    _, scorer, query, target = asked()
    for hinge in (False, True):
        make, draws = dans(hinge=hinge, discriminator_lr=0.01), chance()
        for _ in range(60):
            make(Drawn(scorer, query, target, NONE, draws))
        norms = [
            float(torch.linalg.matrix_norm(layer.weight.detach(), 2))
            for layer in make.discriminator.modules()
            if isinstance(layer, torch.nn.Linear)
        ]
        assert all(abs(norm - 1) < 0.1 for norm in norms) == hinge


def test_the_average_is_one():
    """After two steps, by hand; negatives come from it."""
    _, scorer, query, target = asked()
    make, draws = dans(average=0.75, lr=0.1), chance()
    weight = make.pathways["entity"].output.weight
    seen = [weight.clone()]
    for _ in range(2):
        make(Drawn(scorer, query, target, NONE, draws))
        seen.append(weight.clone())
    mean = 0.75 * (0.75 * seen[0] + 0.25 * seen[1]) + 0.25 * seen[2]
    assert_close(make.averaged["entity"].output.weight.data, mean)
    make.eval()
    averaged = make.vectors(Drawn(scorer, query, target, NONE, chance()))
    make.pathways.load_state_dict(make.averaged.state_dict())
    make.averaged = None
    assert_close(make.vectors(Drawn(scorer, query, target, NONE, chance())), averaged)


def test_faults_of_the_release():
    """One by one, each moves a number as predicted; test 2 has the pathway that is lost, test 4 the gradient."""
    model, scorer, query, target = asked()
    # the modulation is far from the identity, and stays there
    make = dans(as_released=AsReleased(frozen_film=True))
    before = {name: weight.clone() for name, weight in make.pathways.named_parameters()}
    make(Drawn(scorer, query, target, NONE, chance()))
    for name, weight in make.pathways.named_parameters():
        assert torch.equal(weight, before[name]) == ("film" in name)
    assert rms(make.pathways["entity"].film[0](torch.randn(50, CHANNELS))[0] - 1) > 0.7
    # an added variance of 0.8 makes a layer of variance v one of variance v / (v + 0.8)
    network = dans(as_released=AsReleased(batch_norm=True)).pathways["entity"]
    seen = []
    network.norm[0].register_forward_hook(lambda _, given, made: seen.extend([given[0].var(0), made.var(0)]))
    network(torch.randn(4000, CHANNELS), torch.zeros(4000, 1, CHANNELS))
    assert_close(seen[1], seen[0] / (seen[0] + 0.8), rtol=1e-3, atol=1e-3)
    # heads are asked with one over the relation
    make = dans(as_released=AsReleased(reciprocal=True)).eval()
    found = make._given(Drawn(scorer, query, target, NONE))[1]["relation"]
    anchor, relation = model.encoder.weight[query.anchor], model.decoder.relation.weight[query.rel_type % RELATIONS]
    head = (query.rel_type >= RELATIONS)[:, None]
    wanted = torch.where(head, anchor / relation, anchor * relation)
    assert_close(found, wanted / rms(wanted), rtol=1e-3, atol=1e-4)
    assert rms(anchor / relation) > 10 * rms(anchor * relation)


def test_a_single_vector_is_not_normalised():
    """Of which no variance can be had: in training it is refused, and in evaluation what was seen before serves."""
    network = dans(as_released=AsReleased(batch_norm=True)).pathways["entity"]
    with pytest.raises(UserError, match="there is only one: choose a batch_size"):
        network(torch.randn(1, CHANNELS), torch.zeros(1, 1, CHANNELS))
    for queries, made in ((2, 1), (1, 2)):
        assert network(torch.randn(queries, CHANNELS), torch.randn(queries, made, CHANNELS))[0].isfinite().all()
    assert network.eval()(torch.randn(1, CHANNELS), torch.zeros(1, 1, CHANNELS))[0].isfinite().all()


def test_two_steps_are_one_and_another_after_a_round_trip():
    _, scorer, query, target = asked()
    made = [dans(average=0.5) for _ in range(2)]
    made[1].load_state_dict(made[0].state_dict())
    for seed in (0, 1):
        made[0](Drawn(scorer, query, target, NONE, chance(seed)))
    made[1](Drawn(scorer, query, target, NONE, chance(0)))
    again = dans(average=0.5)
    again.load_state_dict(made[1].state_dict())
    again(Drawn(scorer, query, target, NONE, chance(1)))
    assert_close(dict(again.named_parameters()), dict(made[0].named_parameters()))


@pytest.mark.parametrize("decoder", [TransH, TransD, HAKE])
def test_decoders_without_a_query_vector_are_refused(decoder):
    _, scorer, query, target = asked(decoder)
    with pytest.raises(UserError, match=r"makes no vector of the entities' space.*or give DANS relation=0"):
        dans()(Drawn(scorer, query, target, NONE, chance()))
    assert dans(relation=0)(Drawn(scorer, query, target, NONE, chance())).score.isfinite().all()


@pytest.mark.parametrize("decoder", [RESCAL, TransE])
def test_the_composition_is_where_answers_score_best(decoder):
    """Of all vectors of its length none scores higher; under a distance none at all."""
    scorer = asked(decoder)[1]
    made = scorer.composed()
    other = torch.randn(len(made), 200, CHANNELS)
    other = other / other.norm(dim=2, keepdim=True) * made.norm(dim=1)[:, None, None]
    assert (scorer.decode(made[:, None]) >= scorer.decode(other)).all()


def test_it_composes():
    """Beside EMU and under any loss its term is what it is alone."""
    model, _, _, _ = asked()
    make, mutate = dans().eval(), EMU(0.5)

    def loss(*generators) -> torch.Tensor:
        task = LinkPrediction(model, Both(RELATIONS), Uniform(NODES, 3), BCE(), generators=generators)
        return task.eval()(toy(), chance())

    assert_close(loss(make, mutate) - loss(mutate), loss(make) - loss(), atol=0.02, rtol=0)
    assert loss(make) > loss() + 1


def test_senseless_settings_are_sentences():
    _, scorer, query, target = asked()
    with pytest.raises(UserError, match="DANS has 6 hidden_channels, the model's vectors 8"):
        DANS(known(), 6)(Drawn(scorer, query, target, NONE))
    for options, words in (
        ({"entity": 0, "relation": 0}, r"DANS\(entity \+ relation=0\): give a whole number from 1"),
        ({"soft_label": 1.5}, r"DANS\(soft_label=1.5\): give a number between 0 and 1"),
        ({"average": 1.0}, r"Adversary\(average=1.0\): give a number from 0 to below 1"),
        ({"steps": 0}, r"Adversary\(steps=0\): give a whole number from 1"),
        ({"generator_steps": 0}, r"Adversary\(generator_steps=0\): give a whole number from 1"),
        ({"learns": 0}, r"Adversary\(learns=0\): give a whole number from 1"),
        ({"every": 0}, r"Adversary\(every=0\): give a whole number from 1"),
    ):
        with pytest.raises(UserError, match=words):
            dans(**options)


def test_flat_options_are_the_groups():
    """As earlier versions had them, in Python and in a config; beside the group they are refused."""
    with pytest.warns(FormerName) as seen:
        made = DANS(known(), CHANNELS, lr=0.5, hinge=True, faults=AsReleased(attached=True), label=0.1)
    new = {"lr": "adversary.lr", "hinge": "adversary.hinge", "faults": "as_released", "label": "soft_label"}
    assert [tuple(str(one.message).split("'")[1::2]) for one in seen] == list(new.items())
    assert made.adversary == Adversary(lr=0.5, hinge=True)
    assert (made.as_released, made.soft_label) == (AsReleased(attached=True), 0.1)
    init = {"adversary": {"lr": 0.5, "hinge": True}, "soft_label": 0.1, "as_released": {"attached": True}}
    facts = {"known": known(), "hidden_channels": CHANNELS}
    assert describe(made, facts)["init_args"] == init
    flat = {"class_path": "DANS", "init_args": {"steps": 3, "learns": None, "faults": None}}
    with pytest.warns(FormerName, match=r"^generator \(DANS\): "):
        again = resolve(Generator, flat, "generator", dict.fromkeys(facts)).build(facts)
    assert (again.adversary, again.as_released) == (Adversary(steps=3), AsReleased())
    with pytest.raises(
        UserError, match=r"^DANS: 'adversary.lr' was once called 'lr', and both are given: leave 'lr' out"
    ):
        DANS(known(), CHANNELS, adversary=Adversary(), lr=0.5)
    with pytest.warns(FormerName, match="^'Faults' is now called 'AsReleased'"):
        assert gnnneg.generators.Faults is AsReleased


FROZEN, ONE, TURNED = AsReleased(frozen_film=True), AsReleased(one_pathway=True), AsReleased(reciprocal=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"film": False, "pull": 0.1}, "leave pull out"),
        ({"as_released": FROZEN, "pull": 0.1}, "leave pull out"),
        ({"relation": 0, "auxiliary": 0.5}, "leave auxiliary out"),
        ({"entity": 0, "auxiliary": 2.0}, "leave auxiliary out"),
        ({"relation": 0, "as_released": ONE}, "give at least 1 each"),
        ({"entity": 0, "as_released": ONE}, "give at least 1 each"),
        ({"film": False, "as_released": FROZEN}, "leave one out"),
        ({"relation": 0, "as_released": TURNED}, "leave one out"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(options, words):
    with pytest.raises(UserError, match=words):
        dans(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"film": False},
        {"film": False, "pull": 0.0},
        {"relation": 0},
        {"entity": 0, "auxiliary": 0.0},
        {"relation": 0, "conditional": True, "as_released": TURNED},
    ],
)
def test_what_is_off_may_be_said_to_be_off(options):
    _, scorer, query, target = asked()
    assert dans(**options)(Drawn(scorer, query, target, NONE, chance())).score.isfinite().all()


def test_layers_start_with_the_length_that_a_rectifier_keeps():
    """Weights of variance 2 / (1 + slope ** 2) / fan-in, and no bias; a modulation of nothing is the identity."""
    from gnnneg.generators.film import LEAK, FiLM, Pathway

    torch.manual_seed(0)
    path = Pathway(200, 300, film=True)
    for layer in (*path.hidden, path.output):
        wanted = (2 / (1 + LEAK**2) / layer.in_features) ** 0.5
        assert abs(float(layer.weight.detach().std()) / wanted - 1) < 0.03
        assert not layer.bias.any()
    for frozen in (True, False):
        scale, shift = FiLM(6, 5, frozen)(torch.zeros(2, 6))
        assert (scale == (not frozen)).all()
        assert not shift.any()


def test_the_moving_average_learns_nothing_itself():
    made = DANS(known(), CHANNELS, adversary=Adversary(average=0.5))
    assert len(made.pathways["entity"].film) == 2  # modulated, unless told otherwise
    assert not any(weight.requires_grad for weight in made.averaged.parameters())
    learnt = {id(weight) for group in made.new_optimizer().param_groups for weight in group["params"]}
    assert not learnt & {id(weight) for weight in made.averaged.parameters()}


def test_without_a_pathway_of_entities_none_is_called_theirs():
    """Of vectors of relations alone the second head is right where it says so."""
    made = DANS(known(), CHANNELS, entity=0, relation=3)
    vectors, real = {"relation": torch.randn(5, 3, CHANNELS)}, torch.randn(5, CHANNELS)
    _, (right, told, called) = made._doubt(real, vectors, {})
    true, false = (made._judged(part, {})[..., 0] >= 0 for part in (real[:, None], vectors["relation"]))
    assert_close(right, (true.float().mean() + 1 - false.float().mean()) / 2)
    assert_close(called, (true.float().mean() + false.float().mean()) / 2)
    source = made._judged(vectors["relation"], {})[..., 1]
    assert_close(told, (source <= 0).float().mean())
