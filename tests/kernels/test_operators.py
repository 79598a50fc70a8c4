"""Kernels are operators: a compiler that sees only shapes goes through each without a look at a number."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.library import opcheck
from torch.utils._pytree import tree_map

from gnnneg.decoders import DistMult
from gnnneg.encodings import Dense, RowSparse
from gnnneg.kernels import choice, counting, membership, noise, proposal, rows, softmax
from gnnneg.kernels.choice import choose
from gnnneg.kernels.counting import count_ranks
from gnnneg.kernels.cross_entropy import _cross_entropy, cross_entropy
from gnnneg.kernels.gather_score import _gather, gather
from gnnneg.kernels.kinds import L2
from gnnneg.kernels.membership import first_at_least, member
from gnnneg.kernels.noise import noisy, normal
from gnnneg.kernels.pairwise import _pairwise, pairwise
from gnnneg.kernels.proposal import propose
from gnnneg.kernels.rows import compact, cover
from gnnneg.kernels.softmax import softmax_sums
from gnnneg.models.kge import KGEScorer
from gnnneg.records import Query


def learned(*shape: int) -> Tensor:
    return torch.rand(shape, requires_grad=True)


def spans() -> tuple[Tensor, Tensor, Tensor]:
    return torch.tensor([1, 4, 9, 2]), torch.tensor([0, 3]), torch.tensor([3, 4])


def noise_of() -> tuple[Tensor, ...]:
    return learned(2, 1), learned(2, 1), learned(2, 5), learned(2, 5), learned(2, 1), torch.zeros(2, 1)


def walk() -> tuple[Tensor, ...]:
    offset, near = torch.tensor([0, 1, 3, 4]), torch.tensor([1, 0, 2, 1])
    return offset, near, torch.tensor([[0, 1]]), torch.tensor([[2, 2]]), torch.rand(1, 2), torch.rand(1, 2)


INDEX = torch.tensor([[1, 4, 4], [0, 2, 1]])
# each operator, and the public function that leads to it, with what they are given
OPERATORS: list[tuple[Callable, tuple, Callable, tuple]] = [
    (_pairwise, (learned(2, 4), learned(3, 4), L2), pairwise, (L2, learned(2, 4), learned(3, 4))),
    (_gather, (learned(2, 4), learned(5, 4), INDEX, L2), gather, (L2, learned(2, 4), learned(5, 4), INDEX)),
    (softmax._softmax_sums, (learned(2, 5), torch.rand(1, 5)), softmax_sums, (learned(2, 5), torch.ones(1, 1))),
    (_cross_entropy, (learned(2), learned(2, 4), learned(5, 4), torch.rand(1, 5)), cross_entropy,
     (learned(2), learned(2, 4), learned(5, 4), torch.ones(1, 1))),
    (noise._noisy, (*noise_of(), 7), noisy, (*noise_of(), 7)),
    (noise._drawn, (7, torch.rand(2, 5)), normal, (7, torch.rand(2, 5))),
    (membership._member, (*spans(), INDEX), member, (*spans(), INDEX[:1])),
    (membership._first_at_least, (*spans(), INDEX), first_at_least, (*spans(), INDEX[:1])),
    (choice._choose, (torch.rand(2, 5).double().cumsum(1), torch.rand(2, 3).double()), choose, (torch.rand(2, 5), 3)),
    (proposal._proposed, (*walk(), 0.5), propose, (*walk(), 0.5)),
    (counting._count_ranks, (torch.rand(2, 5), torch.rand(3), torch.tensor([0, 1, 1])), count_ranks,
     (torch.rand(2, 5), torch.rand(3), torch.tensor([0, 1, 1]))),
    (rows._compacted, (INDEX, 5), compact, (INDEX, 5)),
    (rows._compacted, (INDEX[:0], 5), cover, (INDEX[0], 5)),
]  # fmt: skip
by_operator = pytest.mark.parametrize(("operator", "args", "function", "given"), OPERATORS)


@by_operator
def test_operators_are_what_they_say(operator, args, function, given):
    """Their schema, their shapes and their gradients' registration."""
    opcheck(operator, args, test_utils=("test_schema", "test_autograd_registration", "test_faketensor"))


@by_operator
def test_shapes_alone_are_enough(operator, args, function, given):
    """Forth and back on tensors without numbers, where whatever needs one fails."""
    mode = FakeTensorMode(shape_env=ShapeEnv())
    known = function(*given)
    with mode:
        fake = tree_map(lambda one: mode.from_tensor(one) if isinstance(one, Tensor) else one, given)
        found = function(*fake)
        for one, other in zip(*([it] if isinstance(it, Tensor) else list(it) for it in (found, known))):
            assert one.dtype == other.dtype
            assert one.dim() == other.dim()
            if one.requires_grad:
                one.sum().backward(retain_graph=True)
    assert all(one.grad is not None for one in fake if isinstance(one, Tensor) and one.requires_grad)


@pytest.mark.parametrize("encoding", [Dense, RowSparse])
@pytest.mark.parametrize("index", [INDEX, INDEX[:1], INDEX[:, :1]], ids=["private", "shared", "targets"])
def test_a_scorer_needs_no_numbers(encoding, index):
    decoder = DistMult(2, 4)
    mode = FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=True)
    with mode:
        query = Query(torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long))
        table = torch.rand(5, 4, requires_grad=True)
        score = KGEScorer(encoding(table), decoder, query, 0.0)(mode.from_tensor(index, static_shapes=True))
        assert score.shape == (2, index.size(1))


def test_compiled_whole():
    """Each is one graph for torch.compile, with the same result."""
    code = Path(__file__).with_name("compiled_cases.py")
    done = subprocess.run([sys.executable, code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == [str(len(OPERATORS) + 6), "graphs"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@by_operator
def test_nobody_waits_for_the_device(operator, args, function, given):
    """Forth and back, once all is compiled; what compact returns has to be counted first."""
    if function is compact:
        pytest.skip("waits, as it says")
    leaves = [
        one.detach().cuda().requires_grad_(one.requires_grad) if isinstance(one, Tensor) else one for one in given
    ]
    for mode in ("default", "error"):
        torch.cuda.set_sync_debug_mode(mode)
        try:
            found = function(*leaves)
            for one in [found] if isinstance(found, Tensor) else found:
                if one.requires_grad:
                    one.sum().backward(retain_graph=True)
        finally:
            torch.cuda.set_sync_debug_mode("default")
