"""How far the DistMult step and ranking are from this machine's own matrix-product rate.

``python benchmarks/roofline.py`` prints JSON: the rate of the bare products of a step and of ranking, in float32 and
bfloat16, and the share of it that a whole step and a whole ranking keep.
"""

import json

import torch
from measure import alone, rate

WIDTH, BATCH, NEGATIVES, NODES = 100, 1000, 256, 14_541


def product(rows: int, columns: int, dtype: torch.dtype) -> float:
    """Operations per second of ``(rows, width) x (width, columns)``."""
    left, right = torch.randn(rows, WIDTH, dtype=dtype), torch.randn(columns, WIDTH, dtype=dtype)

    def once() -> int:
        left @ right.T
        return 2 * rows * columns * WIDTH

    return rate(once, 0.5)


def main() -> None:
    step, rank = (
        alone("ours", *words)["per_second"] for words in (("train", "DistMult", "--shared"), ("rank", "DistMult"))
    )
    # forward and two backwards of one product per step; two sides per ranked triple
    used = {"step": step * 3 * 2 * NEGATIVES * WIDTH, "rank": rank * 2 * 2 * NODES * WIDTH}
    shape = {"step": (BATCH, NEGATIVES), "rank": (BATCH, NODES)}
    for what, (rows, columns) in shape.items():
        found = {str(dtype).split(".")[1]: product(rows, columns, dtype) for dtype in (torch.float32, torch.bfloat16)}
        row = {f"{name}_gflops": round(value / 1e9, 1) for name, value in found.items()}
        row |= {"whole_gflops": round(used[what] / 1e9, 1), "share_of_float32": round(used[what] / found["float32"], 3)}
        print(json.dumps({"what": what, **row}))


if __name__ == "__main__":
    main()
