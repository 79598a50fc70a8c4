"""Triton kernels where there is much of one thing: rows with many edges, and grids with many programs."""

import os
from pathlib import Path

import pytest
import torch
from kernels import test_triton
from kernels.test_triton import assert_nothing_spills

from gnnneg.kernels.kinds import INNER, L2, MODULUS
from gnnneg.kernels.relational import ALL, EXTREME, PRODUCT, ROTATION, SUM, TOTAL, propagate, sort_edges

CASES = Path(__file__).with_name("long_cases.py")
compiled = test_triton.compiled
MANY = 65_536 * 128  # columns: more blocks than fit on any axis of a grid but the first


@pytest.mark.gpu
@test_triton.cuda
def test_long_sums_on_the_device():
    assert test_triton.run(CASES, 1).split() == ["13", "cases"]


@pytest.fixture
def grids(monkeypatch) -> list[tuple[str, tuple[int, ...]]]:
    """The kernels that are launched, on tensors that hold nothing, and their grids."""
    if os.environ.get("TRITON_INTERPRET"):
        pytest.skip("Triton interprets")
    jit = pytest.importorskip("triton.runtime.jit")
    launched = []
    monkeypatch.setattr(
        jit.JITFunction, "run", lambda kernel, *args, grid, **options: launched.append((kernel.__name__, grid))
    )
    return launched


def empty(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


def legal(grids: list[tuple[str, tuple[int, ...]]], *kernels: str) -> bool:
    """What CUDA takes: 2^31 - 1 programs along the first axis and 65,535 along the others."""
    assert [name for name, _ in grids] == list(kernels)
    return all(grid[0] < 2**31 and max((*grid[1:], 1)) < 65_536 for _, grid in grids)


@pytest.mark.parametrize(
    ("b", "k", "d"), [(4, 5_000_000, 200), (2, 3, MANY), (1000, 600, 64), (1000, 64, 16), (1, 5, 7)]
)
@pytest.mark.parametrize("kind", [INNER, L2, MODULUS])
def test_grids_of_scores(kind, b, k, d, grids):
    from gnnneg.kernels import triton_gather

    query, table, index = empty(b, 2 * d), empty(9, 2 * d), empty(b, k, dtype=torch.long)
    triton_gather.forward(kind, query, table, index)
    assert legal(grids, "_forward")
    grids.clear()
    triton_gather.backward(kind, empty(b, k), query, table, index)
    pulls = [["_owners", "_backward", "_add"] if longest > 512 else ["_backward"] for longest in (k, b * k)]
    assert legal(grids, *pulls[0], *pulls[1])


@pytest.mark.parametrize(("n", "e", "d"), [(3, 5, MANY), (5_000_000, 1_000_000_000, 200), (10, 5000, 1)])
def test_grids_of_sums(n, e, d, grids):
    from gnnneg.kernels import triton_aggregate

    given = empty(n, d), empty(e), empty(e, dtype=torch.long), empty(n + 1, dtype=torch.long)
    triton_aggregate.sums(*given)
    parted = ["_owners", "_sum", "_add"] if e > 512 else ["_sum"]
    assert legal(grids, *parted)
    assert parted == ["_sum"] or grids[1][1][0] >= n + e // 512  # no program takes a hub alone


@pytest.mark.parametrize(("n", "e", "c"), [(3, 5, MANY), (5_000_000, 1_000_000_000, 32), (10, 5000, 2)])
@pytest.mark.parametrize("want", [TOTAL, EXTREME, ALL])
@pytest.mark.parametrize("kind", [PRODUCT, ROTATION])
def test_grids_of_messages(kind, want, n, e, c, grids):
    from gnnneg.kernels import triton_relational

    states, relation, weight = empty(n, c), empty(7, c), empty(e)
    edge, offset = empty(e, dtype=torch.int32), empty(n + 1, dtype=torch.long)
    outs = tuple(empty(n, c, dtype=torch.int32 if place in (3, 5) else torch.float32) for place in range(6))
    triton_relational.forward(kind, want, 1.0, states, relation, weight, (edge, edge, offset), outs)
    assert legal(grids, *(["_owners", "_forward", "_join"] if e > 512 else ["_forward"]))
    grids.clear()
    edges = edge, edge, offset, edge, edge, edge, offset, edge
    grads, at = tuple(outs[place] for place in (0, 1, 2, 4)), (outs[3], outs[5])
    triton_relational.backward(kind, want, states, relation, weight, edges, grads, at, True)
    pull = ["_owners", "_backward", "_add"] if e > 512 else ["_backward"]
    assert legal(grids, "_weights", *pull, *pull)


@pytest.mark.parametrize(("rows", "blocks", "p", "o"), [(20_000_000, 100, 5, 5), (5, 1, MANY, 2), (5, 1, 2, MANY)])
def test_grids_of_products(rows, blocks, p, o, grids):
    from gnnneg.kernels import triton_grouped

    x, weight, begin = empty(9, blocks * p), empty(2, blocks, p, o), [0, 5, rows]
    source = empty(rows, dtype=torch.long)
    made = triton_grouped.forward(x, weight, source, begin)
    triton_grouped.backward(made, x, weight, source, begin)
    parted = ["_multiply", "_owners", "_sum", "_add", "_outer", "_join"]
    assert legal(grids, "_multiply", *(parted if rows > 512 else ["_multiply", "_sum", "_outer"]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("want", [TOTAL, EXTREME, ALL])
def test_parts_compiled(want, dtype, compiled, tmp_path):
    """Whatever joins parts compiles, and nothing spills. Forth three kernels, back one for weights and three twice."""
    edges = sort_edges(torch.randint(6, (2, 2000)), torch.randint(3, (2000,)), 6)
    for kind, c in ((SUM, 150), (ROTATION, 64)):
        states, relation = (torch.randn(rows, c).to(dtype).requires_grad_() for rows in (6, 3))
        found = propagate(states, relation, edges, torch.rand(2000, requires_grad=True), kind, want)
        kept = [one for one in found if one.numel()]
        torch.autograd.backward(kept, [torch.ones_like(one) for one in kept])
        assert len(compiled) == 3 + 1 + 3 + 3
        assert_nothing_spills(compiled, tmp_path)
