"""What a model began with."""

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Warm:
    """What a model began with.

    Args:
        source (str): The run, or the file or folder of vectors.
        entities (int): How many entities have what those of their name had there.
        num_entities (int): Of how many.
        relations (int): How many relations have.
        num_relations (int): Of how many.
        digest (str, optional): Of a run which weights these were.
        afresh (tuple[str, ...]): The weights that it did not have.
    """

    source: str
    entities: int
    num_entities: int
    relations: int
    num_relations: int
    digest: str | None = None
    afresh: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Everything, for machines."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        left = f"; {', '.join(self.afresh)} afresh" if self.afresh else ""
        return (
            f"Warm start from {self.source}: {self.entities:,} of {self.num_entities:,} entities and "
            f"{self.relations:,} of {self.num_relations:,} relations by name, the others drawn afresh{left}."
        )
