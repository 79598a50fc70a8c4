"""Training with several processes: which parts are allowed, and how states are divided and joined."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from gnnneg import distributed
from gnnneg.errors import UserError
from gnnneg.interfaces import Part, Task
from gnnneg.stateful import OwnOptimizer

Tables = Mapping[str, Sequence[int]]
"""For each divided parameter of a task, the rows of the whole table and its number in the optimiser (or -1)."""


def refuse_parted(task: Task, amp: str | None) -> None:
    """Checks that several processes can train a task together; one process can train every task.

    Raises:
        UserError: If a part keeps a state that would differ between processes, or gradients cannot be added up.
    """
    if distributed.size() == 1:
        return
    if amp == "float16":
        raise UserError("fit.amp float16 scales its loss by one process's gradients: use bfloat16 with several.")
    for part in task.modules():
        name, why = type(part).__name__, part.one_process if isinstance(part, Part) else None
        if isinstance(part, OwnOptimizer):
            why = "learns by itself"
        if why is not None:
            raise UserError(f"{name} {why}, and several processes cannot share that: start one process.")
        if getattr(part, "sparse", False):
            raise UserError(f"{name}(sparse=True) belongs to one process: with several use ShardedLookup.")


def settle(model: nn.Module) -> None:
    """Gives a model the buffers of the first process, such as the running statistics of batch normalisation.

    In training each process's own follow its own parts of batches. All have to judge by the same ones.
    """
    learnt = dict(model.named_parameters(remove_duplicate=False))
    for name, value in model.state_dict().items():
        if isinstance(value, Tensor) and name not in learnt:
            distributed.sent(value)


def strangers(task: Task) -> set[str]:
    """The names of a task's parameters that the trainer does not train."""
    trained = {id(weight) for weight in task.trained()}
    return {name for name, weight in task.named_parameters() if id(weight) not in trained}


def tables(task: Task, optimizer: Optimizer) -> dict[str, list[int]]:
    """The :obj:`Tables` of a task."""
    place = {id(weight): i for i, weight in enumerate(w for group in optimizer.param_groups for w in group["params"])}
    weights = dict(task.named_parameters())
    return {name: [rows, place.get(id(weights[name]), -1)] for name, rows in distributed.tables(task).items()}


def joined(states: list[dict[str, Any]], known: Tables) -> dict[str, Any]:
    """The state of this process, with blocks from the states of any number of former processes.

    Memory: the result alone, if the tensors of ``states`` are in files.

    Args:
        states (list[dict]): Each former process's state, by rank. Everything except blocks comes from the first.
        known (dict): The divided parameters.
    """
    first = states[0]
    made: dict[int, Any] = {}
    for name, (rows, place) in known.items():
        start, stop = distributed.block(rows)
        former = [list(_leaves(state, name, place)) for state in states]
        for leaves in zip(*former):
            holder, key = leaves[0]
            value = holder[key] = _cut([holder[key] for holder, key in leaves], start, stop)
            made[id(value)] = value
    return copy.deepcopy(first, made)  # all but what was made


def _leaves(state: dict[str, Any], name: str, place: int) -> Iterator[tuple[dict[str, Any], str]]:
    """The places where a state holds the rows of one parameter: the weights, the best weights, and the optimiser's
    numbers of each row.
    """
    yield state["task"], name
    size = state["task"][name].size(0)
    if state["best"] is not None and name.removeprefix("model.") in state["best"]:
        yield state["best"], name.removeprefix("model.")
    for key, value in sorted(state["optimizer"]["state"].get(place, {}).items()):
        if isinstance(value, Tensor) and value.dim() and value.size(0) == size:
            yield state["optimizer"]["state"][place], key


def _cut(blocks: list[Tensor], start: int, stop: int) -> Tensor:
    """Rows ``start`` to ``stop`` of a table that is stored in blocks."""
    out, begin = blocks[0].new_empty(stop - start, *blocks[0].shape[1:]), 0
    for rows in blocks:
        first, last = max(start, begin), min(stop, begin + rows.size(0))
        if first < last:
            out[first - start : last - start] = rows[first - begin : last - begin]
        begin += rows.size(0)
    return out
