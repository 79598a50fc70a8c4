"""Which starts a curriculum takes."""

import pytest

from gnnneg import UserError
from gnnneg.samplers import Curriculum, Uniform


@pytest.mark.parametrize("starts", [[1, 2], [0, 0], [0, 3, 3], [0, -1], [0, 2, 1], [0], []])
def test_starts_that_do_not_rise_from_0_are_refused(starts):
    with pytest.raises(UserError, match="Curriculum"):
        Curriculum([Uniform(5, 1)] * max(1, len(starts) + (starts == [0])), starts)


@pytest.mark.parametrize("starts", [[0], [0, 1], [0, 1, 2]])
def test_starts_one_step_apart_are_taken(starts):
    assert Curriculum([Uniform(5, 1) for _ in starts], starts).starts == starts
