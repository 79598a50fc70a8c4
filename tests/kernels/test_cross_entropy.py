"""Cross-entropy against shared candidates: the same as with a matrix of scores, and no such matrix."""

import math

import pytest
import torch
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from gnnneg.corruption import Both
from gnnneg.decoders import DistMult
from gnnneg.encoders import Lookup
from gnnneg.encodings import Dense
from gnnneg.kernels import cross_entropy as file
from gnnneg.kernels.cross_entropy import cross_entropy, cross_entropy_reference
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.models.kge import KGEScorer
from gnnneg.records import Query, Triplets
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction


def sides(dtype, b=7, k=1100, d=6):
    torch.manual_seed(0)
    made = torch.randn(b), torch.randn(b, d), torch.randn(k, d)
    return [(one / 2).to(dtype).requires_grad_() for one in made]


def pulled(function, outward, given, weight):
    loss = function(*given, weight)
    return loss.detach(), *torch.autograd.grad(loss @ outward.to(loss.dtype), given)


TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-6, torch.bfloat16: 2e-2}


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("shape", [(1, 1), (7, 1), (1, 1100), (7, 1100)], ids=["one", "by row", "by column", "each"])
@pytest.mark.parametrize("outward", [torch.full((7,), 0.3), torch.arange(7.0)], ids=["alike", "each"])
def test_is_the_plain_formula(dtype, shape, outward, monkeypatch):
    """Loss and gradients, some queries at a time, absent candidates and candidates that nobody has included."""
    monkeypatch.setattr(file, "BYTES", 1)
    monkeypatch.setattr(file, "FEWEST", 2)
    weight, given = torch.rand(shape) + 0.1, sides(dtype)
    if shape[1] > 1:
        weight[:, 30:50] = 0
    if shape[0] > 1:
        weight[3] = 0
    found = pulled(cross_entropy, outward, given, weight)
    exact = [one.detach().double().requires_grad_() for one in given]
    wanted = pulled(cross_entropy_reference, outward, exact, weight.double())
    assert found[0].dtype == torch.promote_types(dtype, torch.float32)
    for one, other, side in zip(found[1:], wanted[1:], given):
        assert one.dtype == side.dtype
        assert (one.double() - other).abs().max() <= TOLERANCE[dtype] * other.abs().max()
    assert_close(found[0].double(), wanted[0], rtol=10 * TOLERANCE[dtype], atol=10 * TOLERANCE[dtype])


def test_its_gradients_are_slopes():
    given, weight = sides(torch.float64, 3, 5, 2), torch.rand(3, 5)
    assert torch.autograd.gradcheck(lambda *some: cross_entropy(*some, weight), given)


def test_far_out_scores_and_nan():
    """A positive far above or below all negatives, and a score that is no number, which is not hidden."""
    query, candidate = torch.tensor([[1e4], [-1e4], [torch.nan]]), torch.ones(2, 1)
    loss = cross_entropy(torch.zeros(3), query, candidate, torch.ones(1, 1))
    assert_close(loss, torch.tensor([1e4 + math.log(2), 0.0, torch.nan]), equal_nan=True)


class Largest(TorchDispatchMode):
    """The most numbers of a tensor made."""

    def __init__(self):
        super().__init__()
        self.size = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for one in made if isinstance(made, (tuple, list)) else [made]:
            self.size = max(self.size, one.numel() if isinstance(one, torch.Tensor) else 0)
        return made


class Plain(InfoNCE):
    """A user's own, which sees the scores."""

    def forward(self, positive, negative, weight, label=0.0):
        return super().forward(positive, negative, weight, label)


@pytest.mark.parametrize("options", [{}, {"temperature": 0.5}, {"temperature": 0.5, "learnable": True}], ids=str)
@pytest.mark.parametrize("amp", [False, True])
def test_a_loss_has_it_of_a_scorer(options, amp):
    """Vectors of a model, in autocast's precision; who has a forward of its own is handed scores."""
    torch.manual_seed(0)
    table, decoder = torch.randn(50, 8, requires_grad=True), DistMult(3, 8)
    query, index = Query(torch.arange(4), torch.arange(4) % 3), torch.arange(10, 40)[None]
    with torch.autocast("cpu", torch.bfloat16, enabled=amp):
        scorer, positive = KGEScorer(Dense(table), decoder, query, 0.0), torch.randn(4, 1)
        vectors = scorer.as_product(index)
        assert vectors[0].dtype == vectors[1].dtype == (torch.bfloat16 if amp else torch.float32)
        loss, weight = InfoNCE(**options), torch.ones(1, 1)
        found, wanted = loss.of_product(positive, *vectors, weight), loss(positive, scorer(index), weight)
        assert Plain(**options).of_product(positive, *vectors, weight) is None
        assert scorer.as_product(index.expand(4, -1)) is None
    assert_close(found, wanted.float(), **({"rtol": 1e-2, "atol": 1e-2} if amp else {"rtol": 1e-6, "atol": 1e-6}))


@pytest.mark.parametrize("sparse", [False, True])
def test_a_task_writes_no_scores_down(sparse):
    """The loss and the gradients of a step are those of a loss that sees scores, without a tensor of them."""
    size, found = 120, []
    batch = Triplets(torch.arange(size) % 60, torch.arange(size) % 3, torch.arange(size) % 7)
    for loss in (InfoNCE(), Plain()):
        torch.manual_seed(0)
        model = KGEModel(Lookup(60, 8, sparse=sparse), DistMult(3, 8))
        task = LinkPrediction(model, Both(3), Uniform(60, 50, shared=True), loss)
        with Largest() as largest:
            cost = task(batch, torch.Generator().manual_seed(0))
            cost.backward()
        found.append((largest.size, cost.detach(), *(weight.grad.to_dense() for weight in task.trained())))
    assert found[0][0] < 2 * size * 50 <= found[1][0]
    for one, other in zip(found[0][1:], found[1][1:]):
        assert_close(one, other)
