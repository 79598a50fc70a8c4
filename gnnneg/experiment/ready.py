"""Checks a seed, an optimiser, a scheduler and the data before training."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torch_geometric.data import Data, HeteroData

from gnnneg.config import Plan
from gnnneg.data.facts import Facts
from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import confidence
from gnnneg.errors import UserError, echo
from gnnneg.interfaces import Task, Weighing
from gnnneg.training.optimizers import stepped
from gnnneg.weighings import Confidence

LAST_SEED = (1 << 32) - 1  # the limit of NumPy and scikit-learn; torch accepts more
TRIED = 1000  # the most steps of a scheduler that are tested


def refuse_seed(seed: int) -> None:
    """Refuses seeds that a generator does not accept.

    Raises:
        UserError: If it is not a whole number from 0 to 2**32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LAST_SEED:
        raise UserError(f"seed is {echo(seed)}: give a whole number from 0 to {LAST_SEED}.")


def refuse_hidden_features(task: Task, data: HeteroData) -> None:
    """Refuses a task whose graph has features that the data lack, because validation uses those of the data.

    Raises:
        UserError: If they do.
    """
    for part in task.modules():
        graph = getattr(part, "graph", None)
        if isinstance(graph, Data) and graph.get("x") is not None and data["entity"].get("x") is None:
            raise UserError(
                "The task's graph has features x, but the data have none, so validation and prediction would miss "
                "them: set data['entity'].x, from which message_graph(data) takes them."
            )


def tell_of_confidence(task: Task, data: HeteroData) -> None:
    """Warns if training statements have confidences that no part of the task reads.

    A task or weighing of the user's own may read it in its own way.
    """
    sure = confidence(data, "stated", "train")
    doubtful = 0 if sure is None else int((sure < 1).sum())
    own = [part for part in task.modules() if not type(part).__module__.startswith("gnnneg.")]
    read = any(isinstance(part, Confidence) for part in task.modules())
    if not doubtful or read or any(isinstance(part, Task | Weighing) for part in own):
        return
    warnings.warn(
        f"{doubtful:,} training statements have a confidence below 1, which {type(task).__name__} does not read: all "
        "count the same. LinkPrediction reads it with weighing: Confidence (in Python, weighing=Confidence(known)).",
        stacklevel=4,
    )


def tell_of_leaks(task: Task, facts: Facts) -> None:
    """Warns if a part of the task knows other answers than the training facts."""
    for name, part in task.named_modules():
        if isinstance(part, KnownAnswers):
            ours = facts.known, facts.denied
            if not any(torch.equal(part.key.cpu(), o.key) and torch.equal(part.answer.cpu(), o.answer) for o in ours):
                warnings.warn(
                    f"{name} holds other answers than the training facts: metrics may be too high because test answers "
                    "leak, and a run folder does not show this.",
                    stacklevel=3,
                )


def refuse_optimizer(optimizer: Optimizer, scheduled: bool) -> None:
    """Refuses an optimiser that cannot be used, or whose numbers are not finite; warns if the learning rate is 0.

    Args:
        optimizer (torch.optim.Optimizer): The optimiser.
        scheduled (bool): Whether there is a scheduler.

    Raises:
        UserError: If it needs the loss several times per step, a number is not finite, or there is a scheduler but
            no learning rate to change.
    """
    name = type(optimizer).__name__
    for group in optimizer.param_groups:
        for key, value in group.items():
            if key != "params" and not _finite(value):
                raise UserError(f"optimizer ({name}): {key} is {echo(value)}: give finite numbers.")
    rates = [group.get("lr", 1.0) for group in optimizer.param_groups]
    if scheduled and any(rate is None for rate in rates):
        raise UserError(f"optimizer ({name}): it finds its learning rate itself (lr is None): leave the scheduler out.")
    if not scheduled and all(rate is not None and float(rate) == 0 for rate in rates):
        warnings.warn(f"optimizer ({name}): lr is 0, so nothing is learnt.", stacklevel=3)
    stepped(optimizer)


def refuse_negative(part: Any) -> None:
    """Refuses negative counts in a scheduler and its parts. Torch accepts them and computes wrong rates.

    Raises:
        UserError: If there is one.
    """
    inner = part.arguments if isinstance(part, Plan) else dict(enumerate(part)) if isinstance(part, list) else {}
    for name, value in inner.items():
        if isinstance(value, int) and value < 0 and name != "last_epoch":
            where = f"{part.key}.{name}" if isinstance(part, Plan) else f"position {name} of a list of a scheduler"
            raise UserError(f"{where} is {value}: give a number that is not negative.")
        refuse_negative(value)


def refuse_scheduler(make: Callable[[Optimizer], LRScheduler], lr: float, epochs: int) -> None:
    """Tests the steps of all epochs with a scheduler of the same kind and an empty optimiser.

    Args:
        make (callable): Makes the scheduler for an optimiser.
        lr (float): The learning rate.
        epochs (int): The largest number of its steps.

    Raises:
        UserError: If it fails, or makes a learning rate that is negative or not finite.
    """
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = SGD([weight], lr=lr, momentum=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = make(optimizer)
        name = type(scheduler).__name__
        for step in range(min(max(epochs, 1), TRIED)):
            _step(scheduler, optimizer, name, step)
            for group in optimizer.param_groups:
                if not (_finite(group["lr"]) and float(group["lr"]) >= 0):
                    raise UserError(f"scheduler ({name}) makes a learning rate of {group['lr']}: change its numbers.")


def _step(scheduler: LRScheduler, optimizer: Optimizer, name: str, step: int) -> None:
    try:
        optimizer.step()
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(0.0)
        else:
            scheduler.step()
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or "it gives no reason"
        raise UserError(f"scheduler ({name}) fails at step {step + 1}: {type(error).__name__}: {reason}.") from error


def _finite(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_finite(item) for item in value)
    if isinstance(value, torch.Tensor):
        return bool(value.isfinite().all())
    return not isinstance(value, float) or math.isfinite(value)
