"""The benchmark of sharded tables: each side takes the same steps, and what is missing is said."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))  # as for a script of that folder
import sharded  # noqa: E402


@pytest.mark.parametrize("case", sharded.CASES)
def test_rows_that_are_fetched_at_once_give_the_same_losses(case):
    """The side that TorchRec's stands on, in one process."""
    means = sharded.argparse.Namespace(case=case, compared=3)
    ours, once = sharded.losses("ours", means), sharded.losses("once", means)
    assert len(ours.unique()) == 3
    torch.testing.assert_close(once, ours, atol=1e-5, rtol=0)


def test_without_torchrec_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "fbgemm_gpu", None)  # as if it were not there
    monkeypatch.setattr(sys, "argv", ["sharded.py"])
    with pytest.raises(SystemExit, match=r"TorchRec cannot be used here .*pip install .*--sides ours once\.$"):
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
