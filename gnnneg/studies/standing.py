"""Finds the trainings of a study with a valid record, and the reason why others have none."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gnnneg.config import Tree
from gnnneg.errors import UserError
from gnnneg.experiment import plan
from gnnneg.experiment.fingerprint import Parts, difference
from gnnneg.experiment.settings import TUNE
from gnnneg.plain import finite
from gnnneg.studies.definition import Cell, Definition, digest
from gnnneg.studies.records import TRAINING, TUNING, Record

Fingerprints = Callable[[Tree], list[Parts] | None]
Key = tuple[str, str, str, int | None]  # data, model, variant and seed of a training; a tuning has no seed

# settings that change no figure; for a time budget that a run did not use up, see short()
ASIDE = {
    *(("device",), ("track",), ("data", "name"), ("data", "root")),
    *(("fit", "checkpoint_seconds"), ("fit", "max_seconds"), ("evaluation", "memory_mib")),
}
GONE = object()


@dataclass(frozen=True)
class Standing:
    """The current state of the trainings of a study.

    Args:
        fresh (dict): The record of each training, and of each tuning, that is still valid.
        stale (dict): For each job with only invalid records, the reason.
        others (int): The number of records of trainings that the study no longer names.
    """

    fresh: dict[Key, Record]
    stale: dict[Key, str]
    others: int


def standing(definition: Definition, records: list[Record], fingerprints: Fingerprints) -> Standing:
    """Compares the records of a study with its current file, configs and data.

    Args:
        definition (Definition): The study.
        records (list[dict]): Its records.
        fingerprints (callable): Returns the fingerprints of the data set of a config; None if they are unknown.
    """
    found: dict[Key, list[Record]] = {}
    for record in records:
        found.setdefault(key_of(record), []).append(record)
    fresh: dict[Key, Record] = {}
    stale: dict[Key, str] = {}
    wanted: set[Key] = set()
    for cell in definition.cells:
        tuning = (*cell.place, None)
        keys: list[Key] = [tuning] if definition.trials else []
        keys += [(*cell.place, seed) for seed in cell.seeds]
        wanted |= set(keys)
        for key in keys:
            why = None
            for record in reversed(found.get(key, ())):
                reason = unfit(record, definition, cell, fresh.get(tuning), fingerprints)
                if reason is None:
                    fresh[key] = record
                    break
                why = why or reason
            if key not in fresh and why is not None:
                stale[key] = why
    return Standing(fresh, stale, sum(len(of) for key, of in found.items() if key not in wanted))


def unfit(
    record: Record, definition: Definition, cell: Cell, tuning: Record | None, fingerprints: Fingerprints
) -> str | None:
    """Why a record is no longer valid; None if it is valid.

    Args:
        record (dict): The record.
        definition (Definition): The study.
        cell (Cell): The cell of the record.
        tuning (dict, optional): The record of the cell's tuning.
        fingerprints (callable): See :func:`standing`.
    """
    if record["config_hash"] != digest(record["config"]):
        return "its config was changed by hand"
    if record["definition"] != written(definition, cell):
        return "the study or its config says something else of it now"
    if record["kind"] == TRAINING:
        if definition.trials and tuning is None:
            return "its tuning is missing"
        keys = list(changed(record["config"], asked(cell, record["seed"], tuning)))
        if keys:
            return f"its config has another {', '.join(keys[:3])} now"
    if short(record, cell.seconds):
        return f"it was cut short after {record['config']['fit']['max_seconds']:g} seconds, and has more now"
    now = fingerprints(cell.tree)
    if now is not None:
        pairs = zip(record["fingerprint"], now, strict=False)
        differs = next((one for then, here in pairs if (one := difference(then, here)) is not None), None)
        if differs is not None or len(record["fingerprint"]) != len(now):
            return f"the data have changed ({differs or 'another number of graphs'})"
    return None


def short(record: Record, seconds: float) -> bool:
    """Whether a training was ended by its time budget, and the budget is larger now."""
    then = record["config"]["fit"]["max_seconds"]
    trials = any((trial["seconds"] or 0) >= then for trial in record.get("trials", ()))
    return seconds > then and (record.get("ended") == "seconds" or trials)


def written(definition: Definition, cell: Cell) -> str:
    """The digest of everything that a study and its config say about a cell."""
    return digest([_without(cell.tree), definition.trials, definition.startup if definition.trials else 0])


def chosen(cell: Cell, seed: int, tuning: Record | None) -> Tree:
    """The config of a training as written, with the tuned settings and the seed."""
    tree = cell.tree
    if tuning is not None:  # its data set may be in another place now, and have another budget
        place = {key: cell.tree["data"][key] for key in ("name", "root") if key in cell.tree["data"]}
        budget = {"max_seconds": cell.seconds}
        tuned = tuning["config"]
        tree = {**tuned, "data": {**tuned["data"], **place}, "fit": {**tuned["fit"], **budget}}
    return {**{key: value for key, value in tree.items() if key != TUNE}, "seed": seed}


def asked(cell: Cell, seed: int, tuning: Record | None) -> Tree:
    """The same config with every default."""
    found: Tree = _resolved(json.dumps(chosen(cell, seed, tuning)))
    return found


@lru_cache(maxsize=1 << 14)
def _resolved(tree: str) -> Any:
    return plainly(plan(json.loads(tree)).plain())


def plainly(tree: Any) -> Any:
    """Plain values in the form of a record."""
    return json.loads(json.dumps(finite(tree)))


def changed(then: Any, now: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The keys of a recorded config that have another value now.

    A key that the record lacks is new in gnnneg, so the run was trained with its default.
    """
    if path in ASIDE:
        return
    if isinstance(then, dict) and isinstance(now, dict):
        for name in then:
            inside = path if name in ("class_path", "init_args") else (*path, str(name))
            yield from changed(then[name], now.get(name, GONE), inside)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for place, (one, other) in enumerate(zip(then, now)):
            yield from changed(one, other, (*path, str(place)))
    elif then != now:
        yield ".".join(path)


def key_of(record: Record) -> Key:
    """The key of the training that a record belongs to."""
    seed = None if record["kind"] == TUNING else record["seed"]
    return record["data"], record["model"], record["variant"], seed


def refuse(definition: Definition) -> None:
    """Checks that every variant makes a config that can be trained or tuned.

    Raises:
        UserError: If one does not; the message names it.
    """
    from gnnneg.tuning.space import Space

    for cell in definition.cells:
        try:
            if definition.trials:
                Space(cell.tree, plan)
            else:
                plan(chosen(cell, 0, None))
        except UserError as error:
            raise UserError(f"{definition.path}, {cell.name}: {error}") from error


def _without(tree: Tree) -> Tree:
    """A config without the settings that change no figure."""
    found = {key: dict(value) if isinstance(value, dict) else value for key, value in tree.items()}
    for path in ASIDE:
        inner: Any = found
        for step in path[:-1]:
            inner = inner.get(step) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner.pop(path[-1], None)
    return found
