"""Identifies a data set. A run keeps the fingerprint and compares it when the data are loaded again."""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.statements import LINKED, PAIR, POLARITIES, SPLITS
from gnnneg.data.texts import Texts

Parts = dict[str, Any]
AT_ONCE = 1 << 16  # names
BETWEEN = '", "'  # two names of a list in JSON


def fingerprint(data: HeteroData) -> Parts:
    """The size of each part of a data set, and a digest of it.

    Statements have a digest for each split and polarity that does not depend on their order, because no metric does.
    Training draws by position, so the order matters when a run is resumed: ``order`` is a digest of the rows as they
    are. The digests of entities and relations depend on their order, which is that of the model's tables. Confidences,
    types, candidates, features and labelled pairs are included. Sources and labels are not, because neither training
    nor evaluation uses them.

    Cost: one sort of the statements.
    """
    entity = data["entity"]
    found = names_of(entity.names, data.relation_names)
    order = hashlib.sha256()
    for polarity, split, columns, confidence in _columns(data):
        _read(order, columns)
        digest = hashlib.sha256()
        _read(digest, _sorted(columns, confidence))
        found[f"{polarity} {split}"] = _part(len(columns[0]), digest)
    for name, key in (("types", "type"), ("candidate tails", "candidate_tails"), ("features", "x")):
        found[name] = _tensors(entity.get(key))
    pairs = data[PAIR] if PAIR in data.edge_types else {}
    found["labelled pairs"] = _tensors(pairs.get("edge_label_index"), pairs.get("edge_label"))
    if LINKED in data.edge_types:
        found["links"] = _tensors(data[LINKED].edge_index.T)
    found["order"] = _short(order)
    return found


def order_of(data: HeteroData) -> str:
    """The digest ``order`` of :func:`fingerprint` alone. Cost: one pass over the statements, no sort."""
    order = hashlib.sha256()
    for *_, columns, _ in _columns(data):
        _read(order, columns)
    return _short(order)


def _columns(data: HeteroData) -> Iterator[tuple[str, str, list[np.ndarray], np.ndarray | None]]:
    """Heads, relations, tails and confidences of each polarity and split."""
    for polarity in POLARITIES:
        store = data["entity", polarity, "entity"]
        columns = [store.edge_index[0].cpu(), store.edge_type.cpu(), store.edge_index[1].cpu()]
        sure = store.confidence.cpu().numpy() if "confidence" in store else None
        for number, split in enumerate(SPLITS):
            keep = store.split.cpu() == number
            yield (
                polarity,
                split,
                [column[keep].numpy() for column in columns],
                None if sure is None else sure[keep.numpy()],
            )


def _read(digest: Any, columns: list[np.ndarray]) -> None:
    for column in columns:
        digest.update(np.ascontiguousarray(column).data)


def _short(digest: Any) -> str:
    return str(digest.hexdigest()[:16])


def _sorted(rows: list[np.ndarray], last: np.ndarray | None) -> list[np.ndarray]:
    """Columns of integers with their rows sorted, then another column, which orders equal rows. If a row fits into one
    number, this number alone is sorted, which is faster.
    """
    sizes = [int(row.max()) + 1 if row.size else 1 for row in rows]
    if math.prod(sizes) >= 1 << 63 or any(row.size and row.min() < 0 for row in rows):
        every = [*rows, *([] if last is None else [last])]
        order = np.lexsort(every[::-1])
        return [row[order] for row in every]
    key = (rows[0].astype(np.int64) * sizes[1] + rows[1]) * sizes[2] + rows[2]
    if last is None:
        key.sort()
    else:
        order = np.lexsort((last, key))
        key, last = key[order], last[order]
    rest, tail = np.divmod(key, sizes[2])
    found = [column.astype(row.dtype) for column, row in zip((*np.divmod(rest, sizes[1]), tail), rows)]
    return found if last is None else [*found, last]


def names_of(entities: Sequence[str], relations: Sequence[str]) -> Parts:
    """The fingerprint of names alone."""
    both = {"entities": entities, "relations": relations}
    return {what: _part(len(names), _listed(names)) for what, names in both.items()}


def _listed(names: Sequence[str]) -> Any:
    """The digest of names as a JSON list, computed in parts."""
    digest, texts = hashlib.sha256(b"["), Texts.of(names).array
    for start in range(0, len(texts), AT_ONCE):
        some = texts.slice(start, AT_ONCE)
        digest.update((b", " if start else b"") + (_plain(some) or json.dumps(some.to_pylist())[1:-1].encode()))
    digest.update(b"]")
    return digest


def _plain(names: pa.Array) -> bytes | None:
    """Names in JSON, if no letter must be escaped; otherwise None. Cost: a copy of the letters."""
    _, offsets, letters = names.buffers()
    if letters is None:
        return None
    begin = np.frombuffer(offsets, np.int64)[names.offset : names.offset + len(names) + 1]
    every = np.frombuffer(letters, np.uint8)[begin[0] : begin[-1]]
    if ((every < 0x20) | (every > 0x7E) | (every == ord('"')) | (every == ord("\\"))).any():
        return None
    whole = pa.ListArray.from_arrays(pa.array([0, len(names)], pa.int32()), names)
    return f'"{pc.binary_join(whole, pa.scalar(BETWEEN, names.type))[0].as_py()}"'.encode()


def difference(then: Parts, now: Parts) -> str | None:
    """The parts in which two fingerprints differ, with their sizes, or None. ``order`` is not compared.

    Parts that the first one does not have are not compared either.
    """
    changed = [name for name in then if name != "order" and then[name] != now.get(name)]
    if not changed:
        return None
    return "; ".join(_changed(name, _count(then[name]), _count(now.get(name))) for name in changed)


def _changed(name: str, then: str, now: str) -> str:
    return f"{name}: {then} as before, but others" if then == now else f"{name}: {then} then, {now} now"


def _count(part: Any) -> str:
    return f"{part['count']:,}" if isinstance(part, dict) and isinstance(part.get("count"), int) else "none"


def _part(count: int, digest: Any) -> dict[str, Any]:
    return {"count": count, "digest": _short(digest)}


def _tensors(*values: Any) -> dict[str, Any] | None:
    """The length of the last given tensor and a digest of all; None if there are none."""
    there = [value.detach().cpu() for value in values if isinstance(value, Tensor)]
    if not there:
        return None
    digest = hashlib.sha256()
    for value in there:
        parts = [value]
        if value.layout == torch.sparse_coo:
            parts = [value.coalesce().indices(), value.coalesce().values()]
        elif value.layout != torch.strided:
            parts = [value.to_dense()]
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
        for part in parts:
            digest.update(_bytes(part))
    return _part(int(there[-1].shape[0]) if there[-1].dim() else 1, digest)


def _bytes(tensor: Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
