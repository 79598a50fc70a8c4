"""The differentiation of the two scoring operators, for private and for shared candidates."""

from collections.abc import Callable
from typing import Any


def save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    """Saves the two sides, the result, and the weight if there is one; the inputs end in a kind and a weight."""
    *sides, ctx.kind, weight = inputs
    ctx.sides = len(sides)
    ctx.save_for_backward(*sides, output, *([] if weight is None else [weight]))


def differentiated(backward: Callable[..., Any]) -> Callable[..., Any]:
    """The gradients of the first two sides, and of a learned weight, from the operator that computes all three."""

    def differentiate(ctx, grad):  # type: ignore[no-untyped-def]
        saved = ctx.saved_tensors  # read only once: in a checkpoint, a second read finds nothing
        sides, (value, *weight) = saved[: ctx.sides], saved[ctx.sides :]
        learned = bool(weight) and ctx.needs_input_grad[ctx.sides + 1]  # a mask needs none, and it would cost as much
        found = backward(grad, *sides, value, ctx.kind, weight[0] if weight else None, learned)
        return *found[:2], *(None for _ in sides[2:]), None, found[2] if learned else None

    return differentiate
