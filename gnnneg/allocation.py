"""How memory is asked for: large tensors on large pages."""

import ctypes
import mmap
import sys

from torch import Tensor

LEAST = 8 << 20  # bytes of a large table: a processor remembers where some thousand pages of 4 KiB lie


def on_large_pages(tensor: Tensor) -> Tensor:
    """Asks Linux to lay a large tensor on pages of 2 MiB, before it is filled.

    Nearly each row of a table of 2 GiB lies in a page of 4 KiB that the processor has to look up first. And a tensor of
    64 MiB that each step makes and frees is 16,384 such pages, each of which Linux has to find and to clear. Nothing
    changes on other systems, on other devices, or where Linux is told to give no large pages.

    Args:
        tensor (torch.Tensor): Any; it is returned. What has been written already stays where it is.
    """
    if sys.platform != "linux" or type(tensor) is not Tensor or tensor.device.type != "cpu":
        return tensor  # among them those that have a shape alone
    size = tensor.numel() * tensor.element_size()
    if size >= LEAST and tensor.is_contiguous():
        begin = -(-tensor.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
        whole = (tensor.data_ptr() + size - begin) // mmap.PAGESIZE * mmap.PAGESIZE
        advise = ctypes.CDLL(None).madvise
        advise(ctypes.c_void_p(begin), ctypes.c_size_t(whole), mmap.MADV_HUGEPAGE)  # a refusal costs speed alone
    return tensor
