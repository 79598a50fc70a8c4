"""One process of a study: job after job until nothing is left, the time is over, or it is struck."""

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
from gnnneg.experiment.lock import alone, awaited
from gnnneg.studies.made import headline, of_training, of_tuning
from gnnneg.studies.queue import Job, Queue
from gnnneg.studies.records import Record
from gnnneg.studies.standing import Key
from gnnneg.training import Watcher
from gnnneg.training.atomic import Unwritable
from gnnneg.tuning import tune
from gnnneg.tuning.files import CLOCK
from gnnneg.tuning.files import TRIALS as TRIAL_FOLDER
from gnnneg.tuning.work import sentence_of

POLL = 0.2  # seconds between looks at what others are doing
CLAIMS, CLOCKS = "claims", "clocks"

Say = Callable[[str], None]


class Worker:
    """Works on the jobs of a queue.

    Who works on a job holds its lock, which the system forgets with its process. So what a kill has left is free, and
    whoever takes it goes on from its last checkpoint.

    Args:
        queue (Queue): The studies and their records.
        runs (pathlib.Path): The folder of all run folders.
        say (callable): Told of each job that has ended.
        until (float, optional): The time (of :func:`time.monotonic`) at which work stops. (default: :obj:`None`)
    """

    def __init__(self, queue: Queue, runs: Path, say: Say, until: float | None = None):
        self.queue, self.runs, self.say, self.until = queue, runs, say, until
        self.refused: set[tuple[str, Key]] = set()
        self.failures: list[str] = []

    def work(self) -> None:
        """Does what is left to do; what fails is said, noted in :attr:`failures`, and does not stop the others.

        Raises:
            UserError: If the disk cannot be written.
            KeyboardInterrupt: On Ctrl-C or SIGTERM; the job at hand has written its checkpoint.
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
        """Takes the job of the greatest worth that is free and does it; says whether there may be more."""
        with ExitStack() as mine:
            job, busy = self._taken(mine)
            if job is not None:
                self._do(job)
            elif busy:
                time.sleep(POLL)
            return job is not None or busy

    def _taken(self, mine: ExitStack) -> tuple[Job | None, bool]:
        """A job that is ours from now on, and whether another process has one."""
        busy = False
        for study in self.queue.studies:
            claims = self.runs / study.name / CLAIMS
            claims.mkdir(parents=True, exist_ok=True)
            if self.queue.spent(study) >= study.most:
                continue
            with awaited(claims / "next.lock"):
                for job in self.queue.missing(study, self.refused):
                    if not self.queue.ready(job):
                        continue
                    try:
                        mine.enter_context(alone(claims / f"{job.slug}.lock"))
                    except Unwritable:
                        raise
                    except UserError:
                        busy = True
                        continue
                    return job, busy
        return None, busy

    def _do(self, job: Job) -> None:
        """Does a job, and records it."""
        try:
            record = self._tuned(job) if job.seed is None else self._trained(job)
        except Unwritable:
            raise
        except Exception as error:
            why = sentence_of(error)
            self.refused.add((job.study.name, job.key))
            self.failures.append(f"{job.name}: {why}")
            self.say(f"{job.name} failed: {why}")
            return
        self.say(headline(record))

    def _trained(self, job: Job) -> Record:
        """Trains, goes on, or takes what is there, then appends the record."""
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
        shutil.rmtree(path / run_files.CHECKPOINTS, ignore_errors=True)  # nobody goes on with it
        return record

    def _tuned(self, job: Job) -> Record:
        """The same of a tuning; of its trials the record keeps all that anybody asks for."""
        fingerprints, path = self._fingerprints(job), self.queue.folder(job, self.runs)
        study = tune(job.cell.tree, job.study.trials, startup=job.study.startup, seeds=0, out=path, progress=False)
        record = of_tuning(job, study, Clock(path / CLOCK), fingerprints)
        self.queue.records[job.study.name].append(record)
        shutil.rmtree(path / TRIAL_FOLDER, ignore_errors=True)
        return record

    def _fingerprints(self, job: Job) -> Any:
        found = self.queue.fingerprints(job.cell.tree)
        if found is None:
            raise UserError(f"the data set {job.cell.data} cannot be had.")
        return found

    def _clocks(self, job: Job) -> Path:
        folder = self.runs / job.study.name / CLOCKS
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class _Ticking(Watcher):
    """Keeps the clock of a training, for a kill to lose little of it."""

    def __init__(self, clock: Clock):
        self.clock = clock

    def begin(self, setup: Any) -> None:
        """There is nothing to begin."""

    def record(self, record: Mapping[str, Any]) -> None:
        self.clock.tick()

    def end(self, result: Mapping[str, Any] | None) -> None:
        """There is nothing to close."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Computes on one thread in the block; numba's kernels follow torch."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def struck_at(until: float | None) -> Iterator[None]:
    """Strikes the block as SIGTERM would, at a time, so that training ends with a checkpoint.

    Only Python's main thread hears signals; in any other thread this does nothing.
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
            timer.join()  # it does not strike whoever comes behind the block
        finally:
            signal.signal(signal.SIGTERM, before)


def _strike(*_: object) -> NoReturn:
    raise KeyboardInterrupt
