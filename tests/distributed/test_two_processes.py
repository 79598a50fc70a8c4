"""Two processes are as one: losses, tables, ranks, runs, and what is refused."""

import json
import os
import shutil
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from distributed import two_processes
from distributed.two_processes import CASES, PROCESSES, others

from gnnneg import distributed
from gnnneg.decoders import ComplEx
from gnnneg.encoders.lookup import Lookup
from gnnneg.encoders.sharded import ShardedLookup
from gnnneg.errors import UserError
from gnnneg.evaluation import ranks
from gnnneg.models import KGEModel
from gnnneg.training import load_model


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the two leave what they did."""
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def both(out: Path) -> list[dict]:
    """What each of two processes came to."""
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


@pytest.mark.parametrize("case", [*CASES, *others()])
def test_steps(both, alone, case):
    losses, table, _ = alone[case]
    for one in both:
        assert one["cases"][case][0] == pytest.approx(losses, abs=1e-6)
    torch.testing.assert_close(torch.cat([one["cases"][case][1] for one in both]), table, atol=1e-6, rtol=0)


@pytest.mark.parametrize("case", [*CASES, *others()])
def test_rows_of_a_step_come_at_once(both, alone, case):
    """Anchors, targets and negatives, which were three exchanges; where a model chooses among a pool, one more."""
    wanted = list(others()[case][3:]) if case in others() else [1, 1]
    assert [one["cases"][case][2] for one in both] == [wanted, wanted]
    assert alone[case][2] == [0, 0]


def test_a_step_may_fetch_so_many_rows_at_once(both):
    """All that it needs together, and not one fewer."""
    for one in both:
        enough, few, rows = one["bounds"]
        assert enough == "nothing was refused"
        assert rows in few
        assert "share the negatives of a batch" in few


def test_ranks_add_up_ties_included(both):
    task = two_processes.task_of_a_run()
    _, valid, known = two_processes.world()
    place = ranks(task.model, None, valid, known)
    tied = ranks(two_processes.level(task).model, None, valid, known)
    assert (tied.pessimistic - tied.optimistic).float().mean() > 5
    wanted = place.optimistic, place.pessimistic, tied.optimistic, tied.pessimistic
    for one in both:
        assert all(torch.equal(found, right) for found, right in zip(one["ranks"], wanted))


def figures(records: list[dict]) -> list[dict]:
    """Records without what the clock says."""
    return [{k: v for k, v in one.items() if k not in ("seconds", "triples_per_s")} for one in records]


def test_a_run_that_is_gone_on_with_is_one_that_never_stopped(both, out):
    first, then, straight = (figures(records) for records in both[0]["records"])
    assert len(first) == 4
    assert then == straight
    assert both[1]["records"][2][1]["valid"] == straight[1]["valid"]  # every process knows
    assert [json.loads(line)["epoch"] for line in (out / "run" / "metrics.jsonl").read_text().splitlines()] == [
        one["epoch"] for one in straight
    ]


def test_the_model_is_one_file_that_one_process_reads(both, out):
    lookup = KGEModel(Lookup(two_processes.NODES, two_processes.WIDTH), ComplEx(3, two_processes.WIDTH))
    load_model(out / "run" / "model", lookup)
    table = torch.cat([one["weight"] for one in both])
    assert torch.equal(lookup.encoder.weight, table)
    assert (out / "run" / "model" / "model.safetensors").read_bytes()


def test_one_process_goes_on_with_the_checkpoint_of_two(both, out, tmp_path):
    shutil.copytree(out / "run", tmp_path / "run")
    with pytest.warns(UserWarning, match="written by 2 processes and is read by 1"):
        task, history = two_processes.fitted(tmp_path / "run", 4, resume=True)
    assert figures(history.records) == figures(both[0]["records"][2])  # nothing was left to train
    assert torch.equal(task.model.encoder.weight, torch.cat([one["weight"] for one in both]))


def test_all_judge_by_the_statistics_of_the_first(both):
    norm = two_processes.normed()  # of rank 0
    wanted = [norm.running_mean, norm.running_var, norm.num_batches_tracked]
    for one in both:
        assert all(torch.equal(found, right) for found, right in zip(one["settled"], wanted))


def test_statements_count_in_the_batch_as_in_one_process(both):
    whole = two_processes.weighed(two_processes.batch())
    for rank, one in enumerate(both):
        torch.testing.assert_close(one["weighed"], whole[rank::PROCESSES])


@pytest.mark.parametrize("rows", range(1, 12))
@pytest.mark.parametrize("processes", range(1, 12))
def test_a_block_without_rows_is_told_beforehand(monkeypatch, rows, processes):
    monkeypatch.setattr(distributed, "size", lambda: processes)
    blocks = []
    for rank in range(processes):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        start, stop = distributed.block(rows)
        blocks.append(stop - start)
    assert sum(blocks) == rows
    assert distributed.leaves_empty(rows, processes) is (0 in blocks)


def test_a_process_without_a_row_is_refused(monkeypatch):
    """Of five rows each of four processes but the last has two: the last has none."""
    monkeypatch.setattr("gnnneg.encoders.sharded.size", lambda: 4)
    with pytest.raises(UserError, match="4 processes for 5 entities leave some without a row: start fewer"):
        ShardedLookup(5, 4)


def test_refused_in_one_sentence(both):
    for one in both:
        few, everything, chains = one["refused"]
        assert "start fewer" in few
        assert "All" in everything
        assert "MCNS" in chains


def test_who_works_on_a_cpu_does_not_import_the_kernels_of_a_device(both):
    """Scores, draws and ranks were asked for, and each has such kernels."""
    assert [one["triton"] for one in both] == [[], []]


def test_one_process_is_a_lookup():
    torch.manual_seed(0)
    plain = Lookup(70_000, 3, sparse=True)  # more rows than are drawn at once
    torch.manual_seed(0)
    sharded = ShardedLookup(70_000, 3)
    assert torch.equal(plain.weight, sharded.weight)
    index = torch.tensor([[5, 3], [5, 69_999]])
    assert torch.equal(plain(None)[index], sharded(None)[index])
