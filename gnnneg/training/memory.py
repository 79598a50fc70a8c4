"""How much memory a process has needed."""

import sys

import torch

MIB = 1024**2


def peak_rss_mib() -> float | None:
    """The most main memory that this process ever held, in MiB, or None where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MIB if sys.platform == "darwin" else peak / 1024  # macOS counts in bytes, Linux in KiB


def peak_cuda_mib() -> float | None:
    """The most GPU memory that tensors of this process ever held on its current device, or None without a GPU."""
    return torch.cuda.max_memory_allocated() / MIB if torch.cuda.is_available() else None
