"""The Triton kernels, in Triton's interpreter everywhere and on the device where there is one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from gnnneg.kernels.devices import on_triton
from gnnneg.kernels.gather_score import _gather
from gnnneg.kernels.kinds import INNER, L1, L2, MODULUS, PHASE
from gnnneg.kernels.pairwise import _pairwise

CASES = Path(__file__).with_name("triton_cases.py")
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def run(device: str, interpret: str) -> str:
    """All cases in a process of their own: the interpreter is chosen when Triton is imported."""
    environment = {**os.environ, "TRITON_INTERPRET": interpret, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(CASES), device], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_interpreted():
    pytest.importorskip("triton")
    assert run("cpu", "1").split() == ["76", "cases"]


@pytest.mark.gpu
@cuda
def test_on_the_device():
    assert run("cuda", "0").split() == ["76", "cases"]


@pytest.mark.gpu
@cuda
@pytest.mark.parametrize("kind", [INNER, L1, L2, MODULUS, PHASE])
def test_autograd_on_the_device_is_that_of_the_cpu(kind):
    query, table, index = torch.randn(40, 100), torch.randn(70, 100), torch.randint(70, (40, 33))
    found = []
    for device in ("cpu", "cuda"):
        q, t = (side.clone().to(device).requires_grad_() for side in (query, table))
        score = _gather(q, t, index.to(device), kind)
        if kind != INNER:
            score = torch.cat([score, _pairwise(q, t, kind)], dim=1)
        score.square().sum().backward()
        found.append([score.cpu(), q.grad.cpu(), t.grad.cpu()])
    for cpu, device in zip(*found):
        assert_close(device, cpu, rtol=1e-4, atol=1e-3)


def test_only_cuda_and_one_precision():
    assert not on_triton(torch.zeros(1))


def test_importing_gnnneg_does_not_import_triton():
    code = "import sys, gnnneg.decoders; sys.exit('gnnneg.kernels.triton_kinds' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
