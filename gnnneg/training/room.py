"""Checks, before the first step, whether it fits into memory."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from gnnneg import memory
from gnnneg.errors import UserError
from gnnneg.interfaces import Task
from gnnneg.memory import refuse_beyond, spoken

TABLES = 4  # of these a step takes at most: fewer than that many tables are not looked at, if they are small


def refuse_large(task: Task, optimizer: Optimizer) -> None:
    """Refuses an optimiser whose first step would need more memory than there is.

    A dense gradient is as large as its table, and an optimiser such as Adam keeps two more of that size. They are
    allocated only in the first step.

    Raises:
        UserError: If the step would need more memory than is free.
    """
    weights = [weight for group in optimizer.param_groups for weight in group["params"] if weight.requires_grad]
    total = sum(map(_bytes, weights))
    if not weights or TABLES * total <= memory.SURE:
        return
    sparse = {id(weight) for weight in _row_sparse(task)}
    gradients = sum(_bytes(weight) for weight in weights if id(weight) not in sparse)
    kept = sum(_lacking(optimizer, weight) for weight in weights)
    name = type(optimizer).__name__
    instead = "use RowAdagrad, which keeps one number a row, or a smaller hidden_channels"
    if gradients:
        instead = (
            "give Lookup sparse: true and train with RowAdagrad (one number a row) or LazyAdam (two tables of its own)"
        )
    refuse_beyond(
        gradients + kept,
        f"The first step of {name}, with weights of {spoken(total)} and {spoken(total + gradients + kept)} in all,",
        instead,
        weights[0].device,
    )


def _row_sparse(task: Task) -> Iterator[Parameter]:
    """The parameters whose gradients hold few rows."""
    for part in task.modules():
        if getattr(part, "sparse", False) is True:
            yield from part.parameters(recurse=False)
    yield from (weight for weight in task.parameters() if getattr(weight, "num_rows", None) is not None)


def _bytes(value: Tensor) -> int:
    return value.numel() * value.element_size()


def _lacking(optimizer: Optimizer, weight: Tensor) -> int:
    """The bytes that an optimiser will keep for a weight and has not allocated yet."""
    if optimizer.state.get(weight):
        return 0
    small = Parameter(torch.zeros((2,) * weight.dim()))
    small.grad = torch.zeros_like(small)
    kind: Any = type(optimizer)
    try:
        tried = kind([small])
        tried.param_groups[0].update({k: v for k, v in optimizer.param_groups[0].items() if k != "params"})
        tried.step()
    except (RuntimeError, TypeError, ValueError, UserError):
        return 0  # it takes other gradients, or is made in another way: nothing is known of it
    state = [value for value in tried.state[small].values() if isinstance(value, Tensor)]
    tables = sum(value.shape == small.shape for value in state)
    rows = sum(value.shape == small.shape[:1] != small.shape for value in state)
    return tables * _bytes(weight) + rows * 4 * (weight.size(0) if weight.dim() else 1)
