"""Where a number belongs in one sorted row: a search within that row alone, in numba and in plain torch.

``triton_membership.py`` has the same in Triton's language.
"""

from typing import no_type_check

import numba
import torch
from jaxtyping import Int, Shaped
from torch import Tensor


@numba.njit(forceinline=True)
@no_type_check
def bisect(row, low, high, wanted, right):
    """Where ``wanted`` belongs from ``low`` to ``high``, before its equals, or if ``right`` after them."""
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
    """Where ``wanted[i]`` belongs in the ascending ``value[begin[i]:end[i]]``, before its equals, or if ``right`` after
    them. Any device, branch-free; the host waits for nothing.
    """
    low, high = begin.expand_as(wanted), end.expand_as(wanted)
    last = max(value.numel() - 1, 0)
    for _ in range(value.numel().bit_length()):  # no row is longer; to ask how long they are is to wait
        middle = (low + high) // 2
        found = value[middle.clamp(max=last)]
        less = ((found <= wanted) if right else (found < wanted)) & (low < high)
        low, high = torch.where(less, middle + 1, low), torch.where(less, high, torch.minimum(middle, high))
    return low.clone()
