"""The remaining work of several studies, most valuable first, and how long it may take."""

import math
import re
import statistics
import warnings
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gnnneg.config import Tree
from gnnneg.experiment import DataSource
from gnnneg.experiment.fingerprint import Parts, fingerprint
from gnnneg.experiment.settings import outline, source
from gnnneg.experiment.trainer import Trainer
from gnnneg.studies.definition import Cell, Definition, digest
from gnnneg.studies.records import Record, Records
from gnnneg.studies.standing import Key, Standing, chosen, standing, written

UNSAFE = re.compile(r"[^\w.+-]+")


@dataclass(frozen=True)
class Job:
    """One training, or the tuning of a variant.

    Args:
        study (Definition): The study.
        cell (Cell): Its cell.
        seed (int, optional): The seed of a training; a tuning has none.
    """

    study: Definition
    cell: Cell
    seed: int | None

    @property
    def key(self) -> Key:
        """The key of the job within its study."""
        return *self.cell.place, self.seed

    @property
    def name(self) -> str:
        """For people."""
        what = f"tuning, {self.study.trials} trials" if self.seed is None else f"seed {self.seed}"
        return f"{self.study.name}: {self.cell.name} / {what}"

    @property
    def slug(self) -> str:
        """The same as a part of a file name."""
        parts = [*filter(None, self.cell.place), "tuning" if self.seed is None else str(self.seed)]
        return "-".join(UNSAFE.sub("-", part).strip("-") for part in parts) + f"-{digest(self.key)[:4]}"


class Queue:
    """Studies, their records, and the trainings that are missing.

    Args:
        studies (list[Definition]): The studies; the one with the greatest worth runs first.
        results (pathlib.Path): The folder of their records.
        trainer (Trainer): Loads data sets, whose fingerprints are cached.
    """

    def __init__(self, studies: Sequence[Definition], results: Path, trainer: Trainer):
        self.studies = sorted(studies, key=lambda one: -one.worth)
        self.records = {one.name: Records(results / f"{one.name}.jsonl") for one in self.studies}
        self.trainer = trainer
        self._fingerprints: dict[DataSource, list[Parts] | None] = {}
        self._standing: dict[str, tuple[list[Record], Standing]] = {}

    def fingerprints(self, tree: Tree) -> list[Parts] | None:
        """The fingerprints of the data set of a config. If it is not available: None, with a warning."""
        asked = source(outline(tree))
        if asked not in self._fingerprints:
            try:
                self._fingerprints[asked] = [fingerprint(graph) for graph in self.trainer.graphs(asked)]
            except (ValueError, OSError) as error:
                warnings.warn(
                    f"{asked.name} is not available, so it is unknown whether it has changed since its records were "
                    f"made: {error}",
                    stacklevel=2,
                )
                self._fingerprints[asked] = None
        return self._fingerprints[asked]

    def standing(self, study: Definition) -> Standing:
        """The current state of the trainings of a study."""
        records = self.records[study.name].read()
        known = self._standing.get(study.name)
        if known is None or known[0] is not records:
            known = self._standing[study.name] = records, standing(study, records, self.fingerprints)
        return known[1]

    def missing(self, study: Definition, failed: Container[Job] = ()) -> Iterator[Job]:
        """The trainings without a valid record, each after the tuning that it depends on.

        Args:
            study (Definition): The study.
            failed (container): Jobs that are left out, with the trainings that depend on them. (default: none)
        """
        fresh, named = self.standing(study).fresh, set()
        for cell, seed in study.trainings:
            if (*cell.place, seed) in fresh:
                continue
            for one in [None, seed] if study.trials and (*cell.place, None) not in fresh else [seed]:
                job = Job(study, cell, one)
                if job in failed:
                    break
                if job.key not in named:
                    named.add(job.key)
                    yield job

    def ready(self, job: Job) -> bool:
        """Whether the job depends on nothing that is still missing."""
        tuned = (*job.cell.place, None) in self.standing(job.study).fresh
        return job.seed is None or not job.study.trials or tuned

    def spent(self, study: Definition) -> float:
        """Seconds that all its records took."""
        return math.fsum(record["seconds"]["wall"] for record in self.records[study.name].read())

    def estimate(self, job: Job) -> float:
        """Seconds that a job may take: as similar jobs did, or else the whole budget."""
        fresh = self.standing(job.study).fresh.values()
        records = [one for one in fresh if (_seed(one) is None) == (job.seed is None)]
        alike = [[one for one in records if _place(one) == job.cell.place]]
        alike.append([one for one in records if (one["data"], one["model"]) == job.cell.place[:2]])
        alike.append([one for one in records if one["data"] == job.cell.data])
        for found in alike:
            if found:
                return statistics.fmean(float(one["seconds"]["wall"]) for one in found)
        return job.cell.seconds * (job.study.trials if job.seed is None else 1)

    def tree(self, job: Job) -> Tree:
        """The config that a job trains or tunes."""
        if job.seed is None:
            return job.cell.tree
        return chosen(job.cell, job.seed, self.standing(job.study).fresh.get((*job.cell.place, None)))

    def folder(self, job: Job, runs: Path) -> Path:
        """The run folder of a job. Each config and each state of the data has its own."""
        mark = digest([written(job.study, job.cell), self.tree(job), self.fingerprints(job.cell.tree)])[:8]
        return runs / job.study.name / f"{job.slug}-{mark}"


def _place(record: Record) -> tuple[str, str, str]:
    return record["data"], record["model"], record["variant"]


def _seed(record: Record) -> int | None:
    return record.get("seed")
