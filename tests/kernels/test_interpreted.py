"""The Triton kernels in the interpreter: what they compute, where there is no device."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SLOW = bool(os.environ.get("GNNNEG_SLOW"))


@pytest.mark.slow
def test_interpreted():
    """Every fourth case of few rows and every sixth of many, all of them with ``GNNNEG_SLOW=1``; all are compiled, too.

    The interpreter is chosen when Triton is imported, so it is another process; warnings are errors there.
    """
    pytest.importorskip("triton")
    scripts = [
        "triton_cases.py cpu" if SLOW else "triton_cases.py cpu 0 4",
        f"long_cases.py cpu {1 if SLOW else 6}",
        "grouped_cases.py cpu",
    ]
    command = [sys.executable, "-W", "error", Path(__file__).with_name("interpreted.py"), *scripts]
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["122", "cases", "13" if SLOW else "3", "cases", "10", "cases"]
