"""A step's loss and gradients, recorded once as a CUDA graph and replayed: one launch in place of hundreds."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from gnnneg.errors import UserError

WARM = 3  # steps before recording: kernels are compiled and libraries make their workspaces


class Graphed:
    """Computes a batch's loss and gradients, from the fourth step on by replaying a recording of the third.

    A recording holds the addresses that kernels read and write. So batches of one size are copied into one place; a
    batch of another size, as the last of an epoch, is computed as usual. What Python does within a step is not
    repeated: a part that counts steps in Python, or waits for the device, cannot be recorded.

    Args:
        learn (Callable): Gives the loss of a batch and adds to gradients; it is called once for each recording.
        parts (torch.nn.Module): The task, whose Python state must stay the same from step to step.
        generator (torch.Generator): What steps draw from, on the device.

    Raises:
        UserError: If a step cannot be recorded.
    """

    def __init__(self, learn: Callable[[tuple[Tensor, ...]], Tensor], parts: nn.Module, generator: torch.Generator):
        self.learn, self.parts, self.generator = learn, parts, generator
        self.steps = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.batch: tuple[Tensor, ...] = ()
        self.loss: Tensor | None = None
        self.gradients: list[tuple[Parameter, Tensor]] = []

    def __call__(self, batch: tuple[Tensor, ...]) -> Tensor:
        """The loss of a batch, and its gradients in ``Parameter.grad``, which hold nothing before."""
        size = len(batch[0])
        if self.graph is not None and size == len(self.batch[0]):
            for kept, column in zip(self.batch, batch):
                kept.copy_(column)
            return self._replayed()
        if self.graph is None and self.steps >= WARM:
            return self._recorded(batch)
        before = counts(self.parts)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            loss = self.learn(batch)
        torch.cuda.current_stream().wait_stream(stream)
        after = counts(self.parts)
        changed = [name for name, value in after.items() if value != before.get(name)]
        if changed and self.graph is None:
            raise UserError(
                f"fit.cuda_graph cannot replay {changed[0]}, which counts steps in Python: leave fit.cuda_graph out."
            )
        self.steps += 1
        return loss

    def _recorded(self, batch: tuple[Tensor, ...]) -> Tensor:
        make = getattr(batch, "_make", tuple)
        self.batch = make(column.clone() for column in batch)
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.generator)
        for weight in self.parts.parameters():
            weight.grad = None  # so that gradients are written, not added to what was there
        try:
            with torch.cuda.graph(graph):
                self.loss = self.learn(self.batch)
        except RuntimeError as error:
            raise UserError(
                "fit.cuda_graph cannot record a step of this task, which waits for the device or calls what cannot be "
                f"recorded ({str(error).splitlines()[0]}): leave fit.cuda_graph out."
            ) from error
        self.gradients = [(weight, weight.grad) for weight in self.parts.parameters() if weight.grad is not None]
        self.graph = graph
        return self._replayed()

    def _replayed(self) -> Tensor:
        assert self.graph is not None
        assert self.loss is not None
        self.graph.replay()
        for weight, gradient in self.gradients:
            weight.grad = gradient
        return self.loss.clone()  # the next replay writes over it


def counts(parts: nn.Module) -> dict[str, Any]:
    """The state that each part keeps outside of its tensors, by the part's name."""
    return {name: copy.deepcopy(state) for name, state in _states(parts) if state is not None}


def _states(parts: nn.Module) -> Iterator[tuple[str, Any]]:
    for name, part in parts.named_modules():
        if type(part).get_extra_state is not nn.Module.get_extra_state:
            yield name or type(part).__name__, _plain(part.get_extra_state())


def _plain(state: Any) -> Any:
    """Numbers and words of a nested state; tensors compare by identity alone, so they are left out."""
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return [_plain(value) for value in state]
    return state if isinstance(state, int | float | str | bool) else None
