"""The Triton kernels against the plain-torch references; on ``cpu`` it needs ``TRITON_INTERPRET=1``.

Everything goes through the public functions' operators, so that the dispatch, the saved tensors and the division under
L2 are tested with the kernels. On CPU the dispatch is told that it is on a device.
"""

import itertools
import random
import sys
from bisect import bisect_left
from collections.abc import Iterator

import torch
from torch.testing import assert_close

from gnnneg.kernels import aggregate, counting, gather_score, membership, pairwise, relational
from gnnneg.kernels.gather_score import gather_reference
from gnnneg.kernels.kinds import INNER, L1, L2, MODULUS, PHASE
from gnnneg.kernels.pairwise import pairwise_reference
from gnnneg.kernels.pna import pna, pna_reference
from gnnneg.kernels.relational import (
    ALL,
    EXTREME,
    PRODUCT,
    ROTATION,
    SUM,
    TOTAL,
    Edges,
    propagate,
    propagate_reference,
    sort_edges,
)

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


def graph(device: str, n: int, e: int) -> tuple[Edges, torch.Tensor]:
    """Nothing leads to or from the last of ``n`` nodes, nor has the last of three types edges; some are not there."""
    edge_index, edge_type = torch.randint(n - 1, (2, e), device=device), torch.randint(2, (e,), device=device)
    weight = torch.rand(e, device=device) + 0.1
    weight[::5] = 0
    return sort_edges(edge_index, edge_type, n), weight


def sent(device: str, kind: int, want: int, sign: float, n: int, e: int, c: int, *dtypes: torch.dtype) -> None:
    """All that is told of messages and three gradients, against a tensor of edges in float64."""
    edges, weight = graph(device, n, e)
    made = torch.randn(n, c, device=device), torch.randn(3, c, device=device), weight
    leaves = [one.to(dtype).requires_grad_() for one, dtype in zip(made, dtypes)]
    exact = [leaf.detach().double().requires_grad_() for leaf in leaves]
    found = propagate(leaves[0], leaves[1], edges, leaves[2], kind, want, sign)
    wanted = propagate_reference(kind, want, sign, exact[0], exact[1], edges, exact[2])
    agree(
        [one for one in found if one.numel()],
        [one for one in wanted if one.numel()],
        leaves,
        exact,
        TOLERANCE[max(dtypes, key=_eps)],
    )


def agree(found: list[torch.Tensor], wanted: list[torch.Tensor], leaves, exact, close: dict[str, float]) -> None:
    """Values, and gradients in the precision of what they belong to."""
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted):
        assert one.dtype == leaves[0].dtype
        assert_close(one.double(), other, **close)
    outward = [torch.randn_like(one) for one in found]
    pulled = torch.autograd.grad(found, leaves, outward)
    expected = torch.autograd.grad(wanted, exact, [one.double() for one in outward])
    for leaf, one, other in zip(leaves, pulled, expected):
        assert one.dtype == leaf.dtype
        assert_close(one.double(), other, **close)


def equals(device: str) -> None:
    """Of equal messages the first is the extreme, as on CPU; one that is not there comes before it."""
    edges = sort_edges(
        torch.zeros(2, 100, dtype=torch.long, device=device), torch.zeros(100, dtype=torch.long, device=device), 2
    )
    weight = torch.ones(100, device=device)
    weight[:3] = 0
    ones = torch.ones(2, 16, device=device)
    found = relational._propagate(ones, ones, weight, list(edges), SUM, ALL, 1.0)
    for value, at, nothing in ((found[2], found[3], -torch.inf), (found[4], found[5], torch.inf)):
        assert (value[0] == 2).all()
        assert (at[0] == 3).all()
        assert (value[1] == nothing).all()
        assert (at[1] == -1).all()


def principal(device: str) -> None:
    """PNA of messages from the kernel; double precision does without it."""
    edges, weight = graph(device, 5, 30)
    made = torch.randn(5, 6, device=device), torch.randn(3, 6, device=device), weight, torch.randn(5, 6, device=device)
    leaves, exact = ([one.to(dtype).requires_grad_() for one in made] for dtype in (torch.float, torch.double))
    degree = torch.full((5,), 9.0, device=device)
    found = pna_reference(PRODUCT, *leaves[:2], edges, *leaves[2:], degree, 3)
    wanted = pna(PRODUCT, *exact[:2], edges, *exact[2:], degree.double(), 3)
    agree([found], [wanted], leaves, exact, TOLERANCE[SINGLE])


def unheard(device: str) -> None:
    """No edges, no types, or no columns."""
    edges = sort_edges(torch.empty(2, 0, dtype=torch.long, device=device), torch.empty(0, device=device).long(), 3)
    states, relation = (torch.ones(rows, 4, device=device, requires_grad=True) for rows in (3, 0))
    weight = torch.empty(0, device=device, requires_grad=True)
    found = propagate(states, relation, edges, weight, SUM, ALL)
    assert (found.total == 0).all()
    assert (found.low == torch.inf).all()
    found.total.sum().backward()
    assert (states.grad == 0).all()
    assert (relation.grad.shape, weight.grad.shape) == ((0, 4), (0,))
    assert propagate(states[:, :0], relation[:, :0], edges).total.shape == (3, 0)


def searched(device: str, lengths: list[int], k: int, shared: bool, dtype: torch.dtype) -> None:
    """Places and membership in sorted rows, against Python's own; candidates repeat and lie beyond both ends."""
    answer = [sorted(random.sample(range(1, 3 * length + 2), length)) for length in lengths]
    offset = torch.tensor([0, *lengths], device=device).cumsum(0)
    index = torch.randint(-1, 3 * max(lengths) + 4, (1 if shared else len(lengths), k), device=device).to(dtype)
    flat = torch.tensor([one for row in answer for one in row], dtype=dtype, device=device)
    # the rows last to first, and candidates that do not lie side by side
    given = flat, offset[:-1].flip(0), offset[1:].flip(0), index.T.contiguous().T
    asked = list(zip(answer[::-1], given[1].tolist(), index.expand(len(lengths), -1).tolist()))
    place = [[begin + bisect_left(row, one) for one in wide] for row, begin, wide in asked]
    there = [[one in row for one in wide] for row, _, wide in asked]
    assert membership.first_at_least(*given).tolist() == place
    assert membership.member(*given).tolist() == there


def counted(device: str, u: int, n: int, m: int, dtype: torch.dtype, of_target: torch.dtype) -> None:
    """Counts, with ties, infinities and NaN, of rows that are longer apart than they are wide."""
    score = torch.randint(4, (u, n + 3), device=device).to(dtype)[:, :n]
    score[0, 0], score[-1, -1] = torch.inf, -torch.inf
    row, target = torch.randint(u, (m,), device=device), torch.randint(4, (m,), device=device).to(of_target)
    target[0] = torch.inf
    for last in (0.0, torch.nan):
        score[u // 2, n // 2] = last
        found = counting.count_ranks(score, target, row)
        assert all(map(torch.equal, found, counting.count_ranks_reference(score, target, row)))
    target[-1] = torch.nan
    assert [int(one[-1]) for one in counting.count_ranks(score, target, row)] == [-1, -1]


def numbers(device: str) -> int:
    """Searches and counts: within a block, beyond it, and of rows that are parted."""
    count = 0
    for lengths, k in (([0], 1), ([5, 0, 1], 1), ([3, 40, 0, 17], 30), ([1, 2], 1100)):
        for shared in (True, False):
            searched(device, lengths, k, shared, torch.long)
            count += 1
    searched(device, [9, 4], 20, False, torch.int32)
    none = torch.zeros(2, dtype=torch.long, device=device)
    assert not membership.member(none[:0], none, none, none[None]).any()
    assert membership.member(none, none[:0], none[:0], none[None]).shape == (0, 2)
    for u, n, m in ((1, 1, 1), (4, 50, 9), (2, 5000, 3)):
        for dtypes in ((SINGLE, SINGLE), (BRAIN, BRAIN), (HALF, SINGLE)):
            counted(device, u, n, m, *dtypes)
            count += 1
    row = torch.zeros(2, dtype=torch.long, device=device)
    for u, n, m in ((3, 0, 2), (3, 4, 0)):
        above, _ = counting.count_ranks(torch.ones(u, n, device=device), torch.zeros(m, device=device), row[:m])
        assert above.tolist() == [0] * m
    return count + 1


def messages(device: str) -> int:
    count = 0
    for kind in (PRODUCT, SUM, ROTATION):
        for want, sign in ((TOTAL, 1.0), (EXTREME, 1.0), (EXTREME, -1.0), (ALL, 1.0)):
            sent(device, kind, want, sign, 5, 40, 6, SINGLE, SINGLE, SINGLE)
            count += 1
        sent(device, kind, ALL, 1.0, 3, 16, 150, SINGLE, SINGLE, SINGLE)  # beyond one block of columns
        sent(device, kind, ALL, 1.0, 2, 1200, 2, SINGLE, SINGLE, SINGLE)  # sums that are parted
        count += 2
    halves = ((BRAIN, BRAIN, BRAIN), (HALF, HALF, SINGLE), (SINGLE, BRAIN, SINGLE), (BRAIN, SINGLE, SINGLE))
    for kind, dtypes in zip((PRODUCT, SUM, ROTATION, ROTATION), halves):
        sent(device, kind, ALL, 1.0, 4, 12, 10, *dtypes)
        count += 1
    for kind, c in ((PRODUCT, 7), (SUM, 1)):  # odd widths
        sent(device, kind, ALL, 1.0, 3, 9, c, SINGLE, SINGLE, SINGLE)
        count += 1
    for once in (equals, principal, unheard):
        once(device)
        count += 1
    return count


def _eps(dtype: torch.dtype) -> float:
    return torch.finfo(dtype).eps


def every(device: str) -> int:
    """Ragged on all sides: below, at and beyond the tiles, and with sums long enough to be parted."""
    torch.manual_seed(0)
    random.seed(0)
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
    return count + 1 + messages(device) + numbers(device)


def nothing(device: str) -> None:
    """No queries, or no candidates: scores of that shape, and gradients of zero."""
    query, table = (torch.randn(rows, 4, device=device, requires_grad=True) for rows in (0, 3))
    assert pairwise._pairwise(query, table, L1).shape == (0, 3)
    score = pairwise._pairwise(table, query, L2)
    score = torch.cat([score, gather_score._gather(table, table, score.long(), INNER)], dim=1)
    score.sum().backward()
    assert score.shape == (3, 0)
    assert table.grad.abs().max() == 0


def share(case, turn: Iterator[int], part: int, parts: int):
    """The case, run in its turn alone: on a device compiling is what takes time, and parts compile side by side."""
    return lambda *given: case(*given) if next(turn) % parts == part else None


if __name__ == "__main__":
    if len(sys.argv) > 2:
        turn = itertools.count()
        for name in ("shared", "private", "aggregated", "sent", "searched", "counted"):
            globals()[name] = share(globals()[name], turn, *map(int, sys.argv[2:]))
    if sys.argv[1] == "cpu":
        pairwise.on_triton = gather_score.on_triton = aggregate.on_triton = lambda *tensors: True
        relational.on_triton = lambda *tensors: all(tensor.dtype != torch.double for tensor in tensors)
        counting.on_triton = membership.has_triton = lambda *tensors: True
    print(every(sys.argv[1]), "cases")
    kernels = {
        f"gnnneg.kernels.triton_{name}"
        for name in ("pairwise", "gather", "aggregate", "relational", "membership", "counting")
    }
    assert len(sys.argv) > 2 or kernels <= set(sys.modules)
