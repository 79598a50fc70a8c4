"""Beside other busy processes: threads that wait give their core to others."""

import os
import sys

SAID = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")  # where users say how threads wait

# with none, steps alone on their cores took a quarter longer; by default they are 30 times as many
TURNS = "10000"


def yielding() -> None:
    """Has OpenMP's threads sleep soon while they wait for each other, where by default they turn round and round.

    On cores that others use too, a thread that turns keeps the one that it waits for from its work. OpenMP reads this
    once, when torch is loaded: nothing is changed after that, nor where the user says something of it.
    """
    if "torch" not in sys.modules and not any(name in os.environ for name in SAID):
        os.environ["GOMP_SPINCOUNT"] = TURNS
