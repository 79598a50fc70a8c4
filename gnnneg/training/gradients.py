"""Gradient clipping that also takes row-sparse gradients."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import Parameter

from gnnneg import distributed
from gnnneg.kernels.row_update import merged


@torch.no_grad()
def clip(parameters: Iterable[Parameter], norm: float) -> Float[Tensor, ""]:
    r"""Scales all gradients by :math:`\min(1, c / \lVert g \rVert_2)` and returns the norm :math:`\lVert g \rVert_2`.

    :func:`torch.nn.utils.clip_grad_norm_` refuses sparse gradients; here their rows are summed first, because a row
    that was looked up twice has one gradient. Cost: the touched rows.
    """
    values: list[Tensor] = []
    elsewhere: list[Tensor] = []
    for parameter in parameters:
        if parameter.grad is None:
            continue
        if parameter.grad.is_sparse:
            parameter.grad = merged(parameter.grad)
            value = parameter.grad.values()
        else:
            value = parameter.grad
        (elsewhere if getattr(parameter, "num_rows", None) is not None else values).append(value)
    total = torch.nn.utils.get_total_norm(values)
    if elsewhere:  # other processes have the other rows
        total = (total**2 + distributed.summed(torch.nn.utils.get_total_norm(elsewhere) ** 2)).sqrt()
    scale = (norm / (total + 1e-6)).clamp(max=1.0)
    for value in (*values, *elsewhere):
        value.mul_(scale.to(value.device))
    return total
