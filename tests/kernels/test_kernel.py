"""A kernel gives the same bits whether this process compiled it or read it from the disk."""

import json
import os
import subprocess
import sys

import numba
import numpy as np

from gnnneg.kernels.kernel import kernel

BITS = """
import json
import torch
from gnnneg.kernels.cross_entropy import _cross_entropy, _pulled

torch.set_num_threads(1)
torch.manual_seed(0)
positive, query, candidate = torch.randn(256), torch.randn(256, 8), torch.randn(64, 8)
found = []
for weight in torch.ones(1, 1), (torch.rand(256, 64) > 0.1).float():
    made = _cross_entropy(positive, query, candidate, weight)
    found.append([tensor.double().sum().item().hex() for tensor in made])
stats = _pulled.stats
print(json.dumps([found, sum(stats.cache_misses.values()), sum(stats.cache_hits.values())]))
"""


def test_bits_do_not_depend_on_who_compiled(tmp_path):
    """This kernel's losses differed in the last bit: its sum over candidates may be reordered, and was, once more."""
    environment = dict(os.environ, NUMBA_CACHE_DIR=str(tmp_path), OMP_NUM_THREADS="1")

    def run() -> list:
        done = subprocess.run([sys.executable, "-c", BITS], env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    (compiled, *counts), (again, *later) = run(), run()
    assert compiled == again
    assert compiled[0] != compiled[1]
    assert counts == [1, 1]  # compiled, and read back
    assert later == [0, 1]


def test_types_and_constants_are_kernels_of_their_own(tmp_path, monkeypatch):
    """One that is read back does not take the place of those that were there."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))

    def times(factor: int):
        @kernel()
        def fill(x, out):
            for i in range(x.size):
                out[i] = factor * x[i]

        return fill

    for _ in range(2):  # the second time all are read
        made = {factor: times(factor) for factor in (2, 3)}
        for factor, dtype in [(2, np.float32), (3, np.float32), (2, np.int64), (2, np.float32), (3, np.int64)]:
            out = np.empty(3, dtype)
            made[factor](np.arange(3, dtype=dtype), out)
            assert (out == factor * np.arange(3)).all()
        assert [len(one.overloads) for one in made.values()] == [2, 2]
        assert [sum(one.stats.cache_hits.values()) for one in made.values()] == [2, 2]
