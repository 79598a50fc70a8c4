"""What a card has beside the statements of its graph: labelled pairs, candidates, types, labels, definitions."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data import definitions
from gnnneg.data.card_files import CardFiles
from gnnneg.data.decode import text
from gnnneg.data.labels import attach, read_labels
from gnnneg.data.layout import Layout
from gnnneg.data.parts import Names
from gnnneg.data.read import read_table
from gnnneg.data.statements import PAIR
from gnnneg.data.types import table
from gnnneg.errors import UserError


def put_beside(data: HeteroData, files: CardFiles) -> None:
    """Puts what the card has beside statements on the graph.

    Raises:
        UserError: For a file that does not hold what the card says, or names an entity that the graph has not.
    """
    card, folder = files.card, files.folder
    store, entities = data["entity"], Names.of(data["entity"].names)
    if card.candidates is not None:
        path = folder / card.candidates
        store.candidate_tails = entities.index(read_table(path, Layout(("name",)))["name"], "entity", path)
    if card.pairs is not None:
        path, ends = folder / card.pairs, ("head", "tail")
        rows, known = files.table(card.pairs, *ends, "label"), files.entities or entities
        data[PAIR].edge_label_index = torch.stack([known.index(rows[end], "entity", path) for end in ends])
        if unknown := rows["label"].null_count:
            raise UserError(f"{path} holds {unknown:,} pairs of unknown label: a pair must be one or the other.")
        data[PAIR].edge_label = torch.tensor(rows["label"].to_pylist(), dtype=torch.long)
    if card.types is not None:
        store.type, store.type_names = _types(folder / card.types, store.names)
    if card.labels is not None:
        attach(data, read_labels(folder / card.labels))
    if card.definitions is not None:
        definitions.attach(data, definitions.read_definitions(folder / card.definitions))


def _types(path: Path, entities: Sequence[str]) -> tuple[Tensor, list[str]]:
    """Which types each entity has, and their names in the order in which the entities have them first."""
    try:
        content = json.loads(text(path))
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
    entity = torch.tensor([row for row, kinds in enumerate(listed) for _ in kinds], dtype=torch.long)
    of = torch.tensor([names[kind] for kinds in listed for kind in kinds], dtype=torch.long)
    return table(entity, of, len(entities), len(names)), list(names)
