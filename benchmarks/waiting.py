"""How fast two threads train beside other busy processes, by how long threads that wait spin: one JSON line a row.

``python benchmarks/waiting.py`` takes steps of DistMult with 256 shared negatives, alone and beside one and two
processes that do nothing but count, with ``GOMP_SPINCOUNT`` as the OpenMP library has it by itself (300,000) and as
``import gnnneg`` sets it. Only where the clock tells this, so nothing else may run. ``--record FILE`` adds each row to
a file.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from measure import recording

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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", metavar="FILE", help="add each row to this file as well")
    record = recording(parser.parse_args().record, 2)
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
        ours, theirs = (statistics.median(found[name]) for name in ("gnnneg", "library"))
        row = {
            "suite": "waiting",
            "case": f"two threads beside {busy} busy processes",
            "unit": "triples/s",
            "ours": ours,
        }
        row |= {"peer": theirs, "peer_name": "as OpenMP spins by itself", "ratio": ours / theirs, "clock": "wall"}
        print(json.dumps(row), flush=True)
        record(row)


if __name__ == "__main__":
    main()
