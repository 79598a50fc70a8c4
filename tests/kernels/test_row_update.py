"""Kernels of row-sparse steps: the formulas on dense gradients, however often a row came, on any number of threads."""

import pytest
import torch
from torch.nn import Parameter

from gnnneg.kernels import row_update
from gnnneg.kernels.row_update import merged, suits, touched
from gnnneg.training import LazyAdam, RowAdagrad
from gnnneg.training.gradients import clip

ROWS, WIDTH = 50, 7
MANY = torch.tensor([3, 3, 3, 0, 49, 3, 0, 17])


def sparse(index: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    return torch.sparse_coo_tensor(index[None], value, (ROWS, value.size(1)), check_invariants=True)


def dense(index: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    return torch.zeros(ROWS, value.size(1)).index_add_(0, index, value)


def test_rows_and_where_they_came():
    grad = sparse(MANY, torch.randn(8, WIDTH))
    found = touched(grad)
    assert found.row.tolist() == [3, 0, 49, 17]  # as they occur
    assert found.begin.tolist() == [0, 4, 6, 7, 8]
    assert found.order.tolist() == [0, 1, 2, 5, 3, 6, 4, 7]
    found = touched(grad, ascending=True)
    assert found.row.tolist() == [0, 3, 17, 49]
    assert found.begin.tolist() == [0, 2, 6, 7, 8]
    assert found.order.tolist() == [3, 6, 0, 1, 2, 5, 7, 4]


@pytest.mark.parametrize("count", [0, 1, 8, 300])
def test_merged_is_coalesced(count):
    grad = sparse(torch.randint(ROWS, (count,)), torch.randn(count, WIDTH))
    found, wanted = merged(grad), grad.coalesce()
    assert found.is_coalesced()
    assert torch.equal(found.indices(), wanted.indices())
    torch.testing.assert_close(found.values(), wanted.values())
    assert merged(found) is found


def test_row_adagrad_by_its_formula():
    weight, total = Parameter(torch.randn(ROWS, WIDTH)), torch.zeros(ROWS)
    mine, optimizer = weight.detach().clone(), RowAdagrad([weight], lr=0.3, eps=1e-8)
    for _ in range(4):
        index, value = torch.randint(ROWS, (60,)), torch.randn(60, WIDTH)
        weight.grad, whole = sparse(index, value), dense(index, value)
        assert suits(weight, weight.grad)
        optimizer.step()
        total += whole.square().mean(1)
        mine -= 0.3 * whole / (total.sqrt() + 1e-8)[:, None]
        torch.testing.assert_close(weight.detach(), mine)
        torch.testing.assert_close(optimizer.state[weight]["sum"], total)


def test_lazy_adam_by_its_formula():
    weight = Parameter(torch.randn(ROWS, WIDTH))
    mine, optimizer = weight.detach().clone(), LazyAdam([weight], lr=0.1, betas=(0.8, 0.9))
    mean, square = torch.zeros(2, ROWS, WIDTH)
    for time in range(1, 5):
        index, value = torch.randint(ROWS, (60,)), torch.randn(60, WIDTH)
        weight.grad, whole, rows = sparse(index, value), dense(index, value), index.unique()
        optimizer.step()
        mean[rows] = 0.8 * mean[rows] + 0.2 * whole[rows]
        square[rows] = 0.9 * square[rows] + 0.1 * whole[rows] ** 2
        mine[rows] -= 0.1 * (mean[rows] / (1 - 0.8**time)) / ((square[rows] / (1 - 0.9**time)).sqrt() + 1e-8)
        torch.testing.assert_close(weight.detach(), mine, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [RowAdagrad, LazyAdam])
def test_elsewhere_the_same_by_coalescing(make, monkeypatch):
    start, index, value = torch.randn(ROWS, WIDTH), torch.randint(ROWS, (40,)), torch.randn(3, 40, WIDTH)
    ends = []
    for kernel in (True, False):
        if not kernel:
            for module in ("optimizers", "row_adagrad"):
                monkeypatch.setattr(f"gnnneg.training.{module}.suits", lambda *_: False)
        weight = Parameter(start.clone())
        optimizer = make([weight])
        for step in value:
            weight.grad = sparse(index, step)
            optimizer.step()
        ends.append(weight.detach())
    torch.testing.assert_close(*ends)


@pytest.mark.parametrize("make", [RowAdagrad, LazyAdam])
def test_the_same_bits_on_any_number_of_threads(make):
    start, index, value = torch.randn(ROWS, WIDTH), torch.randint(9, (500,)), torch.randn(500, WIDTH)
    before, ends = torch.get_num_threads(), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        weight = Parameter(start.clone())
        weight.grad = sparse(index, value)
        make([weight]).step()
        ends.append(weight.detach())
    torch.set_num_threads(before)
    assert torch.equal(*ends)


def test_a_step_after_clipping_is_of_the_summed_rows():
    """Row 3 came four times: by its parts the norm would be half of what it is."""
    weight = Parameter(torch.zeros(ROWS, WIDTH))
    weight.grad = sparse(MANY[[0, 1, 2, 5]], torch.ones(4, WIDTH))
    assert clip([weight], 1.0).item() == pytest.approx(4 * WIDTH**0.5)
    RowAdagrad([weight], lr=1.0).step()
    assert weight[3].tolist() == pytest.approx([-1.0] * WIDTH, rel=1e-4)
    assert int((weight != 0).any(1).sum()) == 1


def test_each_row_is_summed_once_a_step(monkeypatch):
    """Anchors, targets and negatives come to the optimiser as they are, and one pass takes them together."""
    calls = []
    whole = row_update.as_met
    monkeypatch.setattr(row_update, "as_met", lambda *given: (calls.append(1), whole(*given))[1])
    monkeypatch.setattr(torch.Tensor, "coalesce", lambda self: pytest.fail("coalesced"))
    table = torch.nn.Embedding(ROWS, WIDTH, sparse=True)
    sum(table(index).square().sum() for index in (MANY, MANY[:3], MANY[2:])).backward()
    RowAdagrad([table.weight]).step()
    assert calls == [1]


def test_other_types_are_stepped_too():
    weight = Parameter(torch.zeros(ROWS, WIDTH, dtype=torch.float64))
    weight.grad = torch.sparse_coo_tensor(MANY[None, :1], torch.ones(1, WIDTH, dtype=torch.float64), (ROWS, WIDTH))
    RowAdagrad([weight], lr=0.5).step()
    assert weight[3].tolist() == pytest.approx([-0.5] * WIDTH)
