"""Of several values for one row the last wins, as a loop has it."""

import pytest
import torch

from gnnneg.samplers.last import write_last


@pytest.mark.parametrize("seed", range(20))
def test_a_loop_writes_the_same(seed):
    draw = torch.Generator().manual_seed(seed)
    rows, size = int(torch.randint(1, 9, (), generator=draw)), int(torch.randint(0, 30, (), generator=draw))
    table, row = torch.full((rows, 3), -1), torch.randint(rows, (size,), generator=draw)
    value, there = torch.randint(99, (size, 3), generator=draw), torch.rand(size, generator=draw) < 0.5
    wanted, every = table.clone(), table.clone()
    for i in range(size):
        every[row[i]] = value[i]
        if there[i]:
            wanted[row[i]] = value[i]
    write_last(table, row, value, there)
    assert torch.equal(table, wanted)
    table.fill_(-1)
    write_last(table, row, value)
    assert torch.equal(table, every)


def test_the_order_of_writes_does_not_matter():
    """All that name a row write the same, so that a device may write in any order."""
    seen = []

    class Table(torch.Tensor):
        def __setitem__(self, key, value):
            seen.append((key, value))

    row, value = torch.tensor([2, 0, 2, 2, 1]), torch.arange(15).view(5, 3)
    there = torch.tensor([True, True, True, False, False])
    write_last(torch.zeros(3, 3, dtype=torch.long).as_subclass(Table), row, value, there)
    [(key, written)] = seen
    for one in range(3):
        assert len({tuple(each) for each in written[key == one].tolist()}) == 1
