"""Every part on a device: nothing stays behind on the CPU, results are the CPU's, and the host waits for nothing.

One body for two devices: a real one where there is one, else what passes for one (``tests/device.py``).
"""

import copy
import inspect
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import torch
from device import Place, somewhere
from examples import CHANNELS, EXAMPLES, NODES, RELATIONS, kge, known, made_by, messages, name, toy
from torch import Tensor
from torch.optim import LBFGS, Optimizer, SparseAdam
from torch.testing import assert_close

from gnnneg import training
from gnnneg.corruption import Both
from gnnneg.decoders import ComplEx, DistMult, RotatE, TransE, TransH
from gnnneg.encoders import CompGCN, Lookup
from gnnneg.evaluation import Evaluator
from gnnneg.generators import EMU, LearnedEMU, MatchedEMU, SelfPacedEMU
from gnnneg.interfaces import (
    Corruption,
    Decoder,
    Encoder,
    Generator,
    Loss,
    Model,
    Penalty,
    Sampler,
    Scorer,
    Similarity,
    SoftLabel,
    Task,
    Weighing,
)
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel, NodeClassifier
from gnnneg.penalties import SoftConstraints
from gnnneg.records import Negatives, Query, Triplets, ones
from gnnneg.samplers import Cached, Curriculum, Discounted, Uniform
from gnnneg.stateful import Counts, OwnOptimizer
from gnnneg.tasks import LinkPrediction, NodeClassification
from gnnneg.training import Fit, LazyAdam, RowAdagrad
from gnnneg.training.fit import _Loop
from gnnneg.training.graphed import python_state


def is_offered(kind: object) -> bool:
    """Whether it is an optimiser that a task may have: one takes several losses a step, one no dense gradient."""
    return isinstance(kind, type) and issubclass(kind, Optimizer) and kind not in (Optimizer, LBFGS, SparseAdam)


NOISY = MatchedEMU, SelfPacedEMU, LearnedEMU  # their noise is another on each kind of device
STEPS = 3
# decoders bring their similarity
PARTS = [make for make in EXAMPLES if not issubclass(made_by(make), Similarity | Evaluator)]
PARTS.append(lambda: Cached(Uniform(NODES, 5), known(), 3, size=4, queries=7))  # caches are given up in each step
ACTIVE = [make for make in PARTS if issubclass(made_by(make), (Counts, OwnOptimizer, *NOISY))]
HIDING = "how many edges are hidden from a batch"
WAITS: dict[str, tuple[int, str]] = {
    # encoders and models that pass messages
    "GNN": (7, HIDING),
    "RGCN": (9, HIDING + "; edges are sorted by type"),
    "CompGCN": (10, HIDING + "; edges are sorted by type"),
    "SampledEdges": (16, HIDING + "; edges are drawn among those that are left"),
    "SampledNeighbors": (63, HIDING + "; neighbours are drawn step by step"),
    "NBFNet": (43, HIDING + "; without Triton, columns are taken in parts"),
    "LinkPrediction": (9, HIDING),
    # samplers
    "SelfPaced": (1, "how many candidates are looked at, which follows from the last batch's scores"),
    "MCNS": (1, "whether a chain of the batch is new, on which the number of steps depends"),
    # parts
    "RESCAL": (3, "which relations are in the batch, whose matrices are gathered once"),
    "KvsAll": (2, "how many answers the batch's queries have"),
    "SharedMask": (8, "how many answers the batch's queries have"),
}
"""How often at most the host waits in a step, the first aside, and for what; in all others never."""

OPTIMIZERS = [kind for room in (torch.optim, training) for kind in vars(room).values() if is_offered(kind)]
ROW_SPARSE = torch.optim.Adagrad, torch.optim.SGD, LazyAdam, RowAdagrad  # the others refuse such gradients
STEPPING: dict[str, tuple[int, str]] = {
    "ASGD": (5, "torch reads and writes the rates of its average on the host"),
    "Adafactor": (2, "torch reads the sizes of a weight and of its step"),
    "Rprop": (4, "torch looks for coordinates whose slope has turned"),
}
"""How often at most an optimiser waits for each weight, and for what; all others never, or once to sum the rows of a
row-sparse gradient.
"""

pytestmark = [pytest.mark.gpu] if torch.cuda.is_available() else []


class Near(Sampler):
    """Five entities, of each query's own or shared, without a draw, so that a step is the same on every device."""

    def __init__(self, shared: bool = False):
        super().__init__()
        self.shared = shared

    def forward(self, query: Query, target: Tensor, critic: Scorer, rng: torch.Generator | None = None) -> Negatives:
        first = query.anchor[:1] if self.shared else query.anchor
        index = (first[:, None] + torch.arange(1, 6, device=target.device)) % NODES
        return Negatives(index, ones(index))


def around(part) -> Task:
    """A task with the part in it, and of everything else the plainest."""
    if isinstance(part, Task):
        return part
    if isinstance(part, NodeClassifier):
        return NodeClassification(part, Near(), InfoNCE())
    means = {"model": kge(), "corruption": Both(RELATIONS), "sampler": Near(), "loss": InfoNCE()}
    graph = messages()
    graph.x = torch.randn(NODES, CHANNELS, generator=torch.Generator().manual_seed(0))
    if isinstance(part, Model):
        means |= {"model": part, "graph": graph if part.uses_graph else None}
    elif isinstance(part, Encoder):
        decoder = DistMult(RELATIONS, part.hidden_channels, reciprocal=isinstance(part, CompGCN))
        means |= {"model": KGEModel(part, decoder), "graph": graph}
    elif isinstance(part, Decoder):
        means |= {"model": KGEModel(Lookup(NODES, CHANNELS, bound=0.5), part)}
    elif isinstance(part, SoftConstraints):  # of decoders that have some
        means |= {"model": kge(TransH), "penalty": part}
    elif isinstance(part, SoftLabel):
        means |= {"sampler": Discounted(Near(), part)}
    elif isinstance(part, Generator):
        means |= {"generators": [part]}
    else:
        role = {Corruption: "corruption", Sampler: "sampler", Loss: "loss", Penalty: "penalty", Weighing: "weighing"}
        means |= {role[base]: part for base in role if isinstance(part, base)}
    return LinkPrediction(**means)


def one_step(task: Task, batch, draw: torch.Generator) -> Tensor:
    task.zero_grad()
    loss = task(batch, draw)
    loss.backward()
    return loss.detach()


def gradients(task: Task) -> dict[str, Tensor]:
    """Of all parameters that have one, on the CPU."""
    found = {key: weight.grad for key, weight in task.named_parameters() if weight.grad is not None}
    return {key: (grad.to_dense() if grad.is_sparse else grad).cpu() for key, grad in found.items()}


def compare(here: Task, is_noisy: bool = False) -> list[dict[str, int]]:
    """Steps there are compared with steps here, and what each waited for is returned."""
    there, batch = copy.deepcopy(here), here.examples(toy())
    draw, state = torch.Generator().manual_seed(1), torch.get_rng_state()
    losses = [one_step(here, batch, draw) for _ in range(STEPS)]
    is_drawn = not torch.equal(draw.get_state(), torch.Generator().manual_seed(1).get_state())
    is_drawn |= not torch.equal(state, torch.get_rng_state())
    with somewhere() as place:
        there.to(place.device)
        batch = there.examples(Triplets(*(column.to(place.device) for column in toy())))
        draw, found, waits = place.rng(1), [], []
        torch.set_rng_state(state)
        for _ in range(STEPS):
            with place.counted() as waited:
                loss = one_step(there, batch, draw)
            waits.append(dict(waited))
            found.append(loss.cpu())
        assert all(loss.isfinite() for loss in found)
        if not is_noisy and not (place.real and is_drawn):
            assert_close(torch.stack(found), torch.stack(losses), rtol=1e-4, atol=1e-5)
            assert_close(gradients(there), gradients(here), rtol=1e-3, atol=1e-5)
    return waits


@pytest.mark.parametrize("make", PARTS, ids=name)
def test_a_step_there_is_a_step_here(make):
    """Forward and backward, three times, with the draws that the CPU makes where the device makes the same."""
    torch.manual_seed(0)
    part = make()
    waits = compare(around(part), is_noisy=isinstance(part, NOISY))
    waiting = getattr(part, "mutation", None) or part  # a KvsAll without mutation waits less
    allowed = WAITS.get(type(waiting).__name__, (0,))[0]
    for waited in waits[1:]:
        assert sum(waited.values()) <= allowed, waited


def forms() -> Iterator:
    """Every optimiser in each form that torch has of it (on a real CUDA device it chooses ``foreach``), and with
    row-sparse gradients.
    """
    for kind in OPTIMIZERS:
        named = [form for form in ("foreach", "fused") if form in inspect.signature(kind).parameters]
        if kind is torch.optim.ASGD:
            named = []  # reads numbers below torch's dispatch, where what passes for a device has none
        for form in ("", *named):
            yield pytest.param(kind, {form: True} if form else {}, False, id=f"{kind.__name__}{form and '-'}{form}")
        if kind in ROW_SPARSE:
            yield pytest.param(kind, {}, True, id=f"{kind.__name__}-sparse")


@pytest.mark.parametrize(("kind", "form", "sparse"), list(forms()))
@pytest.mark.filterwarnings("ignore:.*has no fused form")
def test_a_whole_step_of_training_there_is_one_here(kind, form, sparse):
    """Batch, loss, gradients, their clipping and the optimiser's step, as Fit takes them: the weights are the CPU's,
    and the host waits no more often than is said.
    """
    torch.manual_seed(0)
    model = KGEModel(Lookup(NODES, CHANNELS, bound=0.5, sparse=sparse), DistMult(RELATIONS, CHANNELS))
    here = LinkPrediction(model, Both(RELATIONS), Near(), InfoNCE())
    there, before = copy.deepcopy(here), copy.deepcopy(dict(here.named_parameters()))

    def steps(task: Task, place: Place | None = None) -> list[int]:
        fit, optimizer = Fit(clip_norm=0.1, cuda_graph=False), kind(list(task.trained()), **form)
        loop = _Loop(fit, task, toy(), optimizer, None, 0, None, None, False)
        waits = []
        for rows in torch.arange(30, device=loop.device).view(STEPS, -1):
            with nullcontext({}) if place is None else place.counted() as waited:
                loop.step(rows)
            waits.append(sum(waited.values()))
        return waits

    steps(here)
    with somewhere() as place:
        waits = steps(there.to(place.device), place)
        found = {key: weight.detach().cpu() for key, weight in there.named_parameters()}
    weights = dict(here.named_parameters())
    assert_close(found, weights, rtol=1e-3, atol=1e-4)
    assert not all(torch.equal(*pair) for pair in zip(weights.values(), before.values()))
    assert max(waits[1:]) <= len(weights) * STEPPING.get(kind.__name__, (0,))[0] + sparse


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "private"])
@pytest.mark.parametrize("decoder", [RotatE, TransE, ComplEx])
def test_weighted_distances_there_are_those_here(decoder, shared):
    """Masks are weights of coordinates, which no Triton kernel knows: plain torch scores and differentiates."""
    masked = EMU(0.5, groups=2)
    task = LinkPrediction(kge(decoder), Both(RELATIONS), Near(shared), InfoNCE(), generators=[masked])
    assert not any(compare(task)[1:])


@pytest.mark.parametrize("make", ACTIVE, ids=name)
def test_what_python_does_in_a_step_is_seen(make):
    """Steps with counts, optimisers or seeds of their own wait for no device, and must not be replayed for all that."""
    task = around(make())
    batch, draw = task.examples(toy()), torch.Generator().manual_seed(0)
    one_step(task, batch, draw)
    before = python_state(task)
    one_step(task, batch, draw)
    after = python_state(task)
    assert [key for key in after if after[key] != before.get(key)]


def test_counts_stay_on_the_cpu():
    sampler = Curriculum([Near(), Near(shared=True)], [0, 2])
    sampler.load_state_dict({"step": torch.tensor(1)})
    with somewhere() as place:
        sampler.to(place.device)
        assert sampler.step.device.type == "cpu"
        assert int(sampler.step) == 1
    assert set(sampler.state_dict()) == {"step"}


@pytest.mark.parametrize("make", [make for make in ACTIVE if issubclass(made_by(make), OwnOptimizer)], ids=name)
def test_an_optimiser_is_loaded_before_its_first_use(make):
    """A run that goes on loads on the CPU, moves, and only then takes a step."""
    torch.manual_seed(0)
    here, there = around(make()), around(make())
    batch, draw = here.examples(toy()), torch.Generator().manual_seed(0)
    for _ in range(2):
        one_step(here, batch, draw)
    there.load_state_dict(copy.deepcopy(here.state_dict()))
    assert_close(there.state_dict(), here.state_dict(), rtol=0, atol=0)
    state = draw.get_state()
    one_step(here, batch, draw)
    with somewhere() as place:
        there.to(place.device)
        batch = there.examples(Triplets(*(column.to(place.device) for column in toy())))
        draw = place.rng(0)
        if not place.real:
            draw.set_state(state)
        one_step(there, batch, draw)
        own = [part for part in there.modules() if isinstance(part, OwnOptimizer)]
        found = [int(entry["step"]) for part in own for entry in part.optimizer.state.values()]
        weights = {key: weight.detach().cpu() for key, weight in there.named_parameters()}
    wanted = [
        int(entry["step"])
        for part in here.modules()
        if isinstance(part, OwnOptimizer)
        for entry in part.optimizer.state.values()
    ]
    assert found == wanted
    assert found
    if not place.real:
        assert_close(weights, dict(here.named_parameters()), rtol=1e-3, atol=1e-5)
