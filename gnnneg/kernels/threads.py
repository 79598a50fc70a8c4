"""Launches numba kernels on torch's number of threads, one kernel at a time.

Numba uses the first available threading layer of ``tbb``, ``omp`` and ``workqueue``. Its Linux wheels contain ``omp``,
which needs the system's ``libgomp``. Without it they fall back to ``workqueue``, which ends the process when two Python
threads enter it at once. So kernels run one at a time here, which costs nothing, because one kernel uses all cores.

``omp`` in turn ends a process that was *forked* after a kernel ran. Start workers with ``spawn``, which is torch's
default.
"""

from threading import Lock
from typing import Any

import numba
import torch
from torch import Tensor

_turn = Lock()


def follow_torch() -> None:
    """Sets numba's thread count to torch's, up to the number that numba was started with."""
    wanted = torch.get_num_threads()
    numba.set_num_threads(max(1, min(wanted, numba.config.NUMBA_NUM_THREADS)))  # type: ignore[attr-defined]
    if torch.get_num_threads() != wanted:  # both use one OpenMP, whose thread count numba resets when it starts
        torch.set_num_threads(wanted)


def launch(kernel: Any, *args: Any) -> Any:
    """Calls a numba kernel. Tensors are passed as arrays that share their memory, and must be contiguous."""
    arrays = [arg.detach().numpy() if isinstance(arg, Tensor) else arg for arg in args]
    with _turn:
        follow_torch()
        return kernel(*arrays)
