"""A process that is killed with -9 comes back by torchrun, to the figures of a run that was never killed."""

import os
import subprocess
import sys
from pathlib import Path

from distributed import killed
from experiment.helpers import log, weights


def test_a_killed_process_comes_back(tmp_path):
    """From Python; what was finished before is found again."""
    means = {**os.environ, "PYTHONPATH": str(Path(killed.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    means |= {"TMPDIR": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", "1"]
    done = subprocess.run(
        [*torchrun, killed.__file__, str(tmp_path)], env=means, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith("torch")} == {
        *("whole", "killed", "struck"),
        *("attempt 1 of 0", "attempt 1 of 1"),
    }
    assert log(tmp_path / "killed") == log(tmp_path / "whole")
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")
