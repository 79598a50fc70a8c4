"""The record of a warm start."""

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Warm:
    """The record of a warm start.

    Args:
        source (str): The run, or the file or folder of vectors.
        entities (int): The number of entities that were matched by name.
        num_entities (int): The number of all entities.
        relations (int): The number of relations that were matched by name.
        num_relations (int): The number of all relations.
        digest (str, optional): The digest of the weights of a run.
        afresh (tuple[str, ...]): The weights that were not in the source.
    """

    source: str
    entities: int
    num_entities: int
    relations: int
    num_relations: int
    digest: str | None = None
    afresh: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All fields, for JSON."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        left = f"; {', '.join(self.afresh)} afresh" if self.afresh else ""
        return (
            f"Warm start from {self.source}: {self.entities:,} of {self.num_entities:,} entities and "
            f"{self.relations:,} of {self.num_relations:,} relations by name, the others drawn afresh{left}."
        )
