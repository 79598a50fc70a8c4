"""Builds the record of a finished training or a finished tuning."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gnnneg import documents, run_files
from gnnneg.config import Tree
from gnnneg.experiment import environment
from gnnneg.experiment.clock import Clock
from gnnneg.experiment.fingerprint import Parts
from gnnneg.experiment.folder import read_result
from gnnneg.experiment.half_links import KEY, by_half_links
from gnnneg.experiment.settings import plan
from gnnneg.run_folder import read_json
from gnnneg.studies.definition import digest
from gnnneg.studies.machine import machine
from gnnneg.studies.queue import Job
from gnnneg.studies.records import TRAINING, TUNING, Record
from gnnneg.studies.standing import plainly, written

if TYPE_CHECKING:
    from gnnneg.tuning import Study


def of_training(job: Job, path: Path, clock: Clock, fingerprints: list[Parts]) -> Record:
    """The record of a run, read from its folder.

    Args:
        job (Job): The training.
        path (pathlib.Path): The run folder.
        clock (Clock): The time spent on it.
        fingerprints (list): The fingerprints of its data set.
    """
    result, tree = read_result(path), plainly(documents.read_yaml(path / run_files.CONFIG))
    about = read_json(path / run_files.ENVIRONMENT, versioned=True)
    metric = tree["fit"]["metric"]
    seconds = {"wall": clock.seconds, "processor": clock.processor}
    parts = {name: result["time"][f"{name}_s"] for name in ("train", "evaluate")}
    return {
        **_beginning(TRAINING, job, tree, fingerprints),
        "seed": job.seed,
        **machine(about),
        "seconds": {name: _rounded(value) for name, value in {**seconds, **parts}.items()},
        "best_epoch": result["best_epoch"],
        "ended": _ended(path, tree, result["best_epoch"]),
        "metrics": _metrics(path, result["metrics"]),
        "curve": {"of": metric, "epochs": _curve(path, metric)},
    }


def of_tuning(job: Job, study: "Study", clock: Clock, fingerprints: list[Parts]) -> Record:
    """The record of a tuning: every trial, and the config of the best.

    Args:
        job (Job): The tuning.
        study (Study): Its result.
        clock (Clock): The time spent on it.
        fingerprints (list): The fingerprints of its data set.
    """
    from gnnneg.plain import records
    from gnnneg.tuning.work import winner

    best = winner(study.optuna)
    about = environment.environment(torch.device("cpu"), 0)
    return {
        **_beginning(TUNING, job, plainly(study.space.of(best.params)), fingerprints),
        **machine(about),
        "seconds": {"wall": _rounded(clock.seconds), "processor": _rounded(clock.processor)},
        "best": best.number,
        "value": {"of": study.metric, "valid": best.value},
        "settings": best.params,
        "trials": records(study.trials),
    }


def _metrics(path: Path, metrics: dict[str, Any]) -> dict[str, Any]:
    """The metrics of a run. If it has ranked anything, also those of the test set by half-links."""
    halves = by_half_links(path) if "test" in metrics else {}
    return {**metrics, "test": {KEY: halves, **metrics["test"]}} if halves else metrics


def _beginning(kind: str, job: Job, tree: Tree, fingerprints: list[Parts]) -> Record:
    data, model, variant = job.cell.place
    return {
        "kind": kind,
        "study": job.study.name,
        "data": data,
        "model": model,
        "variant": variant,
        "definition": written(job.study, job.cell),
        "config": tree,
        "config_hash": digest(tree),
        "fingerprint": plainly(fingerprints),
    }


def _ended(path: Path, tree: Tree, best: int) -> str:
    """What ended a finished training: its epochs, its patience or, if neither, its time budget.

    The log says so, because checkpoints are removed once there is a record, which may be lost.
    """
    fit, lines = plan(tree).arguments["fit"].build({}), list(_log(path))
    if max((line["epoch"] for line in lines if "loss" in line), default=0) >= fit.epochs:
        return "epochs"
    regular = [line["epoch"] for line in lines if "valid" in line and line["epoch"] % fit.evaluate_every == 0]
    waited = sum(epoch > best for epoch in regular)
    return "patience" if fit.patience is not None and waited >= fit.patience else "seconds"


def _curve(path: Path, metric: str) -> list[list[float | int | None]]:
    """Each validation: the epoch, the training seconds so far, and the metric."""
    found: list[list[float | int | None]] = []
    seconds = 0.0
    for record in _log(path):
        if "valid" in record:
            found.append([record["epoch"], _rounded(seconds), record["valid"].get(metric)])
        elif "loss" in record:
            seconds += record["seconds"]
    return found


def _log(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a run's log."""
    for line in (path / run_files.METRICS).read_text(encoding="utf-8").splitlines():
        yield documents.parse_json(line, f"{path / run_files.METRICS}")


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def headline(record: Record) -> str:
    """A one-line summary of a record, for people."""
    place = " / ".join(record[part] for part in ("data", "model", "variant") if record[part])
    seconds = f"{record['seconds']['wall']:,.0f} s"
    if record["kind"] == TUNING:
        value = record["value"]
        return f"{record['study']}: {place}, tuned to validation {value['of']} {value['valid']:.4f} in {seconds}"
    split = next((split for split in ("test", "valid") if "mrr" in record["metrics"].get(split, {})), None)
    told = "" if split is None else f"{split} MRR {record['metrics'][split]['mrr']:.4f} "
    return f"{record['study']}: {place}, seed {record['seed']}: {told}in {seconds}"
