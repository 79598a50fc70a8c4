"""The precision of matrix products on a GPU during training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def products_in_tf32(wanted: bool) -> Iterator[None]:
    """Lets matrix products of float32 round their factors to TF32 within the block, if it is ``wanted``.

    TF32 keeps 10 bits of a factor, a relative error of about 5e-4; sums stay in float32.
    """
    if not wanted:
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
