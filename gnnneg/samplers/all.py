"""Every entity, as in 1-vs-all training."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import whole
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.kernels.everyone import everyone
from gnnneg.memory import refuse_beyond
from gnnneg.records import Negatives, Query

BYTES = 2 * 4  # of a weight and a score


class All(Sampler):
    r"""Every entity once, or every class of a model that scores classes; the query's own target has weight 0.

    With :class:`~gnnneg.losses.InfoNCE` this is 1-vs-all softmax cross-entropy. Cost: :math:`b \times n` scores and
    weights of four bytes each, so the cost of a step grows with the number of entities.

    Args:
        num_nodes (int): Number of entities.

    Raises:
        UserError: When called, if weights and scores would take more memory than is free.
    """

    def __init__(self, num_nodes: int):
        super().__init__()
        whole("All", num_nodes=num_nodes)
        self.num_nodes = num_nodes

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        rows, size = target.size(0), critic.num_candidates or self.num_nodes
        refuse_beyond(
            rows * size * BYTES,
            f"All: the weights and scores of {rows:,} queries against all {size:,} entities",
            "use sampled negatives, such as Uniform(num_negatives=1000, shared=True), or lower fit.batch_size",
            target.device,
        )
        weight = torch.ones(rows, size, device=target.device)
        return Negatives(everyone(size, target.device), weight.scatter_(1, target[:, None], 0))
