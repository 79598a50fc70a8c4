"""All that training draws follows from the run's seed, whoever draws it, and nobody else's generator is touched."""

import random
import threading

import numpy as np
import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, kge, known, messages, toy
from torch import nn
from torch.nn import Parameter
from torch.optim import SGD
from torch_geometric.nn import GAT, GCN
from training.toy import same_bits

from gnnneg.chance import lent
from gnnneg.corruption import Both
from gnnneg.decoders import DistMult, Inner
from gnnneg.encoders import GNN, RGCN, CompGCN, Lookup, SampledEdges, SampledNeighbors
from gnnneg.encodings import Dense
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoder, Task
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel, NodeClassifier
from gnnneg.samplers import KBGAN, All, Uniform
from gnnneg.tasks import Dual, LinkPrediction, NodeClassification
from gnnneg.training import Fit, Interrupted


class Noisy(Encoder):
    """A user's own encoder, which draws wherever one can draw."""

    uses_graph = False
    hidden_channels = CHANNELS

    def __init__(self):
        super().__init__()
        self.weight = Parameter(torch.randn(NODES, CHANNELS))

    def forward(self, graph):
        more = torch.rand(NODES, CHANNELS) + float(np.random.rand()) + random.random()
        return Dense(nn.functional.alpha_dropout(self.weight, 0.3, self.training) + more)


class Jolted(SGD):
    """A user's own optimiser, which draws after each step."""

    @torch.no_grad()
    def step(self, closure=None):
        super().step(closure)
        for weight in self.param_groups[0]["params"]:
            weight += 0.01 * torch.randn_like(weight)


def rgcn(**options) -> RGCN:
    return RGCN(NODES, RELATIONS, CHANNELS, num_bases=2, **options)


def over(encoder: Encoder, dropout: float = 0.0, sampler=None) -> LinkPrediction:
    """Link prediction on a graph with features."""
    graph, decoder = messages(), DistMult(RELATIONS, CHANNELS, reciprocal=True)
    graph.x = torch.randn(NODES, CHANNELS, generator=torch.Generator().manual_seed(0))
    sampler = Uniform(NODES, 5) if sampler is None else sampler
    return LinkPrediction(KGEModel(encoder, decoder, dropout), Both(RELATIONS), sampler, InfoNCE(), graph=graph)


def dual() -> Dual:
    sides = [LinkPrediction(kge(dropout=0.5), Both(RELATIONS), Uniform(NODES, 5), InfoNCE()) for _ in range(2)]
    return Dual(*sides, known(toy(12, seed=7)))


TASKS = {
    "edge_dropout": lambda: over(rgcn(edge_dropout=0.5)),
    "RGCN.dropout": lambda: over(rgcn(dropout=0.5)),
    "CompGCN.dropout": lambda: over(CompGCN(NODES, RELATIONS, CHANNELS, dropout=0.5)),
    "SampledEdges": lambda: over(SampledEdges(rgcn(), 3)),
    "SampledNeighbors": lambda: over(SampledNeighbors(rgcn(dropout=0.5), [1, 1])),
    "PyG's GCN": lambda: over(GNN(GCN(CHANNELS, CHANNELS, 2, dropout=0.5), CHANNELS)),
    "PyG's GAT": lambda: over(GNN(GAT(CHANNELS, CHANNELS, 2, heads=2, dropout=0.3), CHANNELS)),
    "KGEModel.dropout": lambda: over(Lookup(NODES, CHANNELS), dropout=0.5),
    "KBGAN's policy": lambda: over(Lookup(NODES, CHANNELS), sampler=KBGAN(Uniform(NODES, 5), kge(dropout=0.5), 2)),
    "NodeClassifier.dropout": lambda: NodeClassification(
        NodeClassifier(Lookup(NODES, CHANNELS), Inner(), NODES, dropout=0.5), All(NODES), InfoNCE()
    ),
    "Dual": dual,
    "a user's own": lambda: over(Noisy()),
}
tasks = pytest.mark.parametrize("make", TASKS.values(), ids=TASKS)


def scatter(seed: int) -> None:
    """Seeds what is a user's."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def states() -> list:
    """Those of torch's and numpy's generators; from Python's beartype draws, too, under pytest."""
    name, key, *rest = np.random.get_state()
    return [torch.get_rng_state(), torch.from_numpy(key.astype(np.int64)), name, rest]


def built(make) -> Task:
    torch.manual_seed(0)
    return make()


def trained(make, elsewhere: int, seed: int = 0, optimiser: type = SGD, then=None) -> dict:
    """The weights after a run, whose user has other seeds."""
    task = built(make)
    scatter(elsewhere)
    before = states()
    fit = Fit(epochs=2, batch_size=16, evaluate_every=1)
    fit(task, toy(), optimiser(task.trained(), lr=0.1), seed=seed, evaluate=then, progress=False)
    assert same_bits(states(), before)
    return task.state_dict()


@tasks
def test_a_run_follows_from_its_seed_alone(make):
    run = trained(make, 1)
    assert same_bits(run, trained(make, 2))
    assert not same_bits(run, trained(make, 1, seed=1))


@tasks
def test_a_step_follows_from_its_generator_alone(make):
    """Whoever writes a training loop of their own has the same promise; numpy's draws are Fit's to seed."""
    losses, after = [], []
    for elsewhere, seed in ((1, 0), (2, 0), (1, 1)):
        task = built(make)
        torch.manual_seed(elsewhere)
        np.random.seed(0)
        random.seed(0)
        before, draw = torch.get_rng_state(), torch.Generator().manual_seed(seed)
        losses.append([task(task.examples(toy()), draw).item() for _ in range(2)])
        after.append(draw.get_state())
        assert torch.equal(torch.get_rng_state(), before)
    assert losses[0] == losses[1] != losses[2]
    assert losses[0][0] != losses[0][1]
    assert torch.equal(after[0], after[1])


def test_draws_of_all_are_one_row_of_numbers():
    """Those with the generator and those without, in their order."""

    class Row(Task):
        def examples(self, triplets):
            return triplets

        def forward(self, batch, rng=None):
            return torch.cat([torch.rand(2, generator=rng), torch.rand(3), torch.rand(1, generator=rng)])

        def trained(self):
            yield from ()

    draw, plain = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    for _ in range(2):
        assert torch.equal(Row()(None, draw), torch.rand(6, generator=plain))
    torch.manual_seed(3)
    unlent = Row()(None)
    torch.manual_seed(3)
    assert torch.equal(unlent, torch.rand(6))


def test_an_optimiser_that_draws_follows_too():
    make = TASKS["KGEModel.dropout"]
    assert same_bits(trained(make, 1, optimiser=Jolted), trained(make, 2, optimiser=Jolted))


def test_a_run_within_a_validation_disturbs_nobody():
    make = TASKS["a user's own"]

    def inner():
        return {"mrr": float(next(iter(trained(make, 9, seed=4).values())).sum())}

    seen = []
    plain = trained(make, 1, then=lambda: {"mrr": seen.append(1) or float(len(seen))})
    alone = trained(make, 9, seed=4)
    seen.clear()
    nested = trained(make, 1, then=lambda: {"mrr": seen.append(inner()) or float(len(seen))})
    assert same_bits(plain, nested)
    assert seen == [{"mrr": float(next(iter(alone.values())).sum())}] * 2


class Broken(Exception):
    pass


@pytest.mark.parametrize("error", [Broken, KeyboardInterrupt, Interrupted("x"), UserError("x")])
def test_what_was_borrowed_is_given_back_whatever_happens(error):
    task, steps = built(TASKS["a user's own"]), []

    def fail(*_):
        steps.append(torch.rand(1))
        if len(steps) == 3:
            raise error

    task.model.register_forward_pre_hook(fail)
    task.sampler.register_forward_pre_hook(fail)
    scatter(1)
    before = states()
    with pytest.raises(error if isinstance(error, type) else type(error)):
        Fit(epochs=3)(task, toy(), SGD(task.trained(), lr=0.1), seed=0, progress=False)
    assert len(steps) == 3
    assert same_bits(states(), before)


def test_runs_in_two_threads_are_those_of_one():
    """Epoch by epoch at once. That is of what torch draws: of numpy's generator all threads have the same."""

    def run(task, seed, meet=None):
        fit = Fit(epochs=3, batch_size=10, evaluate_every=1, patience=None)
        fit(task, toy(), SGD(task.trained(), lr=0.1), seed=seed, evaluate=meet, progress=False)

    def meet():
        together.wait(30)
        return {"mrr": 0.0}

    makes, together = [TASKS["edge_dropout"], TASKS["PyG's GCN"]], threading.Barrier(2)
    alone, both = [built(make) for make in makes], [built(make) for make in makes]
    for seed, task in enumerate(alone):
        run(task, seed, lambda: {"mrr": 0.0})
    scatter(1)
    before = states()
    threads = [threading.Thread(target=run, args=(task, seed, meet)) for seed, task in enumerate(both)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same_bits([task.state_dict() for task in both], [task.state_dict() for task in alone])
    assert same_bits(states(), before)


def test_lending_is_for_generators_of_others():
    draw = torch.Generator().manual_seed(0)
    with lent(None) as found:
        assert found is None
    with lent(torch.default_generator) as found:
        assert found is torch.default_generator
        before = torch.rand(1)
    assert not torch.equal(torch.rand(1), before)
    with lent(draw) as shared, lent(shared) as again:
        assert shared is again is torch.default_generator
