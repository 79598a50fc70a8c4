"""To and from PyG's usual form of a heterogeneous graph: a store for each node type and each edge type.

The form of :mod:`gnnneg.data.statements` has one node store and tells relations apart by ``edge_type``; models of
knowledge graphs want that, ``HeteroConv`` and its users the other. Going there and back loses nothing.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import networkx
import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import BaseStorage

from gnnneg.data.splits import random_split
from gnnneg.data.statements import PAIR, POLARITIES, SPLITS, assemble
from gnnneg.errors import UserError
from gnnneg.records import Triplets

EdgeType = tuple[str, str, str]
ENTITY = "entity"
# what the convention says about itself; all else are attributes of the user's
NODE_KEYS = {"num_nodes", "names", "type", "type_names", "entity_index", "attributes"}
EDGE_KEYS = {"edge_index", "edge_type", "split", "statement_index"}
GLOBAL_KEYS = {"relation_names", "origin"}


@dataclass(frozen=True)
class _Place:
    """Where the statements of one edge type are: those of one polarity and relation between two node types."""

    edge_type: EdgeType
    polarity: str
    relation: int


def by_type(data: HeteroData, denied: str = "not_") -> HeteroData:
    """One store per node type and per edge type, as PyG's own data sets have it.

    Node types are those of ``data["entity"].type``; without it there is the one type ``entity``. Each node store has
    ``entity_index`` and each edge store ``statement_index``, the positions in ``data``, with which
    :func:`from_hetero` restores the order. Labelled pairs become edge types called ``pair``, with ``pair_index``.

    Args:
        data (HeteroData): A graph in the convention.
        denied (str): What the names of denied edge types begin with. (default: ``"not_"``)

    Raises:
        UserError: If an entity has no type or several, or a relation's name already begins with :obj:`denied`.
    """
    names, of, local = _types(data)
    out = HeteroData()
    store = data[ENTITY]
    for i, name in enumerate(names):
        index = (of == i).nonzero()[:, 0]
        out[name].num_nodes = index.numel()
        out[name].entity_index = index
        for key, value in store.items():
            if key not in NODE_KEYS or key == "names":
                out[name][key] = _slice(value, index, of.numel())
        for key, value in store.get("attributes", {}).get(name, {}).items():
            out[name][key] = value
    found = {polarity: _grouped(data, polarity, of, len(names)) for polarity in POLARITIES}
    for place, attributes in _places(data, names, of, denied):
        store = data[ENTITY, place.polarity, ENTITY]
        head, _, tail = place.edge_type
        key, order = found[place.polarity]
        wanted = (place.relation * len(names) + names.index(head)) * len(names) + names.index(tail)
        begin, end = torch.searchsorted(key, torch.tensor([wanted, wanted + 1])).tolist()
        index, chosen = store.edge_index, order[begin:end]
        new = out[place.edge_type]
        new.edge_index = local[index[:, chosen]]
        new.split = store.split[chosen]
        new.statement_index = chosen
        for key, value in store.items():
            if key not in EDGE_KEYS:
                new[key] = _slice(value, chosen, store.edge_type.numel())
        for key, value in attributes.items():
            new[key] = value
    if PAIR in data.edge_types:
        ends = of[data[PAIR].edge_label_index]
        for i, j in torch.unique(ends, dim=1).T.tolist():
            chosen = ((ends[0] == i) & (ends[1] == j)).nonzero()[:, 0]
            new = out[names[i], PAIR[1], names[j]]
            new.edge_label_index = local[data[PAIR].edge_label_index[:, chosen]]
            new.edge_label = data[PAIR].edge_label[chosen]
            new.pair_index = chosen
    out.relation_names = list(data.relation_names)
    for key, value in data._global_store.items():
        if key not in GLOBAL_KEYS:
            out[key] = value
    return out


def from_hetero(
    data: HeteroData,
    denied: str | Mapping[EdgeType, EdgeType] | None = None,
    valid: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
) -> HeteroData:
    """Any ``HeteroData`` in the convention: what the edges say is stated, unless :obj:`denied` says otherwise.

    Each edge type is a relation. It is called by its middle name, or by all three if several share that. Node and edge
    attributes are kept: joined into one tensor where every type has them in one shape, else under ``attributes``.
    Reverse edge types (``rev_...``, made by ``ToUndirected``) should be left out, since they tell the answers. Edge
    types with ``edge_label_index`` alone are labelled pairs, which state nothing.

    Args:
        data (HeteroData): The graph. Edge stores may have ``split`` (0, 1 or 2 for each edge); if none has, a random
            split is drawn that leaves nothing unseen in train where possible.
        denied (str or dict, optional): Which edge types are denied: what their middle names begin with, such as
            ``"not_"``, or each one's stated counterpart. (default: none is)
        valid, test (float): Shares of the random split. (default: :obj:`0.1`)
        seed (int): Of the random split. (default: :obj:`0`)

    Raises:
        UserError: If the graph has no edges, some edge types only have a split, or names are not unique.
    """
    if not _edge_types(data) or not data.node_types:
        raise UserError("The HeteroData has no edge types: there are no statements in it.")
    types = data.node_types
    size = [_num_nodes(data, t) for t in types]
    order = _order(data, types, size)
    relation_names, places = _relations(data, denied)
    statements: dict[str, list[tuple[int, EdgeType, Tensor]]] = {polarity: [] for polarity in POLARITIES}
    for i, place in enumerate(places):
        head, _, tail = place.edge_type
        index = data[place.edge_type].edge_index
        for end, node_type in ((0, head), (1, tail)):
            if index.numel() and int(index[end].max()) >= size[types.index(node_type)]:
                raise UserError(
                    f"Edges {place.edge_type} name {node_type} {int(index[end].max())}, which is not there."
                )
        ends = torch.stack([order[types.index(head)][index[0]], order[types.index(tail)][index[1]]])
        statements[place.polarity].append((i, place.edge_type, ends))
    _warn_of_reverse(data)

    split = _splits(data, places)
    parts, sorting = {}, {}
    for polarity, listed in statements.items():
        none = torch.empty(2, 0, dtype=torch.long)
        ends = torch.cat([e for *_, e in listed], dim=1) if listed else none
        rel_type = torch.cat([torch.full((e.size(1),), places[i].relation) for i, _, e in listed] or [none[0]])
        positions = [data[edge_type].get("statement_index") for _, edge_type, _ in listed]
        sort = torch.arange(ends.size(1))
        if listed and all(p is not None for p in positions):
            where = torch.cat(positions)
            if torch.equal(where.sort().values, sort):
                sort = where.argsort()
        triplets = Triplets(ends[0, sort], rel_type[sort], ends[1, sort])
        parts[polarity], sorting[polarity] = triplets, sort
    if split is None:
        generator = torch.Generator().manual_seed(seed)
        part = {
            "stated": random_split(parts["stated"], valid, test, generator),
            "denied": random_split(parts["denied"], valid, test, generator, cover=False),
        }
    else:
        part = {
            polarity: torch.cat([split[e] for _, e, _ in listed] or [torch.empty(0, dtype=torch.long)])[
                sorting[polarity]
            ]
            for polarity, listed in statements.items()
        }

    names = _names(data, types, size, order)
    out = assemble(parts["stated"], part["stated"], names, relation_names, parts["denied"], part["denied"])
    if types != [ENTITY]:
        of = torch.empty(sum(size), dtype=torch.long)
        for i, where in enumerate(order):
            of[where] = i
        out[ENTITY].type = torch.nn.functional.one_hot(of, len(types)).bool()
        out[ENTITY].type_names = list(types)
    joined, rest = _join({t: data[t] for t in types}, size, order, NODE_KEYS)
    for key, value in joined.items():
        out[ENTITY][key] = value
    if any(rest.values()):
        out[ENTITY].attributes = rest
    left: dict[EdgeType, dict[str, Any]] = {}
    for polarity, listed in statements.items():
        stores = {e: data[e] for _, e, _ in listed}
        inverse = sorting[polarity].argsort()
        joined, rest_ = _join(stores, [x.size(1) for *_, x in listed], _pieces(listed, inverse), EDGE_KEYS)
        left |= rest_
        for key, value in joined.items():
            out[ENTITY, polarity, ENTITY][key] = value
    out.origin = [
        {
            "edge_type": p.edge_type,
            "polarity": p.polarity,
            "relation": p.relation,
            "attributes": left.get(p.edge_type, {}),
        }
        for p in places
    ]
    _pair_up(data, out, types, order)
    for key, value in data._global_store.items():
        if key not in GLOBAL_KEYS:
            out[key] = value
    return out


def to_networkx(data: HeteroData) -> networkx.MultiDiGraph:
    """A multigraph of the entities' names, whose edges have ``relation``, ``polarity`` and ``split``."""
    graph = networkx.MultiDiGraph()
    names, relations = data[ENTITY].names, data.relation_names
    kinds = data[ENTITY].get("type_names")
    for i, name in enumerate(names):
        types = [kinds[j] for j in data[ENTITY].type[i].nonzero()[:, 0].tolist()] if kinds else []
        graph.add_node(name, index=i, **({"types": types} if kinds else {}))
    for polarity in POLARITIES:
        store = data[ENTITY, polarity, ENTITY]
        rows = zip(*store.edge_index.tolist(), store.edge_type.tolist(), store.split.tolist())
        graph.add_edges_from(
            (names[h], names[t], {"relation": relations[r], "polarity": polarity, "split": SPLITS[s]})
            for h, t, r, s in rows
        )
    return graph


def _types(data: HeteroData) -> tuple[list[str], Int[Tensor, "n"], Int[Tensor, "n"]]:
    """Names of the node types, and for each entity its type and its number within the type."""
    store = data[ENTITY]
    if "type" not in store:
        zero = torch.zeros(store.num_nodes, dtype=torch.long)
        return [ENTITY], zero, torch.arange(store.num_nodes)
    member = store.type.bool()
    if not bool((member.sum(1) == 1).all()):
        row = int((member.sum(1) != 1).nonzero()[0])
        raise UserError(
            f"Entity {store.names[row]!r} has {int(member[row].sum())} types, but a node store needs exactly one: "
            f"choose one in data['entity'].type, or delete it for a single node type."
        )
    of = member.long().argmax(1)
    local = torch.empty_like(of)
    for i in range(member.size(1)):
        mine = of == i
        local[mine] = torch.arange(int(mine.sum()))
    names = store.get("type_names") or [f"type_{i}" for i in range(member.size(1))]
    return list(names), of, local


def _grouped(
    data: HeteroData, polarity: str, of: Int[Tensor, "n"], num_types: int
) -> tuple[Int[Tensor, "e"], Int[Tensor, "e"]]:
    """Sorted keys of relation and node types, and the statements in that order: one sort instead of a scan for each."""
    store = data[ENTITY, polarity, ENTITY]
    head, tail = of[store.edge_index]
    key, order = ((store.edge_type * num_types + head) * num_types + tail).sort(stable=True)
    return key, order


def _places(
    data: HeteroData, names: list[str], of: Int[Tensor, "n"], denied: str
) -> list[tuple[_Place, dict[str, Any]]]:
    """The edge types to make: first those the graph came from, then any other that a statement needs."""
    listed = {}
    for made in data._global_store.get("origin", []):
        place = _Place(tuple(made["edge_type"]), made["polarity"], made["relation"])
        listed[place.edge_type] = place, made["attributes"]
    taken = {(p.polarity, p.relation, p.edge_type[0], p.edge_type[2]) for p, _ in listed.values()}
    for polarity in POLARITIES:
        store = data[ENTITY, polarity, ENTITY]
        ends = of[store.edge_index]
        kinds = torch.unique(torch.stack([store.edge_type, ends[0], ends[1]], dim=1), dim=0).tolist()
        if len(names) == 1 and polarity == "stated" and not listed:
            kinds = [[r, 0, 0] for r in range(len(data.relation_names))]
        for r, head, tail in kinds:
            if (polarity, r, names[head], names[tail]) in taken:
                continue
            name = data.relation_names[r] if polarity == "stated" else denied + data.relation_names[r]
            edge_type = (names[head], name, names[tail])
            if edge_type in listed:
                raise UserError(f"There would be two edge types {edge_type}: choose another beginning than {denied!r}.")
            listed[edge_type] = _Place(edge_type, polarity, r), {}
    return list(listed.values())


def _slice(value: Any, index: Int[Tensor, "m"], size: int) -> Any:
    if isinstance(value, Tensor) and value.dim() and value.size(0) == size:
        return value[index]
    if isinstance(value, list) and len(value) == size:
        return [value[i] for i in index.tolist()]
    return value


def _edge_types(data: HeteroData) -> list[EdgeType]:
    """Those that state or deny something: not those with labelled pairs alone."""
    return [e for e in data.edge_types if "edge_index" in data[e] or "edge_label_index" not in data[e]]


def _pair_up(data: HeteroData, out: HeteroData, types: list[str], order: list[Tensor]) -> None:
    """Labelled pairs of every node type as one store, in the order that they had before :func:`by_type`."""
    stores = [(e, data[e]) for e in data.edge_types if e not in _edge_types(data)]
    if not stores:
        return
    ends = [(order[types.index(e[0])], order[types.index(e[2])], store.edge_label_index) for e, store in stores]
    index = torch.cat([torch.stack([head[i[0]], tail[i[1]]]) for head, tail, i in ends], dim=1)
    label = torch.cat([store.edge_label for _, store in stores])
    place = torch.cat([store.get("pair_index", torch.empty(0, dtype=torch.long)) for _, store in stores])
    sort = place.argsort() if torch.equal(place.sort().values, torch.arange(len(label))) else torch.arange(len(label))
    out[PAIR].edge_label_index, out[PAIR].edge_label = index[:, sort], label[sort]


def _num_nodes(data: HeteroData, node_type: str) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyG infers, and says so; we take the larger of what it and the edges say
        size = data[node_type].num_nodes or 0
    if "num_nodes" in data[node_type] or any(isinstance(v, Tensor) for v in data[node_type].values()):
        return int(size)
    for head, name, tail in _edge_types(data):
        index = data[head, name, tail].edge_index
        for end, end_type in ((0, head), (1, tail)):
            if end_type == node_type and index.numel():
                size = max(size, int(index[end].max()) + 1)
    return int(size)


def _order(data: HeteroData, types: list[str], size: list[int]) -> list[Int[Tensor, "_"]]:
    """The entity index of each node of each type."""
    given = [data[t].get("entity_index") for t in types]
    fits = all(g is not None and g.numel() == s for g, s in zip(given, size))
    if fits and torch.equal(torch.cat(given).sort().values, torch.arange(sum(size))):
        return given
    return list(torch.arange(sum(size)).split(size))


def _relations(data: HeteroData, denied: str | Mapping[EdgeType, EdgeType] | None) -> tuple[list[str], list[_Place]]:
    """The names of the relations, and which relation and polarity each edge type has."""
    if isinstance(denied, Mapping):
        for edge_type in denied:
            if edge_type not in data.edge_types:
                raise UserError(f"The denied edge type {edge_type} is not in the data; it has {data.edge_types}.")
    meant: list[tuple[EdgeType, str, EdgeType]] = []
    for edge_type in _edge_types(data):
        head, name, tail = edge_type
        if isinstance(denied, str) and name.startswith(denied):
            meant.append((edge_type, "denied", (head, name.removeprefix(denied), tail)))
        elif isinstance(denied, Mapping) and edge_type in denied:
            meant.append((edge_type, "denied", denied[edge_type]))
        else:
            meant.append((edge_type, "stated", edge_type))
    if len({(polarity, relation) for _, polarity, relation in meant}) < len(meant):
        raise UserError("Two edge types deny the same relation: join them into one edge type first.")
    relations = list(dict.fromkeys(r for _, _, r in sorted(meant, key=lambda m: m[1] == "denied")))
    known = data._global_store.get("relation_names")
    if known is not None and all(name in known for _, name, _ in relations):
        return list(known), [_Place(e, polarity, known.index(r[1])) for e, polarity, r in meant]
    middle = [name for _, name, _ in relations]
    names = [name if middle.count(name) == 1 else " ".join(r) for r, name in zip(relations, middle)]
    return names, [_Place(e, polarity, relations.index(r)) for e, polarity, r in meant]


def _splits(data: HeteroData, places: list[_Place]) -> dict[EdgeType, Tensor] | None:
    split = {p.edge_type: data[p.edge_type].get("split") for p in places}
    lacking = [edge_type for edge_type, s in split.items() if s is None]
    if len(lacking) == len(split):
        return None
    if lacking:
        raise UserError(f"Edge type {lacking[0]} has no 'split', but others have: give it one, or delete theirs.")
    return split


def _names(data: HeteroData, types: list[str], size: list[int], order: list[Tensor]) -> list[str]:
    result = [""] * sum(size)
    for t, n, where in zip(types, size, order):
        mine = data[t].get("names")
        if mine is None or len(mine) != n:
            mine = [f"{t}_{i}" for i in range(n)]
        for i, name in zip(where.tolist(), mine):
            result[i] = str(name)
    if len(set(result)) < len(result):
        twice = next(name for name in result if result.count(name) > 1)
        raise UserError(f"Two entities are called {twice!r}: names must be unique across node types.")
    return result


def _pieces(listed: list[tuple[int, EdgeType, Tensor]], inverse: Tensor) -> list[Tensor]:
    return list(inverse.split([ends.size(1) for *_, ends in listed]))


def _join(
    stores: Mapping[Any, BaseStorage], size: list[int], order: list[Tensor], own: set[str]
) -> tuple[dict[str, Tensor], dict[Any, dict[str, Any]]]:
    """Attributes that every store has in one shape, as one tensor each; and what is left of every store."""
    mine = {name: {k: v for k, v in store.items() if k not in own} for name, store in stores.items()}
    rest: dict[Any, dict[str, Any]] = {
        name: {k: v for k, v in store.items() if k in {"type", "type_names", "edge_type", "attributes"} & own}
        for name, store in stores.items()
    }
    joined: dict[str, Tensor] = {}
    for key in dict.fromkeys(k for attributes in mine.values() for k in attributes):
        values = [attributes.get(key) for attributes in mine.values()]
        whole = [v for v, n in zip(values, size) if isinstance(v, Tensor) and v.dim() and v.size(0) == n]
        if len(whole) == len(values) and len({(v.dtype, v.shape[1:]) for v in whole}) == 1:
            joined[key] = torch.empty(sum(size), *whole[0].shape[1:], dtype=whole[0].dtype)
            for value, where in zip(whole, order):
                joined[key][where] = value
            continue
        for name, attributes in mine.items():
            if key in attributes:
                rest[name][key] = attributes[key]
    return joined, rest


def _warn_of_reverse(data: HeteroData) -> None:
    for head, name, tail in _edge_types(data):
        forward = (tail, name.removeprefix("rev_"), head)
        if name.startswith("rev_") and forward in _edge_types(data):
            one, other = data[head, name, tail].edge_index, data[forward].edge_index.flip(0)
            if one.shape == other.shape and torch.equal(*(torch.unique(e, dim=1) for e in (one, other))):
                warnings.warn(
                    f"Edge type {(head, name, tail)} repeats {forward} the other way round, so a random split leaks: "
                    f"delete it first; inverse relations are added where they are needed.",
                    stacklevel=3,
                )
