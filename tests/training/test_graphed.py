"""Steps recorded as CUDA graphs and products in TF32: what can be known without a device, and what one shows."""

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
from gnnneg.training.graphed import counts
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


def test_counters_of_parts_are_seen():
    """A part that counts steps in Python changes what is compared; one that does not, does not."""

    class Counting(torch.nn.Module):
        steps = 0

        def get_extra_state(self) -> dict:
            return {"steps": self.steps, "table": torch.zeros(2)}

    both = torch.nn.ModuleList([Counting(), torch.nn.Linear(2, 2)])
    before = counts(both)
    assert before == {"0": {"steps": 0, "table": None}}
    assert counts(both) == before
    both[0].steps += 1
    assert counts(both) != before


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
    plain, replayed = (trained(Fit(epochs=6, batch_size=50, cuda_graph=on), "cuda") for on in (False, True))
    assert_close(torch.tensor(replayed), torch.tensor(plain), rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
@cuda
def test_what_counts_in_python_is_not_replayed():
    sampler = Curriculum([Uniform(NODES, 8), Uniform(NODES, 4)], [0, 20])
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
