"""A graph with verdicts appended to its statements."""

import copy

import torch
from jaxtyping import Bool
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import EdgeStorage

from gnnneg.data.statements import POLARITIES
from gnnneg.data.texts import Texts
from gnnneg.errors import UserError, echo
from gnnneg.verdicts.judged import Judged

KNOWN = ("edge_index", "edge_type", "split", "confidence", "source")
Masks = dict[str, Bool[Tensor, "_"]]


def added(data: HeteroData, found: Judged, where: str) -> tuple[HeteroData, Masks]:
    """The graph with all verdicts appended to its training statements, and masks of the appended statements by
    polarity.

    Args:
        data (torch_geometric.data.HeteroData): The graph that was judged. It is not changed.
        found (Judged): The verdicts.
        where (str): The name of the graph in error messages.

    Raises:
        UserError: If the graph does not have a name, or its statements have attributes that verdicts do not have.
    """
    entities = Texts.of(data["entity"].names)
    relations = {name: number for number, name in enumerate(data.relation_names)}
    _refuse_unknown(found, entities, relations, where)
    result, new = copy.copy(data), {}
    sources = {name: number for number, name in enumerate(data.get("source_names", []))}
    stores = [data["entity", polarity, "entity"] for polarity in POLARITIES]
    confident = any("confidence" in store for store in stores) or bool((found.table["confidence"] < 1).any())
    for polarity in POLARITIES:
        store = result["entity", polarity, "entity"]
        mine = found.table[found.table["stated"] == (polarity == "stated")]
        size, more = store.edge_type.numel(), len(mine)
        _refuse_attributes(store, size, polarity)
        columns = {
            "head": [entities.index(name) for name in mine["head"]],
            "tail": [entities.index(name) for name in mine["tail"]],
            "relation": [relations[name] for name in mine["relation"]],
            "source": [sources.setdefault(name, len(sources)) for name in mine["source"]],
        }
        column = {name: torch.tensor(values, dtype=torch.long) for name, values in columns.items()}
        store.source = torch.cat([store.get("source", torch.full((size,), -1)), column["source"]])
        store.edge_index = torch.cat([store.edge_index, torch.stack([column["head"], column["tail"]])], dim=1)
        store.edge_type = torch.cat([store.edge_type, column["relation"]])
        store.split = torch.cat([store.split, torch.zeros(more, dtype=store.split.dtype)])
        if confident:
            sure = torch.tensor(mine["confidence"].to_numpy(), dtype=torch.float)
            store.confidence = torch.cat([store.get("confidence", torch.ones(size)), sure])
        new[polarity] = torch.arange(size + more) >= size
    result.source_names = list(sources)
    return result, new


def _refuse_unknown(found: Judged, entities: Texts, relations: dict[str, int], where: str) -> None:
    """Refuses names that the graph does not have, and lists all of them."""
    table = found.table
    unknown = [f"entity {echo(n)}" for n in sorted({*table["head"], *table["tail"]}) if n not in entities]
    unknown += [f"relation {echo(name)}" for name in sorted({*table["relation"]}) if name not in relations]
    if unknown:
        what = "a name" if len(unknown) == 1 else f"{len(unknown):,} names"
        raise UserError(
            f"{found.name} speaks of {what} that {where} does not have, {', '.join(unknown)}: give the data set that "
            "was judged."
        )


def _refuse_attributes(store: EdgeStorage, size: int, polarity: str) -> None:
    """Refuses statements with further attributes, because appended verdicts have no values for them."""
    for key, value in store.items():
        if key not in KNOWN and isinstance(value, Tensor) and size in value.shape:
            raise UserError(f"The {polarity} statements have {echo(key)}, which no verdict has: leave it out.")
