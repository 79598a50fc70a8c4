"""A step's loss and gradients, recorded once as a CUDA graph and replayed: one launch in place of hundreds."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from gnnneg.errors import UserError
from gnnneg.stateful import Counts

WARM = 3  # steps before recording: kernels are compiled and libraries make their workspaces


class Graphed:
    """Computes a batch's loss and gradients, from the fourth step on by replaying a recording.

    A recording holds the addresses that kernels read and write. So batches of one size are copied into one place. A
    batch of another size, such as the last of an epoch, is computed as usual. A replay does not repeat what Python does
    within a step. So the steps before are watched: if one of them changes the Python state of a part, or waits for the
    device, nothing is recorded.

    Args:
        learn (Callable): Returns the loss of a batch and adds to gradients.
        parts (torch.nn.Module): The task, whose Python state must stay the same from step to step.
        rng (torch.Generator): The generator of all random draws, on the device.
        required (bool): Whether a step that cannot be recorded is an error. Otherwise it is computed as usual.

    Raises:
        UserError: If a step cannot be recorded and recording is ``required``.
    """

    def __init__(
        self,
        learn: Callable[[tuple[Tensor, ...]], Tensor],
        parts: nn.Module,
        rng: torch.Generator,
        required: bool = False,
    ):
        self.learn, self.parts, self.rng, self.required = learn, parts, rng, required
        self.steps = 0
        self.obstacle: str | None = None
        self.graph: torch.cuda.CUDAGraph | None = None
        self.batch: tuple[Tensor, ...] = ()
        self.loss: Tensor | None = None
        self.gradients: list[tuple[Parameter, Tensor]] = []

    def __call__(self, batch: tuple[Tensor, ...]) -> Tensor:
        """The loss of a batch, and its gradients in ``Parameter.grad``, which must be empty before."""
        if self.graph is not None and len(batch[0]) == len(self.batch[0]):
            for kept, column in zip(self.batch, batch):
                kept.copy_(column)
            return self._replayed()
        if self.graph is not None or self.obstacle is not None:
            return self.learn(batch)
        if self.steps >= WARM:
            return self._recorded(batch)
        return self._watched(batch)

    def _watched(self, batch: tuple[Tensor, ...]) -> Tensor:
        """A usual step, on a separate stream as for a recording. Reasons against a recording are noted."""
        self.steps += 1
        before, stream = python_state(self.parts), torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream), waits() as waited:
            loss = self.learn(batch)
        torch.cuda.current_stream().wait_stream(stream)
        if self.steps == 1:  # the first step makes what later ones keep
            return loss
        after = python_state(self.parts)
        changed = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
        if changed:
            self._refuse(f"{changed[0]} changes from step to step")
        elif waited:
            self._refuse(f"a step waits for the device {len(waited)} times")
        return loss

    def _refuse(self, why: str) -> None:
        self.obstacle = why
        if self.required:
            raise UserError(f"fit.cuda_graph cannot record a step, since {why}: leave fit.cuda_graph out.")

    def _recorded(self, batch: tuple[Tensor, ...]) -> Tensor:
        make = getattr(batch, "_make", tuple)
        self.batch = make(column.clone() for column in batch)
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.rng)
        for weight in self.parts.parameters():
            weight.grad = None  # so that gradients are written, not added to what was there
        try:
            with torch.cuda.graph(graph):
                self.loss = self.learn(self.batch)
        except RuntimeError as error:
            raise UserError(
                f"A step of this task cannot be recorded ({str(error).splitlines()[0]}): set fit.cuda_graph: false."
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


class waits:
    """Lists the waits for the device within its block."""

    def __enter__(self) -> list[str]:
        self.before = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("warn")
        self.caught = warnings.catch_warnings(record=True)
        self.told = self.caught.__enter__()
        warnings.simplefilter("always")
        self.found: list[str] = []
        return self.found

    def __exit__(self, *error: object) -> None:
        self.caught.__exit__(None, None, None)
        torch.cuda.set_sync_debug_mode(self.before)
        for one in self.told:
            if "called a synchronizing" in str(one.message):
                self.found.append(f"{one.filename}:{one.lineno}")
            else:  # is not ours to keep
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def python_state(parts: nn.Module) -> dict[str, Any]:
    """The Python state of parts, without the values of tensors: numbers, words, and which tensors they hold."""
    return dict(_entries(parts))


def _entries(parts: nn.Module) -> Iterator[tuple[str, Any]]:
    for path, part in parts.named_modules():
        for held in (vars(part), part._buffers):
            for name, value in held.items():
                if name not in ("_modules", "_parameters", "_buffers", "made_with"):
                    yield f"{path or type(part).__name__}.{name}", _plain(value, 3)
        for name in part.counts if isinstance(part, Counts) else ():
            yield f"{path or type(part).__name__}.{name}, a count,", part.get_buffer(name).tolist()


class _Same:
    """Equal only to itself. It keeps its object, because otherwise another object could get its address."""

    def __init__(self, value: object):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    __hash__ = None  # type: ignore[assignment]


def _plain(value: Any, depth: int) -> Any:
    """Numbers and words by their value, a collection by its members, everything else by identity. Objects whose effect
    a recording cannot repeat are never equal.
    """
    if isinstance(value, int | float | str | bool):
        return value
    if isinstance(value, torch.Generator):  # one that nobody has told the recording of
        return value.get_state().tolist() if value.device.type == "cpu" else _Same(object())
    if isinstance(value, torch.optim.Optimizer):
        return _Same(object())  # whose step cannot be recorded
    if depth and isinstance(value, dict):
        return {str(key): _plain(one, depth - 1) for key, one in value.items()}
    if depth and isinstance(value, list | tuple):
        return [_plain(one, depth - 1) for one in value]
    return _Same(value)
