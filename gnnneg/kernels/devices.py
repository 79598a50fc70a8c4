"""Chooses the form of a kernel: numba on CPU, Triton on CUDA, and plain torch where neither works."""

from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor


@cache
def _is_installed() -> bool:
    return find_spec("triton") is not None


def has_triton(*tensors: Tensor) -> bool:
    """Whether all tensors are on a CUDA device and Triton is installed."""
    return all(tensor.device.type == "cuda" for tensor in tensors) and _is_installed()


def on_triton(*tensors: Tensor) -> bool:
    """Whether the Triton kernels accept these tensors: all on a CUDA device, each in float32 or half precision.

    Precisions may differ, as under autocast: the kernels convert everything they read to float32.
    """
    known = torch.float32, torch.bfloat16, torch.float16
    return all(tensor.dtype in known for tensor in tensors) and has_triton(*tensors)


def needs_float(one: Tensor, *others: Tensor | None) -> bool:
    """Whether the other forms must convert these to float32: their precisions differ, or numba does not have the
    type.
    """
    unknown = one.device.type == "cpu" and one.dtype not in (torch.float32, torch.float64)
    return unknown or any(other is not None and one.dtype != other.dtype for other in others)


def lifted(weight: Tensor | None) -> Tensor | None:
    """A weight in float32, if there is one."""
    return None if weight is None else weight.float()


def no_gradient(grad: Tensor, weight: Tensor | None) -> Tensor:
    """The gradient for a weight that gets none or is absent, because an operator must return tensors."""
    return grad.new_empty(0) if weight is None else torch.zeros_like(weight)
