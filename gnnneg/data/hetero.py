"""To and from PyG's usual form of a heterogeneous graph: a store for each node type and each edge type.

The form of :mod:`gnnneg.data.statements` has one node store, and relations are numbers in ``edge_type``. Models of
knowledge graphs need this form, ``HeteroConv`` needs the other. A conversion there and back loses nothing.
"""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import Data, Dataset, HeteroData
from torch_geometric.data.storage import BaseStorage

from gnnneg.data import attributes
from gnnneg.data.edges import EdgeType
from gnnneg.data.gate import admit, tell_of_mirrored
from gnnneg.data.meaning import Place, meanings, refuse_unread, stating
from gnnneg.data.splits import random_split
from gnnneg.data.statements import PAIR, POLARITIES, SPLITS, assemble, completed, sliced
from gnnneg.data.types import pairs, table
from gnnneg.data.unified import node_types, sole, unified
from gnnneg.errors import UserError, echo
from gnnneg.kernels.unique import unique_rows
from gnnneg.records import Triplets

if TYPE_CHECKING:
    import networkx

ENTITY = "entity"
# what the convention says about itself, and what is made whole; all else are attributes of the user's
NODE_KEYS = {"num_nodes", "names", "entity_index", "x"}
EDGE_KEYS = {"edge_index", "split", "statement_index", "confidence", "source"}
GLOBAL_KEYS = {"relation_names", "origin"}
# of the user's, but with a meaning of their own in the convention
APART = ("type", "type_names", "edge_type", "attributes", "x_columns")
READ = {*attributes.CALLED, "candidate_tails"}


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
        columns = store.get("x_columns")
        for key, value in store.items():
            if key == "x" and columns is not None:
                if name in columns:
                    out[name].x = attributes.own_features(value[index], columns[name])
            elif key not in {*NODE_KEYS, *APART} or key in ("names", "x"):
                mine = sliced(key, value, index, of.numel())
                if key not in attributes.CALLED or any(mine):  # a type that has none
                    out[name][key] = mine
        for key, value in store.get("attributes", {}).get(name, {}).items():
            out[name][key] = value
    found = {polarity: _grouped(data, polarity, of, len(names)) for polarity in POLARITIES}
    for place, apart in _places(data, names, of, denied):
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
            if key not in {*EDGE_KEYS, "edge_type"} or key in ("confidence", "source"):
                new[key] = sliced(key, value, chosen, store.edge_type.numel())
        for key, value in apart.items():
            new[key] = value
    if PAIR in data.edge_types:
        ends = of[data[PAIR].edge_label_index]
        for i, j in torch.stack(unique_rows(*ends)).T.tolist():
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
    data: HeteroData | Data | Dataset | Sequence[HeteroData | Data | Dataset],
    denied: str | Mapping[EdgeType, EdgeType] | None = None,
    valid: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    *,
    zeros_denied: bool = False,
    wins: str | None = None,
    overlap: str | None = None,
    mirrored: str | None = None,
    apart: bool = False,
) -> HeteroData:
    """Any graph of PyG's in the convention: what the edges say is stated, unless :obj:`denied` says otherwise.

    Each edge type is a relation. It is called by its middle name, or by all three if several share that. Edge types
    with ``edge_label_index`` alone are labelled pairs, which state nothing. Everything is used, or told of, or refused:

    - ``names`` of nodes; a type without them gets ``drug_0``, ``drug_1`` and so on.
    - ``x`` of nodes, for a :class:`~gnnneg.encoders.GNN`. Where types have features of other widths, or none, each has
      columns of its own, and ``x_columns`` says which.
    - ``confidence`` of edges, from 0 to 1, in single precision; 1 where an edge type has none. ``source`` of edges.
    - All other attributes are kept: joined into one tensor or list where every type has them in one shape, else under
      ``attributes``. :func:`by_type` gives them back. A warning names those that no model or loss reads.

    Args:
        data (HeteroData, Data, Dataset or tuple): The graph. A ``Data`` has one relation for each number in its
            ``edge_type``, called as ``relation_names`` says. A data set has to hold one graph. Edge stores may have
            ``split`` (0, 1 or 2 for each edge), ``train_mask``, ``val_mask`` and ``test_mask``, or the numbers of all
            edges in ``train_idx``, ``val_idx`` and ``test_idx``. A tuple is a train, a validation and a test graph, as
            ``RandomLinkSplit`` makes them. Without a split, a random one is drawn: train has every entity and relation
            if possible, and mirrored pairs stay together.
        denied (str or dict, optional): The denied edge types: the beginning of their middle names, such as ``"not_"``,
            or the stated counterpart of each one. (default: none is)
        valid, test (float): Shares of the random split. (default: :obj:`0.1`)
        seed (int): The seed of the random split. (default: :obj:`0`)
        zeros_denied (bool): Whether edges with ``edge_label`` 0 are denied. ``RandomLinkSplit`` draws such edges at
            random, and nobody has verified them. (default: :obj:`False`, left out and counted)
        wins, overlap, mirrored, apart: How to resolve contradictions, statements in two splits, pairs that train links
            the other way round, and names that look alike: see :func:`gnnneg.data.gate.admit`.

    Raises:
        UserError: If the graph has no edges, a node number, size, name, confidence or split is not what it should be,
            :obj:`denied` matches nothing, some edge types only have a split, an attribute says that some edges are
            false, or the gate refuses it.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 1 << 63:
        raise UserError(f"seed is {echo(seed)}: give a whole number from 0 on.")
    if not all(isinstance(share, int | float) for share in (valid, test)):
        raise UserError(f"valid is {echo(valid)} and test {echo(test)}: give numbers, such as 0.1.")
    data = sole(data) if isinstance(data, Dataset) else data
    if _in_convention(data):
        if denied is not None:
            raise UserError("This graph says itself what is stated and what is denied: leave denied out.")
        return admit(completed(data), wins, overlap, mirrored, apart, "The HeteroData")[0]
    data, made = unified(data, zeros_denied)
    if not stating(data):
        raise UserError("The graph has no edge types: there are no statements in it.")
    types = node_types(data)
    back = all("statement_index" in data[edge_type] for edge_type in stating(data))  # from by_type
    size = [_num_nodes(data, t) for t in types]
    order = _order(data, types, size)
    relation_names, places = meanings(data, denied, made, back)
    stores = {place.edge_type: data[place.edge_type] for place in places}
    for edge_type, store in stores.items():
        refuse_unread(edge_type, store)
    listed = {p: [(i, place) for i, place in enumerate(places) if place.polarity == p] for p in POLARITIES}
    split = _splits(data, places)
    parts, part, sorting = {}, {}, {}
    for polarity, mine in listed.items():
        none = torch.empty(0, dtype=torch.long)
        ends = [_ends(data, place.edge_type, types, size, order) for _, place in mine]
        head, tail = torch.cat([torch.empty(2, 0, dtype=torch.long), *ends], dim=1)
        rel_type = torch.cat([none, *(torch.full((e.size(1),), p.relation) for e, (_, p) in zip(ends, mine))])
        sort = sorting[polarity] = _before(
            [data[place.edge_type].get("statement_index") for _, place in mine], rel_type
        )
        parts[polarity] = Triplets(head[sort], rel_type[sort], tail[sort])
        if split is not None:
            part[polarity] = torch.cat([none, *(split[place.edge_type] for _, place in mine)])[sort]
    if split is None:
        rng = torch.Generator().manual_seed(seed)
        part = {p: random_split(parts[p], valid, test, rng, cover=p == "stated") for p in POLARITIES}

    nodes = {t: data[t] for t in types}
    names = attributes.names(nodes, size, order)
    out = assemble(parts["stated"], part["stated"], names, relation_names, parts["denied"], part["denied"])
    _put_nodes(out, nodes, size, order)
    left = _put_edges(out, stores, listed, sorting, data._global_store.get("source_names"))
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
        if key not in GLOBAL_KEYS and key not in out._global_store:
            out[key] = value
    out, found = admit(out, wins, overlap, mirrored, apart, "The HeteroData")
    if not back:
        _tell(nodes, stores, size)
        if not _warn_of_reverse(data) and mirrored is None:
            tell_of_mirrored(found)
    return out


def to_networkx(data: HeteroData) -> "networkx.MultiDiGraph":
    """A multigraph of the entities' names, whose edges have ``relation``, ``polarity`` and ``split``."""
    import networkx  # here, and not above: hardly a command needs it

    graph = networkx.MultiDiGraph()
    names, relations = data[ENTITY].names, data.relation_names
    kinds = data[ENTITY].get("type_names")
    for i, name in enumerate(names):
        graph.add_node(name, index=i, **({"types": []} if kinds else {}))
    for i, j in zip(*(column.tolist() for column in pairs(data))) if kinds else ():
        graph.nodes[names[i]]["types"].append(kinds[j])
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
    entity, of = pairs(data)
    several = torch.bincount(entity, minlength=len(store.type))
    if not bool((several == 1).all()):
        row = int((several != 1).nonzero()[0])
        raise UserError(
            f"Entity {store.names[row]!r} has {int(several[row])} types, but a node store needs exactly one: "
            f"choose one in data['entity'].type, or delete it for a single node type."
        )
    local = torch.empty_like(of)
    for i in range(store.type.size(1)):
        mine = of == i
        local[mine] = torch.arange(int(mine.sum()))
    names = store.get("type_names") or [f"type_{i}" for i in range(store.type.size(1))]
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
) -> list[tuple[Place, dict[str, Any]]]:
    """The edge types to make: first those the graph came from, then any other that a statement needs."""
    listed = {}
    for made in data._global_store.get("origin", []):
        place = Place(tuple(made["edge_type"]), made["polarity"], made["relation"])
        listed[place.edge_type] = place, made["attributes"]
    taken = {(p.polarity, p.relation, p.edge_type[0], p.edge_type[2]) for p, _ in listed.values()}
    for polarity in POLARITIES:
        store = data[ENTITY, polarity, ENTITY]
        ends = of[store.edge_index]
        kinds = torch.stack(unique_rows(store.edge_type, *ends), dim=1).tolist()
        if len(names) == 1 and polarity == "stated" and not listed:
            kinds = [[r, 0, 0] for r in range(len(data.relation_names))]
        for r, head, tail in kinds:
            if (polarity, r, names[head], names[tail]) in taken:
                continue
            name = data.relation_names[r] if polarity == "stated" else denied + data.relation_names[r]
            edge_type = (names[head], name, names[tail])
            if edge_type in listed:
                raise UserError(f"There would be two edge types {edge_type}: choose another beginning than {denied!r}.")
            listed[edge_type] = Place(edge_type, polarity, r), {}
    return list(listed.values())


def _pair_up(data: HeteroData, out: HeteroData, types: list[str], order: list[Tensor]) -> None:
    """Labelled pairs of every node type as one store, in the order that they had before :func:`by_type`."""
    stores = [(e, data[e]) for e in data.edge_types if e not in stating(data)]
    if not stores:
        return
    ends = [(order[types.index(e[0])], order[types.index(e[2])], store.edge_label_index) for e, store in stores]
    index = torch.cat([torch.stack([head[i[0]], tail[i[1]]]) for head, tail, i in ends], dim=1)
    label = torch.cat([store.edge_label for _, store in stores])
    place = torch.cat([store.get("pair_index", torch.empty(0, dtype=torch.long)) for _, store in stores])
    sort = place.argsort() if torch.equal(place.sort().values, torch.arange(len(label))) else torch.arange(len(label))
    out[PAIR].edge_label_index, out[PAIR].edge_label = index[:, sort], label[sort]


def _in_convention(data: object) -> TypeGuard[HeteroData]:
    """Whether a graph needs no conversion."""
    if not isinstance(data, HeteroData) or data.node_types != [ENTITY] or not data.edge_types:
        return False
    ours = {(ENTITY, polarity, ENTITY) for polarity in POLARITIES}
    return set(data.edge_types) <= {*ours, PAIR} and any("edge_type" in data[e] for e in ours & set(data.edge_types))


def _num_nodes(data: HeteroData, node_type: str) -> int:
    """As many as ``num_nodes``, ``names`` or ``x`` says, which agree; else as many as PyG infers or edges name."""
    store = data[node_type]
    if "num_nodes" in store:
        size = store["num_nodes"]
        if isinstance(size, bool) or not hasattr(size, "__index__") or int(size) < 0:
            raise UserError(f"num_nodes of {node_type} is {echo(size)}: give a whole number, 0 or more.")
        return int(size)
    told = {}
    for key, what in (("names", "names"), ("x", "rows of x")):
        value = store.get(key)
        if value is not None:
            told[what] = value.shape[0] if hasattr(value, "shape") else len(attributes.listed(value) or [])
    if len(set(told.values())) > 1:
        words = " and ".join(f"{count} {what}" for what, count in told.items())
        raise UserError(f"{node_type} has {words}: give one for each node.")
    if told:
        return int(next(iter(told.values())))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyG infers, and says so; we take the larger of what it and the edges say
        size = int(store.num_nodes or 0)
    size = max([size, *(len(v) for v in store.values() if isinstance(v, Tensor) and v.dim())])
    for edge_type in stating(data):
        for end, end_type in ((0, edge_type[0]), (1, edge_type[2])):
            index = data[edge_type].edge_index
            if end_type == node_type and index.numel():
                size = max(size, int(index[end].max()) + 1)
    return size


def _ends(data: HeteroData, edge_type: EdgeType, types: list[str], size: list[int], order: list[Tensor]) -> Tensor:
    """The entity indices of edges."""
    index, place = data[edge_type].edge_index, (types.index(edge_type[0]), types.index(edge_type[2]))
    for end, of in enumerate(place):
        if index.numel() and int(index[end].max()) >= size[of]:
            raise UserError(
                f"Edges {edge_type} name {types[of]} {int(index[end].max())}, which is not there: there are "
                f"{size[of]} nodes of that type, numbered from 0 on."
            )
    return torch.stack([order[of][index[end]] for end, of in enumerate(place)])


def _before(positions: list[Tensor | None], like: Tensor) -> Int[Tensor, "e"]:
    """In which order statements were before :func:`by_type`, if they have been in one."""
    known = [p for p in positions if p is not None]
    place, sort = torch.cat([torch.empty(0, dtype=torch.long), *known]), torch.arange(like.numel())
    return place.argsort() if len(known) == len(positions) and torch.equal(place.sort().values, sort) else sort


def _put_nodes(out: HeteroData, stores: Mapping[str, BaseStorage], size: list[int], order: list[Tensor]) -> None:
    """Types, features and all other attributes of nodes."""
    types, entity = list(stores), out[ENTITY]
    if types != [ENTITY]:
        of = torch.empty(sum(size), dtype=torch.long)
        for i, where in enumerate(order):
            of[where] = i
        entity.type, entity.type_names = table(torch.arange(of.numel()), of, of.numel(), len(types)), types
    x, columns = attributes.features(stores, size, order)
    if x is not None:
        entity.x = x
    if columns is not None:
        entity.x_columns = columns
    joined, rest = attributes.joined(stores, size, order, {*NODE_KEYS, *APART, *attributes.CALLED})
    joined |= attributes.called(stores, size, order)
    for key, value in joined.items():
        entity[key] = value
    for t, store in stores.items():
        own = {key: store[key] for key in APART if key in store}
        member = own.get("type")
        if types == [ENTITY] and isinstance(member, Tensor) and member.dim() == 2 and len(member) == size[0]:
            for key in own.keys() & {"type", "type_names"}:
                entity[key] = own.pop(key)
        rest[t] |= own
    if any(rest.values()):
        entity.attributes = rest


def _put_edges(
    out: HeteroData,
    stores: Mapping[EdgeType, BaseStorage],
    listed: Mapping[str, list[tuple[int, Place]]],
    sorting: Mapping[str, Tensor],
    source_names: list[str] | None,
) -> dict[EdgeType, dict[str, Any]]:
    """Confidences, sources and all other attributes of edges; returned is what could not be joined."""
    size = [store.edge_index.size(1) for store in stores.values()]
    sure, told = attributes.sure(stores, size), attributes.sources(stores, size, source_names)
    left: dict[EdgeType, dict[str, Any]] = {}
    for polarity, mine in listed.items():
        store, sort = out[ENTITY, polarity, ENTITY], sorting[polarity]
        if sure is not None:
            store.confidence = torch.cat([torch.empty(0), *(sure[i] for i, _ in mine)])[sort]
        if told is not None:
            store.source = torch.cat([torch.empty(0, dtype=torch.long), *(told[0][i] for i, _ in mine)])[sort]
        some = {place.edge_type: stores[place.edge_type] for _, place in mine}
        many = [size[i] for i, _ in mine]
        joined, rest = attributes.joined(some, many, sort.argsort().split(many), {*EDGE_KEYS, *APART})
        for key, value in joined.items():
            store[key] = value
        for edge_type, edges in some.items():
            rest[edge_type] |= {key: edges[key] for key in APART if key in edges}
        left |= rest
    if told is not None:
        out.source_names = told[1]
    return left


def _tell(nodes: Mapping[str, BaseStorage], edges: Mapping[EdgeType, BaseStorage], size: list[int]) -> None:
    """Names what is kept and read by nothing."""
    unread: Counter[tuple[str, str]] = Counter()
    for store, count in zip(nodes.values(), size):
        unread.update({(key, "nodes"): count for key in store if key not in {*NODE_KEYS, *APART, *READ}})
    for store in edges.values():
        many = store.edge_index.size(1)
        unread.update({(key, "edges"): many for key in store if key not in {*EDGE_KEYS, *APART, *READ}})
    if unread:
        words = ", ".join(f"{key} ({count:,} {of})" for (key, of), count in unread.items())
        warnings.warn(
            f"Kept in the graph, but read by no model or loss for links: {words}. Read are names and x of nodes, and "
            "confidence and source of edges.",
            stacklevel=3,
        )


def _order(data: HeteroData, types: list[str], size: list[int]) -> list[Int[Tensor, "_"]]:
    """The entity index of each node of each type."""
    given = [data[t].get("entity_index") for t in types]
    fits = all(g is not None and g.numel() == s for g, s in zip(given, size))
    if fits and torch.equal(torch.cat(given).sort().values, torch.arange(sum(size))):
        return given
    return list(torch.arange(sum(size)).split(size))


def _splits(data: HeteroData, places: list[Place]) -> dict[EdgeType, Tensor] | None:
    split = {p.edge_type: data[p.edge_type].get("split") for p in places}
    lacking = [edge_type for edge_type, s in split.items() if s is None]
    if len(lacking) == len(split):
        return None
    if lacking:
        raise UserError(f"Edge type {lacking[0]} has no 'split', but others have: give it one, or delete theirs.")
    return split


def _warn_of_reverse(data: HeteroData) -> bool:
    """Warns of edge types that are others the other way round, and says whether there are any."""
    found = False
    for head, name, tail in stating(data):
        forward = (tail, name.removeprefix("rev_"), head)
        if name.startswith("rev_") and forward in stating(data):
            one, other = data[head, name, tail].edge_index, data[forward].edge_index.flip(0)
            if one.shape == other.shape and torch.equal(*(torch.stack(unique_rows(*e)) for e in (one, other))):
                found = True
                warnings.warn(
                    f"Edge type {(head, name, tail)} repeats {forward} the other way round, and a split that parts "
                    "the two leaks: delete it first; inverse relations are added where they are needed.",
                    stacklevel=3,
                )
    return found
