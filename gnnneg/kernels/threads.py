"""Numba follows torch's thread count, so that one setting pins both."""

import numba
import torch


def follow_torch() -> None:
    """Sets numba's thread count to torch's, within what numba was started with."""
    numba.set_num_threads(max(1, min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS)))
