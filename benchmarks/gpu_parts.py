"""What ``gpu.py`` measures: each part in a process of its own, which prints one JSON object a line as it goes.

``python benchmarks/gpu_parts.py steps --device cuda`` measures one part. With ``--toy`` sizes are small enough for any
CPU, so that a test can run all of it where there is no GPU.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from on_gpu.bench import Bench
from on_gpu.machine import machine, nccl, tests
from on_gpu.negatives import made
from on_gpu.networks import nbfnet, rgcn
from on_gpu.rank import rank
from on_gpu.record import key, measured, records, where
from on_gpu.steps import steps
from on_gpu.training import complex_training, nbfnet_training

# part: what measures it and the most seconds it may take; trainings share what the others leave of the budget
PARTS: dict[str, tuple[Callable[[Bench], None], float]] = {
    "machine": (machine, 25),
    "tests": (tests, 130),
    "nccl": (nccl, 15),
    "steps": (steps, 90),
    "rank": (rank, 40),
    "rgcn": (rgcn, 60),
    "nbfnet": (nbfnet, 25),
    "made": (made, 40),
    "complex": (complex_training, 240),
    "nbfnet-train": (nbfnet_training, 240),
}
TRAININGS = "complex", "nbfnet-train"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=list(PARTS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--toy", action="store_true")
    parser.add_argument("--record", type=Path, help="of what it names, cases without an error are not measured again")
    parser.add_argument(
        "--until", type=float, help="when it will be stopped, in seconds since 1970 (default: its limit)"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    work, limit = PARTS[arguments.part]
    found = measured(records(arguments.record), where(arguments.toy)) if arguments.record else []
    told = {key(one) for one in found if "error" not in one}
    work(Bench(arguments.device, arguments.toy, told, arguments.until or time.time() + limit))


if __name__ == "__main__":
    main()
