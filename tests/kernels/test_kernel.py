"""A kernel gives the same bits whether this process compiled it or read it from the disk."""

import json
import os
import subprocess
import sys

BITS = """
import json
import torch
from gnnneg.kernels.cross_entropy import _cross_entropy, _pulled

torch.set_num_threads(1)
torch.manual_seed(0)
positive, query, candidate = torch.randn(256), torch.randn(256, 8), torch.randn(64, 8)
found = []
for precision in torch.float32, torch.bfloat16:  # two combinations of types in one process
    for weight in torch.ones(1, 1), (torch.rand(256, 64) > 0.1).float():
        given = positive, query.to(precision), candidate.to(precision), weight
        for _ in range(2):
            made = _cross_entropy(*given)
        found.append([tensor.double().sum().item().hex() for tensor in made])
stats = _pulled.stats
print(json.dumps([found, len(_pulled.overloads), sum(stats.cache_misses.values()), sum(stats.cache_hits.values())]))
"""


def test_bits_do_not_depend_on_who_compiled(tmp_path):
    """This kernel's losses differed in the last bit: its sum over candidates may be reordered, and was, once more."""
    environment = dict(os.environ, NUMBA_CACHE_DIR=str(tmp_path), OMP_NUM_THREADS="1")

    def run() -> list:
        done = subprocess.run([sys.executable, "-c", BITS], env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    (compiled, kinds, missed, read), (again, *counts) = run(), run()
    assert compiled == again
    assert compiled[0] != compiled[1]
    assert [kinds, missed, read] == [2, 2, 2]  # compiled, and read back
    assert counts == [2, 0, 2]
