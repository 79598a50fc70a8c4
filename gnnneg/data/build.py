"""From the files of a card to the graph."""

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.catalogue import Card
from gnnneg.data.formats.statements import ROLES
from gnnneg.data.formats.truewalks import read_truewalks
from gnnneg.data.labels import attach, read_labels
from gnnneg.data.layout import Layout
from gnnneg.data.read import confidences, read_bytes, read_names, read_table, truth
from gnnneg.data.rows import by_row, where_of
from gnnneg.data.statements import PAIR, POLARITIES, SPLITS, assemble
from gnnneg.data.synthetic import world
from gnnneg.errors import UserError, echo
from gnnneg.records import Triplets

Part = tuple[str, str, Path, pa.Table]


class Words(NamedTuple):
    """The names of a dictionary by id."""

    entities: list[str]
    relations: list[str]


def build_graphs(card: Card, folder: Path) -> list[HeteroData]:
    """Every graph of a card: one, or the one to train on and the one to test on, which has its relations.

    Raises:
        UserError: For a file that is missing or does not hold what the card says, or a relation that only the second
            graph has.
    """
    first, *others = card.graphs
    data = build(first, folder)
    return [data, *(build(other, folder, data.relation_names) for other in others)]


def build(card: Card, folder: Path, relations: list[str] | None = None) -> HeteroData:
    """Reads the files of a card in ``folder`` and assembles the (first) graph.

    Indices are the ids of the dictionary, or else follow the order of appearance in train, valid, test (head before
    tail, denied statements last): the numbers that PyG's ``FB15k_237`` gives.

    Args:
        card (Card): What to read.
        folder (Path): Where its files are.
        relations (list[str], optional): Names of the relations, where another graph has numbered them.

    Raises:
        UserError: For a file that is missing or does not hold what the card says, or a relation that is none of those
            given.
    """
    if card.generated:
        return world().data
    words = None
    if card.dictionary is not None:
        files = (card.dictionary.entities, card.dictionary.relations)
        words = Words(*(read_names(folder / file, card.dictionary.layout) for file in files))
    found = [part for polarity in POLARITIES for part in _parts(card, folder, polarity, words)]
    found = [new for part in found for new in _turned(card, part, words)] if card.negated else found
    parts = sorted((part for part in found if part[0] in POLARITIES), key=lambda part: POLARITIES.index(part[0]))
    if words is not None:
        kept = [i for i, name in enumerate(words.relations) if name not in card.negated]
        entities, relations = words.entities, [words.relations[i] for i in kept]
        keys = [str(i) for i in range(len(entities))], [str(i) for i in kept]
    else:
        entities = appearance(*((table["head"], table["tail"]) for *_, table in parts))
        if relations is None:
            relations = appearance(*((table["relation"],) for *_, table in parts))
        _refuse_unseen(parts, relations)
        keys = entities, relations
    data = graph(parts, entities, relations, *keys)
    left_out = Counter[str]()
    for what, split, _, table in found:
        if what not in POLARITIES and table.num_rows:
            left_out[f"{what}_{split}"] += table.num_rows
    if left_out:
        data.left_out = dict(left_out)
    if card.candidates is not None:
        path = folder / card.candidates
        listed = read_table(path, Layout(("name",)))["name"]
        data["entity"].candidate_tails = _indexed(listed, pa.array(entities, pa.large_string()), "entity", path)
    if card.pairs is not None:
        path = folder / card.pairs
        table = _table(card, folder, card.pairs, words, ("head", "tail", "label"))
        known = pa.array(keys[0], pa.large_string())
        store = data[PAIR]
        store.edge_label_index = torch.stack([_indexed(table[end], known, "entity", path) for end in ("head", "tail")])
        true = truth(table["label"], where_of(path, card.layout_of(card.pairs)), card.layout_of(card.pairs).labels)
        if true.null_count:
            raise UserError(
                f"{path} holds {true.null_count:,} pairs of unknown label: a pair must be one or the other."
            )
        store.edge_label = torch.tensor(true.to_pylist(), dtype=torch.long)
    if card.types is not None:
        data["entity"].type, data["entity"].type_names = _types(folder / card.types, entities)
    if card.labels is not None:
        attach(data, read_labels(folder / card.labels))
    _check(card, data)
    return data


def _refuse_unseen(parts: list[Part], relations: list[str]) -> None:
    """Nothing is learnt of a relation that only the graph to test on has."""
    known = pa.array(relations, pa.large_string())
    for *_, path, table in parts:
        new = pc.is_null(pc.index_in(table["relation"], known))
        if pc.any(new).as_py():
            statement = table.slice(pc.index(new, True).as_py(), 1).to_pylist()[0]
            raise UserError(
                f"{path}: the graph to train on has no relation {echo(statement['relation'])}, so that nothing can be "
                f"learnt of it: leave its statements out, such as {' '.join(echo(statement[role]) for role in ROLES)}."
            )


def _check(card: Card, data: HeteroData) -> None:
    """Where the bytes cannot be checked, at least the counts are."""
    if all(card.files[name].sha256 for name in card.needed):
        return
    for what, found in counts(data).items():
        if what in card.published and card.published[what] != found:
            raise UserError(f"{card.name} should have {card.published[what]:,} {what}, but its files have {found:,}.")


def counts(data: HeteroData) -> dict[str, int]:
    """Entities, relations, statements by split, pairs and what was left out, by the names that cards give them."""
    result = {"entities": data["entity"].num_nodes, "relations": len(data.relation_names)}
    for polarity, prefix in zip(POLARITIES, ("", "denied_")):
        sizes = torch.bincount(data["entity", polarity, "entity"].split, minlength=len(SPLITS)).tolist()
        result |= {prefix + split: size for split, size in zip(SPLITS, sizes)}
    if PAIR in data.edge_types:
        label = data[PAIR].edge_label
        result |= {"pairs_true": int((label > 0).sum()), "pairs_false": int((label == 0).sum())}
    return result | data.get("left_out", {})


def graph(
    parts: list[Part], entities: list[str], relations: list[str], entity_keys: list[str], relation_keys: list[str]
) -> HeteroData:
    """The graph of some tables; the keys are what stands in the tables, the names what it is called.

    Where a table has a column ``confidence`` or ``source``, every statement gets one: 1 or -1 where its table has none.
    """
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
    data = assemble(stated, split_, entities, relations, denied, denied_split)
    _attribute(data, parts)
    return data


def _attribute(data: HeteroData, parts: list[Part]) -> None:
    told = appearance(*((table["source"],) for *_, table in parts if "source" in table.column_names))
    sources = [name for name in told if name]  # an empty name says that there is none
    for polarity in POLARITIES:
        store = data["entity", polarity, "entity"]
        mine = [(path, table) for p, _, path, table in parts if p == polarity]
        if any("confidence" in table.column_names for *_, table in parts):
            sure = [_confidence(path, table) for path, table in mine]
            store.confidence = torch.cat([torch.ones(0), *sure])
        if sources:
            named = pa.array(sources, pa.large_string())
            index = [_source(table, named) for _, table in mine]
            store.source = torch.cat([torch.empty(0, dtype=torch.long), *index])
    if sources:
        data.source_names = sources


def _confidence(path: Path, table: pa.Table) -> Float[Tensor, "e"]:
    if "confidence" not in table.column_names:
        return torch.ones(table.num_rows)
    return torch.tensor(confidences(table["confidence"], by_row(path)).to_pylist(), dtype=torch.float)


def _source(table: pa.Table, names: pa.Array) -> Int[Tensor, "e"]:
    if "source" not in table.column_names:
        return torch.full((table.num_rows,), -1)
    index = pc.fill_null(pc.index_in(table["source"], names), -1)
    return torch.from_numpy(index.to_numpy().astype("int64"))


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


def _parts(card: Card, folder: Path, polarity: str, words: Words | None) -> list[Part]:
    files = {"stated": card.stated, "denied": card.denied}[polarity]
    parts: list[Part] = []
    for split in SPLITS:
        if split not in files:
            continue
        path, layout = folder / files[split], card.layout_of(files[split])
        table = _table(card, folder, files[split], words, ("head", "relation", "tail"))
        if "confidence" in table.column_names:  # here, where rows are still those of the file
            place = table.column_names.index("confidence")
            table = table.set_column(place, "confidence", confidences(table["confidence"], where_of(path, layout)))
        if "label" not in table.column_names:
            parts.append((polarity, split, path, table))
            continue
        true = truth(table["label"], where_of(path, layout), layout.labels)
        parts.append(("stated", split, path, table.filter(true)))
        parts.append(("denied", split, path, table.filter(pc.invert(true))))
        if true.null_count:
            parts.append(("unknown", split, path, table.filter(pc.is_null(true))))
    return parts


def _turned(card: Card, part: Part, words: Words | None) -> list[Part]:
    """A part without its negated relations, and what they state, denied of the relations that they negate."""
    polarity, split, path, table = part
    keys = dict(card.negated)
    if words is not None:
        for name in {**card.negated, **{v: v for v in card.negated.values()}}:
            if name not in words.relations:
                raise UserError(f"Card {card.name}: 'negated' names {name!r}, which is not in the dictionary.")
        keys = {str(words.relations.index(k)): str(words.relations.index(v)) for k, v in card.negated.items()}
    place = pc.index_in(table["relation"], pa.array(list(keys), pa.large_string()))
    other = table.filter(pc.is_valid(place))
    relation = pa.array(list(keys.values()), pa.large_string()).take(place.filter(pc.is_valid(place)).combine_chunks())
    other = other.set_column(table.column_names.index("relation"), "relation", pa.chunked_array([relation]))
    becomes = {"stated": "denied", "denied": "doubly_denied"}.get(polarity, polarity)
    return [(polarity, split, path, table.filter(pc.is_null(place))), (becomes, split, path, other)]


def _table(card: Card, folder: Path, name: str, words: Words | None, columns: tuple[str, ...]) -> pa.Table:
    """A file of the card with at least some columns; names of the dictionary, if it holds such, are made its ids."""
    path, layout = folder / name, card.layout_of(name)
    table = read_truewalks(path).table if layout.annotations else read_table(path, layout)
    for column in columns:
        if column not in table.column_names:
            raise UserError(f"Card {card.name}: the layout of {name} names no {column} column.")
    if words is None or not layout.named:
        return table
    for column, what, known in (("head", "entity", 0), ("tail", "entity", 0), ("relation", "relation", 1)):
        if column in table.column_names:
            if len(set(words[known])) < len(words[known]):
                raise UserError(f"Card {card.name}: {name} holds names, but the dictionary gives one name to two ids.")
            index = _indexed(table[column], pa.array(words[known], pa.large_string()), what, path)
            keys = pa.chunked_array([pc.cast(pa.array(index.numpy()), pa.large_string())])
            table = table.set_column(table.column_names.index(column), column, keys)
    return table


def _types(path: Path, entities: list[str]) -> tuple[Bool[Tensor, "n t"], list[str]]:
    """Which types each entity has, and their names in the order in which the entities have them first."""
    try:
        content = json.loads(read_bytes(path))
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}.") from None
    listed: list[list[str]] = []
    for name in entities:
        kinds = content.get(name, []) if isinstance(content, dict) else None
        if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
            raise UserError(
                f"{path}: expected an object that lists the types of each entity, found {kinds!r} for {name!r}."
            )
        listed.append(kinds)
    names = {kind: i for i, kind in enumerate(dict.fromkeys(kind for kinds in listed for kind in kinds))}
    member = torch.zeros(len(entities), len(names), dtype=torch.bool)
    for row, kinds in enumerate(listed):
        member[row, [names[kind] for kind in kinds]] = True
    return member, list(names)


def _indexed(column: pa.ChunkedArray, values: pa.Array, what: str, path: Path) -> Int[Tensor, "e"]:
    index = pc.index_in(column, values)
    if index.null_count:
        wrong = column.filter(pc.is_null(index))[0].as_py()
        raise UserError(f"{path}: {what} {wrong!r} is not in the dictionary of {len(values):,}.")
    return torch.from_numpy(index.to_numpy().astype("int64"))
