"""The clock and the scales of all benchmarks."""

import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any


def rate(work: Callable[[], int], seconds: float) -> float:
    """Items per second of the fastest of repeated calls, after a warm-up one."""
    work()
    best, begin = 0.0, time.perf_counter()
    while time.perf_counter() - begin < seconds or best == 0:
        start = time.perf_counter()
        count = work()
        best = max(best, count / (time.perf_counter() - start))
    return best


def peak_mib() -> float:
    """The most memory held so far, or since :func:`forget`."""
    with suppress(OSError):
        return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget() -> None:
    """What making the data took does not count, where the system can be told so."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def alone(*words: str) -> dict[str, float]:
    """What ``cases.py`` measures of these words, in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("cases.py")), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def recording(file: str | None, threads: int) -> Callable[[dict[str, Any]], None]:
    """What a script calls with each row: it adds a record of it to ``--record FILE``, if there is one.

    What keeps a row from being recorded ends the script in one sentence: at once, before anything is measured, or when
    the disk becomes full.
    """
    if file is None:
        return lambda row: None
    from gnnneg.errors import UserError
    from gnnneg.studies.recorder import Recorder

    def told(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(2) from error

    recorder = told(lambda: Recorder(Path(file), threads))
    return lambda row: told(lambda: recorder(row))
