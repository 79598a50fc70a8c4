"""Registers kernels as operators, so that torch.compile and fake tensors can pass through them."""

from collections.abc import Callable
from typing import Any

import torch


def operator(
    name: str,
    shapes: Callable[..., Any],
    save: Callable[..., None] | None = None,
    differentiate: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], Any]:
    """Registers a function under ``gnnneg::name``.

    Args:
        name (str): Its name among torch's operators.
        shapes (Callable): Returns empty tensors with the shape and precision of the result, from the same arguments.
        save, differentiate (Callable, optional): ``setup_context`` and ``backward`` of
            :meth:`torch.library.CustomOpDef.register_autograd`. (default: :obj:`None`, no gradient)
    """

    def registered(compute: Callable[..., Any]) -> Any:
        made = torch.library.custom_op(f"gnnneg::{name}", compute, mutates_args=())
        made.register_fake(shapes)
        if differentiate is not None:
            made.register_autograd(differentiate, setup_context=save)
        return made

    return registered
