"""Samplers that learn or walk, against enumeration."""

import pytest
import torch
from examples import NODES, RELATIONS, Scores, examples, graph, kge, known, name, toy
from safetensors.torch import save_file
from torch.testing import assert_close

from gnnneg.data.known import KnownAnswers
from gnnneg.decoders import ERMLPE, DistMult
from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler
from gnnneg.kernels.proposal import propose
from gnnneg.records import Negatives, Query, Triplets, asked
from gnnneg.samplers import KBGAN, MCNS, All, Child, Hardest, Mixture, Uniform
from gnnneg.samplers.kbgan import reinforce


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_reinforce_is_the_gradient_of_the_expectation():
    """Every choice enumerated: the mean of REINFORCE's gradients is the gradient of the mean reward, at any
    baseline."""
    logit, reward = torch.randn(2, 5, dtype=torch.double, requires_grad=True), torch.randn(2, 5, dtype=torch.double)
    policy = logit.softmax(1)
    (wanted,) = torch.autograd.grad((policy * reward).sum(1).mean(), logit, retain_graph=True)
    for baseline in (0.0, 3.0):
        found = torch.zeros_like(logit)
        for i in range(5):
            for j in range(5):
                column = torch.tensor([[i], [j]])
                log_policy = logit.log_softmax(1).gather(1, column)
                loss = reinforce(log_policy, reward.gather(1, column) - baseline, torch.ones_like(log_policy))
                probability = log_policy.detach().exp().prod()
                found -= probability * torch.autograd.grad(loss, logit)[0]
        assert_close(found, wanted)


def test_the_first_step_is_the_declared_gradient():
    """What the policy's parameters are given is REINFORCE's, through a whole draw."""
    torch.manual_seed(0)
    query, target = asked(toy(), RELATIONS)
    sampler, critic = KBGAN(All(NODES), kge(), 2, lr=0.0, temperature=0.5), Scores(torch.randn(40, NODES))
    drawn = sampler(query, target, critic, chance())
    given = [weight.grad.clone() for weight in sampler.policy.parameters()]
    logit = sampler.policy.scorer(sampler.policy.encode(None), query)(torch.arange(NODES)[None]) / 0.5
    logit = logit.masked_fill(target[:, None] == torch.arange(NODES), -torch.inf)
    log_policy, reward = logit.log_softmax(1).gather(1, drawn.index), critic.score.gather(1, drawn.index)
    loss = -((reward - reward.mean()) * log_policy).mean()  # the first batch's mean is its baseline
    assert_close(given, list(torch.autograd.grad(loss, list(sampler.policy.parameters()))))


@pytest.mark.parametrize("decoder", [DistMult, ERMLPE])
def test_small_gradients_are_not_lost_in_half_precision(decoder):
    """Rewards that differ by 1e-8, and a child that is nearly right: what float16 would call nothing."""
    query, target = asked(toy(), RELATIONS)
    critic, found = Scores(1e-8 * torch.randn(40, NODES, generator=chance())), []
    for half in (False, True):
        torch.manual_seed(0)
        policy, child = KBGAN(All(NODES), kge(decoder), 2, lr=0.0), Child(All(NODES), kge(decoder), 2, lr=0.0)
        child.child.decoder.relation.weight.data *= 1e-8
        with torch.autocast("cpu", torch.float16, enabled=half):
            policy(query, target, critic, chance())
            child(query, target, critic, chance())
        found.append([weight.grad for weight in [*policy.parameters(), *child.parameters()]])
    assert 0 < max(pull.abs().max() for pull in found[0][:2]) < 1e-7
    assert_close(found[1], found[0], rtol=1e-3, atol=1e-13)


def test_the_policy_learns_what_is_hard():
    """Against a frozen critic the drawn negatives come to score higher, and known answers are none of them."""
    torch.manual_seed(0)
    query, target = asked(toy(), RELATIONS)
    model = kge()
    critic = model.scorer(model.encode(None), query)
    sampler, rng = KBGAN(All(NODES), kge(), 4, lr=0.05, momentum=0.9), chance()
    reward = []
    for _ in range(150):
        drawn = sampler(query, target, critic, rng)
        assert (drawn.index != target[:, None]).all()
        reward.append(float(critic(drawn.index).detach().mean()))
    even = float(critic(torch.arange(NODES)[None]).detach().mean())
    best = float(critic(Hardest(All(NODES), 1)(query, target, critic).index).detach().mean())
    assert abs(reward[0] - even) < 0.2 * (best - even)
    assert sum(reward[-20:]) / 20 > even + 0.6 * (best - even)
    assert abs(float(sampler.baseline) - sum(reward[-50:]) / 50) < 0.2 * (best - even)


def test_learners_learn_under_wrappers_without_gradients():
    torch.manual_seed(0)
    query, target = asked(toy(), RELATIONS)
    learner = KBGAN(Uniform(NODES, 5), kge(), 3)
    before = [weight.clone() for weight in learner.parameters()]
    with torch.no_grad():
        Mixture([Hardest(learner, 2), Uniform(NODES, 2)])(query, target, Scores(torch.randn(40, NODES)), chance())
    assert not all(torch.equal(a, b) for a, b in zip(before, learner.parameters()))


def test_the_optimiser_travels_with_the_policy():
    """Two steps, or one and another after a round trip: the same policy."""
    query, target = asked(toy(), RELATIONS)
    critic = Scores(torch.randn(40, NODES))

    def made():
        torch.manual_seed(3)
        return KBGAN(Uniform(NODES, 5), kge(), 3, lr=0.1)

    one, other = made(), made()
    for seed in (0, 1):
        one(query, target, critic, chance(seed))
    other(query, target, critic, chance(0))
    again = made()
    again.load_state_dict(other.state_dict())
    again(query, target, critic, chance(1))
    assert_close(dict(again.named_parameters()), dict(one.named_parameters()))


def test_a_policy_may_not_need_a_graph():
    from gnnneg.encoders import GNN
    from gnnneg.models import KGEModel

    model = KGEModel(GNN(torch.nn.Identity(), 8), kge().decoder)
    with pytest.raises(UserError, match="a policy that passes messages is not supported"):
        KBGAN(Uniform(NODES, 5), model)


def test_a_policy_may_start_with_a_runs_weights(tmp_path):
    trained, query = kge(), Query(torch.tensor([0, 1]), torch.tensor([0, 1]))
    file = str(tmp_path / "model.safetensors")
    save_file(trained.state_dict(), file)
    sampler = KBGAN(Uniform(NODES, 5), kge(), weights=file)
    index = torch.arange(NODES)[None]
    of_run, of_policy = (model.scorer(model.encode(None), query)(index) for model in (trained, sampler.policy))
    assert torch.equal(of_policy, of_run)
    save_file({"else": torch.zeros(1)}, file)
    with pytest.raises(UserError, match=r"KBGAN: the weights .* are not the policy's"):
        KBGAN(Uniform(NODES, 5), kge(), weights=file)


def total_variation(local: float) -> float:
    """Of a long run's states on ten states, from what they should be."""
    line = Triplets(torch.arange(9), torch.zeros(9, dtype=torch.long), torch.arange(1, 10))
    facts, rows = KnownAnswers(line, 10, 1), 200
    query = Query(torch.zeros(rows, dtype=torch.long), torch.zeros(rows, dtype=torch.long))
    score = torch.linspace(-1, 2, 10)[torch.randperm(10, generator=chance(1))]
    sampler = MCNS(facts, 500, alpha=0.75, local=local, chains=1)
    index = sampler(query, query.anchor, Scores(score.expand(rows, -1)), chance()).index
    share = torch.bincount(index.flatten(), minlength=10) / index.numel()
    return float((share - (0.75 * score).softmax(0)).abs().sum() / 2)


@pytest.mark.parametrize("local", [0.0, 0.5, 0.9])
def test_chains_come_to_the_power_of_the_models_distribution(local):
    """Ten states on a line, 100,000 steps: within .02 in total variation, whatever the share of local proposals."""
    assert total_variation(local) < 0.02


def test_local_proposals_must_be_corrected_for(monkeypatch):
    """The test above would see it if they were not: the ends of the line have half the neighbours."""

    def uncorrected(*given):
        then, ratio = propose(*given)
        return then, torch.ones_like(ratio)

    monkeypatch.setattr("gnnneg.samplers.mcns.propose", uncorrected)
    assert total_variation(0.9) > 0.02


def test_chains_are_of_their_own():
    """Several chains of few steps each: the same distribution, and no two alike."""
    score, rows = torch.linspace(-1, 2, NODES), 3000
    query = Query(torch.arange(rows) % NODES, torch.zeros(rows, dtype=torch.long))
    sampler = MCNS(known(), 6, alpha=1.0, burn_in=30, chains=4)
    index = sampler(query, query.anchor, Scores(score.expand(rows, -1)), chance()).index
    assert index.shape == (rows, 6)
    wanted = score.softmax(0)
    for column in index.T:
        share = torch.bincount(column, minlength=NODES) / rows
        assert float((share - wanted).abs().sum() / 2) < 0.04
    same = (index[:, 0] == index[:, 1]).float().mean()
    assert_close(float(same), float((wanted**2).sum()), atol=0.03, rtol=0)


def test_chains_go_on():
    """The next call starts from where the chain of its query was, in training only."""
    query, target = asked(toy(), RELATIONS)
    critic = Scores(torch.full((40, NODES), -1e4).index_fill(1, torch.tensor([7]), 0.0))
    sampler = MCNS(known(), 200, burn_in=0, alpha=1.0, local=0.0, chains=1)
    sampler(query, target, critic, chance())
    assert (sampler.state[sampler.known.row(query)[0]] == 7).all()  # nobody ever leaves the one state that is probable
    assert (sampler(query, target, critic, chance(1)).index == 7).all()


@pytest.mark.parametrize("wanted", ["each query", "one after the other"])
def test_candidates_follow_their_own_query(wanted):
    """Two relations of the same anchors, of which one likes what the other does not, asked in turn with no burn-in but
    the first: each query's candidates come in proportion to its own distribution.
    """
    line = Triplets(torch.arange(9).repeat(2), torch.arange(2).repeat_interleave(9), torch.arange(1, 10).repeat(2))
    facts, anchor = KnownAnswers(line, 10, 2), torch.arange(9)
    score = torch.stack([torch.linspace(-2, 2, 10), torch.linspace(2, -2, 10)])
    sampler, draw = MCNS(facts, 64, alpha=1.0, burn_in=20), chance()
    count = torch.zeros(2, 10)
    for step in range(60):
        for relation in (0, 1) if wanted == "each query" else (step // 30,):
            critic = Scores(score[relation].expand(9, -1))
            index = sampler(Query(anchor, torch.full((9,), relation)), anchor, critic, draw).index
            count[relation] += torch.bincount(index.flatten(), minlength=10)
    share = count / count.sum(1, keepdim=True)
    assert float((share - score.softmax(1)).abs().sum(1).max() / 2) < 0.03


def test_who_is_not_known_has_no_chain():
    """A query without facts starts anywhere and burns in, each time, and moves nobody else's; nor is there one without
    any facts at all.
    """
    none = torch.empty(0, dtype=torch.long)
    for facts in (known(toy(6)), KnownAnswers(Triplets(none, none, none), NODES, RELATIONS)):
        sampler = MCNS(facts, 4, burn_in=30, chains=4, alpha=1.0)
        every = Query(torch.arange(NODES).repeat(2 * RELATIONS), torch.arange(2 * RELATIONS).repeat_interleave(NODES))
        unknown = Query(*(column[~facts.row(every)[1]] for column in every))
        score = torch.full((len(unknown.anchor), NODES), -20.0).index_fill(1, torch.tensor([3]), 0.0)
        for seed in range(2):
            index = sampler(unknown, unknown.anchor, Scores(score), chance(seed)).index
            assert (index == 3).float().mean() > 0.8
        assert (sampler.state == -1).all()


def test_of_a_query_asked_several_times_the_last_chains_stay():
    """Whatever the number of threads: each query stands some twenty times in the batch, and its chains go on from the
    candidates of the last.
    """
    threads, draw = torch.get_num_threads(), chance()
    facts = Triplets(torch.randint(200, (4000,), generator=draw), torch.zeros(4000).long(), torch.arange(4000) % 200)
    query, target = asked(facts, 1)
    sampler = MCNS(KnownAnswers(facts, 200, 1), 64, burn_in=0)
    row, found = sampler.known.row(query)
    assert found.all()
    last = {one: place for place, one in enumerate(row.tolist())}
    try:
        torch.set_num_threads(4)
        for _ in range(3):
            index = sampler(query, target, Scores(torch.zeros(1, 200).expand(4000, -1)), draw).index
            assert torch.equal(sampler.state[list(last)].long(), index[list(last.values())])
    finally:
        torch.set_num_threads(threads)


def test_mcns_needs_jumps():
    with pytest.raises(UserError, match="give a share from 0 to below 1"):
        MCNS(known(), 5, local=1.0)


def test_the_child_learns_what_is_true_and_leaves_it_out():
    """Trained with half of the answers, it comes to draw what it finds likely, and none that it finds truer than the
    target; distinct ones."""
    torch.manual_seed(0)
    query, target = asked(toy(), RELATIONS)
    critic = Scores(torch.zeros(40, NODES))
    sampler, rng = Child(All(NODES), kge(), 3, lr=0.1), chance()
    for _ in range(60):
        drawn = sampler(query, target, critic, rng)
    child = sampler.child.scorer(sampler.child.encode(None), query)
    score, own = child(torch.arange(NODES)[None]).detach(), child(target[:, None]).detach()
    assert (own > score.median(1, keepdim=True).values).float().mean() > 0.9
    sampler.eval()
    drawn = sampler(query, target, critic, rng)
    there = drawn.weight > 0
    assert (score.gather(1, drawn.index) < own)[there].all()
    assert all(len(set(row)) == len(row) for row in drawn.index.tolist())
    few = (score < own).sum(1)
    assert torch.equal(there.sum(1), few.clamp(max=3))
    # the hotter, the less it minds how likely they are
    mean = []
    for temperature in (0.1, 10.0):
        sampler.temperature, total = temperature, 0.0
        for _ in range(50):
            drawn = sampler(query, target, critic, rng)
            total += float((score.gather(1, drawn.index) * drawn.weight).sum() / drawn.weight.sum())
        mean.append(total)
    assert mean[0] > mean[1] + 0.1


def test_a_margin_suspects_more():
    torch.manual_seed(0)
    query, target = asked(toy(), RELATIONS)
    critic, found = Scores(torch.zeros(40, NODES)), []
    model = kge()
    for margin in (-100.0, 0.0, 0.02):
        drawn = Child(All(NODES), model, NODES, margin=margin).eval()(query, target, critic, chance())
        found.append(int((drawn.weight > 0).sum()))
    assert found[0] == 40 * (NODES - 1)
    assert found[0] > found[1] > found[2] > 0


@pytest.mark.parametrize("make", examples(Sampler), ids=name)
def test_samplers_work_on_a_graph_with_lonely_entities(make):
    """An entity without any facts can be asked about."""
    assert graph(toy(6)).number_of_nodes() == NODES
    query = Query(torch.arange(NODES), torch.zeros(NODES, dtype=torch.long))
    model = kge()
    drawn = make()(query, query.anchor, model.scorer(model.encode(None), query), chance())
    assert drawn.weight.isfinite().all()
    assert ((drawn.index >= 0) & (drawn.index < NODES)).all()


def test_who_is_offered_nobody_is_given_nobody():
    """A policy draws from a row of absent candidates, too: what it draws is absent."""

    class Nobody(Sampler):
        def forward(self, query, target, critic, rng=None):
            weight = torch.ones(len(target), 5)
            weight[0] = 0
            return Negatives(torch.arange(5).expand(len(target), -1), weight)

    query = Query(torch.tensor([0, 1]), torch.tensor([0, 1]))
    sampler = KBGAN(Nobody(), kge(), 4).eval()
    found = sampler(query, torch.tensor([6, 7]), Scores(torch.zeros(2, NODES)), chance())
    assert found.weight.tolist() == [[0.0] * 4, [1.0] * 4]


def test_a_chain_at_entity_0_goes_on():
    """Entity 0 is a place like any other: a chain there is not new, neither burns in nor jumps."""
    sampler = MCNS(known(), 3, burn_in=7, chains=3)
    sampler.state.zero_()
    score = torch.zeros(2, NODES)
    score[:, 0] = 1e6  # nobody leaves
    critic, asked_for = Scores(score), []

    class Counting(type(critic)):
        def __call__(self, index):
            asked_for.append(index)
            return super().__call__(index)

    query = Query(*(column[:2] for column in asked(toy(), RELATIONS)[0]))
    found = sampler(query, torch.tensor([3, 4]), Counting(score), chance())
    assert (found.index == 0).all()
    assert (asked_for[0] == 0).all()
    assert len(asked_for) == 2  # where it is and one step, since 3 chains make 3 candidates at once
