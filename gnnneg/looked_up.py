"""Rows of a tensor whose gradient does not depend on which thread comes first."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def looked_up(table: Float[Tensor, "n *d"], index: Int[Tensor, "*s"]) -> Float[Tensor, "..."]:
    """``table[index]``, with a gradient that has the same bits in each run and on any number of threads.

    Where an index comes more than once, torch adds the gradients of ``table[index]`` atomically on a CPU, in the order
    in which its threads come. A look-up of embeddings adds them in the order of the index.

    Args:
        table (torch.Tensor): What has a gradient.
        index (torch.Tensor): Which of its rows, ``(*s,)``.

    Returns:
        ``(*s, *d)``.

    Cost: one copy of the rows; in the backward pass a dense gradient of the table.
    """
    rows = F.embedding(index, table.reshape(table.size(0), -1))
    return rows.view(*index.shape, *table.shape[1:])
