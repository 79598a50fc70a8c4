"""How far the DistMult step and ranking are from this machine's own matrix-product rate.

``python benchmarks/roofline.py`` prints JSON: the rate of the bare products of a step and of ranking, in float32 and
bfloat16, and the share of it that a whole step and a whole ranking keep.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

WIDTH, BATCH, NEGATIVES, NODES = 100, 1000, 256, 14_541


def best(work: Callable[[], object], repeats: int = 30) -> float:
    work()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def product(rows: int, columns: int, dtype: torch.dtype) -> float:
    """Operations per second of ``(rows, width) x (width, columns)``."""
    left, right = torch.randn(rows, WIDTH, dtype=dtype), torch.randn(columns, WIDTH, dtype=dtype)
    return 2 * rows * columns * WIDTH / best(lambda: left @ right.T)


def measured(*options: str) -> float:
    script = Path(__file__).with_name("cases.py")
    done = subprocess.run([sys.executable, str(script), "ours", *options], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])["per_second"]


def main() -> None:
    step, rank = measured("train", "DistMult", "--shared"), measured("rank", "DistMult")
    # forward and two backwards of one product per step; two sides per ranked triple
    used = {"step": step * 3 * 2 * NEGATIVES * WIDTH, "rank": rank * 2 * 2 * NODES * WIDTH}
    shape = {"step": (BATCH, NEGATIVES), "rank": (BATCH, NODES)}
    for what, (rows, columns) in shape.items():
        rate = {str(dtype).split(".")[1]: product(rows, columns, dtype) for dtype in (torch.float32, torch.bfloat16)}
        row = {f"{name}_gflops": round(value / 1e9, 1) for name, value in rate.items()}
        row |= {"whole_gflops": round(used[what] / 1e9, 1), "share_of_float32": round(used[what] / rate["float32"], 3)}
        print(json.dumps({"what": what, **row}))


if __name__ == "__main__":
    main()
