"""Describes a learning-rate scheduler that was made in Python as a config."""

import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    CyclicLR,
    LambdaLR,
    LRScheduler,
    MultiplicativeLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
)

from gnnneg.config import Tree
from gnnneg.config.describe import arguments
from gnnneg.config.names import path as class_path
from gnnneg.config.signature import parameters
from gnnneg.errors import UserError

NOT_SAID = ("optimizer", "last_epoch")
DIGITS = 12  # a computed number is rounded to these digits, if it gives the same scheduler


def written(scheduler: LRScheduler, optimizer: Optimizer, settings: Tree) -> Tree:
    """The piece of config that makes a scheduler again, as it was before its first step.

    Arguments that torch's schedulers do not keep are computed from their state. Then the scheduler is made again and
    compared with the first one, to check the config.

    Args:
        scheduler (LRScheduler): The scheduler.
        optimizer (torch.optim.Optimizer): Its optimiser.
        settings (dict): The settings of the optimiser.

    Raises:
        UserError: If a config cannot express it: it takes a function, does not keep all arguments, or has taken steps.
    """
    name = type(scheduler).__name__
    if any(one.optimizer is not optimizer for one in _every(scheduler)):
        raise UserError(f"scheduler ({name}) is for another optimizer: make it for the one that trains.")
    tree = _described(scheduler)
    if all(type(one).__module__.split(".")[0] == "torch" for one in _every(scheduler)):
        weight = min(optimizer.param_groups[0]["params"], key=torch.numel)
        again = type(optimizer)([torch.nn.Parameter(torch.zeros_like(weight))], **settings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            same = _state(_made(tree, again)) == _state(scheduler)
        if not same:
            raise UserError(
                f"scheduler ({name}) is not as it was made, so the run could not be read again: give one that has "
                "taken no steps, write it in a config, or train without a run folder."
            )
    return tree


def cycles(scheduler: LRScheduler) -> bool:
    """Whether a scheduler has changed the optimiser's momentum by now."""
    return any(getattr(one, "cycle_momentum", False) for one in _every(scheduler))


def _every(scheduler: LRScheduler) -> list[LRScheduler]:
    """A scheduler and its inner schedulers."""
    inner = getattr(scheduler, "_schedulers", ())
    return [scheduler, *(one for part in inner for one in _every(part))]


def _described(scheduler: LRScheduler) -> Tree:
    if isinstance(scheduler, SequentialLR | ChainedScheduler):
        found: dict[str, Any] = {"schedulers": [_described(one) for one in scheduler._schedulers]}
        if isinstance(scheduler, SequentialLR):
            found["milestones"] = list(scheduler._milestones)
    elif type(scheduler) in (LambdaLR, MultiplicativeLR) or getattr(scheduler, "_scale_fn_custom", None) is not None:
        raise UserError(
            f"scheduler ({type(scheduler).__name__}) takes a function, which a config cannot say, so the run "
            "could not be read again: write a subclass in a module of your own, whose constructor takes "
            "numbers and keeps them (self.steps = steps), or train without a run folder."
        )
    elif type(scheduler) is OneCycleLR:
        found = _one_cycle(scheduler)
    elif type(scheduler) is CyclicLR:
        found = _cyclic(scheduler)
    elif type(scheduler) is ReduceLROnPlateau:
        least = scheduler.default_min_lr  # None where there was one for each group
        found = {"min_lr": list(scheduler.min_lrs) if least is None else least}
        found |= arguments(scheduler, "scheduler", without=(*NOT_SAID, "min_lr"))
    else:
        found = arguments(scheduler, "scheduler", without=NOT_SAID)
    return {
        "class_path": class_path(type(scheduler)),
        "init_args": {key: _plain(value) for key, value in found.items()},
    }


def _one_cycle(scheduler: OneCycleLR) -> Tree:
    group, total = scheduler.optimizer.param_groups[0], scheduler.total_steps
    phases = scheduler._schedule_phases
    found = {
        "max_lr": group["max_lr"],
        "total_steps": total,
        "anneal_strategy": scheduler._anneal_func_type,
        "cycle_momentum": scheduler.cycle_momentum,
        "three_phase": len(phases) == 3,
        "pct_start": _round(
            (phases[0]["end_step"] + 1) / total, lambda share: share * total - 1, phases[0]["end_step"]
        ),
        "div_factor": _round(
            group["max_lr"] / group["initial_lr"], lambda by: group["max_lr"] / by, group["initial_lr"]
        ),
        "final_div_factor": _round(
            group["initial_lr"] / group["min_lr"], lambda by: group["initial_lr"] / by, group["min_lr"]
        ),
    }
    if scheduler.cycle_momentum:
        found |= {"base_momentum": group["base_momentum"], "max_momentum": group["max_momentum"]}
    return found


def _cyclic(scheduler: CyclicLR) -> Tree:
    up = scheduler.total_size * scheduler.step_ratio
    found = {
        "base_lr": scheduler.base_lrs[0],
        "max_lr": scheduler.max_lrs[0],
        "step_size_up": round(up),
        "step_size_down": round(scheduler.total_size - up),
        "mode": scheduler.mode,
        "gamma": scheduler.gamma,
        "scale_mode": scheduler.scale_mode,
        "cycle_momentum": scheduler.cycle_momentum,
    }
    if scheduler.cycle_momentum:
        found |= {"base_momentum": scheduler.base_momentums[0], "max_momentum": scheduler.max_momentums[0]}
    return found


def _round(value: float, makes: Callable[[float], float], what: float) -> float:
    """A computed number, rounded if the rounded number gives the same value."""
    short = float(f"{value:.{DIGITS}g}")
    return short if makes(short) == what or makes(value) != what else value


def _plain(value: Any) -> Any:
    if isinstance(value, Counter):  # the milestones of a MultiStepLR
        return sorted(value.elements())
    return value.item() if isinstance(value, Tensor) else value


def _made(tree: Tree, optimizer: Optimizer) -> LRScheduler:
    """The scheduler of a piece of config, made without importing its class by name."""
    kinds = {class_path(cls): cls for cls in _below(LRScheduler)}
    cls, given = kinds[tree["class_path"]], dict(tree["init_args"])
    if "schedulers" in given:
        given["schedulers"] = [_made(one, optimizer) for one in given["schedulers"]]
    if "optimizer" in parameters(cls):
        given["optimizer"] = optimizer
    made: LRScheduler = cls(**given)
    return made


def _below(cls: type) -> list[type]:
    children: list[type] = cls.__subclasses__()
    return [cls, *(one for child in children for one in _below(child))]


def _state(scheduler: LRScheduler) -> str:
    """The state of a scheduler, and the first group of its optimiser, as text."""
    group = {key: value for key, value in scheduler.optimizer.param_groups[0].items() if key != "params"}
    return repr((scheduler.state_dict(), group))
