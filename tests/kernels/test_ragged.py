"""Rows of different lengths, counted out by hand; and one bisection for both its languages, against Python's."""

from bisect import bisect_left, bisect_right

import pytest
import torch

from gnnneg.kernels.bisection import bisect, bisected
from gnnneg.kernels.ragged import entries, offsets, rows


def test_rows_of_different_lengths():
    length = torch.tensor([2, 0, 3, 1, 0])
    assert offsets(length).tolist() == [0, 2, 2, 5, 6, 6]
    assert rows(length).tolist() == [0, 0, 2, 2, 2, 3]
    row, place = entries(length)
    assert row.tolist() == [0, 0, 2, 2, 2, 3]
    assert place.tolist() == [0, 1, 0, 1, 2, 0]


def test_no_rows():
    none = torch.empty(0, dtype=torch.long)
    assert offsets(none).tolist() == [0]
    assert [one.tolist() for one in entries(none)] == [[], []]


@pytest.mark.parametrize("right", [False, True])
def test_both_bisections_are_pythons(right):
    """Equals, and numbers beyond both ends; of rows within a longer list, some of them empty."""
    value = torch.tensor([9.0, 1, 2, 2, 2, 5, 7, 7, 0])
    begin, end = torch.tensor([1, 3, 4, 6, 0]), torch.tensor([8, 3, 5, 8, 0])
    for wanted in (-1.0, 1, 2, 4, 7, 8):
        asked = torch.full((5,), wanted)
        python = bisect_right if right else bisect_left
        places = [low + python(value.tolist()[low:high], wanted) for low, high in zip(begin.tolist(), end.tolist())]
        assert bisected(value, begin, end, asked, right).tolist() == places
        assert bisected(value, begin[:, None], end[:, None], asked[:, None].expand(5, 3), right).tolist() == [
            [place] * 3 for place in places
        ]
        numbers = value.numpy()
        assert [bisect(numbers, *span, wanted, right) for span in zip(begin.tolist(), end.tolist())] == places
