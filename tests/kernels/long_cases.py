"""Long sums in parts, against the kernels of the CPU; on ``cpu`` it needs ``TRITON_INTERPRET=1``.

One hub has several parts, another begins between two cuts, and one ends where a cut is. All is done twice, for equal
bits.
"""

import sys

import torch
import triton
import triton.language as tl
from torch.testing import assert_close

from gnnneg.kernels import aggregate, gather_score, relational, triton_parts
from gnnneg.kernels.kinds import INNER, L2, MODULUS
from gnnneg.kernels.relational import ALL, EXTREME, PRODUCT, ROTATION, SUM, TOTAL, sort_edges
from gnnneg.kernels.triton_parts import task

LENGTHS = 0, 3, 1700, 0, 345, 512, 513, 1, 1100, 0  # the 345 and all before them end at 2,048
LOOSE = {torch.float32: {"rtol": 1e-4, "atol": 1e-3}, torch.bfloat16: {"rtol": 8e-3, "atol": 5e-2}}


def dispatched(to_triton: bool) -> None:
    for module in (aggregate, gather_score, relational):
        module.on_triton = lambda *tensors: to_triton


@triton.jit
def _tasks(offset, owner, slots, out):
    t = tl.program_id(0).to(tl.int64)
    s, first, last, whole, part = task(t, offset, owner, slots)
    tl.store(out + 5 * t, s)
    tl.store(out + 5 * t + 1, first)
    tl.store(out + 5 * t + 2, last)
    tl.store(out + 5 * t + 3, whole.to(tl.int64))
    tl.store(out + 5 * t + 4, part.to(tl.int64))


def cuts(device: str) -> None:
    """Each edge is in one task of its row and no task has more than a share; who may be alone is."""
    for lengths in (LENGTHS, (512, 513), (513,), (2048,), (0, 0, 5000), (511, 1, 512, 600), (1,) * 1025 + (1536, 0)):
        length = torch.tensor(lengths, device=device)
        offset = torch.cat([length.new_zeros(1), length.cumsum(0)])
        owner = triton_parts.cut(offset, sum(lengths))
        slots, share = len(owner), triton_parts.SHARE.value
        found = torch.full((slots + len(lengths), 5), -1, device=device)
        _tasks[(len(found),)](offset, owner, slots, found)
        took = torch.zeros(sum(lengths), dtype=torch.long, device=device)
        for t, (row, first, last, whole, part) in enumerate(found.tolist()):
            assert last - first <= share
            assert whole + part == (last > first or (whole and lengths[row] == 0)), (t, row, first, last, whole, part)
            assert whole == (t >= slots and lengths[row] <= share)
            if part:
                assert t < slots
                assert lengths[row] > share
            took[first:last] += 1
            assert first >= last or offset[row] <= first <= last <= offset[row + 1]
        assert (took == 1).all()


def compared(run, device: str, dtype: torch.dtype) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """``run`` twice in parts, and by the CPU's kernel in float32."""
    dispatched(False)
    wanted = run("cpu", torch.float32)
    dispatched(True)
    found, again = run(device, dtype), run(device, dtype)
    for one, other, expected in zip(found, again, wanted, strict=True):
        assert torch.equal(one, other)
        assert_close(one.float(), expected.float(), **LOOSE[dtype])
    return list(zip(found, wanted))


def summed(device: str, d: int, dtype: torch.dtype) -> None:
    """Rows, and the gradient of a table whose first row half of all sums meet."""
    length = torch.tensor(LENGTHS)
    e = int(length.sum())
    into = torch.repeat_interleave(torch.arange(len(length)), length)
    index = torch.randint(40, (e,))
    index[::2] = 0
    place = index.argsort(stable=True)
    offset, back = (
        torch.cat([of.new_zeros(1), torch.bincount(of, minlength=size).cumsum(0)])
        for of, size in ((into, len(length)), (index, 41))
    )
    given = torch.rand(e), index, offset, into[place], back, place
    table, outward = torch.randn(41, d).to(torch.bfloat16), torch.randn(len(length), d).to(torch.bfloat16)

    def run(device: str, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
        leaf = table.clone().to(device, dtype).requires_grad_()
        found = aggregate.gather_sum(leaf, *(one.to(device) for one in given))
        found.backward(outward.to(device, dtype))
        return found.detach().cpu(), leaf.grad.cpu()

    compared(run, device, dtype)


def scored(device: str, kind: int, b: int, k: int, d: int, dtype: torch.dtype) -> None:
    """Both gradients: the first row of the table has more meetings than a share, and queries may have."""
    index = torch.randint(5, (b, k))
    index[:, ::2] = 0
    query, table, outward = (torch.randn(*shape).to(torch.bfloat16) for shape in ((b, d), (6, d), (b, k)))

    def run(device: str, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
        leaves = [one.clone().to(device, dtype).requires_grad_() for one in (query, table)]
        score = gather_score._gather(*leaves, index.to(device), kind)
        pulled = torch.autograd.grad(score, leaves, outward.to(device, dtype) / 30)
        return pulled[0].cpu(), pulled[1].cpu()

    compared(run, device, dtype)


def sent(device: str, kind: int, want: int, sign: float, c: int, dtype: torch.dtype) -> None:
    """All that is told, with the places of the extremes, and three gradients.

    Targets have edges of :obj:`LENGTHS`; a third lead from one node, which has 1,400 of them; a tenth are not there.
    Many messages are equal, and all are exact in whatever precision.
    """
    target = torch.repeat_interleave(torch.arange(len(LENGTHS)), torch.tensor(LENGTHS))[torch.randperm(sum(LENGTHS))]
    source, weight = torch.randint(9, target.shape), torch.full(target.shape, 0.5)
    source[::3], weight[::10] = 0, 0
    edges = sort_edges(torch.stack([source, target]), torch.randint(3, target.shape), len(LENGTHS))
    states, relation = (torch.randint(-3, 4, (rows, c)) / 2 for rows in (len(LENGTHS), 3))
    outward = torch.randint(-2, 3, (4, len(LENGTHS), c)) / 2

    def run(device: str, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
        leaves = [one.clone().to(device, dtype).requires_grad_() for one in (states, relation, weight)]
        found = relational._propagate(*leaves, [one.to(device) for one in edges], kind, want, sign)
        asked = [one for one in (*found[:3], found[4]) if one.numel()]
        pulled = torch.autograd.grad(asked, leaves, [one.to(device, dtype) for one in outward[: len(asked)]])
        return tuple(one.detach().cpu() for one in (*found, *pulled))

    for one, expected in compared(run, device, dtype)[2:6]:  # both extremes and where they are
        assert torch.equal(one.float(), expected.float())


def every(device: str, step: int) -> int:
    """Every so many of the cases."""
    torch.manual_seed(0)
    single, brain = torch.float32, torch.bfloat16
    cases = [
        (cuts,),
        (summed, 7, single),
        (summed, 130, single),
        (summed, 20, brain),
        (scored, L2, 3, 1300, 6, single),
        (scored, MODULUS, 20, 100, 260, single),
        (scored, INNER, 2, 1300, 7, brain),
        (sent, PRODUCT, TOTAL, 1.0, 3, single),
        (sent, SUM, EXTREME, -1.0, 5, single),
        (sent, ROTATION, EXTREME, 1.0, 6, single),
        (sent, ROTATION, ALL, 1.0, 6, single),
        (sent, SUM, ALL, 1.0, 131, single),
        (sent, PRODUCT, ALL, 1.0, 5, brain),
    ]
    for case, *given in cases[::step]:
        case(device, *given)
    return len(cases[::step])


if __name__ == "__main__":
    print(every(sys.argv[1], int(sys.argv[2])), "cases")
