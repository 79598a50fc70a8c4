"""Large tables lie on large pages where Linux has them."""

import copy
import platform
import re
from pathlib import Path

import pytest
import torch

from gnnneg.allocation import LEAST, on_large_pages
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


def test_what_is_filled_is_moved() -> None:
    table = torch.arange(1 << 22, dtype=torch.float)
    assert pages(table) == 0
    on_large_pages(table, filled=True)
    assert table.equal(torch.arange(1 << 22, dtype=torch.float))
    version = tuple(map(int, platform.release().split(".")[:2]))
    assert pages(table) > 0 or version < (6, 1)
