"""Processes that torchrun restarts read nothing that the dead ones left in its store."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch.distributed as dist

from gnnneg import distributed
from gnnneg.distributed import Deserted, _fresh


def begun(store: dist.Store, first: int) -> list[dist.Store]:
    """The parts that three processes get, of which one comes first."""

    def come(number: int) -> dist.Store:
        time.sleep(0.0 if number == first else 0.1)
        return _fresh(store, number, 3)

    with ThreadPoolExecutor(3) as together:
        return list(together.map(come, range(3)))


@pytest.mark.parametrize("first", [0, 1])
def test_a_part_is_common_and_new(first):
    """Who comes first finds the names of the dead, and still joins the living."""
    store = dist.HashStore()
    store.set_timeout(distributed.PATIENCE)
    for _ in range(3):
        parts = begun(store, first)
        assert not any(part.check(["rank 1"]) for part in parts)
        parts[1].set("rank 1", "here")
        assert all(part.get("rank 1") == b"here" for part in parts)


def test_who_is_waited_for_in_vain_is_told(monkeypatch):
    monkeypatch.setattr(distributed, "PATIENCE", distributed.PATIENCE * 0)
    store = dist.HashStore()
    store.set("process 1", "the name of a dead one")
    with pytest.raises(Deserted, match="Of 3 processes 2 have not come"):
        _fresh(store, 0, 3)
