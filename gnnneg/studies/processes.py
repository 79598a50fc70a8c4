"""Several single-threaded processes that work on some studies."""

import json
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gnnneg.beside import code_of, ended, started, told, until_input_ends
from gnnneg.errors import UserError
from gnnneg.plain import visible
from gnnneg.studies.made import headline
from gnnneg.training.interruption import Interruption
from gnnneg.trust import allowing

if TYPE_CHECKING:
    from gnnneg.studies.failures import Failures
    from gnnneg.studies.queue import Queue
    from gnnneg.studies.run import Order

POLL = 0.2
THREADS = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def side_by_side(
    queue: "Queue", paths: Sequence[str | Path], order: "Order", failures: "Failures", say: Callable[[str], None]
) -> list[str]:
    """Does the remaining work in several processes and returns a sentence for each process that was killed.

    Raises:
        UserError: The error of a process.
        KeyboardInterrupt: On Ctrl-C or SIGTERM, once all have written their checkpoints.
    """
    seen = {name: len(records.read()) for name, records in queue.records.items()}
    crew = [_started(paths, order, failures, number) for number in range(order.jobs)]
    failed = 0
    killed: list[str] = []
    wrong: list[str] = []
    try:
        with Interruption() as struck:  # even where the shell makes the process ignore Ctrl-C
            while crew:
                time.sleep(POLL)
                if struck.wanted:
                    raise KeyboardInterrupt
                done = [one for one in crew if one.poll() is not None]
                _tell(queue, seen, say)
                for sentence in failures.sentences()[failed:]:
                    say(f"failed: {sentence}")
                    failed += 1
                for process in done:
                    crew.remove(process)
                    _close(process, killed, wrong)
    finally:
        ended(crew)
    if wrong:
        raise UserError(wrong[0])
    return killed


def _tell(queue: "Queue", seen: dict[str, int], say: Callable[[str], None]) -> None:
    """Reports the records that are new since the last call."""
    for name, records in queue.records.items():
        found = records.read()
        for record in found[seen[name] :]:
            say(headline(record))
        seen[name] = len(found)


def _close(process: "subprocess.Popen[str]", killed: list[str], wrong: list[str]) -> None:
    """Notes how a process has ended, if this was not at the end of its work."""
    sentence, code = told(process), process.returncode
    if code < 0:
        killed.append(
            f"A process was killed by signal {-code} (out of memory?): the same command goes on with its work."
        )
    elif code:
        wrong.append(sentence or f"A process of the study ended with code {code}.")


def _started(paths: Sequence[str | Path], order: "Order", failures: "Failures", number: int) -> "subprocess.Popen[str]":
    orders = {
        "paths": [str(path) for path in paths],
        "results": str(order.results),
        "runs": str(order.runs),
        "allow": list(order.allow),
        "until": None if order.until is None else time.time() + order.until - time.monotonic(),
        "command": sys.argv,
        "number": number,
        "failures": str(failures.folder),
    }
    return started("gnnneg.studies.processes", orders, {**os.environ, **THREADS})


def _work(words: str) -> int:
    """The main function of one process."""
    from gnnneg.studies.failures import Failures
    from gnnneg.studies.run import Order, queue
    from gnnneg.studies.work import Worker

    asked = json.loads(words)
    threading.Thread(target=until_input_ends, daemon=True).start()
    warnings.showwarning = _warn  # type: ignore[assignment]
    sys.argv = asked["command"]  # records store this command
    until = None if asked["until"] is None else time.monotonic() + asked["until"] - time.time()
    failures = Failures(Path(asked["failures"]))
    order = Order(results=Path(asked["results"]), runs=Path(asked["runs"]))

    def work() -> None:
        with allowing(asked["allow"]):
            with warnings.catch_warnings():
                if asked["number"]:  # only the first process reports on records and data
                    warnings.simplefilter("ignore")
                studies = queue(asked["paths"], order)
            Worker(studies, order.runs, lambda _: None, failures, until).work()

    return code_of(work, str(order.runs))


def _warn(message: Warning | str, *_: object) -> None:
    print(visible(f"Warning: {' '.join(str(message).split())}"), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(_work(sys.argv[1]))
