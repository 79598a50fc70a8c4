"""DANS, against its formulas: its networks first, then the negatives of a batch."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from examples import CHANNELS, NODES, RELATIONS, known, toy
from generators.adversary import NONE, asked, chance, dans, rms
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.decoders import ComplEx, DistMult, RotatE
from gnnneg.encoders import Lookup
from gnnneg.evaluation import ranks
from gnnneg.generators import DANS, AsReleased
from gnnneg.interfaces import Drawn
from gnnneg.losses import BCE
from gnnneg.models import KGEModel
from gnnneg.records import Triplets
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction


def by_hand(network, condition, noise):
    """A pathway, a query and a negative at a time."""
    made = torch.empty_like(noise)
    for row, given in enumerate(condition):
        for column, draw in enumerate(noise[row]):
            vector = given + draw
            for place, layer in enumerate(network.hidden):
                vector = F.leaky_relu(layer.weight @ vector + layer.bias, 0.2)
                if network.film:
                    scale, shift = network.film[place](given[None])
                    vector = scale[0] * vector + shift[0]
            made[row, column] = 3 * torch.tanh((network.output.weight @ vector + network.output.bias) / 3)
    return made


def products(model, query):
    """What each decoder's relation makes of the anchor, from its paper."""
    anchor = model.encoder.weight[query.anchor]
    relation = model.decoder.relation.weight[query.rel_type % RELATIONS]
    head = (query.rel_type >= RELATIONS)[:, None]
    if isinstance(model.decoder, DistMult):
        return anchor * relation
    number = torch.complex(*anchor.chunk(2, dim=1))
    turn = torch.polar(torch.ones_like(relation), relation) if isinstance(model.decoder, RotatE) else None
    turn = torch.complex(*relation.chunk(2, dim=1)) if turn is None else turn
    made = number * torch.where(head, turn.conj(), turn)
    return torch.cat([made.real, made.imag], dim=1)


@pytest.mark.parametrize("decoder", [DistMult, ComplEx, RotatE])
def test_vectors_by_the_formula(decoder):
    """Both conditions, of both sides, and both networks, written out."""
    model, scorer, query, target = asked(decoder)
    make = dans(entity=2, relation=3, sigma=0.3).eval()
    found = make.vectors(Drawn(scorer, query, target, NONE, chance()))
    draws, given = chance(), {"entity": model.encoder.weight[query.anchor], "relation": products(model, query)}
    wanted = []
    for name, count in (("entity", 2), ("relation", 3)):
        noise = 0.3 * torch.randn(len(target), count, CHANNELS, generator=draws)
        wanted.append(by_hand(make.pathways[name], given[name] / rms(given[name]), noise))
    real = rms(model.encoder.weight[target])
    assert_close(found, real * torch.cat(wanted, dim=1), rtol=1e-4, atol=1e-5)


def test_1_the_auxiliary_head_tells_pathways_apart():
    make, real = dans(lr=0.0, discriminator_lr=0.01), torch.randn(60, CHANNELS)
    made = {"entity": torch.full((60, 5, CHANNELS), 0.5), "relation": torch.full((60, 5, CHANNELS), -0.5)}

    def right() -> float:
        source = make._judged(torch.cat(list(made.values()), dim=1), {})[..., 1] > 0
        return float((source == (torch.arange(10) < 5)).float().mean())

    if right() > 0.5:  # the untrained head is not to be right by chance
        made = {name: -vectors for name, vectors in made.items()}
    head = list(make.discriminator.heads[1].parameters())
    assert all(pull.abs().sum() > 0 for pull in torch.autograd.grad(make._doubt(real, made, {})[0], head))
    assert right() < 0.6
    for _ in range(50):
        make.descend(make._doubt(real, made, {})[0], list(make.discriminator.parameters()))
    assert right() > 0.9
    # without it, or with one pathway, the head does not move
    make.adversary = replace(make.adversary, auxiliary=0.0)
    (pull,) = torch.autograd.grad(make._doubt(real, made, {})[0], head[:1], allow_unused=True)
    assert pull is None or not pull.any()


def test_2_both_pathways_reach_the_model():
    """Each half has its own content, and the model's gradient is that of both; the release has one half twice."""
    model, scorer, query, target = asked()
    for released, same in ((AsReleased(), False), (AsReleased(one_pathway=True), True)):
        make = dans(entity=2, relation=2, as_released=released).eval()
        for name, value in (("entity", 0.5), ("relation", -1.0)):
            make.pathways[name].output.weight.data.zero_()
            make.pathways[name].output.bias.data.fill_(value)
        found = make.vectors(Drawn(scorer, query, target, NONE, chance())) / rms(model.encoder.weight[target])
        first, second = (torch.tensor(3 * math.tanh(value / 3)) for value in (-1.0 if same else 0.5, -1.0))
        assert_close(found[:, :2], first.expand_as(found[:, :2]))
        assert_close(found[:, 2:], second.expand_as(found[:, 2:]))
        made = make(Drawn(scorer, query, target, NONE, chance()))
        assert_close(made.score, scorer.decode(rms(model.encoder.weight[target]) * found))


def test_3_every_film_parameter_moves_and_an_identity_is_one():
    _, scorer, query, target = asked()
    make = dans()
    film = {name: weight.clone() for name, weight in make.pathways.named_parameters() if "film" in name}
    assert len(film) == 2 * 2 * 4
    make(Drawn(scorer, query, target, NONE, chance()))
    now = dict(make.pathways.named_parameters())
    assert all((now[name] != before).any() for name, before in film.items())
    # starts near the identity, and is one if it makes nothing
    fresh, plain = dans().eval(), dans(film=False).eval()
    given = torch.randn(50, CHANNELS)
    scale, shift = fresh.pathways["entity"].film[0](given)
    assert 0 < rms(scale - 1) < 0.3
    assert 0 < rms(shift) < 0.3
    for name, weight in fresh.pathways.named_parameters():
        if "film" in name:
            weight.data.zero_()
    plain.pathways.load_state_dict(fresh.pathways.state_dict(), strict=False)
    one, other = (each.vectors(Drawn(scorer, query, target, NONE, chance())) for each in (fresh, plain))
    assert_close(one, other, rtol=0, atol=0)
    assert not any("film" in name for name, _ in plain.named_parameters())


def test_4_nothing_frozen_receives_a_gradient():
    """In each of the two phases the other network and the model are as they were; what is made carries no graph."""
    model, scorer, query, target = asked()
    make, moved = dans(), []
    step, networks = make.descend, (make.pathways, make.discriminator)

    def watched(loss, weights):
        before = [[weight.clone() for weight in network.parameters()] for network in networks]
        step(loss, weights)
        pairs = (zip(old, network.parameters()) for old, network in zip(before, networks))
        moved.append([sum(not torch.equal(a, b) for a, b in pair) for pair in pairs])

    make.descend = watched
    vectors = make.vectors(Drawn(scorer, query, target, NONE, chance()))
    count = [len(list(network.parameters())) for network in networks]
    assert moved[0] == [count[0], 0]
    assert moved[1][0] == 0
    assert moved[1][1] == count[1]
    assert not vectors.requires_grad
    assert all(weight.grad is None for weight in [*model.parameters(), *make.parameters()])
    task = LinkPrediction(model, Both(RELATIONS), Uniform(NODES, 3), BCE(), generators=[make])
    assert not {id(weight) for weight in task.trained()} & {id(weight) for weight in make.parameters()}
    task(toy(), chance()).backward()
    assert all(weight.grad is None for weight in make.parameters())


def test_4_the_models_gradient_stops_at_the_vectors():
    """The release's goes on through the pathways into the encoder."""
    for attached in (False, True):
        model, scorer, query, target = asked()
        make = dans(as_released=AsReleased(attached=attached)).eval()
        score = make(Drawn(scorer, query, target, NONE, chance())).score.sum()
        vectors = make.vectors(Drawn(scorer, query, target, NONE, chance()))
        assert vectors.requires_grad == attached
        weights = list(model.parameters())
        found = torch.autograd.grad(score, weights, retain_graph=True)
        held = torch.autograd.grad(scorer.decode(vectors.detach()).sum(), weights, retain_graph=True)
        if attached:
            assert rms(found[0] - held[0]) > 1e-3
            (through,) = torch.autograd.grad(scorer.decode(vectors).sum(), weights[:1])
            assert_close(found[0], through)
        else:
            assert_close(found, held)
        assert all(weight.grad is None for weight in make.parameters())


def test_5_a_strong_pull_leaves_the_global_generator():
    _, scorer, query, target = asked()
    far = []
    for pull in (0.0, 1e4):
        torch.manual_seed(1)
        make, draws = dans(pull=pull, lr=1e-2), chance()
        for _ in range(150):
            make(Drawn(scorer, query, target, NONE, draws))
        make.eval()
        plain = dans(film=False).eval()
        plain.load_state_dict(make.state_dict() | {"_extra_state": plain.get_extra_state()}, strict=False)
        one, other = (each.vectors(Drawn(scorer, query, target, NONE, chance())) for each in (make, plain))
        far.append(float(rms(one - other) / rms(one)))
    assert far[0] > 0.3
    assert far[1] < 0.05


def test_6_random_models_rank_as_chance_has_it():
    r""":math:`H_n / n`, which is .041 over UMLS's 135 entities; filtered, over the n that are left, .059."""
    from test_datasets import MIRROR

    from gnnneg.data.known import KnownAnswers
    from gnnneg.data.statements import num_relations, triplets
    from gnnneg.datasets import load

    if not (MIRROR / "UMLS").is_dir():
        pytest.skip("no mirror of the data sets")
    data = load("UMLS")
    n, r = data["entity"].num_nodes, num_relations(data)
    assert sum(1 / rank for rank in range(1, n + 1)) / n == pytest.approx(0.041, abs=5e-4)
    nothing, test = Triplets(*(torch.zeros(0, dtype=torch.long) for _ in range(3))), triplets(data, "stated", "test")
    for answers, chance_has in ((nothing, 0.0407), (triplets(data), 0.0588)):
        mean = []
        for seed in range(8):
            torch.manual_seed(seed)
            model = KGEModel(Lookup(n, 64), ComplEx(r, 64, bound=1.0))
            found = ranks(model, None, test, KnownAnswers(answers, n, r))
            mean.append(float((1 / found.realistic).mean()))
        size = found.candidates.long()
        harmonic = torch.tensor([sum(1 / rank for rank in range(1, count + 1)) / count for count in range(1, n + 1)])
        assert harmonic[size - 1].mean() == pytest.approx(chance_has, abs=1e-4)
        assert sum(mean) / 8 == pytest.approx(chance_has, abs=0.006)


def test_7_twenty_negatives_of_each_positive():
    """Ten drawn, five and five made, and all of one weight: the whole loss, written out."""
    model, _, _, _ = asked()
    make = DANS(known(), CHANNELS)
    task = LinkPrediction(model, Both(RELATIONS), Uniform(NODES, 10), BCE(), generators=[make])
    task.eval()
    found, draws = task(toy(), chance()), chance()
    query, target = task.corruption(toy(), draws)
    scorer = model.scorer(model.encode(None), query)
    index = task.sampler(query, target, scorer, draws).index
    made = make.vectors(Drawn(scorer, query, target, NONE, draws))
    assert (index.size(1), made.size(1)) == (10, 10)
    assert not torch.equal(made[:, :5], made[:, 5:])
    drawn, own = scorer(index), scorer(target[:, None])
    wanted = 2 * F.softplus(-own[:, 0]) + F.softplus(torch.cat([drawn, scorer.decode(made)], 1)).sum(1)
    assert_close(found, wanted.mean())


def test_8_half_of_them_replace_heads():
    """Of a statement's two rows the first makes tails, the second heads, each scored in its place."""
    model, scorer, query, target = asked(ComplEx)
    make, triplets = dans(entity=2, relation=2).eval(), toy()
    made, score = make.vectors(Drawn(scorer, query, target, NONE, chance())), None
    score = make(Drawn(scorer, query, target, NONE, chance())).score
    size = len(triplets.rel_type)
    assert made.shape == (2 * size, 4, CHANNELS)
    number = lambda vector: torch.complex(*vector.chunk(2, dim=-1))  # noqa: E731
    head, tail = (number(model.encoder.weight[index])[:, None] for index in (triplets[0], triplets[2]))
    relation = number(model.decoder.relation.weight[triplets.rel_type])[:, None]
    as_tail = (head * relation * number(made[:size]).conj()).real.sum(2)
    as_head = (number(made[size:]) * relation * tail.conj()).real.sum(2)
    assert_close(score, torch.cat([as_tail, as_head]))


@pytest.mark.parametrize("hinge", [False, True])
def test_steps_are_down_the_declared_losses(hinge):
    """One step of plain gradient descent of each network, written out."""
    _, scorer, query, target = asked()
    make = dans(entity=1, relation=2, pull=0.01, auxiliary=0.5, hinge=hinge).eval()  # spectral norms stay as they are
    make.optimizer = torch.optim.SGD([{"params": n.parameters()} for n in (make.pathways, make.discriminator)], lr=0.1)
    real, given, _ = make._given(Drawn(scorer, query, target, NONE))
    conditions, draws = given, chance()

    def networks() -> dict:
        made = {}
        for name, count in (("entity", 1), ("relation", 2)):
            noise = 0.01 * torch.randn(len(target), count, CHANNELS, generator=draws)
            made[name] = by_hand(make.pathways[name], conditions[name], noise)
        return made

    made = networks()
    away = sum(
        (part - still).square().sum(1).mean()
        for name in made
        for film in make.pathways[name].film
        for part, still in zip(film(conditions[name]), (1, 0))
    )
    judged = {name: make.discriminator(vectors)[..., 0] for name, vectors in made.items()}
    fool = [-logit.mean() if hinge else -torch.sigmoid(logit).log().mean() for logit in judged.values()]
    own = list(make.pathways.parameters())
    first = [w - 0.1 * g for w, g in zip(own, torch.autograd.grad(sum(fool) + 0.01 * away, own))]
    before = [weight.clone() for weight in own]
    with torch.no_grad():
        for weight, value in zip(own, first):
            weight.copy_(value)
        made = networks()
    true = make.discriminator(real)[..., 0]
    false, source = make.discriminator(torch.cat(list(made.values()), dim=1)).unbind(-1)
    if hinge:
        loss = (1 - true).clamp(min=0).mean() + (1 + false).clamp(min=0).mean()
    else:
        loss = -torch.sigmoid(true).log().mean() - (1 - torch.sigmoid(false)).log().mean()
    loss = loss - 0.5 * torch.cat([source[:, :1].sigmoid().log(), (-source[:, 1:]).sigmoid().log()], 1).mean()
    judge = list(make.discriminator.parameters())
    second = [w - 0.1 * g for w, g in zip(judge, torch.autograd.grad(loss, judge))]
    with torch.no_grad():
        for weight, value in zip(own, before):
            weight.copy_(value)
    make._learn(real, given, chance())
    assert_close(own, first, rtol=1e-4, atol=1e-6)
    assert_close(judge, second, rtol=1e-4, atol=1e-6)


def test_made_vectors_are_as_long_as_real_ones():
    """Ten times the table, ten times what is made, after learning too; the rest is the same."""
    found = []
    for size in (1.0, 10.0):
        _, scorer, query, target = asked(size=size)
        make, draws = dans(lr=0.01), chance()
        for _ in range(10):
            vectors = make.vectors(Drawn(scorer, query, target, NONE, draws))
        found.append(vectors / size)
    assert_close(found[0], found[1], rtol=1e-3, atol=1e-4)
    assert found[0].abs().max() <= 3 * rms(asked()[0].encoder.weight[asked()[3]])


def test_it_comes_to_look_like_entities():
    """Against a model that stays: the mean and the spread of what is made come near those of targets."""
    model, scorer, query, target = asked()
    model.encoder.weight.data += 0.5  # so that there is something to learn
    scorer = model.scorer(model.encode(None), query)
    torch.manual_seed(3)
    make, draws = dans(width=32, lr=1e-3, discriminator_lr=1e-2, steps=3), chance()
    real = model.encoder.weight[target].detach()

    def apart() -> float:
        vectors = make.eval().vectors(Drawn(scorer, query, target, NONE, chance(1))).flatten(0, 1)
        make.train()
        return float((vectors.mean(0) - real.mean(0)).norm() + (vectors.std(0) - real.std(0)).norm())

    make(Drawn(scorer, query, target, NONE, draws))
    before = apart()
    for _ in range(150):
        make(Drawn(scorer, query, target, NONE, draws))
    assert apart() < before / 4
