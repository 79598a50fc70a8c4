"""Searches in sorted rows: against Python's own, without a host that waits, and in bounded memory."""

from bisect import bisect_left

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gnnneg.data.known import KnownAnswers
from gnnneg.kernels import membership
from gnnneg.kernels.membership import (
    first_at_least,
    member,
    member_in_parts,
    member_reference,
)
from gnnneg.records import Query, Triplets

ROWS = [[1, 4, 9], [], [2], list(range(0, 120, 3))]
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def rows(dtype: torch.dtype = torch.long) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    offset = torch.tensor([0, *(len(row) for row in ROWS)]).cumsum(0)
    return torch.tensor([one for row in ROWS for one in row], dtype=dtype), offset[:-1], offset[1:]


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("k", [0, 5, 90])
def test_searches_are_those_of_python(dtype, shared, k, monkeypatch):
    """Candidates repeat and lie beyond both ends; a row is longer than the candidates are many, or shorter."""
    answer, begin, end = rows(dtype)
    index = torch.randint(-1, 122, (1 if shared else 4, k))
    wide = index.expand(4, -1).tolist()
    place = [[int(begin[i]) + bisect_left(row, one) for one in wide[i]] for i, row in enumerate(ROWS)]
    there = [[one in row for one in wide[i]] for i, row in enumerate(ROWS)]
    assert first_at_least(answer, begin, end, index).tolist() == place
    monkeypatch.setattr(membership, "CELLS", 12)  # three columns at a time
    for look in (member, member_reference, member_in_parts):
        assert look(answer, begin, end, index).tolist() == there


class Largest(TorchDispatchMode):
    """How many bytes the largest tensor takes that an operation made."""

    most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **kwargs or {})
        for one in out if isinstance(out, list | tuple) else [out]:
            if isinstance(one, torch.Tensor):
                self.most = max(self.most, one.numel() * one.element_size())
        return out


def test_without_a_kernel_nobody_waits_and_memory_is_bounded():
    """1,000 queries against 200,000 candidates: on ``meta``, where no number can be read, and nothing is kept."""
    answer, offset = torch.empty(600_000, dtype=torch.long, device="meta"), torch.empty(1_000, device="meta").long()
    index = torch.empty(1, 200_000, dtype=torch.long, device="meta")
    with Largest() as largest:
        assert member_in_parts(answer, offset, offset, index).shape == (1_000, 200_000)
    assert largest.most == 1_000 * 200_000  # one byte each, the result
    assert first_at_least(answer, offset, offset, index[:, :9]).shape == (1_000, 9)


@pytest.mark.gpu
@cuda
def test_known_answers_on_the_device():
    """One launch and nothing to wait for; the answers are those of the CPU."""
    facts = Triplets(*(torch.randint(size, (20_000,)) for size in (400, 7, 400)))
    known = KnownAnswers(facts, 400, 7)
    query = Query(torch.randint(400, (300,)), torch.randint(14, (300,)))
    for index in (torch.arange(400)[None], torch.randint(400, (300, 33)), torch.randint(400, (300, 1))):
        wanted = known.contains(query, index)
        there = KnownAnswers(facts, 400, 7).to("cuda")
        asked, candidate = Query(*(one.cuda() for one in query)), index.cuda()
        there.contains(asked, candidate)  # compiled
        torch.cuda.set_sync_debug_mode("error")
        try:
            found = there.contains(asked, candidate)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        assert torch.equal(found.cpu(), wanted)
