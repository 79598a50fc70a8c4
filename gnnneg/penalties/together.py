"""Several penalties."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnnneg.errors import UserError
from gnnneg.interfaces import Penalty, Scorer
from gnnneg.records import Query


class Together(Penalty):
    """The sum of penalties.

    Args:
        penalties (list[Penalty]): The penalties to add up.
    """

    def __init__(self, penalties: Sequence[Penalty]):
        super().__init__()
        if not len(penalties):
            raise UserError("Together(penalties=[]): give at least one.")
        self.penalties = nn.ModuleList(penalties)

    def forward(self, scorer: Scorer, query: Query, target: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        return torch.stack([penalty(scorer, query, target) for penalty in self.penalties]).sum(0)
