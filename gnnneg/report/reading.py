"""Reads the files of a run folder, without loading the model."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from gnnneg import documents
from gnnneg.errors import UserError
from gnnneg.run_files import CALIBRATION, CONFIG, ENVIRONMENT, FORMAT, METRICS, NEGATIVES, RANKS, RESULT
from gnnneg.run_folder import no_run


@dataclass(frozen=True)
class Folder:
    """A finished run.

    Args:
        path (pathlib.Path): Where it is.
        config (dict): The resolved config.
        environment (dict): The versions and the machine with which it was trained.
        log (list[dict]): The lines of ``metrics.jsonl``.
        result (dict): ``result.json``.
    """

    path: Path
    config: dict[str, Any]
    environment: dict[str, Any]
    log: list[dict[str, Any]]
    result: dict[str, Any]

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.resolve().name

    @property
    def seed(self) -> Any:
        """The random seed."""
        return self.result.get("seed", self.config.get("seed"))

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return str(self.result.get("dataset", "?"))

    @property
    def split(self) -> str:
        """The split of the headline metrics. It is test, unless there is no test split, or only validation was ranked;
        then it is validation.
        """
        test, valid = (self.result["metrics"].get(split, {}) for split in ("test", "valid"))
        return "test" if "mrr" in test or (test and "mrr" not in valid) else "valid"

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics of :attr:`split`."""
        return self.result["metrics"].get(self.split, {})

    @property
    def data(self) -> dict[str, Any]:
        """The counts of its data set; empty in runs of older versions."""
        found = self.result.get("data")
        return found if isinstance(found, dict) else {}

    @property
    def asked(self) -> dict[str, Any]:
        """The config, with the verdicts that were used in place of the file of verdicts, which may grow."""
        data, told = self.config.get("data"), self.result.get("verdicts")
        if not isinstance(data, dict) or not isinstance(told, dict):
            return self.config
        file, accepted, denied, digest = (told.get(key) for key in ("file", "accepted", "denied", "digest"))
        return {**self.config, "data": {**data, "verdicts": f"{file}: {accepted} accepted, {denied} denied ({digest})"}}

    @property
    def queries(self) -> int | None:
        """The number of questions of :attr:`split`, two for each statement; None in runs of older versions."""
        about = self.result.get("test_graph") if self.split == "test" else None
        found = (about if isinstance(about, dict) else self.data).get(self.split)
        return 2 * found if isinstance(found, int) and found > 0 else None

    @property
    def verified(self) -> dict[str, Any]:
        """The metrics on verified negatives; empty if there are none."""
        found = self.result.get("verified_negatives")
        return found if isinstance(found, dict) else {}

    @cached_property
    def calibration(self) -> dict[str, Any]:
        """The calibration of scores to probabilities, from ``calibration.json``; empty if none was fitted.

        Raises:
            UserError: If it is damaged.
        """
        path = self.path / CALIBRATION
        found = _json(path) if path.exists() else {}
        if found and not (isinstance(found.get("platt"), dict) and {"stated", "denied", "drawn"} <= set(found)):
            raise UserError(f"{path} is damaged: delete it, and it is computed again.")
        return found

    @cached_property
    def negatives(self) -> dict[str, Any]:
        """The statistics of its negatives, from ``negatives.json``; empty if they were not computed.

        Raises:
            UserError: If it is damaged, or of another version.
        """
        path = self.path / NEGATIVES
        if not path.exists():
            return {}
        found: Any = _json(path)
        needed = {"cosine", "isotropy", "histogram", "points", "rank", "likeness", "pairs"}
        geometry = found.get("geometry") if isinstance(found, dict) else None
        clouds = geometry.values() if isinstance(geometry, dict) else [None]
        whole = all(isinstance(cloud, dict) and needed <= set(cloud) for cloud in clouds)
        if not whole or not isinstance(found.get("percentiles"), list) or not isinstance(found.get("plane"), dict):
            raise UserError(f"{path} is damaged: write it again with 'gnnneg negatives {self.path}'.")
        return dict(found)

    @cached_property
    def ranks(self) -> pd.DataFrame | None:
        """``ranks.parquet`` with the realistic rank, or None if the run has no such file.

        Raises:
            UserError: If it is damaged.
        """
        path = self.path / RANKS
        if not path.exists():
            return None
        try:
            frame = pd.read_parquet(path)
            frame["rank"] = (frame["optimistic"] + frame["pessimistic"]) / 2
            if frame.empty or not (frame["rank"] >= 1).all():
                raise ValueError("it has no ranks")
        except (OSError, ValueError, KeyError, TypeError) as error:
            missing = f"it has no column {error}" if isinstance(error, KeyError) else str(error)
            reason = missing.splitlines()[0].rstrip(".")
            raise UserError(f"{path} is damaged ({reason}): copy the run again or evaluate it anew.") from error
        for name, index in (("relation_name", "rel_type"), ("anchor_name", "anchor"), ("target_name", "target")):
            if name not in frame and index in frame:
                frame[name] = frame[index].astype(str)
        return frame


def read(path: str | Path) -> Folder:
    """Reads a run folder.

    Raises:
        UserError: If it is not a run folder, has no result yet, or a file in it is damaged.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"There is no folder {path}: give run folders, such as 'gnnneg train' writes them.")
    if not (path / CONFIG).is_file():
        raise no_run(path)
    if not (path / RESULT).is_file():
        raise UserError(
            f"{path} has no result yet: it is still training or was interrupted; 'gnnneg resume {path}' finishes it."
        )
    config = _yaml(path / CONFIG)
    result = _json(path / RESULT)
    if not isinstance(result.get("metrics"), dict) or not all(isinstance(m, dict) for m in result["metrics"].values()):
        raise _damaged(path / RESULT, "it has no metrics")
    for part in ("metrics", "time", "memory", "data", "test_graph", "verified_negatives"):
        wrong = _no_number(result.get(part) or {}, part)
        if wrong is not None:
            raise _damaged(path / RESULT, wrong)
    environment = _json(path / ENVIRONMENT) if (path / ENVIRONMENT).exists() else {}
    if environment.get("format", FORMAT) != FORMAT:
        raise UserError(
            f"{path} is in run format {environment['format']!r} and this version of gnnneg reads format {FORMAT}: "
            f"use the version that its {ENVIRONMENT} names."
        )
    return Folder(path, config, environment, _lines(path / METRICS), result)


def read_all(paths: list[str]) -> list[Folder]:
    """Reads run folders. A folder that is named twice is read once."""
    distinct = {Path(path).resolve(): path for path in paths}
    return [read(path) for path in distinct.values()]


def _no_number(value: Any, key: str) -> str | None:
    """The first value in a tree of numbers that is not a number."""
    if isinstance(value, dict):
        found = (_no_number(inner, f"{key}.{name}") for name, inner in value.items())
        return next((wrong for wrong in found if wrong is not None), None)
    number = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    return None if number and "." in key else f"{key} is {value!r}"


def _json(path: Path) -> dict[str, Any]:
    try:
        content = documents.read_json(path)
    except UserError as error:
        raise _damaged(path, str(error).removeprefix(f"{path}: ").rstrip(".")) from error
    if not isinstance(content, dict):
        raise _damaged(path, "no JSON object")
    return content


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content = documents.read_yaml(path)
    except UserError as error:
        raise _damaged(path, str(error).removeprefix(f"{path}: ").rstrip(".")) from error
    if not isinstance(content, dict):
        raise _damaged(path, "no mapping")
    return content


def _lines(path: Path) -> list[dict[str, Any]]:
    """The records of a log. An incomplete last line, of a killed process, is left out."""
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (ValueError, OSError) as error:
        raise _damaged(path, error) from error
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            if number == len(lines) and not line.endswith("\n"):
                break
            raise _damaged(path, f"line {number}: {error}") from error
        if not isinstance(record, dict):
            raise _damaged(path, f"line {number} is no JSON object")
        records.append(record)
    return records


def _damaged(path: Path, reason: object) -> UserError:
    return UserError(f"{path} is damaged ({' '.join(str(reason).split())}): copy the run again or train again.")
