"""The Triton kernels against the plain-torch references; on ``cpu`` it needs ``TRITON_INTERPRET=1``."""

import sys

import torch
from torch.testing import assert_close

from gnnneg.kernels import triton_gather, triton_pairwise
from gnnneg.kernels.gather_score import gather_reference
from gnnneg.kernels.kinds import INNER, L1, L2, MODULUS, PHASE, divided
from gnnneg.kernels.pairwise import pairwise_reference

TOLERANCE = {torch.float32: {"rtol": 1e-5, "atol": 2e-5}, torch.bfloat16: {"rtol": 2e-2, "atol": 0.2}}


def check(found, wanted, leaves, outward, backward, dtype) -> None:
    assert found.dtype == dtype
    assert_close(found.double(), wanted.detach(), **TOLERANCE[dtype])
    grads = torch.autograd.grad(wanted, leaves, outward.double())
    for one, other in zip(backward, grads):
        assert one.dtype == dtype
        assert_close(one.double(), other, **TOLERANCE[dtype])


def pairwise(device: str, kind: int, b: int, k: int, d: int, dtype: torch.dtype) -> None:
    query, candidate = (torch.randn(rows, d, device=device).to(dtype) for rows in (b, k))
    candidate[0] = query[-1]  # a distance of zero
    outward = torch.randn(b, k, device=device).to(dtype)
    leaves = [side.double().requires_grad_() for side in (query, candidate)]
    wanted = pairwise_reference(kind, *leaves)
    backward = triton_pairwise.backward(
        kind, divided(kind, outward.double(), wanted.detach()).to(dtype), query, candidate
    )
    check(triton_pairwise.forward(kind, query, candidate), wanted, leaves, outward, backward, dtype)


def gather(device: str, kind: int, b: int, k: int, n: int, d: int, dtype: torch.dtype) -> None:
    query, table = (torch.randn(rows, d, device=device).to(dtype) for rows in (b, n))
    index = torch.randint(n, (b, k), device=device)
    if b and k:
        table[index[0, 0]] = query[0]
    outward = torch.randn(b, k, device=device).to(dtype)
    leaves = [side.double().requires_grad_() for side in (query, table)]
    wanted = gather_reference(kind, *leaves, index)
    backward = triton_gather.backward(
        kind, divided(kind, outward.double(), wanted.detach()).to(dtype), query, table, index
    )
    check(triton_gather.forward(kind, query, table, index), wanted, leaves, outward, backward, dtype)


def every(device: str) -> int:
    """Ragged on all sides: below, at and beyond the tiles."""
    torch.manual_seed(0)
    count = 0
    for dtype in TOLERANCE:
        for kind in (L1, L2, MODULUS, PHASE):
            for b, k, d in ((1, 1, 2), (5, 70, 6), (65, 3, 34), (64, 64, 66)):
                pairwise(device, kind, b, k, d, dtype)
                count += 1
        for kind in (INNER, L1, L2, MODULUS, PHASE):
            for b, k, n, d in ((1, 1, 1, 2), (4, 33, 5, 6), (3, 40, 50, 130), (6, 2, 3, 64)):
                gather(device, kind, b, k, n, d, dtype)
                count += 1
    for kind in (L1, L2):  # odd widths
        pairwise(device, kind, 3, 4, 7, torch.float32)
        gather(device, kind, 3, 4, 5, 7, torch.float32)
        count += 2
    return count


if __name__ == "__main__":
    print(every(sys.argv[1]), "cases")
