"""The Triton kernels against the plain-torch references; on ``cpu`` it needs ``TRITON_INTERPRET=1``.

Everything goes through the public functions' operators, so that the dispatch, the saved tensors and the division under
L2 are tested with the kernels. On CPU the dispatch is told that it is on a device.
"""

import sys

import torch
from torch.testing import assert_close

from gnnneg.kernels import aggregate, gather_score, pairwise
from gnnneg.kernels.gather_score import gather_reference
from gnnneg.kernels.kinds import INNER, L1, L2, MODULUS, PHASE
from gnnneg.kernels.pairwise import pairwise_reference

SINGLE, BRAIN, HALF = torch.float32, torch.bfloat16, torch.float16
# of sums over at most 200 terms; what is stored in half precision is rounded to 4e-3 and 5e-4
TOLERANCE = {
    SINGLE: {"rtol": 1e-5, "atol": 1e-5},
    BRAIN: {"rtol": 8e-3, "atol": 5e-2},
    HALF: {"rtol": 1e-3, "atol": 1e-2},
}


def same(kind: int, score: torch.Tensor, leaves: list[torch.Tensor], reference, loosest: torch.dtype) -> None:
    """Score and both gradients, each in the precision of what it belongs to, against float64."""
    exact = [leaf.detach().double().requires_grad_() for leaf in leaves]
    wanted = reference(kind, *exact)
    outward = torch.randn(score.shape, device=score.device).to(score.dtype)
    assert score.dtype == leaves[0].dtype
    assert_close(score.double(), wanted, **TOLERANCE[loosest])
    found = torch.autograd.grad(score, leaves, outward)
    for leaf, one, other in zip(leaves, found, torch.autograd.grad(wanted, exact, outward.double())):
        assert one.dtype == leaf.dtype
        assert_close(one.double(), other, **TOLERANCE[loosest])


def shared(device: str, kind: int, b: int, k: int, d: int, *dtypes: torch.dtype) -> None:
    query, candidate = (torch.randn(rows, d, device=device).to(dtype) for rows, dtype in zip((b, k), dtypes))
    candidate[0] = query[-1]  # a distance of zero
    leaves = [query.requires_grad_(), candidate.requires_grad_()]
    same(kind, pairwise._pairwise(query, candidate, kind), leaves, pairwise_reference, max(dtypes, key=_eps))


def private(device: str, kind: int, b: int, k: int, n: int, d: int, *dtypes: torch.dtype) -> None:
    query, table = (torch.randn(rows, d, device=device).to(dtype) for rows, dtype in zip((b, n), dtypes))
    index = torch.randint(n, (b, k), device=device)  # repeated where b * k exceeds n
    table[index[0, 0]] = query[0]
    leaves = [query.requires_grad_(), table.requires_grad_()]
    score = gather_score._gather(query, table, index, kind)
    same(kind, score, leaves, lambda kind, *exact: gather_reference(kind, *exact, index), max(dtypes, key=_eps))


def aggregated(device: str, sums: int, e: int, rows: int, d: int, dtype: torch.dtype) -> None:
    """Sums of ``e`` rows and their gradient, against addition one by one; the last sum is empty."""
    into = torch.randint(sums - 1, (e,), device=device).sort().values
    index, weight = torch.randint(rows, (e,), device=device), torch.rand(e, device=device)
    place = index.argsort(stable=True)
    offset, back = (
        torch.cat([of.new_zeros(1), torch.bincount(of, minlength=size).cumsum(0)])
        for of, size in ((into, sums), (index, rows))
    )
    table = torch.randn(rows, d, device=device).to(dtype).requires_grad_()
    found = aggregate.gather_sum(table, weight, index, offset, into[place], back, place)
    exact = table.detach().double().requires_grad_()
    wanted = torch.zeros(sums, d, dtype=torch.double, device=device).index_add(0, into, weight[:, None] * exact[index])
    outward = torch.randn(sums, d, device=device).to(dtype)
    (one,), (other,) = (
        torch.autograd.grad(out, leaf, outward.to(out.dtype)) for out, leaf in ((found, table), (wanted, exact))
    )
    assert found.dtype == one.dtype == dtype
    assert_close(found.double(), wanted, **TOLERANCE[dtype])
    assert_close(one.double(), other, **TOLERANCE[dtype])


def _eps(dtype: torch.dtype) -> float:
    return torch.finfo(dtype).eps


def every(device: str) -> int:
    """Ragged on all sides: below, at and beyond the tiles, and with sums long enough to be parted."""
    torch.manual_seed(0)
    count = 0
    for kind in (L1, L2, MODULUS, PHASE):
        for b, k, d in ((1, 1, 2), (5, 130, 6), (65, 3, 34), (32, 128, 66), (200, 1, 10)):
            shared(device, kind, b, k, d, SINGLE, SINGLE)
            count += 1
    for kind in (INNER, L1, L2, MODULUS, PHASE):
        for b, k, n, d in ((1, 1, 1, 2), (4, 33, 5, 6), (3, 40, 50, 130), (6, 2, 3, 64), (2, 3, 4, 300)):
            private(device, kind, b, k, n, d, SINGLE, SINGLE)
            count += 1
        for dtypes in ((BRAIN, BRAIN), (HALF, HALF), (BRAIN, SINGLE), (SINGLE, BRAIN)):
            private(device, kind, 5, 7, 9, 20, *dtypes)
            if kind != INNER:
                shared(device, kind, 5, 7, 20, *dtypes)
            count += 1
    for kind in (L1, L2):  # odd widths
        shared(device, kind, 3, 4, 7, SINGLE, SINGLE)
        private(device, kind, 3, 4, 5, 7, SINGLE, SINGLE)
        count += 2
    for sums, e, rows, d in ((2, 1, 1, 1), (5, 200, 10, 7), (40, 90, 120, 64), (9, 30, 18, 130), (3, 0, 3, 4)):
        aggregated(device, sums, e, rows, d, SINGLE)
        count += 1
    for dtype in (BRAIN, HALF):
        aggregated(device, 12, 60, 36, 20, dtype)
        count += 1
    nothing(device)
    return count + 1


def nothing(device: str) -> None:
    """No queries, or no candidates: scores of that shape, and gradients of zero."""
    query, table = (torch.randn(rows, 4, device=device, requires_grad=True) for rows in (0, 3))
    assert pairwise._pairwise(query, table, L1).shape == (0, 3)
    score = pairwise._pairwise(table, query, L2)
    score = torch.cat([score, gather_score._gather(table, table, score.long(), INNER)], dim=1)
    score.sum().backward()
    assert score.shape == (3, 0)
    assert table.grad.abs().max() == 0


if __name__ == "__main__":
    if sys.argv[1] == "cpu":
        pairwise.on_triton = gather_score.on_triton = aggregate.on_triton = lambda *tensors: True
    print(every(sys.argv[1]), "cases")
    kernels = {f"gnnneg.kernels.triton_{name}" for name in ("pairwise", "gather", "aggregate")}
    assert kernels <= set(sys.modules)
