"""The state of training."""

import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gnnneg import distributed
from gnnneg.errors import UserError
from gnnneg.interfaces import Task
from gnnneg.training import randomness
from gnnneg.training.best import Best
from gnnneg.training.columns import smallest
from gnnneg.training.parted import tables
from gnnneg.training.weights import completed, misfit


@dataclass
class Position:
    """The position of a run, in plain numbers."""

    epoch: int = 0
    """Finished epochs, or rounds if there are rounds."""
    step: int = 0
    """Finished optimiser steps."""
    done: int = 0
    """Finished examples of the current epoch or round."""
    loss: float = 0.0
    """Their summed loss."""
    seconds: float = 0.0
    """The time they took."""
    train_s: float = 0.0
    """The time of all finished epochs, without validation and checkpoints."""
    evaluate_s: float = 0.0
    """The time of all validations."""
    best_epoch: int = 0
    """The epoch of the best validation."""
    best: dict[str, float] = field(default_factory=dict)
    """Its metrics; empty before the first."""
    waited: int = 0
    """Validations since then."""
    passes: int = 0
    """Finished passes over the examples: the epochs, if there are no rounds."""
    seen: int = 0
    """Finished examples of the current pass."""
    begun: int = 0
    """The number of finished steps when the current epoch or round began."""

    @classmethod
    def of(cls, numbers: dict[str, Any]) -> "Position":
        """From a checkpoint; old checkpoints lack the numbers for rounds."""
        older = {"passes": numbers["epoch"], "seen": numbers["done"], "begun": numbers["step"]}
        return cls(**{**older, **numbers})


class TrainingState:
    """Everything that the rest of a run depends on: the task, the optimiser and scheduler, the position, and all
    generators.
    """

    def __init__(
        self,
        task: Task,
        optimizer: Optimizer,
        scheduler: LRScheduler | None,
        scaler: torch.amp.GradScaler,
        rng: torch.Generator,
        folder: Path | None = None,
    ):
        self.task, self.optimizer, self.scheduler, self.scaler = task, optimizer, scheduler, scaler
        self.rng = rng
        self.at = Position()
        self.best = Best(task.model, folder)
        self._shuffle: Tensor | None = None

    def shuffled(self, count: int) -> Int[Tensor, "n"]:
        """A new order of a pass's examples or, in a resumed pass, the order that it began with."""
        now = self.rng.get_state()
        if self._shuffle is None:
            self._shuffle = now
            return self._order(count)
        self.rng.set_state(self._shuffle)
        order = self._order(count)
        self.rng.set_state(now)
        return order

    def _order(self, count: int) -> Int[Tensor, "n"]:
        dtype = torch.long if self.rng.device.type != "cpu" else smallest(count)  # on a CPU the same numbers
        return torch.randperm(count, generator=self.rng, device=self.rng.device, dtype=dtype)

    def turn(self) -> None:
        """Closes an epoch or a round."""
        at = self.at
        at.epoch, at.train_s = at.epoch + 1, at.train_s + at.seconds
        at.done, at.loss, at.seconds, at.begun = 0, 0.0, 0.0, at.step

    def passed(self) -> None:
        """Closes a pass over the examples."""
        self.at.passes, self.at.seen = self.at.passes + 1, 0
        self._shuffle = None

    def sound(self) -> bool:
        """Whether every weight is a finite number. Cost: one pass over the weights, no copy."""
        return all(
            bool(torch.stack(torch.aminmax(weight.detach())).isfinite().all())
            for weight in self.task.parameters()
            if weight.numel() and weight.is_floating_point()
        )

    def _kinds(self) -> list[str]:
        return [type(self.optimizer).__name__, "none" if self.scheduler is None else type(self.scheduler).__name__]

    def state_dict(self) -> dict[str, Any]:
        """References and not copies, except for random states and numbers. For the best weights only the checksum."""
        return {
            "kinds": self._kinds(),
            "position": asdict(self.at),
            "task": self.task.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "scaler": self.scaler.state_dict(),
            "chance": randomness.chance(self.rng),
            "shuffle": self._shuffle,
            "best": None,  # older checkpoints held them here
            "best_file": self.best.mark,
            "processes": distributed.size(),
            "tables": tables(self.task, self.optimizer),
        }

    def load_state_dict(self, state: dict[str, Any], path: Path) -> None:
        """Puts everything back.

        Raises:
            UserError: If the checkpoint belongs to another task, optimiser or scheduler.
        """
        try:
            at, shuffle, best = Position.of(state["position"]), state["shuffle"], state["best"]
            given, optimizer, scheduler = state["task"], state["optimizer"], state["scheduler"]
            scaler, chance, kinds = state["scaler"], state["chance"], state["kinds"]
        except (KeyError, TypeError) as error:
            raise UserError(f"{path} lacks a part of a checkpoint ({error}): train again.") from error
        given = completed(given, self.task)
        difference = misfit(given, self.task.state_dict())
        if difference is None and kinds != self._kinds():
            difference = f"its optimiser and scheduler are {' and '.join(kinds)}, not {' and '.join(self._kinds())}"
        if difference is not None:
            raise UserError(f"{path} belongs to another run: {difference}; go on with the run's own config.")
        try:
            self.optimizer.load_state_dict(optimizer)
        except ValueError as error:
            raise UserError(f"{path} belongs to another optimiser ({error}): use the run's own config.") from error
        self.task.load_state_dict(given)
        if self.scheduler is not None:
            self.scheduler.load_state_dict(scheduler)
        self.scaler.load_state_dict(scaler)
        randomness.restore(chance, self.rng)
        if state.get("processes", 1) != distributed.size():
            self.rng.manual_seed(randomness.apart(self.rng.initial_seed() + at.step, distributed.rank()))
            warnings.warn(
                f"{path} was written by {state.get('processes', 1)} processes and is read by {distributed.size()}: the "
                "run goes on to other numbers than if it had never been stopped.",
                stacklevel=2,
            )
        if chance["run"].shape != self.rng.get_state().shape:
            warnings.warn(
                f"{path} is of another kind of device: its draws begin anew here, from a seed made of it, so that the "
                "run goes on to other numbers than there.",
                stacklevel=2,
            )
            shuffle = None if shuffle is None else self.rng.get_state()
        self.at, self._shuffle = at, shuffle
        if best is None:
            self.best.back(path, state.get("best_file"))
        else:
            self.best.keep(best)
