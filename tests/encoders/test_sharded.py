"""A table over two processes is the table of one."""

import os
import socket
import subprocess
import sys
import warnings

import pytest
import torch
from encoders import two_processes
from encoders.two_processes import CASES, PROCESSES

from gnnneg.encoders.lookup import Lookup
from gnnneg.encoders.sharded import ShardedLookup


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """What each of two processes came to."""
    out = tmp_path_factory.mktemp("processes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    means = {**os.environ, "WORLD_SIZE": str(PROCESSES), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    command = [sys.executable, "-W", "ignore", two_processes.__file__, str(out)]
    running = [subprocess.Popen(command, env={**means, "RANK": str(rank)}) for rank in range(PROCESSES)]
    assert [process.wait(timeout=300) for process in running] == [0] * PROCESSES
    return [torch.load(out / f"{rank}.pt") for rank in range(PROCESSES)]


@pytest.fixture(scope="module")
def alone() -> dict:
    """What one process comes to that does the work of both."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of torch, about checks of sparse tensors
        return two_processes.all_cases(False, list(range(PROCESSES)))


@pytest.mark.parametrize("case", CASES)
def test_two_processes_are_one(both, alone, case):
    losses, table = alone[case]
    for one in both:
        assert one[case][0] == pytest.approx(losses, abs=1e-6)
    torch.testing.assert_close(torch.cat([one[case][1] for one in both]), table, atol=1e-6, rtol=0)


def test_one_process_is_a_lookup():
    torch.manual_seed(0)
    plain = Lookup(70_000, 3, sparse=True)  # more rows than are drawn at once
    torch.manual_seed(0)
    sharded = ShardedLookup(70_000, 3)
    assert torch.equal(plain.weight, sharded.weight)
    index = torch.tensor([[5, 3], [5, 69_999]])
    assert torch.equal(plain(None)[index], sharded(None)[index])
