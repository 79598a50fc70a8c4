"""Whoever is only looked at computes in evaluation mode and without gradients, and stays as it was."""

import copy
from contextlib import nullcontext
from functools import partial

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, Scores, denied, examples, kge, known, messages, name, toy
from torch import nn
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.decoders import ComplEx, DistMult, RotatE
from gnnneg.encoders import GNN, RGCN, CompGCN, SampledEdges, SampledNeighbors
from gnnneg.interfaces import Model, Scorer
from gnnneg.looking import Looked, judging, looked_at
from gnnneg.losses import InfoNCE
from gnnneg.models import Difference, KGEModel, NBFNet
from gnnneg.records import Mutation, Query, asked
from gnnneg.samplers import KBGAN, All, Child, Filtered, Hardest, WithCritic
from gnnneg.tasks import Dual, LinkPrediction
from gnnneg.training.graphed import python_state


class Noisy(nn.Module):
    """A user's network that drops, normalises, and holds a frozen part."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop = nn.BatchNorm1d(CHANNELS), nn.Dropout(0.5)
        self.frozen = nn.BatchNorm1d(CHANNELS).eval()

    def forward(self, x, edge_index):
        heard = torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]])
        return self.frozen(self.drop(self.norm(x + heard)))


def over(encoder, **options) -> KGEModel:
    return KGEModel(encoder, DistMult(RELATIONS, CHANNELS, reciprocal=True), **options)


NETWORKS = {
    "Lookup": lambda: kge(dropout=0.5),
    "RGCN": lambda: over(RGCN(NODES, RELATIONS, CHANNELS, dropout=0.5, edge_dropout=0.5), dropout=0.5),
    "CompGCN": lambda: over(CompGCN(NODES, RELATIONS, CHANNELS, dropout=0.5), dropout=0.5),
    "GNN": lambda: over(GNN(Noisy(), CHANNELS)),
    "SampledEdges": lambda: over(SampledEdges(RGCN(NODES, RELATIONS, CHANNELS), 1)),
    "SampledNeighbors": lambda: over(SampledNeighbors(CompGCN(NODES, RELATIONS, CHANNELS, dropout=0.5), [1])),
    "Difference": lambda: Difference(kge(dropout=0.5), kge(ComplEx, dropout=0.5), 0.5),
    "NBFNet": partial(NBFNet, RELATIONS, CHANNELS, 2),
}
networks = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


def graph():
    found = messages()
    found.x = torch.randn(NODES, CHANNELS, generator=torch.Generator().manual_seed(0))
    return found


def side(model: Model, triplets=None, k: int = 2, **options) -> LinkPrediction:
    sampler = Hardest(Filtered(All(NODES), known(triplets)), k)
    return LinkPrediction(model, Both(RELATIONS), sampler, InfoNCE(), graph=graph(), **options)


def evaluated(model: Model, query: Query) -> torch.Tensor:
    """The scores of all entities by a copy that is in evaluation mode for good."""
    other = copy.deepcopy(model).eval()
    with torch.no_grad():
        return other.scorer(other.encode(graph()), query)(torch.arange(NODES)[None])


def state(model: nn.Module) -> tuple[dict, dict]:
    return copy.deepcopy(model.state_dict()), {key: part.training for key, part in model.named_modules()}


def same(one: tuple[dict, dict], other: tuple[dict, dict]) -> None:
    assert_close(one[0], other[0], rtol=0, atol=0)
    assert one[1] == other[1]


@networks
def test_a_judge_is_in_evaluation_mode_and_leaves_no_trace(make):
    torch.manual_seed(0)
    task, (query, target) = side(make()), asked(toy(), RELATIONS)
    before, chance = state(task), torch.get_rng_state()
    judge = task.judge(query)
    score = [judge(torch.arange(NODES)[None]) for _ in range(2)]
    vectors = judge.embed(target[:, None])
    assert not any(found.requires_grad for found in (*score, vectors, judge.decode(vectors)))
    assert_close(judge.decode(vectors), score[0].gather(1, target[:, None]), rtol=1e-4, atol=1e-5)
    assert torch.equal(*score)
    assert_close(score[0], evaluated(task.model, query))
    same(before, state(task))
    assert torch.equal(chance, torch.get_rng_state())


@networks
def test_opponents_choose_in_evaluation_mode(make):
    """What each side is offered are the best ones by the other's evaluation-mode scores, though both are training."""
    torch.manual_seed(0)
    task, seen = Dual(side(make()), side(make(), denied()), known(denied())).train(), {}
    for word in ("positive", "negative"):
        getattr(task, word).sampler.register_forward_hook(
            lambda _, given, made, word=word: seen.__setitem__(word, (*given[:2], made))
        )
    task.examples(toy())
    opponent = {"positive": task.negative.model, "negative": task.positive.model}
    score = {}
    task.positive.sampler.register_forward_pre_hook(
        lambda _, given: score.__setitem__("positive", evaluated(opponent["positive"], given[0]))
    )
    task.negative.sampler.register_forward_pre_hook(
        lambda _, given: score.__setitem__("negative", evaluated(opponent["negative"], given[0]))
    )
    task(toy(), torch.Generator().manual_seed(0)).backward()
    for word, facts in (("positive", known()), ("negative", known(denied()))):
        query, target, made = seen[word]
        refused = facts.contains(query, torch.arange(NODES)[None]).scatter(1, target[:, None], True)
        best = score[word].masked_fill(refused, -torch.inf).topk(2, dim=1).values
        there = made.weight > 0
        assert there.any()
        assert_close(score[word].gather(1, made.index)[there], best[there])


def test_a_step_leaves_no_gradient_and_no_statistics_with_the_opponent():
    torch.manual_seed(0)
    task = Dual(side(NETWORKS["CompGCN"]()), side(NETWORKS["CompGCN"](), denied()), known(denied())).train()
    before = state(task.negative)
    task.positive(toy(), torch.Generator().manual_seed(0), task.negative.judge).backward()
    same(before, state(task.negative))
    assert all(weight.grad is None for weight in task.negative.parameters())


def test_a_dual_step_changes_nothing_that_a_recording_could_not_repeat():
    torch.manual_seed(0)
    task = Dual(side(kge(dropout=0.5)), side(kge(dropout=0.5), denied()), known(denied()), weight=0.5).train()
    task.examples(toy())
    task(toy(), torch.Generator().manual_seed(0)).backward()
    before = python_state(task)
    task(toy(), torch.Generator().manual_seed(1)).backward()
    assert python_state(task) == before


def test_modes_are_put_back_each_as_it_was_also_after_an_error():
    model = nn.Sequential(Noisy(), Noisy()).train()
    model[1].eval()
    model[0].frozen.eval()
    before = state(model)
    for fails in (False, True):
        with pytest.raises(ZeroDivisionError) if fails else nullcontext(), judging(model, model[0]):
            assert not any(part.training for part in model.modules())
            assert not torch.is_grad_enabled()
            if fails:
                _ = 1 / 0
        same(before, state(model))
        assert torch.is_grad_enabled()


def test_all_that_a_scorer_answers_it_answers_when_looked_at():
    """A method that is not passed on would be the base class's, which refuses or does without the closed form."""
    query, target = asked(toy(), RELATIONS)
    model = kge(DistMult, dropout=0.5).train()
    plain = copy.deepcopy(model).eval()
    plain, seen = plain.scorer(plain.encode(None), query), looked_at(model, None, query)
    public = {key for key in vars(Scorer) if not key.startswith("_") or key == "__call__"}
    assert public <= {*vars(Looked), *vars(seen)}
    index, vectors = torch.arange(NODES)[None], torch.randn(len(target), 2, CHANNELS)
    mutation = Mutation(model.encoder.weight[target].detach(), torch.rand(len(target), CHANNELS) < 0.5)
    for ask in (
        lambda scorer: scorer(index),
        lambda scorer: scorer.embed(index),
        lambda scorer: scorer.decode(vectors),
        lambda scorer: scorer.own_vectors(index[0], "Nearest"),
        lambda scorer: scorer.columns(index)(slice(1, 3)),
        lambda scorer: scorer.mutated(index, mutation),
        lambda scorer: scorer.terms(vectors),
        lambda scorer: scorer.composed(),
        lambda scorer: scorer.anchors(query),
        lambda scorer: scorer.asking(Query(target, query.rel_type))(index),
        lambda scorer: scorer.by_decoder(lambda decoder, vectors: decoder(vectors[target], query.rel_type), "")[0],
        lambda scorer: scorer.factors(target)[0],
    ):
        assert_close(ask(seen), ask(plain).detach(), rtol=1e-5, atol=1e-6)
        assert not ask(seen).requires_grad
    assert seen.parts == plain.parts == 1
    assert looked_at(kge(RotatE), None, query).parts == 2


@pytest.mark.parametrize("passes", [False, True])
def test_a_teacher_teaches_in_evaluation_mode_and_keeps_its_modes(passes):
    torch.manual_seed(0)
    teacher = NETWORKS["CompGCN" if passes else "Lookup"]()
    sampler = WithCritic(Hardest(All(NODES), 3), teacher, graph=graph()).train()
    query, target = asked(toy(), RELATIONS)
    wanted = Hardest(All(NODES), 3)(query, target, Scores(evaluated(teacher, query))).index
    before = state(teacher)
    assert torch.equal(sampler(query, target, Scores(torch.zeros(len(target), NODES))).index, wanted)
    same(before, state(teacher))


def test_a_child_is_judged_in_evaluation_mode_and_learns_in_training_mode():
    """Whom it suspects is known from its evaluation-mode scores; its step is that of scores with dropout."""
    torch.manual_seed(0)
    sampler = Child(All(NODES), kge(dropout=0.9), NODES, lr=0.1).train()
    query, target = asked(toy(), RELATIONS)
    score = evaluated(sampler.child, query)
    other = copy.deepcopy(sampler.child)
    drawn = sampler(query, target, Scores(torch.zeros(len(target), NODES)), torch.Generator().manual_seed(0))
    honest = (score < score.gather(1, target[:, None])).gather(1, drawn.index)
    assert torch.equal(drawn.weight > 0, honest)
    assert not torch.equal(other.encoder.weight, sampler.child.encoder.weight)


@pytest.mark.parametrize("critic", ["own", "other"])
def test_a_reward_is_no_gradient(critic):
    """KBGAN's policy is rewarded with scores; whoever gave them learns nothing from that."""
    torch.manual_seed(0)
    query, target = asked(toy(), RELATIONS)
    model = kge(dropout=0.5)
    scorer = model.scorer(model.encode(None), query) if critic == "own" else looked_at(model, None, query)
    sampler, rewards = KBGAN(All(NODES), kge(), 2).train(), []
    learn = sampler._learn
    sampler._learn = lambda log_policy, reward, weight: (rewards.append(reward), learn(log_policy, reward, weight))
    drawn = sampler(query, target, scorer, torch.Generator().manual_seed(0))
    assert not rewards[0].requires_grad
    assert all(weight.grad is None for weight in model.parameters())
    if critic == "other":
        assert_close(rewards[0], evaluated(model, query).gather(1, drawn.index))


def test_a_look_at_neighbourhoods_moves_no_statistics_and_drops_nothing():
    """All neighbours, so that what is left of chance would be dropout."""
    torch.manual_seed(0)
    encoder = CompGCN(NODES, RELATIONS, CHANNELS, dropout=0.5)
    sampled, everyone = SampledNeighbors(encoder, [-1]).train(), torch.arange(NODES)
    before = state(sampled)
    with torch.no_grad():
        one, other = sampled(graph())[everyone], sampled(graph())[everyone]
    assert torch.equal(one, other)
    same(before, state(sampled))
    sampled(graph())[everyone]
    assert int(encoder.layers[0].norm.num_batches_tracked) == 1


def test_who_chooses_before_edges_are_hidden_is_only_looked_at():
    """With hide_between the graph is encoded again for the loss: one step, one move of the statistics."""
    torch.manual_seed(0)
    task = side(NETWORKS["CompGCN"](), hide_between=True).train()
    seen = []
    task.sampler.register_forward_pre_hook(lambda _, given: seen.append(given[2](torch.arange(NODES)[None])))
    task(toy(), torch.Generator().manual_seed(0)).backward()
    assert not seen[0].requires_grad
    assert int(task.model.encoder.layers[0].norm.num_batches_tracked) == 1


@pytest.mark.parametrize("make", examples(Model), ids=name)
def test_a_look_is_what_evaluation_sees(make):
    torch.manual_seed(0)
    model, query = make().train(), asked(toy(), RELATIONS)[0]
    seen = looked_at(model, graph() if model.uses_graph else None, query)
    size = seen.num_candidates or NODES
    before = state(model)
    model.eval()
    wanted = model.scorer(model.encode(graph() if model.uses_graph else None), query)(torch.arange(size)[None])
    model.train()
    assert_close(seen(torch.arange(size)[None]), wanted.detach())
    same(before, state(model))
