"""A folder of vectors or of a model, in one of the forms that others read."""

import json
import os
import secrets
import shutil
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import torch

from gnnneg.errors import UserError, echo, nearest
from gnnneg.evaluation.vectors import inverses
from gnnneg.experiment import Run
from gnnneg.exports.embedding import embedding
from gnnneg.exports.to_pyg import made
from gnnneg.exports.to_pykeen import factory, to_pykeen
from gnnneg.training.atomic import TEMPORARY, Unwritable


def export(run: Run, format: str, out: str | Path) -> list[Path]:
    """Writes a run's vectors or its model into a new folder.

    =============  =====================================================================================
    format         files
    =============  =====================================================================================
    ``parquet``    ``entities.parquet`` and ``relations.parquet``, columns ``name`` and ``vector``
    ``npy``        ``entities.npy`` and ``relations.npy``; names in the same order in ``.json`` files
    ``word2vec``   ``entities.txt`` and ``relations.txt``; blanks in names become ``_``
    ``pykeen``     ``trained_model.pkl`` and ``training_triples/``, as PyKEEN's pipeline keeps them
    ``pyg``        ``model.pt``, a state dict, ``model.json``, how to make the model, names in ``.json`` files
    =============  =====================================================================================

    Args:
        run (Run): The run.
        format (str): One of these.
        out (str or Path): The folder; it must not exist, or be empty.

    Returns:
        What was written.

    Raises:
        UserError: If the model has no vectors, the form cannot hold it, or the folder is in use.
    """
    if format not in FORMATS:
        raise UserError(f"--format {echo(format)[1:-1]} is no form of vectors; {nearest(format, FORMATS)}")
    if not Path(out).name:
        raise UserError(f"--out {echo(str(out))} is no name of a new folder: give one, such as vectors.")
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not empty: choose another folder with --out.")
    half = out.with_name(f"{out.name}.{os.getpid()}-{secrets.token_hex(3)}{TEMPORARY}")
    try:
        half.mkdir(parents=True)
        FORMATS[format](run, half)
        if out.exists():
            out.rmdir()
        half.replace(out)
    except OSError as error:
        raise Unwritable(
            f"{out} could not be written ({error.strerror or error}): choose another with --out."
        ) from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return sorted(out.iterdir())


def _parquet(run: Run, out: Path) -> None:
    for kind, frame in run.vectors()._asdict().items():
        table = np.ascontiguousarray(frame.to_numpy())
        column = pa.FixedSizeListArray.from_arrays(pa.array(table.ravel()), table.shape[1])
        names = pa.array(list(frame.index), pa.large_string())
        pyarrow.parquet.write_table(pa.table({"name": names, "vector": column}), out / f"{kind}.parquet")


def _npy(run: Run, out: Path) -> None:
    for kind, frame in run.vectors()._asdict().items():
        np.save(out / f"{kind}.npy", np.ascontiguousarray(frame.to_numpy()), allow_pickle=False)
        _names(out / f"{kind}.json", list(frame.index))


def _word2vec(run: Run, out: Path) -> None:
    for kind, frame in run.vectors()._asdict().items():
        words = _words(list(frame.index), kind)
        with (out / f"{kind}.txt").open("w", encoding="utf-8", newline="\n") as file:
            file.write(f"{len(frame)} {frame.shape[1]}\n")
            for word, row in zip(words, frame.to_numpy()):
                file.write(f"{word} {' '.join(map('{:.9g}'.format, row.tolist()))}\n")


def _words(names: list[str], kind: str) -> list[str]:
    """Names as words without blanks.

    Raises:
        UserError: If two names become one word, or one becomes none.
    """
    words = ["_".join(name.split()) for name in names]
    if "" in words:
        raise UserError(
            f"One of the {kind} is called by blanks alone, which word2vec cannot say: export parquet or npy."
        )
    twice = pd.Series(words).duplicated(keep=False).to_numpy().nonzero()[0]
    if len(twice):
        one, other = [names[i] for i in twice if words[i] == words[twice[0]]][:2]
        raise UserError(
            f"word2vec has no blanks in words, and without them {echo(one)} and {echo(other)} are one: export "
            "parquet or npy instead."
        )
    return words


def _pykeen(run: Run, out: Path) -> None:
    model = to_pykeen(run)
    torch.save(model, out / "trained_model.pkl")
    triples = factory(run.at_hand().data, model.use_inverse_triples)
    folder = triples.to_path_binary(out / "training_triples")
    _refuse_lost(list(triples.entity_to_id), folder / f"{triples.file_name_entity_to_id}.tsv.gz", "entities")
    _refuse_lost(list(triples.relation_to_id), folder / f"{triples.file_name_relation_to_id}.tsv.gz", "relations")


def _refuse_lost(names: list[str], file: Path, kind: str) -> None:
    """Refuses names that PyKEEN does not read back as they were, such as ``null``, which pandas takes for no name."""
    read = map(str, pd.read_csv(file, sep="\t")["label"])
    lost = next((name for name, back in zip_longest(names, read) if name != back), None)
    if lost is not None:
        raise UserError(
            f"PyKEEN cannot read the name {echo(lost)} of one of the {kind} back: export parquet or npy instead."
        )


def _pyg(run: Run, out: Path) -> None:
    found = embedding(run, "PyG")
    model, how = made(found)
    torch.save(model.state_dict(), out / "model.pt")
    relations = list(found.data.relation_names)
    _names(out / "entities.json", list(found.data["entity"].names))
    _names(out / "relations.json", [*relations, *(inverses(relations) if found.reciprocal else [])])
    (out / "model.json").write_text(json.dumps(how, indent=2) + "\n", encoding="utf-8")


def _names(path: Path, names: list[str]) -> None:
    path.write_text(json.dumps(names, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


FORMATS: dict[str, Callable[[Run, Path], None]] = {
    "parquet": _parquet,
    "npy": _npy,
    "word2vec": _word2vec,
    "pykeen": _pykeen,
    "pyg": _pyg,
}
