"""From the files of a card to the graph."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.catalogue import Card
from gnnneg.data.read import Layout, read_names, read_table, truth
from gnnneg.data.statements import POLARITIES, SPLITS, assemble
from gnnneg.data.synthetic import world
from gnnneg.errors import UserError
from gnnneg.records import Triplets

Part = tuple[str, str, Path, pa.Table]


def build(card: Card, folder: Path) -> HeteroData:
    """Reads the files of a card in ``folder`` and assembles the graph.

    Indices are the ids of the dictionary, or else follow the order of appearance in train, valid, test (head before
    tail, denied statements last): the numbers that PyG's ``FB15k_237`` gives.

    Raises:
        UserError: For a file that is missing or does not hold what the card says.
    """
    if card.generated:
        return world().data
    parts = [part for polarity in POLARITIES for part in _parts(card, folder, polarity)]
    parts.sort(key=lambda part: POLARITIES.index(part[0]))
    if card.dictionary is not None:
        layout = card.dictionary.layout
        entities = read_names(folder / card.dictionary.entities, layout)
        relations = read_names(folder / card.dictionary.relations, layout)
        keys = [str(i) for i in range(len(entities))], [str(i) for i in range(len(relations))]
    else:
        entities = appearance(*((table["head"], table["tail"]) for *_, table in parts))
        relations = appearance(*((table["relation"],) for *_, table in parts))
        keys = entities, relations
    data = graph(parts, entities, relations, *keys)
    if card.candidates is not None:
        path = folder / card.candidates
        listed = read_table(path, Layout(("name",)))["name"]
        data["entity"].candidate_tails = _indexed(listed, pa.array(entities, pa.large_string()), "entity", path)
    _check(card, data)
    return data


def _check(card: Card, data: HeteroData) -> None:
    """Where the bytes cannot be checked, at least the counts are."""
    if all(card.files[name].sha256 for name in card.needed):
        return
    for what, found in counts(data).items():
        if what in card.published and card.published[what] != found:
            raise UserError(f"{card.name} should have {card.published[what]:,} {what}, but its files have {found:,}.")


def counts(data: HeteroData) -> dict[str, int]:
    """Entities, relations, and statements by split, under the names that cards use for them."""
    result = {"entities": data["entity"].num_nodes, "relations": len(data.relation_names)}
    for polarity, prefix in zip(POLARITIES, ("", "denied_")):
        sizes = torch.bincount(data["entity", polarity, "entity"].split, minlength=len(SPLITS)).tolist()
        result |= {prefix + split: size for split, size in zip(SPLITS, sizes)}
    return result


def graph(
    parts: list[Part], entities: list[str], relations: list[str], entity_keys: list[str], relation_keys: list[str]
) -> HeteroData:
    """The graph of some tables; the keys are what stands in the tables, the names what it is called."""
    collected: dict[str, list[tuple[Triplets, Tensor]]] = {polarity: [] for polarity in POLARITIES}
    entity_set, relation_set = (pa.array(k, pa.large_string()) for k in (entity_keys, relation_keys))
    for polarity, split, path, table in parts:
        triplets = Triplets(
            _indexed(table["head"], entity_set, "entity", path),
            _indexed(table["relation"], relation_set, "relation", path),
            _indexed(table["tail"], entity_set, "entity", path),
        )
        collected[polarity].append((triplets, torch.full_like(triplets.head_index, SPLITS.index(split))))
    none = torch.empty(0, dtype=torch.long)
    joined = []
    for polarity in POLARITIES:
        every = collected[polarity] or [(Triplets(none, none, none), none)]
        joined.append((Triplets(*map(torch.cat, zip(*(t for t, _ in every)))), torch.cat([s for _, s in every])))
    (stated, split_), (denied, denied_split) = joined
    return assemble(stated, split_, entities, relations, denied, denied_split)


def appearance(*rows: tuple[pa.ChunkedArray, ...]) -> list[str]:
    """The distinct values of tables of columns, in the order in which reading row by row meets them."""
    met = []
    for columns in rows:
        size, width = len(columns[0]), len(columns)
        if not size:
            continue
        stacked = pa.concat_arrays([chunk for column in columns for chunk in column.chunks])
        order = torch.arange(size * width).view(width, size).T.reshape(-1)
        met.append(stacked.take(pa.array(order.numpy())).unique())
    return pa.chunked_array(met, pa.large_string()).unique().to_pylist()


def _parts(card: Card, folder: Path, polarity: str) -> list[Part]:
    files = {"stated": card.stated, "denied": card.denied}[polarity]
    parts: list[Part] = []
    for split in SPLITS:
        if split not in files:
            continue
        path = folder / files[split]
        table = read_table(path, card.layout)
        for column in ("head", "relation", "tail"):
            if column not in table.column_names:
                raise UserError(f"Card {card.name}: the layout of its files names no {column} column.")
        if "label" not in table.column_names:
            parts.append((polarity, split, path, table))
            continue
        true = truth(table["label"], path)
        parts.append(("stated", split, path, table.filter(true)))
        parts.append(("denied", split, path, table.filter(pc.invert(true))))
    return parts


def _indexed(column: pa.ChunkedArray, values: pa.Array, what: str, path: Path) -> Int[Tensor, "e"]:
    index = pc.index_in(column, values)
    if index.null_count:
        wrong = column.filter(pc.is_null(index))[0].as_py()
        raise UserError(f"{path}: {what} {wrong!r} is not in the dictionary of {len(values):,}.")
    return torch.from_numpy(index.to_numpy().astype("int64"))
