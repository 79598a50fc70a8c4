"""Every entity, as in 1-vs-all training."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import whole
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.kernels.everyone import everyone
from gnnneg.records import Negatives, Query


class All(Sampler):
    r"""Every entity once, the query's own target with weight 0.

    With :class:`~gnnneg.losses.InfoNCE` this is 1-vs-all softmax cross-entropy. Cost: :math:`b \times n` scores.

    Args:
        num_nodes (int): Number of entities.
    """

    def __init__(self, num_nodes: int):
        super().__init__()
        whole("All", num_nodes=num_nodes)
        self.num_nodes = num_nodes

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, generator: torch.Generator | None = None
    ) -> Negatives:
        weight = torch.ones(target.size(0), self.num_nodes, device=target.device)
        return Negatives(everyone(self.num_nodes, target.device), weight.scatter_(1, target[:, None], 0))
