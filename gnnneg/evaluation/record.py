"""The rank of each target, and its file."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gnnneg.errors import UserError

SIDES = ("tail", "head", "relation")


@dataclass(frozen=True)
class Ranks:
    r"""The rank of each query's target among the candidates not known to be true, with ties broken both ways.

    Args:
        anchor (torch.Tensor): The given entity: the head if the tail is predicted, and the tail if the head is.
        rel_type (torch.Tensor): The relation, in ``[0, num_relations)`` for both sides.
        target (torch.Tensor): The true answer (the tail, if the relation is predicted).
        side (torch.Tensor): What is predicted, a position in :obj:`SIDES`.
        optimistic (torch.Tensor): One plus the number of candidates scored above the target.
        pessimistic (torch.Tensor): The same, counting the candidates tied with it too.
        candidates (torch.Tensor): The worst possible rank: the number of candidates after filtering, including the
            target.
    """

    anchor: Int[Tensor, "b"]
    rel_type: Int[Tensor, "b"]
    target: Int[Tensor, "b"]
    side: Int[Tensor, "b"]
    optimistic: Int[Tensor, "b"]
    pessimistic: Int[Tensor, "b"]
    candidates: Int[Tensor, "b"]

    def __len__(self) -> int:
        return self.anchor.size(0)

    @property
    def realistic(self) -> Float[Tensor, "b"]:
        """The mean of the optimistic and the pessimistic rank, in float64, on which every metric is based."""
        return (self.optimistic + self.pessimistic).double() / 2

    def take(self, row: Bool[Tensor, "b"] | Int[Tensor, "m"]) -> "Ranks":
        """The queries at ``row``, a mask or positions."""
        return Ranks(*(getattr(self, field.name)[row] for field in fields(self)))

    def of(self, side: str) -> "Ranks":
        """The queries that predict the ``"tail"``, the ``"head"`` or the ``"relation"``."""
        return self.take(self.side == SIDES.index(side))

    def to_parquet(
        self,
        path: str | Path,
        entity_names: Sequence[str] | None = None,
        relation_names: Sequence[str] | None = None,
        strata: dict[str, list[str]] | None = None,
    ) -> None:
        """Writes one row a query: indices, ranks and, where given, names and the strata each query belongs to.

        Args:
            path (str or Path): The file.
            entity_names (sequence, optional): Adds columns ``anchor_name`` and ``target_name``.
            relation_names (sequence, optional): Adds the column ``relation_name``.
            strata (dict[str, list[str]], optional): Adds one column for each, as from
                :func:`~gnnneg.evaluation.strata`.
        """
        columns: dict[str, object] = {field.name: getattr(self, field.name).numpy() for field in fields(self)}
        columns["side"] = pd.Categorical([SIDES[side] for side in self.side.tolist()], categories=list(SIDES))
        for name, names, index in (
            ("anchor_name", entity_names, self.anchor),
            ("relation_name", relation_names, self.rel_type),
            ("target_name", entity_names, self.target),
        ):
            if names is not None:
                columns[name] = pd.Series([names[i] for i in index.tolist()], dtype="string")
        for name, label in (strata or {}).items():
            columns[name] = pd.Categorical(label)
        pd.DataFrame(columns).to_parquet(path, index=False)

    @classmethod
    def from_parquet(cls, path: str | Path) -> "Ranks":
        """Reads what :meth:`to_parquet` wrote.

        Raises:
            UserError: If the file does not hold ranks.
        """
        try:
            frame = pd.read_parquet(path)
            frame["side"] = [SIDES.index(side) for side in frame["side"]]
            return cls(*(torch.tensor(frame[field.name].to_numpy(), dtype=torch.long) for field in fields(cls)))
        except (KeyError, ValueError, OSError) as error:
            raise UserError(f"{path} does not hold ranks ({error}): write it again with 'gnnneg evaluate'.") from error
