"""Look-ups of a table share one row-sparse gradient, which is the dense one's rows."""

import pytest
import torch
from torch.testing import assert_close

from gnnneg.encodings import RowSparse
from gnnneg.row_gradient import Rows

LOOKS = [torch.tensor([3, 1, 3]), torch.tensor([[0, 3], [5, 5]]), torch.tensor([], dtype=torch.long)]


def loss(rows, some: slice) -> torch.Tensor:
    """Something that no two rows enter alike."""
    found = [rows[look] for look in LOOKS[some]]
    return sum((i + 1) * (each * each).sum() + each.reshape(-1).cumsum(0).sum() for i, each in enumerate(found))


@pytest.mark.parametrize("some", [slice(1), slice(2), slice(3), slice(1, 2)])
def test_the_same_as_of_a_dense_table(some):
    table = torch.randn(6, 4, requires_grad=True)
    loss(Rows(table), some).backward()
    found, table.grad = table.grad, None
    loss(table, some).backward()
    assert found.is_sparse
    assert found._nnz() == sum(look.numel() for look in LOOKS[some])  # each once, in one tensor
    assert_close(found.to_dense(), table.grad)


def test_a_graph_may_be_gone_through_again():
    table = torch.randn(6, 4, requires_grad=True)
    value = loss(Rows(table), slice(2))
    value.backward(retain_graph=True)
    once, table.grad = table.grad.to_dense(), None
    value.backward()
    assert_close(table.grad.to_dense(), once)


def test_what_goes_elsewhere_leaves_nothing_behind():
    table, other = torch.randn(6, 4, requires_grad=True), torch.ones(4, requires_grad=True)
    rows = Rows(table)
    value = (rows[LOOKS[0]] * other).sum()
    (of_other,) = torch.autograd.grad(value, [other], retain_graph=True)
    assert_close(of_other, table[LOOKS[0]].sum(0).detach())
    value.backward()
    assert table.grad._nnz() == 3


def test_a_single_look_up_is_not_copied_back():
    table = torch.randn(6, 4, requires_grad=True)
    found = Rows(table)[LOOKS[0]]
    grad = torch.randn(3, 4)
    found.backward(grad)
    assert table.grad._values().data_ptr() == grad.data_ptr()


@pytest.mark.parametrize(("size", "held"), [(600, 3 + 4), (20, 2 + 3)])  # few of many as they come, else distinct
def test_all_look_ups_of_an_encoding_share_it(size, held):
    """Anchors, targets and negatives of a step."""
    table = torch.randn(size, 4, requires_grad=True)
    encoding = RowSparse(table)
    vectors, (rows, place) = encoding[LOOKS[0]], encoding.rows(LOOKS[1])
    assert_close(rows[place], table[LOOKS[1]])
    (vectors.sum() + (rows[place] * torch.arange(4.0)).sum()).backward()
    assert table.grad._nnz() == held
    found, table.grad = table.grad.to_dense(), None
    (table[LOOKS[0]].sum() + (table[LOOKS[1]] * torch.arange(4.0)).sum()).backward()
    assert_close(found, table.grad)
