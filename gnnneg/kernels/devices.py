"""Which form of a kernel serves: numba on CPU, Triton on CUDA, and plain torch wherever neither is at home."""

from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def on_triton(*tensors: Tensor) -> bool:
    """Whether the Triton kernels take these: all on a CUDA device, of one precision up to float32."""
    first = tensors[0]
    return (
        first.device.type == "cuda"
        and first.dtype in (torch.float32, torch.bfloat16, torch.float16)
        and all(tensor.dtype == first.dtype for tensor in tensors)
        and _has_triton()
    )
