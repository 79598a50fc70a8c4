"""What the device is and how fast at best, whether two of them talk, and the tests that need one."""

import os
import subprocess
import sys
import threading
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from on_gpu.bench import Bench

ROOT = Path(__file__).resolve().parents[2]


def machine(bench: Bench) -> None:
    """What the device is, and its two ceilings: bytes copied and products computed a second."""
    import numpy
    import torch_geometric

    found: dict[str, Any] = {"torch": torch.__version__, "pyg": torch_geometric.__version__, "numpy": numpy.__version__}
    try:
        import triton

        found["triton"] = triton.__version__
    except ImportError:
        pass
    if bench.cuda:
        about = torch.cuda.get_device_properties(0)
        found |= {"name": about.name, "memory_gib": about.total_memory / 2**30, "units": about.multi_processor_count}
        found["devices"] = torch.cuda.device_count()
    bench.tell("machine", "versions", **found)
    one = torch.randn(1 << (12 if bench.toy else 28), device=bench.device)
    other = torch.empty_like(one)
    lap = bench.milliseconds(lambda: other.copy_(one))
    bench.tell("machine", "copy", **lap, gb_per_second=2 * one.numel() * 4 / lap["ms"] / 1e6)
    size = 64 if bench.toy else 8192
    for name, dtype, precision in (
        ("float32", torch.float32, "highest"),
        ("tf32", torch.float32, "high"),
        ("bfloat16", torch.bfloat16, "highest"),
    ):
        left, right = torch.randn(2, size, size, device=bench.device).to(dtype).unbind()
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision(precision)
        exact = left[:64].double() @ right.double()
        error = ((left[:64] @ right).double() - exact).norm() / exact.norm()
        lap = bench.milliseconds(lambda left=left, right=right: left @ right)
        torch.set_float32_matmul_precision(before)
        bench.tell(
            "machine",
            f"product {name}",
            **lap,
            tflops=2 * size**3 / lap["ms"] / 1e9,
            relative_error=float(error),
        )


def nccl(bench: Bench) -> None:
    """Two processes exchange rows, if there are two devices."""
    count = torch.cuda.device_count() if bench.cuda else 0
    if count < 2:
        bench.tell("nccl", "two processes", skipped=f"{count} CUDA devices here; two are needed")
        return
    import torch.multiprocessing as mp

    mp.spawn(_exchange, args=(2,), nprocs=2)
    bench.tell("nccl", "two processes", equal=True)


def _exchange(rank: int, world: int) -> None:
    import torch.distributed as dist

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29611"}
    torch.cuda.set_device(rank)
    dist.init_process_group("nccl", rank=rank, world_size=world)
    mine = torch.arange(world, device="cuda") + 10 * rank
    theirs = torch.empty_like(mine)
    dist.all_to_all_single(theirs, mine)
    assert theirs.tolist() == [10 * other + rank for other in range(world)]
    dist.destroy_process_group()


def tests(bench: Bench) -> None:
    """Every test that needs a device: each kernel against its reference, each part against itself on the CPU."""
    if not (ROOT / "tests").is_dir():
        bench.tell("tests", "pytest", skipped="the tests are in the checkout only")
        return
    if not bench.cuda:
        bench.tell("tests", "pytest", skipped="no CUDA device")
        return
    bench.case("tests", "pytest", partial(_tested, bench.left() - 10))


def _tested(seconds: float) -> dict[str, Any]:
    """How many tests passed, failed and were skipped until now, and which failed."""
    files = [str(file) for file in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.gpu" in file.read_text()]
    # kernels are compiled side by side
    workers = ["-n", str(min(12, os.cpu_count() or 1))] if find_spec("xdist") else []
    options = ["-v", "-m", "gpu", "-W", "default", "-p", "no:cacheprovider", "--no-header", "--tb=short", *workers]
    command = [sys.executable, "-m", "pytest", *options, *files]
    begin = time.perf_counter()
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    stop = threading.Timer(seconds, running.kill)
    stop.start()
    lines = []
    with running:
        assert running.stdout is not None
        for line in running.stdout:  # kept as it comes, so that a run that is stopped leaves what it found
            sys.stderr.write(line)
            sys.stderr.flush()
            lines.append(line.strip())
    stop.cancel()
    found = outcomes(lines) | {"exit": running.returncode, "seconds": time.perf_counter() - begin}
    if running.returncode not in (0, 1):  # 1: some failed, which is a result
        found["error"] = lines[-1][:300] if lines and running.returncode > 0 else f"stopped after {seconds:.0f} seconds"
    return found


def outcomes(lines: list[str]) -> dict[str, Any]:
    """What ``pytest -v`` said, whether or not it came to its summary, which repeats the names of failed tests."""
    said = [line.split() for line in lines if "::" in line and not line.startswith(("FAILED", "ERROR"))]
    count = {word: sum(word in words for words in said) for word in ("PASSED", "FAILED", "ERROR", "SKIPPED")}
    failed = [next(word for word in words if "::" in word) for words in said if {"FAILED", "ERROR"} & {*words}]
    reasons = [line[:200] for line in lines if line.startswith(("FAILED", "ERROR"))]
    return {
        "passed": count["PASSED"],
        "failed": count["FAILED"] + count["ERROR"],
        "skipped": count["SKIPPED"],
        "which_failed": reasons or failed,
    }
