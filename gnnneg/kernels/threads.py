"""How numba kernels are started: on torch's number of threads, and one at a time.

Numba takes the first threading layer it finds of ``tbb``, ``omp`` and ``workqueue``. Its Linux wheels carry ``omp``,
which needs the system's ``libgomp``; without that they fall back to ``workqueue``, which ends the process when two
Python threads enter it at once. So kernels take turns here, which costs nothing: one kernel fills all cores.

``omp`` in turn ends a process that was *forked* after a kernel ran. Start workers with ``spawn``, torch's own way.
"""

from threading import Lock
from typing import Any

import numba
import torch
from torch import Tensor

_turn = Lock()


def follow_torch() -> None:
    """Sets numba's thread count to torch's, within what numba was started with."""
    wanted = torch.get_num_threads()
    numba.set_num_threads(max(1, min(wanted, numba.config.NUMBA_NUM_THREADS)))  # type: ignore[attr-defined]
    if torch.get_num_threads() != wanted:  # both use one OpenMP, whose threads numba resets when it starts its own
        torch.set_num_threads(wanted)


def launch(kernel: Any, *args: Any) -> Any:
    """Calls a numba kernel: tensors go in as arrays that share their memory, and have to be contiguous."""
    arrays = [arg.detach().numpy() if isinstance(arg, Tensor) else arg for arg in args]
    with _turn:
        follow_torch()
        return kernel(*arrays)
