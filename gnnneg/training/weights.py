"""A model's weights in one file that everybody can read and that cannot hold code."""

import copy
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from gnnneg import distributed
from gnnneg.errors import UserError
from gnnneg.run_files import WEIGHTS
from gnnneg.stateful import Counts
from gnnneg.training.atomic import replacing

# safetensors' names
DTYPES = {
    **{torch.float64: "F64", torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"},
    **{torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8"},
    **{torch.bool: "BOOL", torch.uint8: "U8"},
}
PIECE = 1 << 26  # bytes written at once


def snapshot(module: nn.Module) -> dict[str, Any]:
    """A copy of a module's state in main memory, which further training does not change."""
    return {
        name: value.detach().to("cpu", copy=True).contiguous() if isinstance(value, Tensor) else copy.deepcopy(value)
        for name, value in module.state_dict().items()
    }


def misfit(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """The first thing in which a saved state differs in name or shape from a module's, or None if it fits."""
    for name in wanted:
        if name not in given:
            return f"{name!r} is in the model but not in the file"
    for name, value in given.items():
        if name not in wanted:
            return f"{name!r} is in the file but not in the model"
        there, here = getattr(value, "shape", None), getattr(wanted[name], "shape", None)
        if there != here:
            return f"{name!r} is {_shape(there)} in the file and {_shape(here)} in the model"
    return None


def completed(given: Mapping[str, Any], module: nn.Module) -> Mapping[str, Any]:
    """A saved state, with 0 for counts that old states lack, and without values that were saved twice."""
    given = {name: value for name, value in given.items() if not name.startswith(getattr(module, "saved_twice", ()))}
    modules = module.named_modules(remove_duplicate=False)  # what two share is saved under both names
    counting = [(name, part) for name, part in modules if isinstance(part, Counts)]
    newer = {f"{name}.{count}".lstrip("."): getattr(part, count) for name, part in counting for count in part.newer}
    lacking = {name: torch.zeros_like(count) for name, count in newer.items() if name not in given}
    return {**given, **lacking} if lacking else given


def _shape(shape: tuple[int, ...] | None) -> str:
    return "no tensor" if shape is None else str(tuple(shape))


def save_model(folder: Path, model: nn.Module | Mapping[str, Any], tables: Mapping[str, int] | None = None) -> Path:
    """Writes ``folder/model.safetensors``, atomically; of several processes each writes its own rows into it.

    It is safetensors' form: a header's length, the header, then all numbers. Memory: no copy of what is written.

    Args:
        folder (pathlib.Path): A run's ``model/`` folder; made if absent.
        model (torch.nn.Module or dict): A model, or its :func:`snapshot`.
        tables (dict, optional): For each table whose rows are divided among several processes, the number of rows.
            (default: :obj:`None`)

    Raises:
        UserError: If the disk is full or cannot be written; an older file stays unchanged.
    """
    state: Mapping[str, Tensor] = model.state_dict() if isinstance(model, nn.Module) else model
    path, tables = folder / WEIGHTS, tables or {}
    header, places, end = {}, {}, 0
    for name in sorted(state, key=lambda name: (-state[name].element_size(), name)):  # each at a multiple of its size
        value = state[name]
        shape = [tables.get(name, value.size(0)), *value.shape[1:]] if value.dim() else []
        size = math.prod(shape) * value.element_size()
        header[name] = {"dtype": DTYPES[value.dtype], "shape": shape, "data_offsets": [end, end + size]}
        places[name], end = end, end + size
    words = json.dumps(header, separators=(",", ":")).encode()
    words += b" " * (-len(words) % 8)
    with replacing(path) if not distributed.rank() else nullcontext() as mine:
        temporary = Path(distributed.agreed(str(mine)))  # the first one's
        if mine is not None:
            with mine.open("wb") as file:
                file.write(len(words).to_bytes(8, "little") + words)
                file.truncate(8 + len(words) + end)
        distributed.wait()
        with temporary.open("rb+") as file:
            for name, value in state.items():
                if name not in tables and distributed.rank():
                    continue
                row = distributed.block(tables[name])[0] if name in tables else 0
                file.seek(8 + len(words) + places[name] + row * math.prod(value.shape[1:]) * value.element_size())
                for piece in _pieces(value.detach()):
                    piece.numpy().tofile(file)
        distributed.wait()
    return path


def _pieces(value: Tensor) -> Iterator[Tensor]:
    """The bytes of a tensor, some rows at a time."""
    value = value if value.dim() else value[None]
    if not value.numel():
        return
    rows = max(1, PIECE * len(value) // (value.numel() * value.element_size()))
    for piece in value.split(rows):
        yield piece.cpu().contiguous().view(-1).view(torch.uint8)


def load_model(folder: Path, model: nn.Module) -> None:
    """Reads ``folder/model.safetensors`` into a model built from the same config.

    Raises:
        UserError: If the file is absent or damaged, or holds another model: a name or a shape differs.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise UserError(f"There are no trained weights at {path}: the run has not got that far, or the path is wrong.")
    try:
        state = safetensors.torch.load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path} is damaged ({error}): copy it again or train again.") from error
    for name, rows in distributed.tables(model).items():
        if name in state and state[name].size(0) == rows:
            state[name] = state[name][slice(*distributed.block(rows))]
    difference = misfit(state, model.state_dict())
    if difference is not None:
        raise UserError(f"{path} holds another model: {difference}; build the model from the run's own config.")
    model.load_state_dict(state)
