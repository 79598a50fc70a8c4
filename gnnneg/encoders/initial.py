"""The first vectors of a table, or of some of its rows."""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

ROWS = 1 << 15  # of a block
LARGE = 1 << 26  # numbers of a table whose blocks have seeds of their own


def uniform(own: Tensor, bound: float, num_rows: int, start: int = 0) -> None:
    r"""Draws rows of a table in place, uniform in :math:`[-b, b]`. Who holds which rows does not change them.

    Each block of a large table has a seed of its own, drawn by torch's generator: threads share the blocks, and a
    process skips those of others. A small table is drawn by torch's generator itself.

    Args:
        own (torch.Tensor): The rows, ``(o, d)``.
        bound (float): :math:`b`.
        num_rows (int): Rows of the whole table.
        start (int): The place of the first row in the table. (default: :obj:`0`)
    """
    own, stop = own.detach(), start + own.size(0)
    large = num_rows * own.size(1) > LARGE and own.device.type == "cpu"
    if not large and own.size(0) == num_rows:
        own.uniform_(-bound, bound)
        return

    def draw(begin: int, rng: torch.Generator | None) -> None:
        end = min(begin + ROWS, num_rows)
        first, last = max(begin, start), min(end, stop)
        if (first, last) == (begin, end):
            own[begin - start : end - start].uniform_(-bound, bound, generator=rng)
        elif first < last or rng is None:  # without a seed, what others hold has to be drawn to be passed over
            drawn = own.new_empty(end - begin, own.size(1)).uniform_(-bound, bound, generator=rng)
            if first < last:
                own[first - start : last - start] = drawn[first - begin : last - begin]

    begins = range(0, num_rows, ROWS)
    if not large:
        for begin in begins:
            draw(begin, None)
        return
    seeds = torch.randint(torch.iinfo(torch.int64).max, (len(begins),)).tolist()
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for _ in pool.map(lambda begin, seed: draw(begin, torch.Generator().manual_seed(seed)), begins, seeds):
            pass
