"""How fast two threads train beside other busy processes, by how long threads that wait spin: one JSON line a row.

``python benchmarks/waiting.py`` takes steps of DistMult with 256 shared negatives, alone and beside one and two
processes that do nothing but count, with ``GOMP_SPINCOUNT`` as the OpenMP library has it by itself (300,000) and as
``import gnnneg`` sets it. Only where the clock tells this, so nothing else may run.
"""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).parent
COUNTED = ["ours", "train", "DistMult", "--shared", "--threads", "2"]
TURNS = {"library": "300000", "gnnneg": None}
OFTEN = 3
CHOSEN = "GOMP_SPINCOUNT", "OMP_NUM_THREADS"  # which whoever measures may have set


def rate(turns: str | None) -> float:
    """Statements a second, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name not in CHOSEN}
    if turns is not None:
        environment["GOMP_SPINCOUNT"] = turns
    words = [sys.executable, str(HERE / "cases.py"), *COUNTED]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout.strip().splitlines()[-1])["per_second"]


def main() -> None:
    for busy in (0, 1, 2):
        with ExitStack() as beside:
            for _ in range(busy):
                counting = subprocess.Popen([sys.executable, "-c", "while True: pass"])
                beside.callback(counting.wait)
                beside.callback(counting.kill)
            found: dict[str, list[float]] = {name: [] for name in TURNS}
            for _ in range(OFTEN):
                for name, turns in TURNS.items():
                    found[name].append(rate(turns))
        print(json.dumps({"busy": busy, "unit": "triples/s", **found}), flush=True)


if __name__ == "__main__":
    main()
