"""Every kernel that runs on many threads takes its turn."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import gnnneg

ROOT = Path(gnnneg.__file__).parent

TWO_AT_ONCE = """
import sys, threading, time
import torch
from gnnneg.data.pools import Pools, reached
from gnnneg.kernels.membership import member

torch.set_num_threads(2)
n = 400
near = Pools(torch.arange(n).repeat(20), torch.randint(n, (20 * n,)), n)
begin, end, index = near.offset[:-1], near.offset[1:], torch.randint(n, (n, 200))
kernels = [lambda: reached(near, 2, 1)] * 3 + [lambda: member(near.member, begin, end, index)]
for kernel in kernels:  # compiled
    kernel()
end_at = time.monotonic() + 0.5

def work(kernel):
    while time.monotonic() < end_at:
        kernel()

threads = [threading.Thread(target=work, args=(kernel,)) for kernel in kernels]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
import numba
print(numba.threading_layer())
"""


def is_parallel(node: ast.AST) -> bool:
    """Whether it is a function that numba runs on many threads, or one that makes such functions."""
    calls = [call for call in getattr(node, "decorator_list", []) if isinstance(call, ast.Call)]
    inside = any(map(is_parallel, node.body)) if isinstance(node, ast.FunctionDef) else False
    return inside or any(word.arg == "parallel" for call in calls for word in call.keywords)


def test_parallel_kernels_are_launched_and_never_called():
    texts = {file: file.read_text() for file in sorted(ROOT.rglob("*.py"))}
    trees = {file: ast.parse(text) for file, text in texts.items() if "numba" in text}
    kernels = {(file.stem, node.name) for file, tree in trees.items() for node in tree.body if is_parallel(node)}
    assert len(kernels) > 10
    launched = set()
    for file, tree in trees.items():
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        starts = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "launch"]
        made = [call.args[0] for call in starts if isinstance(call.args[0], ast.Call)]  # a kernel of some constants
        for call in (call for call in calls if call not in made):
            given = [one.func if one in made else one for one in [call.func, *call.args[:1]]]
            names = {(file.stem, one.id) for one in given if isinstance(one, ast.Name)}
            names |= {
                (one.value.id, one.attr)
                for one in given
                if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name)
            }
            if call in starts:
                launched |= names
            else:
                assert not names & kernels, f"{file.name}:{call.lineno} starts a kernel: use threads.launch"
    assert kernels <= launched, kernels - launched


def test_two_threads_at_once_do_not_end_the_process():
    """Under the layer that ends a process which two threads enter."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT.parent), "NUMBA_THREADING_LAYER": "workqueue"}
    environment |= {"NUMBA_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", TWO_AT_ONCE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "workqueue"), done.stderr
