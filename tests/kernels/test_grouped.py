"""Rows times the matrices of their types in one Triton kernel, however many types there are."""

import os
from pathlib import Path

import pytest
import torch
from kernels import test_triton
from kernels.test_triton import assert_nothing_spills
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from gnnneg.kernels.aggregate import transform

CASES = Path(__file__).with_name("grouped_cases.py")
compiled = test_triton.compiled


@pytest.mark.gpu
@test_triton.cuda
def test_on_the_device():
    assert test_triton.run(CASES).split() == ["10", "cases"]


@pytest.mark.parametrize("precision", ["ieee", "tf32"])
@pytest.mark.parametrize(
    ("of_x", "of_weight"), [(torch.float32,) * 2, (torch.bfloat16,) * 2, (torch.half, torch.float)]
)
def test_compiled(of_x, of_weight, precision, compiled, tmp_path, monkeypatch):
    """Forth one kernel; back one for rows and three for their sums, one for matrices and one for those of many rows."""
    triton_grouped = pytest.importorskip("gnnneg.kernels.triton_grouped")
    if precision == "tf32":
        monkeypatch.setattr(triton_grouped, "_precision", lambda *factors: "tf32")
    for blocks, p, o in ((1, 200, 200), (3, 5, 2), (2, 16, 64)):
        x, weight = torch.randn(9, blocks * p).to(of_x), torch.randn(3, blocks, p, o).to(of_weight)
        leaves, source = (x.requires_grad_(), weight.requires_grad_()), torch.randint(9, (9000,))
        transform(*leaves, source, [0, 10, 10, 9000]).sum().backward()
        assert len(compiled) == 1 + (1 + 3) + 2
        assert_nothing_spills(compiled, tmp_path)


class Counted(TorchDispatchMode):
    """Lists the operators that run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        self.names.append(str(operator))
        return operator(*args, **(kwargs or {}))


def test_as_many_launches_whatever_the_number_of_types(monkeypatch):
    """Operators and kernels, and none of them an answer that the host waits for."""
    if os.environ.get("TRITON_INTERPRET"):
        pytest.skip("Triton interprets")
    jit = pytest.importorskip("triton.runtime.jit")
    from gnnneg.kernels import triton_grouped

    found = []
    for types in (2, 500):
        begin = list(range(0, types * 600 + 1, 600))  # more rows of each type than a part has
        x, weight, source = torch.empty(9, 8), torch.empty(types, 2, 4, 6), torch.zeros(begin[-1], dtype=torch.long)
        x, weight, source = (one.to("meta") for one in (x, weight, source))
        with Counted() as counted, monkeypatch.context() as patch:
            patch.setattr(jit.JITFunction, "run", lambda kernel, *args, **_: counted.names.append(kernel.__name__))
            made = triton_grouped.forward(x, weight, source, begin)
            assert counted.names.count("_multiply") == 1
            triton_grouped.backward(made, x, weight, source, begin)
        kernels = [name for name in counted.names if name.startswith("_")]
        assert kernels == ["_multiply", "_multiply", "_owners", "_sum", "_add", "_outer", "_join"]
        assert not any(name.startswith(("aten._local_scalar", "aten.nonzero")) for name in counted.names)
        found.append(counted.names)
    assert found[0] == found[1]


@pytest.mark.parametrize("wanted", ["tf32", "ieee"])
def test_factors_are_rounded_only_where_torch_may(wanted):
    """TF32 where torch may round to it, and for halves, of which it holds every one; mixed factors are not halves."""
    triton_grouped = pytest.importorskip("gnnneg.kernels.triton_grouped")
    before = torch.get_float32_matmul_precision()
    single, half, brain = (torch.zeros(1, dtype=dtype) for dtype in (torch.float, torch.half, torch.bfloat16))
    try:
        torch.set_float32_matmul_precision("high" if wanted == "tf32" else "highest")
        assert triton_grouped._precision(single, single) == triton_grouped._precision(half, single) == wanted
        assert triton_grouped._precision(half, brain) == "tf32"
    finally:
        torch.set_float32_matmul_precision(before)


def test_tiles_and_sums_cover_each_row_once():
    triton_grouped = pytest.importorskip("gnnneg.kernels.triton_grouped")
    begin, device = (0, 64, 64, 65, 195, 1300), torch.device("cpu")
    tile = triton_grouped._tiles(begin, device).tolist()
    assert tile[:4] == [[0, 0, 64], [2, 64, 65], [3, 65, 129], [3, 129, 193]]
    assert [row for _, first, last in tile for row in range(first, last)] == list(range(1300))
    task, parted, slots = triton_grouped._tasks(begin, 512, device)
    assert task.tolist() == [
        [4, 195, 707, 0],
        [4, 707, 1219, 1],
        [4, 1219, 1300, 2],
        [0, 0, 64, -1],
        [1, 64, 64, -1],
        [2, 64, 65, -1],
        [3, 65, 195, -1],
    ]
    assert (parted.tolist(), slots) == ([[4, 0, 3]], 3)


@pytest.mark.gpu
@test_triton.cuda
def test_products_on_the_device_are_those_of_the_cpu():
    """A layer's products and gradients at the size of a real one, many types of few rows, on both sides."""
    count = torch.randint(0, 90, (300,))
    count[7] = 20_000
    begin = [0, *count.cumsum(0).tolist()]
    source, outward = torch.randint(2000, (begin[-1],)), torch.randn(begin[-1], 100)
    made, found = (torch.randn(2000, 100), torch.randn(300, 1, 100, 100) / 10), []
    for device in ("cpu", "cuda", "cuda"):
        leaves = [one.clone().to(device).requires_grad_() for one in made]
        out = transform(*leaves, source.to(device), begin)
        pulled = torch.autograd.grad(out, leaves, outward.to(device))
        found.append([one.detach().cpu() for one in (out, *pulled)])
    for cpu, device, again in zip(*found):
        assert_close(device, cpu, rtol=1e-4, atol=1e-2)
        assert torch.equal(device, again)
