"""What modules keep besides weights: an optimiser of their own, and counts."""

import copy
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import Parameter


class OwnOptimizer(nn.Module):
    """Learns when it is asked, with an optimiser of its own, whose state travels with its parameters.

    The optimiser is made at first use, since some make their state at once: it lies where the parameters are then.
    """

    _optimizer: torch.optim.Optimizer | None = None
    _loaded: dict | None = None  # the state of an optimiser that is not made yet

    def new_optimizer(self) -> torch.optim.Optimizer:
        """An optimiser of its parameters, without state."""
        raise NotImplementedError

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimiser, made when it is first asked for."""
        if self._optimizer is None:
            made = self.new_optimizer()
            if self._loaded:
                made.load_state_dict(self._loaded)
            self._optimizer, self._loaded = made, None
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer, self._loaded = optimizer, None

    def descend(self, loss: Float[Tensor, ""], weights: list[Parameter]) -> None:
        """One step down a loss for some of its weights; nothing else is given a gradient."""
        for weight, slope in zip(weights, torch.autograd.grad(loss, weights)):
            weight.grad = slope
        self.optimizer.step()
        self.optimizer.zero_grad()

    def get_extra_state(self) -> dict:
        """The optimiser's state; empty before its first use."""
        return self._loaded or {} if self._optimizer is None else self._optimizer.state_dict()

    def set_extra_state(self, state: dict) -> None:
        """Goes on from another's state."""
        if state and self._optimizer is not None:
            self._optimizer.load_state_dict(state)
        else:  # a copy, since whoever it is from may go on learning
            self._optimizer, self._loaded = None, copy.deepcopy(state)


class Counts(nn.Module):
    """Counts in buffers that stay on the CPU, wherever the rest goes: to read one is not to wait for a device."""

    counts: ClassVar[tuple[str, ...]] = ("step",)
    """The names of these buffers."""
    newer: ClassVar[tuple[str, ...]] = ()
    """Those of them that earlier versions had not: what goes on from such a checkpoint counts them from 0."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        kept = {name: self._buffers[name] for name in self.counts}
        super()._apply(fn, recurse)
        self._buffers.update(kept)
        return self
