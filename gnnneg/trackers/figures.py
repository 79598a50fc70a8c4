"""Converts the data of a run for trackers: metrics under names with slashes, settings under names with dots."""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gnnneg import documents
from gnnneg.errors import MissingExtra
from gnnneg.run_files import TRACKED
from gnnneg.training import Watcher
from gnnneg.training.atomic import replacing


def needs(package: str, tracker: str) -> None:
    """Refuses a tracker whose package is not installed.

    Raises:
        MissingExtra: If the package is not installed.
    """
    if find_spec(package) is None:
        raise MissingExtra("track", tracker)


def told(record: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of one line of the log: ``train/loss``, ``train/lr``, ``parts/sampler.rank``, ``valid/mrr``."""
    if "valid" in record:
        return {**numbers(record["valid"], "valid"), **numbers({"seconds": record["seconds"]}, "valid")}
    left = {key: value for key, value in record.items() if key not in ("epoch", "metrics")}
    return {**numbers(left, "train"), **numbers(record.get("metrics", {}), "parts")}


def final(result: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of a result: ``final/test/mrr``, ``final/test/head/mrr``, ``final/time/train_s``."""
    return numbers({**result["metrics"], "time": result["time"], "memory": result["memory"]}, "final")


def numbers(tree: Mapping[str, Any], under: str) -> dict[str, float]:
    """The numbers in a tree by their path; other values are left out."""
    found: dict[str, float] = {}
    for key, value in tree.items():
        name = f"{under}/{key}"
        if isinstance(value, Mapping):
            found |= numbers(value, name)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = float(value)
    return found


def settings(tree: Any, under: str = "") -> dict[str, str]:
    """The settings of a config as text: ``task.model.decoder``, ``optimizer.lr``."""
    if isinstance(tree, Mapping) and "class_path" in tree:
        return {under: str(tree["class_path"]), **settings(tree.get("init_args", {}), under)}
    if isinstance(tree, Mapping):
        parts = [settings(value, f"{under}.{key}" if under else str(key)) for key, value in tree.items()]
    elif isinstance(tree, list) and any(isinstance(item, Mapping) for item in tree):
        parts = [settings(item, f"{under}.{place}") for place, item in enumerate(tree)]
    else:
        return {under: tree if isinstance(tree, str) else json.dumps(tree)}
    return {key: value for part in parts for key, value in part.items()}


def tags(setup: Any, own: Mapping[str, str]) -> dict[str, str]:
    """The tags of a run."""
    return {"dataset": str(setup.name), "seed": str(setup.seed), **{key: str(value) for key, value in own.items()}}


def called(setup: Any) -> str:
    """The name of a run: that of its folder."""
    return str(setup.name) if setup.path is None else Path(setup.path).name


def before(setup: Any, tracker: Watcher) -> str | None:
    """The id under which a tracker has already registered this run, if it has."""
    file = None if setup.path is None else Path(setup.path) / TRACKED
    if file is None or not file.exists():
        return None
    known = documents.read_json(file)
    found = known.get(_key(setup, tracker)) if isinstance(known, dict) else None
    return found if isinstance(found, str) else None


def keep(setup: Any, tracker: Watcher, run: str) -> None:
    """Saves this id in the run folder, so that a continued run stays one run in the tracker, too."""
    if setup.path is None:
        return
    file = Path(setup.path) / TRACKED
    known = documents.read_json(file) if file.exists() else {}
    with replacing(file) as temporary:
        temporary.write_text(json.dumps({**known, _key(setup, tracker): run}) + "\n", encoding="utf-8")


def _key(setup: Any, tracker: Watcher) -> str:
    """The name of a tracker in the run folder. Of several of one class each has its own: they are of other servers."""
    kind = type(tracker)
    same = [one for one in setup.track if type(one) is kind]
    place = next((place for place, one in enumerate(same) if one is tracker), 0)
    return kind.__name__ if place == 0 else f"{kind.__name__} {place + 1}"
