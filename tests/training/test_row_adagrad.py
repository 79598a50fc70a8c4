"""One step size a row: by the formula, and against torch where rows are single numbers."""

import pytest
import torch
from torch import Tensor
from torch.nn import Parameter

from gnnneg.errors import UserError
from gnnneg.training import RowAdagrad

ROWS, WIDTH = 6, 3


def sparse(row: Tensor, values: Tensor) -> Tensor:
    return torch.sparse_coo_tensor(row[None], values, (ROWS, values.size(1)), check_invariants=True)


def test_two_steps_by_hand():
    weight = Parameter(torch.zeros(2, 2))
    optimizer = RowAdagrad([weight], lr=1.0)
    weight.grad = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    optimizer.step()  # the mean square of row 0 is 12.5, and row 1 stays where it is
    assert weight[0].tolist() == pytest.approx([-3 / 12.5**0.5, -4 / 12.5**0.5])
    assert weight[1].tolist() == [0.0, 0.0]
    weight.grad = torch.tensor([[1.0, 1.0], [2.0, 2.0]])
    optimizer.step()
    assert weight[0].tolist() == pytest.approx([-3 / 12.5**0.5 - 1 / 13.5**0.5, -4 / 12.5**0.5 - 1 / 13.5**0.5])
    assert weight[1].tolist() == pytest.approx([-1.0, -1.0])


def test_sparse_is_dense():
    start = torch.randn(ROWS, WIDTH)
    few, all_ = Parameter(start.clone()), Parameter(start.clone())
    steps = [RowAdagrad([weight], lr=0.3) for weight in (few, all_)]
    for _ in range(4):
        row, values = torch.randint(ROWS, (9,)), torch.randn(9, WIDTH)  # some rows twice, some not at all
        few.grad = sparse(row, values)
        all_.grad = torch.zeros(ROWS, WIDTH).index_add_(0, row, values)
        for optimizer in steps:
            optimizer.step()
    torch.testing.assert_close(few, all_)


def test_a_vector_is_as_in_torch():
    ours, theirs = (Parameter(torch.ones(ROWS)) for _ in range(2))
    steps = RowAdagrad([ours], lr=0.2), torch.optim.Adagrad([theirs], lr=0.2)
    for _ in range(3):
        theirs.grad = torch.randn(ROWS)
        ours.grad = theirs.grad.clone()
        for optimizer in steps:
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


def test_memory_is_a_number_a_row():
    weight = Parameter(torch.randn(ROWS, WIDTH))
    optimizer = RowAdagrad([weight])
    weight.grad = sparse(torch.tensor([1]), torch.ones(1, WIDTH))
    optimizer.step()
    assert sum(value.numel() for value in optimizer.state[weight].values()) == ROWS


def test_what_it_starts_from_makes_first_steps_small():
    weight = Parameter(torch.zeros(1, 1))
    optimizer = RowAdagrad([weight], lr=1.0, initial_accumulator_value=3.0)
    weight.grad = torch.ones(1, 1)
    optimizer.step()
    assert weight.item() == pytest.approx(-0.5)


@pytest.mark.parametrize("means", [{"lr": -1.0}, {"eps": float("nan")}, {"initial_accumulator_value": -0.1}])
def test_out_of_range(means):
    with pytest.raises(UserError, match="none may be below 0"):
        RowAdagrad([Parameter(torch.zeros(1, 1))], **means)
