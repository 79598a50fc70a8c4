"""How memory is asked for: large tensors on large pages."""

import ctypes
import mmap
import sys

from torch import Tensor

COLLAPSE = 25  # MADV_COLLAPSE of Linux 6.1, which Python does not name
LARGE = 2 << 20
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
