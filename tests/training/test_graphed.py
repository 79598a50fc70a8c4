"""Steps recorded as CUDA graphs and products in TF32: what can be known without a device, and what one shows."""

import copy

import pytest
import torch
from torch.optim import Adam
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.decoders import DistMult
from gnnneg.encoders import Lookup
from gnnneg.errors import UserError
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.records import Triplets
from gnnneg.samplers import Curriculum, Uniform
from gnnneg.tasks import LinkPrediction
from gnnneg.training import Fit
from gnnneg.training.graphed import Graphed, python_state
from gnnneg.training.precision import products_in_tf32

NODES, RELATIONS, WIDTH = 50, 4, 16
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def task(sampler=None) -> LinkPrediction:
    torch.manual_seed(0)
    model = KGEModel(Lookup(NODES, WIDTH), DistMult(RELATIONS, WIDTH))
    return LinkPrediction(model, Both(RELATIONS), sampler or Uniform(NODES, 8), InfoNCE())


def triplets(size: int = 230) -> Triplets:
    draw = torch.Generator().manual_seed(1)
    return Triplets(*(torch.randint(high, (size,), generator=draw) for high in (NODES, RELATIONS, NODES)))


def trained(fit: Fit, device: str, sampler=None) -> list[float]:
    """The loss of each epoch."""
    made = task(sampler).to(device)
    history = fit(made, triplets(), Adam(made.trained(), lr=0.01), seed=3, progress=False)
    return [record["loss"] for record in history.records]


@pytest.mark.parametrize("name", ["tf32", "cuda_graph"])
def test_without_a_gpu_it_says_that_nothing_changes(name):
    plain = trained(Fit(epochs=2, batch_size=50), "cpu")
    with pytest.warns(UserWarning, match=f"fit.{name} is for CUDA devices"):
        assert trained(Fit(epochs=2, batch_size=50, **{name: True}), "cpu") == plain


class Keeping(torch.nn.Module):
    """Keeps things in Python, as samplers of all kinds do."""

    def __init__(self):
        super().__init__()
        self.steps, self.last, self.seen = 0, torch.zeros(2), [torch.zeros(1)]
        self.draw = torch.Generator().manual_seed(0)
        self.register_buffer("table", torch.zeros(3))
        self.inner = torch.nn.Linear(2, 2)


CHANGES = {
    "a number": lambda part: setattr(part, "steps", part.steps + 1),
    "another tensor": lambda part: setattr(part, "last", torch.zeros(2)),
    "another buffer": lambda part: setattr(part, "table", part.table + 1),
    "one more in a list": lambda part: part.seen.append(torch.zeros(1)),
    "a draw of its own": lambda part: torch.rand(1, generator=part.draw),
    "an optimiser of its own": lambda part: setattr(part, "optimizer", Adam(part.inner.parameters())),
    "another in a list": lambda part: part.seen.__setitem__(0, torch.zeros(1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_in_python_is_seen(change):
    """The recording would go on with what was there when it was made."""
    part = torch.nn.ModuleList([Keeping()])
    before = python_state(part)
    part[0].table.add_(1)  # in place, a replay repeats it
    part[0].inner.weight.data.mul_(2)
    assert python_state(part) == before
    CHANGES[change](part[0])
    assert python_state(part) != before


def test_precision_is_put_back():
    before = torch.get_float32_matmul_precision()
    with products_in_tf32(False):
        assert torch.get_float32_matmul_precision() == before
    with products_in_tf32(True):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.gpu
@cuda
def test_replayed_steps_learn_what_plain_steps_learn():
    """Same draws, same losses; the last batch of an epoch, which is smaller, is computed as usual."""
    plain, *replayed = (trained(Fit(epochs=6, batch_size=50, cuda_graph=on), "cuda") for on in (False, True, None))
    for found in replayed:
        assert_close(torch.tensor(found), torch.tensor(plain), rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
@cuda
@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_a_replay_is_a_step(dtype):
    """Loss and gradients of a replay against those of the same batch and draws computed as usual."""
    made, draw = task().to("cuda"), torch.Generator("cuda").manual_seed(0)
    columns = [column.to("cuda") for column in triplets()]

    def learn(batch):
        with torch.autocast("cuda", dtype, enabled=dtype is not None):
            loss = made(batch, draw)
        loss.backward()
        return loss.detach()

    graphed = Graphed(learn, made, draw, required=True)
    for begin in range(0, 200, 40):
        batch = Triplets(*(column[begin : begin + 40] for column in columns))
        before = draw.get_state()
        made.zero_grad()
        loss, found = graphed(batch), [weight.grad.clone() for weight in made.parameters()]
        draw.set_state(before)
        made.zero_grad()
        assert_close(learn(batch), loss)
        assert_close([weight.grad for weight in made.parameters()], found)
    assert graphed.graph is not None


@pytest.mark.gpu
@cuda
def test_what_counts_in_python_is_not_replayed():
    """Asked for it is refused; not asked for, steps are computed as usual, and the second sampler has its turn."""
    sampler = Curriculum([Uniform(NODES, 8), Uniform(NODES, 4)], [0, 20])
    losses = [
        trained(Fit(epochs=6, batch_size=50, cuda_graph=on), "cuda", copy.deepcopy(sampler)) for on in (False, None)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    with pytest.raises(UserError, match=r"leave fit\.cuda_graph out"):
        trained(Fit(epochs=6, batch_size=50, cuda_graph=True), "cuda", sampler)


@pytest.mark.gpu
@cuda
def test_tf32_rounds_products():
    left, right = torch.randn(2, 256, 256, device="cuda").unbind()
    exact = (left.double() @ right.double()).float()
    with products_in_tf32(True):
        rounded = (left @ right - exact).norm() / exact.norm()
    plain = (left @ right - exact).norm() / exact.norm()
    assert plain < 1e-5 < rounded < 2e-3
