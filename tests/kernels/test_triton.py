"""The Triton kernels: compiled everywhere, and run on the device where there is one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from gnnneg.encoders.messages import arrange
from gnnneg.kernels import aggregate, counting, gather_score, membership, pairwise, relational
from gnnneg.kernels.devices import needs_float, on_triton
from gnnneg.kernels.gather_score import _gather, gather_reference
from gnnneg.kernels.kinds import INNER, L1, L2, MODULUS, PHASE
from gnnneg.kernels.pairwise import _pairwise, pairwise_reference
from gnnneg.kernels.pna import pna
from gnnneg.kernels.relational import ALL, EXTREME, PRODUCT, ROTATION, SUM, TOTAL, propagate, sort_edges

CASES = Path(__file__).with_name("triton_cases.py")
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
kinds = pytest.mark.parametrize("kind", [INNER, L1, L2, MODULUS, PHASE], ids=["inner", "l1", "l2", "modulus", "phase"])
sent = pytest.mark.parametrize("kind", [PRODUCT, SUM, ROTATION], ids=["product", "sum", "rotation"])


def run(script: Path, *words: object, strict: bool = True) -> str:
    """Cases on the device, in a process of their own, where warnings are errors."""
    environment = {**os.environ, "TRITON_INTERPRET": "0", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *(["-W", "error"] if strict else []), str(script), "cuda", *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.gpu
@cuda
@pytest.mark.parametrize("part", range(8))
def test_on_the_device(part):
    """A machine with a device has its own versions of what may warn."""
    assert run(CASES, part, 8, strict=False).split() == ["122", "cases"]


class Driver:
    """Stands in for the driver of a device, as far as compiling goes."""

    def __init__(self, capability: int):
        self.capability = capability

    def get_current_target(self):
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", self.capability, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0


# of two generations of devices; the elder only where there is time
GENERATIONS = {"hopper": 90, "ampere": 80} if os.environ.get("GNNNEG_SLOW") else {"hopper": 90}


@pytest.fixture(params=GENERATIONS.values(), ids=GENERATIONS.keys())
def compiled(request, monkeypatch, tmp_path) -> list:
    """Kernels as they are compiled for a device: each launch compiles what it would run, with the arguments that it
    would have, and runs nothing. Needs no device."""
    if os.environ.get("TRITON_INTERPRET"):
        pytest.skip("Triton interprets")
    jit = pytest.importorskip("triton.runtime.jit")
    kernels = []

    def compile_only(kernel, *args, **options):
        kernels.append(launch(kernel, *args, **options | {"warmup": True}))

    launch = jit.JITFunction.run
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(jit.driver, "_active", Driver(request.param))
    monkeypatch.setattr(jit.JITFunction, "run", compile_only)
    for module in (pairwise, gather_score, aggregate, relational, counting):
        monkeypatch.setattr(module, "on_triton", lambda *tensors: True)
    monkeypatch.setattr(membership, "has_triton", lambda *tensors: True)
    return kernels


def assert_nothing_spills(kernels: list, folder: Path) -> None:
    """Neither stack nor local memory in the machine code: PTX cannot tell, since registers are dealt out after it."""
    from triton import knobs

    for number, kernel in enumerate(kernels):
        cubin = folder / f"{number}.cubin"
        cubin.write_bytes(kernel.asm["cubin"])
        told = subprocess.run(
            [knobs.nvidia.cuobjdump.path, "-res-usage", cubin], capture_output=True, text=True, check=True
        )
        assert re.findall(r"(?:STACK|LOCAL):\d+", told.stdout) == ["STACK:0", "LOCAL:0"], told.stdout
    kernels.clear()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@kinds
def test_compiled(kind, dtype, compiled, tmp_path):
    """What the interpreter lets pass, types and constants above all, and what it cannot see: nothing spills."""
    # one query and one candidate are constants of their own to Triton; multiples of 16 are another case
    for b, k, d in ((1, 1, 2), (48, 160, 100)) if dtype == torch.float32 else ((5, 7, 66),):
        query, table = (torch.randn(rows, d).to(dtype).requires_grad_() for rows in (b, k))
        score = _gather(query, table, torch.zeros(b, 3, dtype=torch.long), kind)
        if kind != INNER:
            score = torch.cat([score, _pairwise(query, table, kind)], dim=1)
        score.sum().backward()
        assert len(compiled) == (3 if kind == INNER else 6)
        assert_nothing_spills(compiled, tmp_path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_sums_compiled(dtype, compiled, tmp_path):
    for n, e, d in ((1, 1, 1), (16, 160, 64), (7, 20, 200)):
        sent = arrange(torch.randint(n, (2, e)), torch.zeros(e, dtype=torch.long), n, 1)
        made = torch.randn(len(sent.source), d).to(dtype).requires_grad_()
        sent.summed(made, torch.rand(e)).sum().backward()
        assert len(compiled) == 2
        assert_nothing_spills(compiled, tmp_path)


@pytest.mark.parametrize(("want", "told"), [(TOTAL, 1), (EXTREME, 1), (ALL, 4)], ids=["total", "extreme", "all"])
@sent
def test_messages_compiled(kind, want, told, compiled, tmp_path):
    """One kernel forth; back, one for weights, one for states and one for relations: too few edges to part sums."""
    edges = sort_edges(torch.randint(6, (2, 40)), torch.randint(3, (40,)), 6)
    for c, dtype in ((512, torch.float32), (150, torch.bfloat16)):
        states, relation = (torch.randn(rows, c).to(dtype).requires_grad_() for rows in (6, 3))
        found = propagate(states, relation, edges, torch.rand(40, requires_grad=True), kind, want)
        kept = [one for one in found if one.numel()]
        assert len(kept) == told
        torch.autograd.backward(kept, [torch.ones_like(one) for one in kept])
        assert len(compiled) == 4
        assert_nothing_spills(compiled, tmp_path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_counts_compiled(dtype, compiled, tmp_path):
    for u, n, m in ((1, 1, 1), (48, 160, 32), (3, 5001, 7)):
        counting.count_ranks(torch.randn(u, n).to(dtype), torch.randn(m).to(dtype), torch.zeros(m, dtype=torch.long))
        assert len(compiled) == 1
        assert_nothing_spills(compiled, tmp_path)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_searches_compiled(dtype, compiled, tmp_path):
    """One launch a draw, be the candidates shared or private."""
    for b, k in ((1, 1), (5, 7), (32, 2000)):
        answer, begin, end = torch.arange(9, dtype=dtype), torch.zeros(b, dtype=torch.long), torch.full((b,), 9)
        for c in (1, b):
            membership.member(answer, begin, end, torch.zeros(c, k, dtype=torch.long))
            membership.first_at_least(answer, begin, end, torch.zeros(c, k, dtype=torch.long))
            assert len(compiled) == 2
            assert_nothing_spills(compiled, tmp_path)


def eighths(*shape: int) -> torch.Tensor:
    """Numbers of which all messages are exact, so that whoever rounds in whatever way finds the same extremes."""
    return torch.randn(*shape).mul(8).round() / 8


def hub() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """500 nodes, to one of which half of all edges lead, and one alone; nine types; some edges are not there."""
    edge_index = torch.randint(499, (2, 20_000))
    edge_index[1, ::2] = 7
    return edge_index, torch.randint(9, (20_000,)), eighths(20_000).abs()


@pytest.mark.gpu
@cuda
@pytest.mark.parametrize("width", [16, 64, 200])
@pytest.mark.parametrize(("want", "sign"), [(TOTAL, 1.0), (EXTREME, -1.0), (ALL, 1.0)], ids=["total", "least", "all"])
@sent
def test_messages_on_the_device_are_those_of_the_cpu(kind, want, sign, width):
    """Values and three gradients; the same bit for bit when it is done again."""
    edge_index, edge_type, weight = hub()
    made, outward, found = (eighths(500, width), eighths(9, width)), torch.randn(4, 500, width), []
    for device in ("cpu", "cuda", "cuda"):
        edges = sort_edges(edge_index.to(device), edge_type.to(device), 500)
        given = *made, weight[edges.order.cpu()]
        leaves = [one.clone().to(device).requires_grad_() for one in given]
        told = propagate(leaves[0], leaves[1], edges, leaves[2], kind, want, sign)
        kept = [one for one in told if one.numel()]
        pulled = torch.autograd.grad(kept, leaves, [one.to(device) for one in outward[: len(kept)]])
        found.append([one.detach().cpu() for one in (*kept, *pulled)])
    for cpu, device, again in zip(*found):
        assert_close(device, cpu, rtol=1e-4, atol=1e-2)  # sums of 10,000 messages
        assert torch.equal(device, again)


@pytest.mark.gpu
@cuda
@sent
def test_pna_on_the_device_is_that_of_the_cpu(kind):
    edge_index, edge_type, weight = hub()
    made, outward, found = (eighths(500, 64), eighths(9, 64), torch.randn(500, 64)), torch.randn(500, 256), []
    for device in ("cpu", "cuda"):
        edges = sort_edges(edge_index.to(device), edge_type.to(device), 500)
        states, relation, boundary = (one.clone().to(device).requires_grad_() for one in made)
        there, degree = weight[edges.order.cpu()].to(device), edges.offset.diff() + 1.0
        out = pna(kind, states, relation, edges, there, boundary, degree, 32)
        out.backward(outward.to(device))
        found.append([one.cpu() for one in (out.detach(), states.grad, relation.grad, boundary.grad)])
    for cpu, device in zip(*found):
        assert_close(device, cpu, rtol=1e-3, atol=1e-2)


@pytest.mark.gpu
@cuda
@sent
def test_messages_gradcheck_on_the_device(kind):
    """Double precision takes the form with tensors of edges."""
    states, relation = (torch.randn(rows, 4, dtype=torch.double, device="cuda", requires_grad=True) for rows in (5, 3))
    assert not on_triton(states, relation)
    ring = torch.arange(5, device="cuda")  # every node hears another, so that no extreme is infinite
    edge_index = torch.cat([torch.stack([ring, ring.roll(1)]), torch.randint(5, (2, 12), device="cuda")], 1)
    edges = sort_edges(edge_index, torch.randint(3, (17,), device="cuda"), 5)
    weight = (torch.rand(17, dtype=torch.double, device="cuda") + 0.1).requires_grad_()

    def told(states, relation, weight):
        return tuple(propagate(states, relation, edges, weight, kind, ALL))

    assert torch.autograd.gradcheck(told, (states, relation, weight))


@pytest.mark.gpu
@cuda
@pytest.mark.parametrize("width", [16, 64, 200])
def test_sums_on_the_device_are_those_of_the_cpu(width):
    """Rows and gradients, with a node that half of all edges lead to; the same bit for bit when it is done again."""
    source, target = torch.randint(500, (2, 20_000))
    target[::2] = 7
    edge_type, rows, weight, outward = torch.randint(9, (20_000,)), None, torch.rand(20_000), torch.randn(500, width)
    found = []
    for device in ("cpu", "cuda", "cuda"):
        sent = arrange(torch.stack([source, target]).to(device), edge_type.to(device), 500, 9)
        rows = torch.randn(len(sent.source), width) if rows is None else rows
        made = rows.clone().to(device).requires_grad_()
        out = sent.summed(made, weight.to(device))
        out.backward(outward.to(device))
        found.append([out.detach().cpu(), made.grad.cpu()])
    for cpu, device, again in zip(*found):
        assert_close(device, cpu, rtol=1e-4, atol=1e-3)
        assert torch.equal(device, again)


@pytest.mark.gpu
@cuda
@kinds
def test_autograd_on_the_device_is_that_of_the_cpu(kind):
    """And it is the same bit for bit when it is done again."""
    query, table, index = torch.randn(400, 100), torch.randn(700, 100), torch.randint(70, (400, 33))
    found = []
    for device in ("cpu", "cuda", "cuda"):
        q, t = (side.clone().to(device).requires_grad_() for side in (query, table))
        score = _gather(q, t, index.to(device), kind)
        if kind != INNER:
            score = torch.cat([score, _pairwise(q, t, kind)], dim=1)
        (score / score.numel()).square().sum().backward()
        found.append([score.detach().cpu(), q.grad.cpu(), t.grad.cpu()])
    for cpu, device, again in zip(*found):
        assert_close(device, cpu, rtol=1e-4, atol=1e-4)
        assert torch.equal(device, again)


@pytest.mark.gpu
@cuda
@kinds
def test_gradcheck_on_the_device(kind):
    """Double precision is not for Triton, and takes the broadcast form."""
    query, table = (torch.randn(rows, 4, dtype=torch.double, device="cuda", requires_grad=True) for rows in (3, 5))
    index = torch.randint(5, (3, 2), device="cuda")
    assert not on_triton(query, table)
    assert torch.autograd.gradcheck(lambda q, t: _gather(q, t, index, kind), (query, table))
    if kind != INNER:
        assert torch.autograd.gradcheck(lambda q, t: _pairwise(q, t, kind), (query, table))


@kinds
def test_mixed_precisions_without_triton(kind):
    """As autocast makes them: the score comes in the query's precision, each gradient in that of its own."""
    query = torch.randn(4, 6).to(torch.bfloat16).requires_grad_()
    table, index = torch.randn(5, 6, requires_grad=True), torch.randint(5, (4, 3))
    exact = query.detach().float(), table.detach()
    pairs = [(_gather(query, table, index, kind), gather_reference(kind, *exact, index))]
    if kind != INNER:
        pairs.append((_pairwise(query, table, kind), pairwise_reference(kind, *exact)))
    for found, wanted in pairs:
        assert found.dtype == torch.bfloat16
        assert_close(found.float(), wanted, rtol=8e-3, atol=8e-3)
        one, other = torch.autograd.grad(found.sum(), (query, table))
        assert (one.dtype, other.dtype) == (torch.bfloat16, torch.float32)


def test_triton_is_for_cuda_in_single_and_half():
    assert not on_triton(torch.zeros(1))
    assert needs_float(torch.zeros(1, dtype=torch.half), torch.zeros(1, dtype=torch.half))
    assert needs_float(torch.zeros(1), torch.zeros(1, dtype=torch.double))
    assert not needs_float(torch.zeros(1), torch.zeros(1))
