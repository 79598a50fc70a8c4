"""Look-ups of a table share one row-sparse gradient, which is the dense one's rows."""

import pytest
import torch
from torch.testing import assert_close

from gnnneg.candidates import indexed
from gnnneg.encodings import RowSparse
from gnnneg.kernels import kinds
from gnnneg.row_gradient import Rows, _Shared

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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", kinds.KINDS)
def test_scores_of_rows_are_those_of_copies(kind, dtype):
    """Among other look-ups, and where a row is a candidate twice."""
    torch.manual_seed(0)
    table = torch.randn(9, 4, dtype=dtype, requires_grad=True)
    query = torch.randn(2, 4, dtype=dtype, requires_grad=True)
    index, wanted = torch.tensor([[3, 8, 3], [0, 5, 3]]), torch.randn(2, 3, dtype=dtype)

    def passed(rows, scored):
        value = (scored(rows) * wanted).sum() + (rows[LOOKS[0]] ** 2).sum() + (rows[LOOKS[1]] ** 3).sum()
        value.backward()
        found = table.grad, query.grad, value.detach()
        table.grad = query.grad = None
        return found

    grads, of_query, value = passed(Rows(table), lambda rows: rows.scored(kind, query, index))
    dense, also, plain = passed(table, lambda rows: kinds.summed(kind, query, rows[index], None))
    assert grads._nnz() == index.numel() + 3 + 4
    assert_close(grads.to_dense(), dense)
    assert_close(of_query, also)
    assert_close(value, plain)


def test_scores_alone_and_what_comes_after_them():
    """One look-up is the whole gradient; one that is made between two passes has its own in the second."""
    table, query = torch.randn(9, 4, requires_grad=True), torch.randn(2, 4)
    rows, index = Rows(table), torch.tensor([[3, 8], [0, 3]])
    value = rows.scored(kinds.INNER, query, index).sum()
    value.backward(retain_graph=True)
    once, table.grad = table.grad, None
    assert_close(once.to_dense(), torch.zeros(9, 4).index_add(0, index.view(-1), query.repeat_interleave(2, 0)))
    (value + rows[LOOKS[0]].sum()).backward()
    assert_close(table.grad.to_dense(), once.to_dense() + torch.zeros(9, 4).index_add(0, LOOKS[0], torch.ones(3, 4)))


def test_private_candidates_of_a_large_table_are_not_copied(monkeypatch):
    table, query = torch.randn(600, 4, requires_grad=True), torch.randn(2, 4, requires_grad=True)
    index = torch.randint(600, (2, 3))
    monkeypatch.setattr(Rows, "__getitem__", None)
    score = indexed(RowSparse(table), index).inner(query)
    assert_close(score, (query[:, None] * table[index]).sum(2))
    score.sum().backward()
    assert table.grad._nnz() == 6


def test_a_table_that_changes_before_the_backward_pass_is_refused():
    table, query = torch.randn(9, 4, requires_grad=True), torch.randn(2, 4)
    value = Rows(table).scored(kinds.INNER, query, torch.tensor([[3, 8], [0, 3]])).sum()
    with torch.no_grad():
        table.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.backward()


def test_a_gradient_that_came_alone_is_kept_beside_those_of_later_look_ups():
    """A look-up may be made after the backward pass of the first one, as where a part is computed again."""
    shared = _Shared(torch.empty(9, 2))
    first = shared.add(torch.tensor([1, 4]))
    shared.put(first, torch.full((2, 2), 3.0))
    second = shared.add(torch.tensor([5]))
    shared.put(second, torch.full((1, 2), 7.0))
    row, value = shared.taken()
    assert_close(row, torch.tensor([1, 4, 5]))
    assert_close(value, torch.tensor([3.0, 3.0, 7.0])[:, None].expand(-1, 2))
