"""Which rows of a table are nearest to some vectors, exactly."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

CELLS = 1 << 24  # numbers held at once


def nearest(
    vector: Float[Tensor, "m d"],
    embed: Callable[[Int[Tensor, "c"]], Float[Tensor, "c d"]],
    num_nodes: int,
    size: int = 1,
    itself: Int[Tensor, "m"] | None = None,
) -> Int[Tensor, "m k"]:
    r"""The entities at the least Euclidean distance, the nearest first; among vectors of length 1 those of the largest
    cosine. Of :math:`\lVert \mathbf{v} - \mathbf{e} \rVert^2` it works out :math:`\mathbf{v}^{\top} \mathbf{e} - \lVert
    \mathbf{e} \rVert^2 / 2`, chunk by chunk: neither all entities' vectors nor all distances are ever held.

    Cost: :math:`m n d`.

    Args:
        vector (torch.Tensor): ``(m, d)``.
        embed (Callable): Gives the vectors of entities.
        num_nodes (int): Number of entities.
        size (int): How many of each. (default: :obj:`1`)
        itself (torch.Tensor, optional): An entity for each vector that is left out, ``(m,)``. (default: :obj:`None`)
    """
    score = vector.new_full((len(vector), size), -torch.inf)
    found = torch.zeros(score.shape, dtype=torch.long, device=vector.device)
    place = torch.arange(len(vector), device=vector.device)
    for some in torch.arange(num_nodes, device=vector.device).split(max(1, CELLS // vector.size(1))):
        table = embed(some)
        length = table.square().sum(1) / 2
        for rows in place.split(max(1, CELLS // len(some))):
            like = vector[rows] @ table.T - length
            if itself is not None:
                like.masked_fill_(itself[rows, None] == some, -torch.inf)
            best = like.topk(min(size, len(some)), dim=1)
            both = torch.cat([score[rows], best.values], dim=1), torch.cat([found[rows], some[best.indices]], dim=1)
            score[rows], column = both[0].topk(size, dim=1)
            found[rows] = both[1].gather(1, column)
    return found
