"""Checks, before the first step, whether it fits into memory."""

import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gnnneg import distributed, memory
from gnnneg.errors import UserError
from gnnneg.memory import refuse_beyond, spoken

TABLES = 8  # of these a step takes at most: fewer than that many tables are not looked at, if they are small
TRIED = 64  # rows and numbers a row of the weight that an optimiser is tried on


def refuse_large(task: nn.Module, optimizer: Optimizer) -> None:
    """Refuses an optimiser whose first steps would need more memory than there is.

    A dense gradient is as large as its table, and while it is summed over anchors, targets and negatives there are two.
    An optimiser such as Adam keeps two tables more, and its step makes two for a while. None is there before the first
    step.

    Raises:
        UserError: If the steps would need more memory than is free.
    """
    weights = _trained(optimizer)
    total = sum(map(_bytes, weights))
    if not weights or TABLES * total <= memory.SURE:
        return
    needed, dense = _steps(task, optimizer)
    _refuse(
        needed,
        f"The first steps of {type(optimizer).__name__}, with weights of {spoken(total)} and {spoken(total + needed)} "
        "in all,",
        _instead(dense),
        weights[0].device,
    )


def _refuse(needed: int, what: str, instead: str, device: torch.device) -> None:
    """Refuses what does not fit beside the same of the other processes on this machine. All processes call this."""
    distributed.wait()  # none of them has taken any of it
    try:
        # each has a CUDA device of its own
        refuse_beyond(needed, what, instead, device, distributed.neighbors() if device.type == "cpu" else 1)
    finally:
        distributed.wait()  # all have looked


def refuse_unmade(tables: nn.Module, optimizer: Optimizer, later: int, device: torch.device) -> None:
    """Refuses tables and an optimiser's steps before any of it is made.

    Args:
        tables (torch.nn.Module): What will be trained, on the device ``meta``, where it takes no memory.
        optimizer (torch.optim.Optimizer): Of these tables.
        later (int): Bytes that training takes beside them.
        device (torch.device): Where they would be made.

    Raises:
        UserError: If all together would need more memory than is free.
    """
    weights = _trained(optimizer)
    total = sum(map(_bytes, weights))
    if not weights or TABLES * total + later <= memory.SURE:
        return
    needed, dense = _steps(tables, optimizer)
    needed += sum(_bytes(value) for weight in weights for value in _kept(optimizer, weight))
    parts = f"{spoken(total)} for weights, {spoken(needed)} for its steps"
    parts += f", {spoken(later)} for statements and ranking" if later else ""
    _refuse(
        total + needed + later,
        f"Training with {type(optimizer).__name__} ({parts})",
        _instead(dense),
        device,
    )


def _steps(task: nn.Module, optimizer: Optimizer) -> tuple[int, bool]:
    """The bytes that steps take and that are not there yet, and whether some of them are dense gradients."""
    weights = _trained(optimizer)
    sparse = {id(weight) for weight in _row_sparse(task)}
    dense = [weight for weight in weights if id(weight) not in sparse]
    kept = meanwhile = 0
    for weight in weights:
        more, made = _lacking(optimizer, weight)
        kept += more
        if id(weight) not in sparse:
            meanwhile = max(meanwhile, made, _bytes(weight))  # a step's own, or the second gradient in a sum
    return sum(map(_bytes, dense)) + kept + meanwhile, bool(dense)


def _instead(dense: bool) -> str:
    if dense:
        return (
            "give Lookup sparse: true and train with RowAdagrad (one number a row) or LazyAdam (two tables of its own)"
        )
    return "use RowAdagrad, which keeps one number a row, or a smaller hidden_channels"


def _trained(optimizer: Optimizer) -> list[Tensor]:
    return [weight for group in optimizer.param_groups for weight in group["params"] if weight.requires_grad]


def _row_sparse(task: nn.Module) -> Iterator[Parameter]:
    """The parameters whose gradients hold few rows."""
    for part in task.modules():
        if getattr(part, "sparse", False) is True:
            yield from part.parameters(recurse=False)
    yield from (weight for weight in task.parameters() if getattr(weight, "num_rows", None) is not None)


def _bytes(value: Tensor) -> int:
    """The bytes of a tensor or, of a divided table, those of the largest block, so that all processes count alike."""
    rows: int | None = getattr(value, "num_rows", None)
    if rows is None:
        return value.numel() * value.element_size()
    return -(-rows // distributed.size()) * value.shape[1:].numel() * value.element_size()


def _kept(optimizer: Optimizer, weight: Tensor) -> list[Tensor]:
    """What an optimiser keeps for a weight by now, but for single numbers."""
    return [value for value in optimizer.state.get(weight, {}).values() if isinstance(value, Tensor) and value.dim()]


def _lacking(optimizer: Optimizer, weight: Tensor) -> tuple[int, int]:
    """The bytes that an optimiser will keep for a weight and has not allocated yet, and those that its step makes and
    gives back: tried on a small weight.
    """
    small = Parameter(torch.zeros((TRIED,) * min(weight.dim(), 2) + (2,) * (weight.dim() - 2)))
    small.grad = torch.zeros_like(small)
    kind: Any = type(optimizer)
    try:
        tried = kind([small])
        tried.param_groups[0].update({k: v for k, v in optimizer.param_groups[0].items() if k != "params"})
        begun = [*_kept(tried, small), small, small.grad]
        with _Live(begun) as live:
            tried.step()
    except (RuntimeError, TypeError, ValueError, UserError):
        return 0, 0  # it takes other gradients, or is made in another way: nothing is known of it
    state = _kept(tried, small)
    tables = sum(value.shape == small.shape for value in state)
    rows = sum(value.shape == small.shape[:1] != small.shape for value in state)
    fresh = sum(map(_bytes, state)) - sum(map(_bytes, begun[:-2]))
    made = (live.most - fresh) // _bytes(small) * _bytes(weight) if weight.dim() else 0
    if optimizer.state.get(weight):
        return 0, made
    return tables * _bytes(weight) + rows * 4 * (weight.size(0) if weight.dim() else 1), made


class _Live(TorchDispatchMode):
    """Counts the bytes of tensors that come and go, beside those given."""

    def __init__(self, given: list[Tensor]):
        super().__init__()
        self.now = self.most = 0
        self.owners: dict[int, int] = {}  # tensors of each piece of memory
        self.known: set[int] = set()
        for value in given:
            self._hold(value)
        self.now = self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for value in tree_leaves(found):
            if isinstance(value, Tensor) and value.layout == torch.strided:
                self._hold(value)
        return found

    def _hold(self, value: Tensor) -> None:
        if id(value) in self.known:  # changed in place
            return
        piece, size = value.untyped_storage()._cdata, value.untyped_storage().nbytes()
        if not self.owners.get(piece):
            self.now += size
            self.most = max(self.most, self.now)
        self.owners[piece] = self.owners.get(piece, 0) + 1
        self.known.add(id(value))
        weakref.finalize(value, self._drop, id(value), piece, size).atexit = False

    def _drop(self, name: int, piece: int, size: int) -> None:
        self.known.discard(name)
        self.owners[piece] -= 1
        if not self.owners[piece]:
            self.now -= size
