"""How memory is asked for: large tensors on large pages."""

import ctypes
import math
import mmap
import sys
from contextlib import suppress
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import Parameter

COLLAPSE = 25  # MADV_COLLAPSE of Linux 6.1, which Python does not name
LARGE = 2 << 20
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
KEPT = 32 << 20  # the most to which glibc raises the second by itself; the first is twice as much
LEAST = 8 << 20  # bytes of a large table: a processor remembers where some thousand pages of 4 KiB lie


def on_large_pages(tensor: Tensor, filled: bool = False) -> Tensor:
    """Asks Linux to lay a large tensor on pages of 2 MiB.

    Nearly each row of a table of 2 GiB lies in a page of 4 KiB that the processor has to look up first. And a tensor of
    64 MiB that each step makes and frees is 16,384 such pages, each of which Linux has to find and to clear. Nothing
    changes on other systems, on other devices, or where Linux is told to give no large pages.

    Args:
        tensor (torch.Tensor): Any; it is returned.
        filled (bool): Whether it has been written already. Then it is moved, at the cost of a copy of all its bytes;
            Linux before 6.1 leaves it where it is. (default: :obj:`False`)
    """
    if sys.platform != "linux" or type(tensor) is not Tensor or tensor.device.type != "cpu":
        return tensor  # among them those that have a shape alone
    size = tensor.numel() * tensor.element_size()
    if size >= LEAST and tensor.is_contiguous():
        advise, end = ctypes.CDLL(None).madvise, tensor.data_ptr() + size
        for advice, page in ((mmap.MADV_HUGEPAGE, mmap.PAGESIZE), (COLLAPSE, LARGE))[: 1 + filled]:
            begin = -(-tensor.data_ptr() // page) * page
            whole = (end - begin) // page * page
            advise(ctypes.c_void_p(begin), ctypes.c_size_t(whole), advice)  # a refusal costs speed alone
    return tensor


def room_for(like: Tensor, *shape: int | torch.SymInt) -> Tensor:
    """An empty tensor of the type and device of another one, on large pages if it is large.

    Its memory goes back to the system with it. glibc keeps what tensors below 32 MiB leave, in pieces into which the
    next ones may not fit: after 500 steps of two processes, each held 19 tensors of 28 MiB for the 4 that it used.

    Args:
        like (torch.Tensor): Of this type, and on this device.
        *shape (int): The shape.
    """
    if sys.platform != "linux" or type(like) not in (Tensor, Parameter) or like.device.type != "cpu":
        return like.new_empty(shape)  # among them those that are traced
    count = math.prod(map(int, shape))
    size = count * like.element_size()
    if size < LEAST:
        return like.new_empty(shape)
    _keep_small_ones()
    try:
        pages = mmap.mmap(-1, -(-size // LARGE) * LARGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError:  # there is no such memory, which torch says in the words that are known
        return like.new_empty(shape)
    with suppress(OSError):  # a refusal costs speed alone
        pages.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(pages, dtype=like.dtype, count=count).view(shape)


@cache
def _keep_small_ones() -> None:
    """Glibc keeps what smaller tensors leave for the next ones, once a tensor of 32 MiB that it made is freed. Now that
    none of these is its own, it has to be told.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for option, size in ((MMAP_THRESHOLD, KEPT), (TRIM_THRESHOLD, 2 * KEPT)):
            libc.mallopt(option, size)


def selected(table: Float[Tensor, "n d"], row: Int[Tensor, "m"]) -> Float[Tensor, "m d"]:
    """A copy of some rows of a table, without a gradient, in such a tensor."""
    found = room_for(table, row.shape[0], table.size(1))
    torch.index_select(table.detach(), 0, row, out=found)
    return found
