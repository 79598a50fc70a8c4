"""Several processes of one study. Each imports the package and loads the data set once."""

import json
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from optuna import Study
from optuna.trial import TrialState

from gnnneg.beside import code_of, ended, started, told, until_input_ends
from gnnneg.errors import UserError
from gnnneg.experiment.lock import awaited
from gnnneg.plain import visible
from gnnneg.trust import allowing
from gnnneg.tuning.files import CLAIMS, KILLED, PROCESS, SENTENCE, Budget
from gnnneg.tuning.work import Worker

DEADLY = 5  # a trial that kills its process this often is given up
AGAIN = 20  # limit for restarts of killed processes
POLL = 0.2


def side_by_side(
    home: Path,
    study: Study,
    budget: Budget,
    workers: int,
    allow: Sequence[str],
    progress: bool,
    tick: Callable[[], None],
) -> None:
    """Does the remaining work in several processes.

    Raises:
        UserError: The error of a process; or if processes are killed again and again.
    """
    crew = [_started(home, budget, number, workers, allow, progress) for number in range(workers)]
    again, said = 0, ""
    try:
        while crew:
            time.sleep(POLL)
            tick()
            for process in [one for one in crew if one.poll() is not None]:
                crew.remove(process)
                sentence = told(process)
                if process.returncode < 0:
                    again += 1
                    _note_killed(home, study, process.pid, -process.returncode)
                    if again > AGAIN:
                        raise UserError(
                            f"Processes of {home} were killed {again} times, the last by signal "
                            f"{-process.returncode}: check the memory, and run the same command again to go on."
                        )
                    crew.append(_started(home, budget, len(crew), workers, allow, progress))
                elif process.returncode:
                    said = said or sentence or f"A process of {home} ended with code {process.returncode}."
        if said:
            raise UserError(said)
    finally:
        ended(crew)


def _started(
    home: Path, budget: Budget, number: int, workers: int, allow: Sequence[str], progress: bool
) -> "subprocess.Popen[str]":
    """A process with its part of the cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    orders = {"home": str(home), "budget": asdict(budget), "allow": list(allow), "progress": progress, "number": number}
    return started("gnnneg.tuning.processes", orders, {"OMP_NUM_THREADS": str(max(1, cores // workers)), **os.environ})


def _note_killed(home: Path, study: Study, process: int, number: int) -> None:
    """Counts how often a trial was killed while this process lives, and ends a trial that kills every process."""
    with awaited(home / CLAIMS / "next.lock"):
        for trial in study.get_trials(deepcopy=False):
            if trial.state == TrialState.RUNNING and trial.user_attrs.get(PROCESS) == process:
                times = trial.user_attrs.get(KILLED, 0) + 1
                study._storage.set_trial_user_attr(trial._trial_id, KILLED, times)
                if times >= DEADLY:
                    sentence = f"Its process was killed {times} times, the last by signal {number}: out of memory?"
                    study._storage.set_trial_user_attr(trial._trial_id, SENTENCE, sentence)
                    study.tell(trial.number, state=TrialState.FAIL)


def _work(orders: str) -> int:
    """The main function of one process."""
    asked = json.loads(orders)
    threading.Thread(target=until_input_ends, daemon=True).start()
    warnings.showwarning = _warn  # type: ignore[assignment]
    speak = say if asked["progress"] else nothing

    def work() -> None:
        with allowing(asked["allow"]):
            with warnings.catch_warnings():
                if asked["number"]:  # only the first process describes the data
                    warnings.simplefilter("ignore")
                worker = Worker(Path(asked["home"]), Budget(**asked["budget"]), speak, lambda: None)
            worker.work()

    return code_of(work, asked["home"])


def say(words: str) -> None:
    """Prints a line to standard error."""
    print(visible(words), file=sys.stderr)


def nothing(words: str) -> None:
    """Prints nothing."""


def _warn(message: Warning | str, *_: object) -> None:
    say(f"Warning: {' '.join(str(message).split())}")


if __name__ == "__main__":
    sys.exit(_work(sys.argv[1]))
