"""One process of a study: does one job after the other until nothing is left, the time is over, or it is
interrupted.
"""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import torch

from gnnneg import run_files
from gnnneg.errors import UserError
from gnnneg.experiment.clock import Clock
from gnnneg.experiment.folder import made
from gnnneg.experiment.lock import Elsewhere, alone, awaited
from gnnneg.studies.failures import Failures
from gnnneg.studies.made import headline, of_training, of_tuning
from gnnneg.studies.queue import Job, Queue
from gnnneg.studies.records import Record
from gnnneg.training import Watcher
from gnnneg.training.atomic import Unwritable
from gnnneg.tuning import tune
from gnnneg.tuning.files import CLOCK
from gnnneg.tuning.files import TRIALS as TRIAL_FOLDER
from gnnneg.tuning.work import sentence_of

POLL = 0.2  # seconds between checks of the other processes
CLAIMS, CLOCKS = "claims", "clocks"

Say = Callable[[str], None]


class Worker:
    """Works on the jobs of a queue.

    The process that works on a job holds its lock, which the operating system releases if the process dies. So a job
    that was killed becomes free, and the next process continues it from its last checkpoint.

    Args:
        queue (Queue): The studies and their records.
        runs (pathlib.Path): The folder of all run folders.
        say (callable): Called with a message for each job that has ended.
        failures (Failures): The jobs that failed, in this process or another.
        until (float, optional): The time (of :func:`time.monotonic`) at which work stops. (default: :obj:`None`)
    """

    def __init__(self, queue: Queue, runs: Path, say: Say, failures: Failures, until: float | None = None):
        self.queue, self.runs, self.say, self.failures, self.until = queue, runs, say, failures, until
        self.elsewhere: str | None = None  # the sentence about a job that another machine has locked

    def work(self) -> None:
        """Does the remaining work. A failed job is reported and noted, and the other jobs still run.

        Raises:
            UserError: If the disk cannot be written.
            KeyboardInterrupt: On Ctrl-C or SIGTERM; the current job has written its checkpoint.
        """
        try:
            with one_thread(), struck_at(self.until):
                while not self.late and self._next():
                    pass
        except KeyboardInterrupt:
            if not self.late:
                raise

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return self.until is not None and time.monotonic() >= self.until

    def _next(self) -> bool:
        """Takes the most valuable free job and does it. Returns whether there may be more.

        Raises:
            UserError: If all that is left is locked by another machine, of which nobody here can tell the end.
        """
        self.elsewhere = None
        with ExitStack() as mine:
            job, busy = self._taken(mine)
            if job is not None:
                self._do(job)
            elif busy:
                time.sleep(POLL)
            elif self.elsewhere is not None:
                raise UserError(self.elsewhere)
            return job is not None or busy

    def _taken(self, mine: ExitStack) -> tuple[Job | None, bool]:
        """A job that this process owns from now on, and whether another process has one."""
        busy = False
        for study in self.queue.studies:
            claims = self.runs / study.name / CLAIMS
            made(claims, "--runs")
            if self.queue.spent(study) >= study.most:
                continue
            with awaited(claims / "next.lock"):
                for job in self.queue.missing(study, self.failures):
                    if not self.queue.ready(job):
                        continue
                    try:
                        mine.enter_context(alone(claims / f"{job.slug}.lock"))
                    except Unwritable:
                        raise
                    except Elsewhere as error:
                        self.elsewhere = str(error)
                        continue
                    except UserError:
                        busy = True
                        continue
                    return job, busy
        return None, busy

    def _do(self, job: Job) -> None:
        """Does a job and records it."""
        try:
            record = self._tuned(job) if job.seed is None else self._trained(job)
        except Unwritable:
            raise
        except Exception as error:
            why = sentence_of(error)
            self.failures.note(job, why)
            self.say(f"failed: {job.name}: {why}")
            return
        self.say(headline(record))

    def _trained(self, job: Job) -> Record:
        """Trains, continues, or takes the finished run, then appends the record."""
        fingerprints = self._fingerprints(job)
        path = self.queue.folder(job, self.runs)
        clock = Clock(self._clocks(job) / f"{path.name}.json")
        tree = {**self.queue.tree(job)}
        try:
            self.queue.trainer(tree, path, [_Ticking(clock)])
        finally:
            clock.write()
        record = of_training(job, path, clock, fingerprints)
        self.queue.records[job.study.name].append(record)
        shutil.rmtree(path / run_files.CHECKPOINTS, ignore_errors=True)  # the run will not be continued
        return record

    def _tuned(self, job: Job) -> Record:
        """The same for a tuning. The record keeps everything about its trials that is used later."""
        fingerprints, path = self._fingerprints(job), self.queue.folder(job, self.runs)
        study = tune(job.cell.tree, job.study.trials, startup=job.study.startup, seeds=0, out=path, progress=False)
        record = of_tuning(job, study, Clock(path / CLOCK), fingerprints)
        self.queue.records[job.study.name].append(record)
        shutil.rmtree(path / TRIAL_FOLDER, ignore_errors=True)
        return record

    def _fingerprints(self, job: Job) -> Any:
        found = self.queue.fingerprints(job.cell.tree)
        if found is None:
            raise UserError(f"the data set {job.cell.data} is not available.")
        return found

    def _clocks(self, job: Job) -> Path:
        folder = self.runs / job.study.name / CLOCKS
        made(folder, "--runs")
        return folder


class _Ticking(Watcher):
    """Updates the clock of a training regularly, so that a kill loses little of it."""

    def __init__(self, clock: Clock):
        self.clock = clock

    def begin(self, setup: Any) -> None:
        """Nothing to begin."""

    def record(self, record: Mapping[str, Any]) -> None:
        self.clock.tick()

    def end(self, result: Mapping[str, Any] | None) -> None:
        """Nothing to close."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Computes on one thread within the block; numba kernels follow torch."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def struck_at(until: float | None) -> Iterator[None]:
    """Interrupts the block at a time, as SIGTERM would, so that training ends with a checkpoint.

    Only Python's main thread receives signals; in any other thread this does nothing.
    """
    if until is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _strike)
    timer = threading.Timer(max(0.0, until - time.monotonic()), os.kill, (os.getpid(), signal.SIGTERM))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        try:
            timer.cancel()
            timer.join()  # the timer must not interrupt code after the block
        finally:
            signal.signal(signal.SIGTERM, before)


def _strike(*_: object) -> NoReturn:
    raise KeyboardInterrupt
