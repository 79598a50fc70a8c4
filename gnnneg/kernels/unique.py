"""Distinct rows of whole numbers, without the tensor a row that ``torch.unique(dim=...)`` makes."""

import torch
from jaxtyping import Int
from torch import Tensor

MOST = 2**63 - 1


def numbered_rows(*column: Int[Tensor, "m"]) -> tuple[list[Int[Tensor, "u"]], Int[Tensor, "m"]]:
    """Each row of some columns once, ascending by the first column, then the next, and the place of every row.

    Equals ``torch.unique(torch.stack(column), dim=1, return_inverse=True)``. Cost: a sort of one number a row, and one
    more for each time that the numbers so far do not fit into 64 bits together.
    """
    first, place = _numbered(_fused(column)[0])
    return [one[first] for one in column], place


def unique_rows(*column: Int[Tensor, "m"]) -> list[Int[Tensor, "u"]]:
    """The same without the places. Cost: on CPU a sort in place; three numbers a row at the most."""
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
    """The numbers sorted; the tensor itself, on CPU, where torch's own sort makes three times as much beside it."""
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
    """One number a row, in the order of the combinations, and whether the columns can be read from it."""
    key, total, exact = torch.zeros_like(column[0], dtype=torch.long), 1, True
    for one in column:
        low, size = _range(one)
        if total * size > MOST:  # the numbers of what there is, in place of the numbers themselves
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
    """The least number, and how many there are from it to the greatest."""
    if not column.numel():
        return 0, 1
    low, high = (int(end) for end in column.aminmax())
    return low, high - low + 1


def _numbered(key: Int[Tensor, "m"]) -> tuple[Int[Tensor, "u"], Int[Tensor, "m"]]:
    """Where each distinct number stands first, in their order, and which of them each is."""
    value, order = key.sort(stable=True)
    new = fresh(value)
    return order[new], torch.empty_like(order).scatter_(0, order, new.cumsum(0) - 1)
