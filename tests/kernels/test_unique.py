"""Distinct rows are those of ``torch.unique(dim=...)``, order included, whether or not they fit into one number."""

import pytest
import torch
from torch import Tensor

from gnnneg.kernels.unique import numbered_rows, unique_rows

TOP = 2**62
draw = torch.Generator().manual_seed(0)


def some(low: int, high: int, size: int = 400, times: int = 1, dtype: torch.dtype = torch.long) -> Tensor:
    return torch.randint(low, high, (size,), generator=draw, dtype=dtype) * times


CASES = {
    "three": [some(0, 9), some(0, 7), some(0, 5)],
    "negative": [some(-9, 9), some(-7, 0)],
    "int32": [some(0, 9, dtype=torch.int32), some(2**31 - 9, 2**31 - 1, dtype=torch.int32)],
    "two do not fit": [some(0, 3, times=TOP // 2), some(-3, 3, times=TOP // 3), some(0, 3)],
    "nothing fits": [some(0, 3, 40), some(-1, 2, 40, TOP) + some(-1, 2, 40, TOP), some(0, 3, 40, TOP // 2)],
    "the last does not fit": [some(0, 4), some(0, 2, times=2**40), some(0, 2, times=2**40)],
    "one": [some(0, 9)],
    "a row": [torch.tensor([5]), torch.tensor([-5])],
    "no row": [torch.empty(0, dtype=torch.long), torch.empty(0, dtype=torch.long)],
    "all the same": [torch.zeros(7, dtype=torch.long), torch.zeros(7, dtype=torch.long)],
}


@pytest.mark.parametrize("column", CASES.values(), ids=CASES)
def test_rows_are_those_of_torch(column):
    given = [one.clone() for one in column]
    expected, expected_place = torch.unique(torch.stack(column), dim=1, return_inverse=True)
    found, place = numbered_rows(*column)
    for rows in (found, unique_rows(*column)):
        assert torch.equal(torch.stack(rows), expected)
        assert [one.dtype for one in rows] == [one.dtype for one in column]
    assert torch.equal(place, expected_place)
    assert all(torch.equal(one, before) for one, before in zip(column, given))
