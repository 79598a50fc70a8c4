"""Where a model lives."""

import torch
from torch import nn


def device_of(module: nn.Module) -> torch.device:
    """Where a model lives: where its first parameter or buffer does, else the CPU."""
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return torch.device("cpu")
