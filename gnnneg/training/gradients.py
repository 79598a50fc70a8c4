"""Gradient clipping that also takes row-sparse gradients."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import Parameter


@torch.no_grad()
def clip(parameters: Iterable[Parameter], norm: float) -> Float[Tensor, ""]:
    r"""Scales all gradients by :math:`\min(1, c / \lVert g \rVert_2)` and returns the norm :math:`\lVert g \rVert_2`.

    :func:`torch.nn.utils.clip_grad_norm_` refuses sparse gradients; here their rows are summed first, since a row that
    was looked up twice has one gradient. Cost: the touched rows.
    """
    values = []
    for parameter in parameters:
        if parameter.grad is None:
            continue
        if parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()
            values.append(parameter.grad.values())
        else:
            values.append(parameter.grad)
    total = torch.nn.utils.get_total_norm(values)
    scale = (norm / (total + 1e-6)).clamp(max=1.0)
    for value in values:
        value.mul_(scale.to(value.device))
    return total
