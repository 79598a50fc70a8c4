"""A user's own graph in the run folder: with it, the run can be read and resumed without the script."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.statements import LINKED, PAIR, POLARITIES, assemble
from gnnneg.data.text_lists import TextLists, text_lists_from
from gnnneg.data.texts import Texts, texts_from
from gnnneg.errors import UserError
from gnnneg.experiment.folder import read_names, table, write_names
from gnnneg.records import Triplets
from gnnneg.run_files import ATTRIBUTES, STATEMENTS
from gnnneg.training.atomic import replacing

# kept elsewhere: with the names of the model, and with the statements
NODE_KEYS = {"num_nodes", "names"}
EDGE_KEYS = {"edge_index", "edge_type", "split"}
GLOBAL_KEYS = {"relation_names"}


def write_graph(folder: Path, data: HeteroData) -> None:
    """Writes a graph without the names of its entities and relations, which are kept with the model.

    Statements go into ``statements.parquet``, which other programs can read. Other numbers and texts (types, features,
    labels, candidates, labelled pairs, sources) go into ``attributes.safetensors``, which cannot contain code. Other
    attributes are left out with a warning.
    """
    write_statements(folder / STATEMENTS, data)
    write_attributes(folder, data)


def write_attributes(folder: Path, data: HeteroData) -> None:
    """Writes the attributes of a graph, except its statements and names."""
    tensors: dict[str, Tensor] = {}
    kept: list[Any] = []
    for place, store, known in _stores(data):
        attributes = {}
        for key, value in store.items():
            if key in known:
                continue
            try:
                attributes[key] = _packed(value, tensors)
            except TypeError as error:
                warnings.warn(
                    f"{key!r} of the graph is not kept in the run folder, because it has a {error}: it will be missing "
                    "when the run is read.",
                    stacklevel=5,
                )
        kept.append([place, attributes])
    tensors["tree"] = torch.frombuffer(bytearray(json.dumps(kept).encode()), dtype=torch.uint8)
    with replacing(folder / ATTRIBUTES) as temporary:
        safetensors.torch.save_file(tensors, temporary)


def read_graph(folder: Path, entities: Sequence[str], relations: list[str]) -> HeteroData:
    """The graph that :func:`write_graph` wrote, with the given names.

    Raises:
        UserError: If a file is missing or damaged.
    """
    return with_attributes(folder, read_statements(folder / STATEMENTS, entities, relations))


def with_attributes(folder: Path, data: HeteroData) -> HeteroData:
    """The graph with the attributes that :func:`write_attributes` wrote.

    Raises:
        UserError: If the file is damaged.
    """
    path = folder / ATTRIBUTES
    if not path.exists():  # older runs kept only statements
        return data
    try:
        tensors = safetensors.torch.load_file(path)
        for place, attributes in json.loads(tensors["tree"].numpy().tobytes()):
            store, known = _store(data, place)
            if "confidence" in store:  # from the table, where both polarities have it if one does
                del store["confidence"]
            for key, value in attributes.items():
                if key in known:
                    raise ValueError(f"it holds another {key}")
                store[key] = _unpacked(value, tensors)
        _check(data)
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise UserError(f"{path} is damaged ({reason}): copy the run again or train again.") from error
    return data


def _store(data: HeteroData, place: Any) -> tuple[Any, set[str]]:
    """The store at a place from :func:`_stores`, and its keys that are kept elsewhere."""
    if place is None:
        return data._global_store, GLOBAL_KEYS
    if place == "entity":
        return data["entity"], NODE_KEYS
    head, kind, tail = place
    return data[str(head), str(kind), str(tail)], EDGE_KEYS if kind in POLARITIES else set()


def _check(data: HeteroData) -> None:
    """Checks that indices are within the entities, and that sizes match.

    Raises:
        ValueError: If not.
    """
    entity, size = data["entity"], int(data["entity"].num_nodes)
    for key in ("type", "x", "y"):
        if key in entity and len(entity[key]) != size:
            raise ValueError(f"it has {key} of {len(entity[key])} entities of {size}")
    indices = {"candidate_tails": entity.get("candidate_tails")}
    if PAIR in data.edge_types:
        indices["edge_label_index"] = data[PAIR].edge_label_index
        if data[PAIR].edge_label_index.shape != (2, len(data[PAIR].edge_label)):
            raise ValueError("it has another number of pairs than of their labels")
    if LINKED in data.edge_types:
        indices["edge_index"] = data[LINKED].edge_index
    for key, index in indices.items():
        if index is not None and index.numel() and not 0 <= int(index.min()) <= int(index.max()) < size:
            raise ValueError(f"its {key} are not all among the {size} entities")
    for polarity in POLARITIES:
        store = data["entity", polarity, "entity"]
        for key in ("confidence", "source"):
            if key in store and store[key].shape != store.edge_type.shape:
                raise ValueError(f"it has {key} of {len(store[key])} statements of {len(store.edge_type)}")


def write_named(folder: Path, data: HeteroData) -> None:
    """Writes a graph whose entities the model does not know, with its names."""
    write_names(folder, data)
    write_graph(folder, data)


def read_named(folder: Path) -> HeteroData:
    """The graph that :func:`write_named` wrote."""
    return read_graph(folder, *read_names(folder))


def _stores(data: HeteroData) -> list[tuple[Any, Any, set[str]]]:
    """The place of each store, the store, and its keys that are kept elsewhere; None is the place of the global one."""
    edges = [(list(place), data[place], EDGE_KEYS if place[1] in POLARITIES else set()) for place in data.edge_types]
    return [(None, data._global_store, GLOBAL_KEYS), ("entity", data["entity"], NODE_KEYS), *edges]


def _packed(value: Any, tensors: dict[str, Tensor]) -> Any:
    """A value as JSON; its tensors are put into ``tensors`` under numbers.

    Raises:
        TypeError: With the name of a type that is neither numbers nor text.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return {"array": _put(torch.from_numpy(np.ascontiguousarray(value)), tensors)}
    if isinstance(value, Tensor):
        if value.layout == torch.sparse_coo:
            value = value.coalesce()
            return {
                "sparse": [_put(value.indices(), tensors), _put(value.values(), tensors)],
                "size": list(value.shape),
            }
        if value.layout != torch.strided:
            raise TypeError(f"{type(value).__name__} in layout {value.layout}")
        return {"tensor": _put(value, tensors)}
    if isinstance(value, Texts | TextLists):  # too many numbers and letters for JSON
        return {type(value).__name__: [_put(part, tensors) for part in value.__reduce__()[1]]}
    if isinstance(value, list):
        return [_packed(inner, tensors) for inner in value]
    if isinstance(value, tuple):
        return {"tuple": [_packed(inner, tensors) for inner in value]}
    if isinstance(value, dict):
        return {"dict": [[_packed(key, tensors), _packed(inner, tensors)] for key, inner in value.items()]}
    raise TypeError(type(value).__name__)


TEXTS: dict[str, Any] = {"Texts": texts_from, "TextLists": text_lists_from}


def _put(tensor: Tensor, tensors: dict[str, Tensor]) -> str:
    name = str(len(tensors))
    tensors[name] = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
    return name


def _unpacked(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_unpacked(inner, tensors) for inner in value]
    if not isinstance(value, dict):
        return value
    kind = next(iter(value))
    inner = value[kind]
    if kind == "tensor":
        return tensors[inner]
    if kind == "array":
        return tensors[inner].numpy()
    if kind == "sparse":
        return torch.sparse_coo_tensor(tensors[inner[0]], tensors[inner[1]], value["size"], check_invariants=True)
    if kind in TEXTS:
        return TEXTS[kind](*(tensors[one] for one in inner))
    if kind == "tuple":
        return tuple(_unpacked(one, tensors) for one in inner)
    return {_unpacked(key, tensors): _unpacked(one, tensors) for key, one in inner}


def write_statements(path: Path, data: HeteroData) -> None:
    """Writes stated and denied statements, one per row."""
    parts = []
    for polarity in POLARITIES:
        store = data["entity", polarity, "entity"]
        head, tail = store.edge_index.cpu()
        columns = {"head": head, "relation": store.edge_type.cpu(), "tail": tail, "split": store.split.cpu()}
        made = {name: pa.array(column.numpy()) for name, column in columns.items()}
        if "confidence" in store:
            made["confidence"] = pa.array(store.confidence.cpu().double().numpy())
        size = len(made["head"])
        words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(size, np.int32)), pa.array([polarity]))
        parts.append(pa.table({**made, "polarity": words}))
    with replacing(path) as temporary:
        whole = pa.concat_tables(parts, promote_options="default").unify_dictionaries()
        pyarrow.parquet.write_table(whole, temporary, store_schema=False)


def read_statements(path: Path, entities: Sequence[str], relations: list[str]) -> HeteroData:
    """The graph of the statements alone that :func:`write_statements` wrote."""
    rows = table(path, ["head", "relation", "tail", "split", "polarity"])
    parts: dict[str, Triplets] = {}
    splits: dict[str, Tensor] = {}
    for polarity in POLARITIES:
        mine = rows["polarity"] == polarity
        head, relation, tail, splits[polarity] = (
            torch.from_numpy(rows[column][mine].to_numpy().astype("int64"))
            for column in ("head", "relation", "tail", "split")
        )
        parts[polarity] = Triplets(head, relation, tail)
    try:
        data = assemble(parts["stated"], splits["stated"], entities, relations, parts["denied"], splits["denied"])
    except ValueError as error:
        raise UserError(f"{path} does not fit the names in model/: {error}") from error
    if "confidence" in rows.columns:
        for polarity in POLARITIES:
            sure = rows["confidence"][rows["polarity"] == polarity].fillna(1.0)
            data["entity", polarity, "entity"].confidence = torch.tensor(sure.to_numpy(), dtype=torch.float)
    return data
