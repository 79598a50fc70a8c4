"""What ``gpu.py`` measures: each part in a process of its own, which prints one JSON object a line as it goes.

``python benchmarks/gpu_parts.py steps --device cuda`` measures one part. With ``--toy`` sizes are small enough for any
CPU, so that a test can run all of it where there is no GPU.
"""

import argparse
import warnings
from collections.abc import Callable

from on_gpu.bench import Bench
from on_gpu.machine import machine, nccl, tests
from on_gpu.negatives import made
from on_gpu.networks import nbfnet, rgcn
from on_gpu.rank import rank
from on_gpu.steps import steps
from on_gpu.training import complex_training, nbfnet_training

# part: what measures it and the most seconds it may take
PARTS: dict[str, tuple[Callable[[Bench], None], float]] = {
    "machine": (machine, 40),
    "tests": (tests, 180),
    "nccl": (nccl, 40),
    "steps": (steps, 150),
    "rank": (rank, 60),
    "rgcn": (rgcn, 40),
    "nbfnet": (nbfnet, 40),
    "made": (made, 90),
    "complex": (complex_training, 150),
    "nbfnet-train": (nbfnet_training, 150),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=list(PARTS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--toy", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    PARTS[arguments.part][0](Bench(arguments.device, arguments.toy))


if __name__ == "__main__":
    main()
