"""Looking at a model without touching it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def judging(*modules: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients, then every submodule back in the mode it was in (frozen ones too)."""
    training = [(part, part.training) for module in modules for part in module.modules()]
    for module in modules:
        module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, was in training:
            part.training = was


def device_of(module: nn.Module) -> torch.device:
    """Where a model lives: where its first parameter or buffer does, else the CPU."""
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return torch.device("cpu")
