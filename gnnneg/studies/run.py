"""Runs studies: trains what is missing, most valuable first, in one process or several."""

import math
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gnnneg.errors import MissingExtra, UserError
from gnnneg.experiment.folder import made
from gnnneg.experiment.trainer import Trainer
from gnnneg.studies.definition import read
from gnnneg.studies.failures import Failures
from gnnneg.studies.queue import Job, Queue
from gnnneg.studies.standing import refuse
from gnnneg.training import Interrupted

RESULTS, RUNS = Path("results"), Path("runs/studies")
SPARE, LARGEST_SPARE = 0.2, 10.0  # the part of a budget that is kept for the last checkpoint: a fraction, and seconds


@dataclass(frozen=True)
class Order:
    """Options for running studies.

    Args:
        jobs (int): Number of single-threaded processes. (default: :obj:`1`, this process)
        budget (float, optional): Seconds after which everything stops at a checkpoint. (default: no limit)
        results (pathlib.Path): The folder of the records.
        runs (pathlib.Path): The folder of the run folders.
        allow (tuple[str, ...]): Modules outside gnnneg whose classes configs may name.
        since (float): The time (of :func:`time.monotonic`) at which the budget starts. (default: now)

    Raises:
        UserError: If a number is out of range.
    """

    jobs: int = 1
    budget: float | None = None
    results: Path = RESULTS
    runs: Path = RUNS
    allow: tuple[str, ...] = ()
    since: float = field(default_factory=time.monotonic)

    @property
    def until(self) -> float | None:
        """The time at which work has to stop, so that the budget includes the last checkpoint."""
        return None if self.budget is None else self.since + self.budget - min(SPARE * self.budget, LARGEST_SPARE)

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise UserError(f"--jobs is {self.jobs}: give at least 1.")
        if self.budget is not None and not self.budget > 0:
            raise UserError(f"--budget is {self.budget}: give a number of seconds above 0.")
        if os.environ.get("WORLD_SIZE", "1") != "1":
            raise UserError("A study starts its own processes: leave torchrun out, and say how many with --jobs.")


@dataclass(frozen=True)
class Progress:
    """The progress of studies.

    Args:
        said (str): The job that has just ended.
        done (int): Trainings and tunings of this session that have ended.
        left (int): Trainings and tunings that have not.
        seconds (float): The time that these may take on all processes together, estimated from earlier ones.
    """

    said: str
    done: int
    left: int
    seconds: float


Tell = Callable[[Progress], None]


def queue(paths: Sequence[str | Path], order: Order) -> Queue:
    """Reads the studies of some files and checks that every variant makes a config.

    Raises:
        UserError: If a file or a variant is invalid, or two files have the same name.
    """
    studies = [read(path) for path in paths]
    for place, study in enumerate(studies):
        if study.name in (other.name for other in studies[:place]):
            raise UserError(f"Two studies are called {study.name}, and would share their records: rename a file.")
        if study.trials:
            refuse_untunable()
        refuse(study)
    return Queue(studies, order.results, Trainer())


def refuse_untunable() -> None:
    """Checks that tuning is installed.

    Raises:
        MissingExtra: If it is not.
    """
    import importlib.util

    if any(importlib.util.find_spec(name) is None for name in ("optuna", "matplotlib", "jinja2")):
        raise MissingExtra("tune", "A study with a tune section")


def left(queue: Queue, failed: Container[Job] = ()) -> list[tuple[Job, float]]:
    """The remaining jobs in order, with the seconds that each may take; without failed ones and what depends on
    them.
    """
    return [(job, queue.estimate(job)) for study in queue.studies for job in queue.missing(study, failed)]


def tell_of_stale(queue: Queue) -> None:
    """Warns about records that are no longer valid, and about records that no study names any more."""
    for study in queue.studies:
        stands = queue.standing(study)
        for key, why in stands.stale.items():
            data, model, variant, seed = key
            name = " / ".join(part for part in (data, model, variant) if part)
            what = "the tuning" if seed is None else f"seed {seed}"
            warnings.warn(
                f"{study.name}: {name}, {what} is stale ({why}): it no longer counts, and a run makes it again.",
                stacklevel=2,
            )
        if stands.others:
            path = queue.records[study.name].path
            warnings.warn(
                f"{stands.others} records of {path} are of trainings that {study.path} does not name: they are left "
                "aside.",
                stacklevel=2,
            )


def run_studies(paths: Sequence[str | Path], order: Order, tell: Tell | None = None) -> Queue:
    """Runs what is missing in studies.

    The same call continues after a kill: a training from its last checkpoint, a tuning with its next trial. Several
    processes may work on the same studies at the same time.

    Args:
        paths (list): The study files; the study with the greatest worth runs first.
        order (Order): Options for running them.
        tell (callable, optional): Called with the progress after each training. (default: not called)

    Returns:
        Queue: The studies with their records.

    Raises:
        UserError: If a study is invalid, or trainings or tunings failed; all others are done first.
        Interrupted: On Ctrl-C or SIGTERM, after checkpoints are written.
    """
    from gnnneg.studies.processes import side_by_side
    from gnnneg.studies.work import Worker

    studies = queue(paths, order)
    made(order.results, "--results")
    tell_of_stale(studies)
    ended = 0

    def say(words: str) -> None:
        nonlocal ended
        ended += 1
        if tell is not None:
            todo = left(studies, failures)
            seconds = math.fsum(seconds for _, seconds in todo) / order.jobs
            tell(Progress(words, ended, len(todo), seconds))

    with tempfile.TemporaryDirectory(prefix="gnnneg-study-") as folder:
        failures, killed = Failures(Path(folder)), []
        try:
            if order.jobs == 1:
                Worker(studies, order.runs, say, failures, order.until).work()
            else:
                killed = side_by_side(studies, paths, order, failures, say)
        except KeyboardInterrupt as error:
            raise Interrupted("Interrupted: the same command goes on from the last checkpoints.") from error
        wrong = [*_told(failures, len(left(studies)) - len(left(studies, failures))), *killed]
    if wrong:
        raise UserError(" ".join(wrong))
    return studies


def _told(failures: Failures, without: int) -> Iterator[str]:
    """A sentence about failed jobs, if there are any.

    Args:
        failures (Failures): The jobs that failed.
        without (int): The number of jobs that are left because of them, including themselves.
    """
    found = failures.sentences()
    if found:
        waiting = without - len(found)
        others = f", and {waiting} that depend{'s' * (waiting == 1)} on them" if waiting else ""
        yield f"{len(found)} job{'s' * (len(found) > 1)} failed{others}; first {found[0]}"
