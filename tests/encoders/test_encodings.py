"""Both doors of both encodings lead to the same vectors, with the same gradients."""

import pytest
import torch
from torch.testing import assert_close

from gnnneg.encodings import Dense, RowSparse

SIZE = 7


@pytest.mark.parametrize("kind", [Dense, RowSparse])
@pytest.mark.parametrize(
    "index",
    [
        torch.arange(SIZE)[None],  # everyone in order: the table itself
        torch.arange(SIZE)[:, None],
        torch.arange(SIZE).flip(0)[None],
        torch.tensor([[0, 1, 2, 3, 4, 5, 5]]),
        torch.arange(SIZE - 1)[None],
        torch.tensor([[3, 3], [0, 6]]),
        torch.empty(1, 0, dtype=torch.long),
    ],
    ids=["everyone", "a column", "backwards", "one twice", "all but one", "private", "nobody"],
)
def test_vectors_and_gradients(kind, index):
    table = torch.randn(SIZE, 3)
    outward = torch.randn(*index.shape, 3)
    found = []
    for look in (
        lambda t: t[index],
        lambda t: kind(t)[index],
        lambda t: (lambda rows, place: rows[place])(*kind(t).rows(index)),
    ):
        leaf = table.clone().requires_grad_()
        vector = look(leaf)
        vector.backward(outward)
        found.append((vector.detach(), leaf.grad.to_dense() if leaf.grad.is_sparse else leaf.grad))
    for vector, grad in found[1:]:
        assert_close(vector, found[0][0])
        assert_close(grad, found[0][1])


def test_everyone_is_not_copied():
    table = torch.randn(SIZE, 3)
    assert Dense(table)[torch.arange(SIZE)[None]].data_ptr() == table.data_ptr()
    assert Dense(table)[torch.arange(SIZE).flip(0)[None]].data_ptr() != table.data_ptr()
