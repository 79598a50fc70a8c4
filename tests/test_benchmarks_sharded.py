"""The benchmark of sharded tables: each side takes the same steps, and what is missing is said."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))  # as for a script of that folder
import sharded  # noqa: E402

NODES = 1500


class Lent(torch.nn.Module):
    """Gives rows of a table, as TorchRec does."""

    def __init__(self, table):
        super().__init__()
        self.table, self.calls = table, 0

    def forward(self, asked):
        self.calls += 1
        rows = self.table * 1  # whose gradient has to be dense
        return {sharded.TABLE: SimpleNamespace(values=lambda: rows[asked.values])}


@pytest.mark.parametrize("case", sharded.CASES)
def test_a_table_that_steps_once_a_fetch_is_fetched_from_once_a_step(case, monkeypatch):
    """With rows from elsewhere a step has the loss and the gradient of ours, in one process."""
    monkeypatch.setitem(sys.modules, "torchrec", SimpleNamespace(KeyedJaggedTensor=SimpleNamespace))
    made, _ = sharded.built("ours", NODES, sharded.argparse.Namespace(case=case))
    batch = sharded.scale.statements(NODES, 8)
    wanted = made(batch, torch.Generator().manual_seed(0))
    wanted.backward()
    gradient = made.model.encoder.weight.grad.to_dense()

    table = made.model.encoder.weight.detach().clone().requires_grad_()
    lent = Lent(table)
    monkeypatch.setattr(type(made.model), "encode", lambda model, graph: sharded.Collected(lent, NODES))
    found = made(batch, torch.Generator().manual_seed(0))
    found.backward()
    assert lent.calls == 1
    torch.testing.assert_close((found, table.grad), (wanted, gradient))


def test_without_torchrec_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "fbgemm_gpu", None)  # as if it were not there
    monkeypatch.setattr(sys, "argv", ["sharded.py"])
    with pytest.raises(SystemExit, match=r"TorchRec cannot be used here .*pip install .*--sides ours\.$"):
        sharded.main()


def test_one_process_has_nothing_to_share(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sharded.py", "--processes", "1"])
    with pytest.raises(SystemExit, match="2"):
        sharded.main()
    assert "--processes is 2 or more" in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("torchrec") is None, reason="TorchRec is not installed")
def test_torchrec_takes_the_same_steps():
    """Two processes, from the same weights."""
    words = ["--entities", "3001", "--sides", "theirs", "--steps", "1"]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", sharded.__file__, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["negatives"] for row in rows] == list(sharded.CASES)
    for row in rows:
        assert row["losses_differ_by"] < 1e-5
        assert len(row["peak_mib"]) == row["processes"] == 2
