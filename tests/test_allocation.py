"""Large tables lie on large pages where Linux has them."""

import copy
import mmap
import re
from pathlib import Path

import pytest
import torch

from gnnneg import allocation
from gnnneg.allocation import COLLAPSE, LARGE, LEAST, on_large_pages, room_for, selected
from gnnneg.encoders import Lookup
from gnnneg.training import LazyAdam

SAID = Path("/sys/kernel/mm/transparent_hugepage/enabled")
pytestmark = pytest.mark.skipif(
    not SAID.is_file() or "[never]" in SAID.read_text(), reason="this system has no large pages"
)


def said(tensor: torch.Tensor, name: str) -> list[str]:
    """What Linux says of the middle of a tensor's memory."""
    place, inside = tensor.data_ptr() + tensor.numel() * tensor.element_size() // 2, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if found := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            inside = int(found[1], 16) <= place < int(found[2], 16)
        elif inside and line.startswith(f"{name}:"):
            return line.split()[1:]
    raise AssertionError("the tensor lies nowhere")


def advised(tensor: torch.Tensor) -> bool:
    return "hg" in said(tensor, "VmFlags")


def pages(tensor: torch.Tensor) -> int:
    """KiB on large pages."""
    return int(said(tensor, "AnonHugePages")[0])


def test_large_ones_alone() -> None:
    large, small = torch.empty(1 << 20, 16), torch.empty(LEAST // 4 - 1)
    assert on_large_pages(large) is large
    on_large_pages(small)
    assert advised(large)
    assert not advised(small)
    on_large_pages(torch.empty(1 << 20, 16).T)  # its memory is not of one piece for sure: left alone
    on_large_pages(torch.empty(1 << 24, device="meta"))


def test_a_table_and_what_its_optimizer_keeps() -> None:
    table = Lookup(1 << 18, 16, sparse=True)
    assert advised(table.weight)
    assert table.weight.abs().max() <= table.bound
    optimizer = LazyAdam([table.weight])
    index = torch.tensor([1, 5])
    torch.nn.functional.embedding(index, table.weight, sparse=True).sum().backward()
    optimizer.step()
    assert all(advised(optimizer.state[table.weight][name]) for name in ("exp_avg", "exp_avg_sq"))
    again = LazyAdam([table.weight])
    kept = copy.deepcopy(optimizer.state_dict())
    assert not any(advised(kept["state"][0][name]) for name in ("exp_avg", "exp_avg_sq"))
    again.load_state_dict(kept)
    for name in ("exp_avg", "exp_avg_sq"):
        assert advised(again.state[table.weight][name])
        assert torch.equal(again.state[table.weight][name], optimizer.state[table.weight][name])


class Library:
    """As C's, but it only writes down what is advised: where, of how many bytes, and what."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int, int]] = []

    def madvise(self, begin, size, advice) -> int:
        self.told.append((begin.value, size.value, advice))
        return -1  # as where Linux has no large page left


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("cut", [0, 3])
def test_what_is_advised(monkeypatch: pytest.MonkeyPatch, filled: bool, cut: int) -> None:
    """All whole pages of a table and nothing beside it, and those of 2 MiB to be moved if it has been written."""
    table = torch.arange(1 << 22, dtype=torch.float)[cut:]
    first, size = table.data_ptr(), table.numel() * table.element_size()
    library = Library()
    monkeypatch.setattr(allocation.ctypes, "CDLL", lambda name: library)
    assert on_large_pages(table, filled=filled) is table
    assert [advice for *_, advice in library.told] == [mmap.MADV_HUGEPAGE, COLLAPSE][: 1 + filled]
    for (begin, length, _), page in zip(library.told, (mmap.PAGESIZE, LARGE), strict=False):
        assert begin % page == length % page == 0
        assert first <= begin < first + page
        assert first + size - page < begin + length <= first + size
    assert table.equal(torch.arange(1 << 22, dtype=torch.float)[cut:])


def test_what_is_filled_is_moved() -> None:
    """Where Linux does so: it may lay all on large pages by itself, know no such advice, or have no large page left."""
    table = torch.arange(1 << 22, dtype=torch.float)
    on_large_pages(table, filled=True)
    assert table.equal(torch.arange(1 << 22, dtype=torch.float))
    assert advised(table)
    if not pages(table):
        pytest.skip("Linux moved nothing: it is older than 6.1, or has no large page left")


LIKES = {
    "tensor": torch.empty(1),
    "parameter": torch.nn.Parameter(torch.empty(1, dtype=torch.double)),
    "half": torch.empty(1, dtype=torch.bfloat16),
    "meta": torch.empty(1, device="meta"),
}


@pytest.mark.parametrize("like", LIKES.values(), ids=LIKES)
@pytest.mark.parametrize("rows", [0, 3, LEAST // 16 + 1])
def test_room_is_an_empty_tensor_of_that_type(like: torch.Tensor, rows: int) -> None:
    made = room_for(like, rows, 8)
    assert type(made) is torch.Tensor
    assert (made.shape, made.dtype, made.device) == ((rows, 8), like.dtype, like.device)
    assert made.is_contiguous()
    assert not made.requires_grad
    if like.device.type == "cpu" and rows > 3:
        assert advised(made)
        assert bool((made.fill_(2) == 2).all())
        assert made.data_ptr() % LARGE == 0 or sys.platform != "linux"


def resident() -> int:
    """Bytes of this process that lie in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell it so")
def test_room_is_given_back_at_once() -> None:
    """Also if something smaller was made after it, above which glibc gives nothing back."""
    before, size = resident(), 24 << 20
    held, small = [], []
    for _ in range(8):
        held.append(room_for(torch.empty(1), size // 4).fill_(1))
        small.append(torch.ones(1 << 10))
    assert resident() - before > 7 * size
    held.clear()
    assert resident() - before < size


def test_room_is_refused_in_the_words_of_torch() -> None:
    with pytest.raises(RuntimeError, match="memory"):
        room_for(torch.empty(1), 1 << 60)


def test_selected_rows_are_those_of_an_index() -> None:
    table = torch.rand(1 << 16, 40, requires_grad=True)
    row = torch.randint(1 << 16, (1 << 16,))
    found = selected(table, row)
    assert torch.equal(found, table[row])
    assert not found.requires_grad
    assert selected(table, row[:0]).shape == (0, 40)
