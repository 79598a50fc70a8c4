"""The files of a run folder, and what may be wrong with them."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg import documents
from gnnneg.data.statements import POLARITIES, assemble
from gnnneg.errors import UserError
from gnnneg.plain import to_json
from gnnneg.records import Triplets
from gnnneg.training.atomic import replacing

FORMAT = 1

CONFIG = "config.yaml"
ENVIRONMENT = "environment.json"
METRICS = "metrics.jsonl"
RESULT = "result.json"
RANKS = "ranks.parquet"
NEGATIVES = "negatives.json"
CALIBRATION = "calibration.json"
MODEL = "model"
MODEL_CONFIG = "config.json"
CHECKPOINTS = "checkpoints"
FIRST = "000000000.pt"  # the checkpoint of step 0, which holds nothing learnt
STATEMENTS = "statements.parquet"  # only of data that can be had from nowhere else
TEST_GRAPH = "test_graph"  # a folder of the same


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a JSON file, atomically; numbers that are not finite become null, since JSON has none."""
    with replacing(path) as temporary:
        temporary.write_text(to_json(content) + "\n")


def read_json(path: Path, versioned: bool = False) -> dict[str, Any]:
    """Reads a JSON file of a run folder.

    Args:
        path (Path): The file.
        versioned (bool): Whether it says in which format the folder is. (default: :obj:`False`)

    Raises:
        UserError: If it is missing, damaged or of another version of gnnneg.
    """
    if not path.exists():
        raise UserError(f"{path} is missing: the folder is no run, or the run was not finished.")
    try:
        content = documents.read_json(path)
    except UserError as error:
        reason = str(error).removeprefix(f"{path}: ").rstrip(".")
        raise UserError(f"{path} is damaged ({reason}): copy the run again or train again.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged (no JSON object): copy the run again or train again.")
    found = content.get("format")
    if versioned and found != FORMAT:
        raise UserError(
            f"{path} is in run format {found!r} and this version of gnnneg reads format {FORMAT}: "
            f"use the version that the run's {ENVIRONMENT} names, or train again."
        )
    return content


def fingerprint(folder: Path) -> str:
    """What tells the weights of a model folder from all others: what was worked out from them holds for no others."""
    with (folder / "model.safetensors").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def claim(folder: Path) -> None:
    """Makes the folder of a new run.

    Raises:
        UserError: If there is something in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        resumable = (folder / CONFIG).exists()
        goes_on = f"go on with 'gnnneg resume {folder}' or " if resumable else ""
        raise UserError(f"{folder} is not empty: {goes_on}choose another folder with --out.")
    folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def begun(folder: Path) -> Iterator[None]:
    """Makes the folder of a new run for the block, and takes it away again if the block fails with nothing learnt.

    So the command can be given again, mended, with the same folder. What is not a new run's stays, and so does a folder
    that was there before. After an interruption everything stays: it can be gone on with.

    Raises:
        UserError: If there is something in it.
    """
    ours = not folder.exists()
    claim(folder)
    try:
        yield
    except Exception:
        if not _learnt(folder):
            _clear(folder)
            if ours:
                with suppress(OSError):  # somebody else's files are in it
                    folder.rmdir()
        raise


def _learnt(folder: Path) -> bool:
    """Whether there is anything in the log, or a checkpoint later than the first, which is of no step."""
    logged = (folder / METRICS).exists() and (folder / METRICS).stat().st_size > 0
    checkpoints = {path.name for path in (folder / CHECKPOINTS).glob("*.pt")}
    return logged or bool(checkpoints - {FIRST}) or (folder / RESULT).exists()


def _clear(folder: Path) -> None:
    """Removes what a run writes before it has learnt anything."""
    model, other = folder / MODEL, folder / TEST_GRAPH
    names = ("entities.parquet", "relations.parquet")
    files = [folder / name for name in (CONFIG, ENVIRONMENT, METRICS, STATEMENTS)]
    files += [model / part for part in (MODEL_CONFIG, "model.safetensors", *names)]
    files += [other / part for part in (STATEMENTS, *names)]
    for file in (*files, folder / CHECKPOINTS / FIRST):
        file.unlink(missing_ok=True)
    for part in (model, other, folder / CHECKPOINTS):
        with suppress(OSError):
            part.rmdir()


def write_names(folder: Path, data: HeteroData) -> None:
    """Writes which entity and relation each row of the model's tables stands for."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, names in (("entities", data["entity"].names), ("relations", data.relation_names)):
        with replacing(folder / f"{file}.parquet") as temporary:
            pd.DataFrame({"name": pd.Series(names, dtype="string")}).to_parquet(temporary)


def read_names(folder: Path, file: str) -> list[str]:
    """The names of ``entities`` or ``relations``, in the order of the model's tables."""
    return list(_table(folder / f"{file}.parquet", ["name"])["name"])


def write_statements(path: Path, data: HeteroData) -> None:
    """Keeps the statements of a user's own graph, so that the run can be read without the script that made it."""
    parts = []
    for polarity in POLARITIES:
        store = data["entity", polarity, "entity"]
        head, tail = store.edge_index.tolist()
        columns = {"head": head, "relation": store.edge_type.tolist(), "tail": tail, "split": store.split.tolist()}
        if "confidence" in store:
            columns["confidence"] = store.confidence.tolist()
        parts.append(pd.DataFrame(columns).assign(polarity=polarity))
    with replacing(path) as temporary:
        pd.concat(parts, ignore_index=True).to_parquet(temporary)


def read_statements(path: Path, entities: list[str], relations: list[str]) -> HeteroData:
    """The graph that :func:`write_statements` kept; features of nodes and edges are not part of it."""
    table = _table(path, ["head", "relation", "tail", "split", "polarity"])
    parts: dict[str, Triplets] = {}
    splits: dict[str, Tensor] = {}
    for polarity in POLARITIES:
        rows = table[table["polarity"] == polarity]
        head, relation, tail, splits[polarity] = (
            torch.tensor(rows[column].to_numpy(), dtype=torch.long) for column in ("head", "relation", "tail", "split")
        )
        parts[polarity] = Triplets(head, relation, tail)
    try:
        data = assemble(parts["stated"], splits["stated"], entities, relations, parts["denied"], splits["denied"])
    except ValueError as error:
        raise UserError(f"{path} does not fit the names in model/: {error}") from error
    if "confidence" in table.columns:
        for polarity in POLARITIES:
            sure = table["confidence"][table["polarity"] == polarity].fillna(1.0)
            data["entity", polarity, "entity"].confidence = torch.tensor(sure.to_numpy(), dtype=torch.float)
    return data


def _table(path: Path, columns: list[str]) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
        table[columns]  # each has to be there
        return table
    except FileNotFoundError:
        raise UserError(f"{path} is missing: the folder is no run, or a part of it was not copied.") from None
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UserError(f"{path} is damaged ({reason}): copy the run again or train again.") from error
