"""Distinct rows of integers, without the large temporary of ``torch.unique(dim=...)``."""

import torch
from jaxtyping import Int
from torch import Tensor

MOST = 2**63 - 1


def numbered_rows(*column: Int[Tensor, "m"]) -> tuple[list[Int[Tensor, "u"]], Int[Tensor, "m"]]:
    """The distinct rows of some columns, ascending by the first column, then the next, and the position of every row.

    Equals ``torch.unique(torch.stack(column), dim=1, return_inverse=True)``. Cost: a sort of one number for each row,
    and one more sort each time the combined numbers do not fit into 64 bits.
    """
    first, place = _numbered(_fused(column)[0])
    return [one[first] for one in column], place


def unique_rows(*column: Int[Tensor, "m"]) -> list[Int[Tensor, "u"]]:
    """The same without the positions. Cost: on CPU an in-place sort; at most three numbers for each row."""
    key, exact = _fused(column)
    if not exact:
        return numbered_rows(*column)[0]
    sizes = [_range(one) for one in column]
    key = ascending(key)
    key = key[fresh(key)]
    found = []
    for one, (low, size) in zip(reversed(column), reversed(sizes)):
        found.append((key % size + low).to(one.dtype))
        key = key.div_(size, rounding_mode="floor")
    return found[::-1]


def ascending(key: Int[Tensor, "m"]) -> Int[Tensor, "m"]:
    """The numbers sorted; on CPU in place, because torch's own sort allocates three times as much."""
    if key.device.type != "cpu":
        return key.sort().values
    key.numpy().sort()
    return key


def fresh(key: Int[Tensor, "m"]) -> Tensor:
    """Where sorted numbers differ from the one before."""
    new = torch.ones_like(key, dtype=torch.bool)
    torch.ne(key[1:], key[:-1], out=new[1:])
    return new


def _fused(column: tuple[Tensor, ...]) -> tuple[Tensor, bool]:
    """One number for each row, in the order of the combinations, and whether the columns can be recovered from it."""
    key, total, exact = torch.zeros_like(column[0], dtype=torch.long), 1, True
    for one in column:
        low, size = _range(one)
        if total * size > MOST:  # rank of the existing numbers instead of the numbers themselves
            exact = False
            if total > len(one):
                (key, total) = _numbered(key)[1], len(one)
            if total * size > MOST:
                key.mul_(len(one)).add_(_numbered(one.long())[1])
                total *= len(one)
                continue
        key.mul_(size).add_(one).sub_(low)
        total *= size
    return key, exact


def _range(column: Tensor) -> tuple[int, int]:
    """The smallest number, and the count of numbers from it to the largest."""
    if not column.numel():
        return 0, 1
    low, high = (int(end) for end in column.aminmax())
    return low, high - low + 1


def _numbered(key: Int[Tensor, "m"]) -> tuple[Int[Tensor, "u"], Int[Tensor, "m"]]:
    """The first position of each distinct number, in ascending order, and for each number which of them it is."""
    value, order = key.sort(stable=True)
    new = fresh(value)
    return order[new], torch.empty_like(order).scatter_(0, order, new.cumsum(0) - 1)
