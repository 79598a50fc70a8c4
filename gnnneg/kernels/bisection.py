"""Binary search within one sorted row, in numba and in plain torch.

``triton_membership.py`` has the same in Triton.
"""

from typing import no_type_check

import numba
import torch
from jaxtyping import Int, Shaped
from torch import Tensor


@numba.njit(forceinline=True)
@no_type_check
def bisect(row, low, high, wanted, right):
    """The position of ``wanted`` between ``low`` and ``high``: before equal values, or after them if ``right``."""
    while low < high:
        middle = (low + high) // 2
        if row[middle] < wanted or (right and row[middle] == wanted):
            low = middle + 1
        else:
            high = middle
    return low


def bisected(
    value: Shaped[Tensor, "m"],
    begin: Int[Tensor, "*r"],
    end: Int[Tensor, "*r"],
    wanted: Shaped[Tensor, "*s"],
    right: bool = False,
) -> Int[Tensor, "*s"]:
    """The position of ``wanted[i]`` in the ascending ``value[begin[i]:end[i]]``: before equal values, or after them if
    ``right``. Works on any device without branches; the host does not wait.
    """
    low, high = begin.expand_as(wanted), end.expand_as(wanted)
    last = max(value.numel() - 1, 0)
    for _ in range(value.numel().bit_length()):  # a bound for all rows: reading lengths would make the host wait
        middle = (low + high) // 2
        found = value[middle.clamp(max=last)]
        less = ((found <= wanted) if right else (found < wanted)) & (low < high)
        low, high = torch.where(less, middle + 1, low), torch.where(less, high, torch.minimum(middle, high))
    return low.clone()
