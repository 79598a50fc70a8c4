"""What a run folder says. Only files: nothing of models or training is imported."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from gnnneg.errors import UserError


@dataclass(frozen=True)
class Finished:
    """A finished run, as its files tell it."""

    path: Path
    config: dict[str, Any]
    environment: dict[str, Any]
    result: dict[str, Any]
    records: list[dict[str, Any]]

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.name

    @property
    def test(self) -> dict[str, Any]:
        """The test metrics."""
        return self.result.get("metrics", {}).get("test", {})

    def ranks(self) -> pd.DataFrame | None:
        """One row a query, or None if none were kept."""
        path = self.path / "ranks.parquet"
        if not path.is_file():
            return None
        try:
            return pd.read_parquet(path)
        except (ValueError, OSError) as error:
            raise UserError(f"{path} is damaged ({error}): copy the run again or evaluate it again.") from error


def read(path: str | Path) -> Finished:
    """Reads a run folder.

    Raises:
        UserError: If it is no run folder, the run has no result yet, or a file is garbled.
    """
    path = Path(path)
    if not (path / "config.yaml").is_file():
        raise UserError(f"{path} is not a run folder: it has no config.yaml.")
    if not (path / "result.json").is_file():
        raise UserError(f"{path} has no result yet: let it train to the end, or go on with 'gnnneg resume {path}'.")
    try:
        config = yaml.safe_load((path / "config.yaml").read_text())
        environment = json.loads((path / "environment.json").read_text())
        result = json.loads((path / "result.json").read_text())
        log = path / "metrics.jsonl"
        records = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is missing: copy the run again or train again.") from None
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path} holds a garbled file ({' '.join(str(error).split())}): copy the run again.") from error
    if not isinstance(config, dict) or not isinstance(result, dict) or not isinstance(result.get("metrics"), dict):
        raise UserError(f"{path} holds a garbled file (result.json or config.yaml has no mapping): copy the run again.")
    return Finished(path, config, environment, result, records)
