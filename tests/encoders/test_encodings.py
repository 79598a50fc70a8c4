"""Both doors of both encodings lead to the same vectors, with the same gradients."""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from gnnneg.candidates import Gathered
from gnnneg.decoders import DistMult
from gnnneg.encodings import Dense, RowSparse
from gnnneg.kernels.everyone import consecutive, everyone, span_of
from gnnneg.kernels.rows import cover, padded
from gnnneg.models.kge import KGEScorer
from gnnneg.records import Query
from gnnneg.samplers import All

SIZE = 7


@pytest.mark.parametrize("kind", [Dense, RowSparse])
@pytest.mark.parametrize(
    "index",
    [
        everyone(SIZE),  # the table itself
        consecutive(2, 5),  # a slice of it
        consecutive(4, 4),
        torch.arange(SIZE)[None],
        torch.arange(SIZE)[:, None],
        torch.arange(SIZE).flip(0)[None],
        torch.tensor([[0, 1, 2, 3, 4, 5, 5]]),
        torch.arange(SIZE - 1)[None],
        torch.tensor([[3, 3], [0, 6]]),
        torch.empty(1, 0, dtype=torch.long),
    ],
    ids=[
        "everyone",
        "some",
        "no one",
        "all in order",
        "a column",
        "backwards",
        "one twice",
        "all but one",
        "private",
        "nobody",
    ],
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
    assert Dense(table)[everyone(SIZE)].data_ptr() == table.data_ptr()
    for index in (torch.arange(SIZE).flip(0)[None], everyone(SIZE)[:, :1], everyone(SIZE).flip(1)):
        assert_close(Dense(table)[index], table[index])
    sparse = RowSparse(table.requires_grad_())
    with torch.no_grad():
        assert sparse[everyone(SIZE)].data_ptr() == table.data_ptr()
        assert sparse.rows(torch.zeros(2, SIZE, dtype=torch.long))[0] is table
        assert sparse.rows(torch.zeros(2, 2, dtype=torch.long))[0] is table  # kernels read rows where they lie
        changed = []
        Gathered(table, torch.zeros(2, 2, dtype=torch.long)).map(lambda rows: changed.append(rows) or rows)
        assert changed[0].shape == (1, 3)  # but no others are changed
    assert sparse.rows(torch.zeros(2, SIZE, dtype=torch.long))[0].shape == (1, 3)


@pytest.mark.parametrize("kind", [Dense, RowSparse])
def test_a_span_is_not_copied(kind):
    table = torch.randn(SIZE, 3, requires_grad=True)
    with torch.no_grad():
        found = kind(table)[consecutive(2, 5)]
    assert found.shape == (1, 3, 3)
    assert found.data_ptr() == table[2].data_ptr()
    for part in (consecutive(2, 5)[:, :2], consecutive(2, 5).clone(), consecutive(2, 5) + 1):
        assert span_of(part) is None
    with pytest.raises(IndexError):
        kind(table.detach())[consecutive(5, SIZE + 1)]


@pytest.mark.parametrize("wanted", ["everyone", "nobody"])
def test_everyone_is_known_without_a_look_at_the_numbers(wanted):
    """On ``meta`` there are none."""
    table = torch.empty(SIZE, 3, device="meta")
    index = everyone(SIZE, "meta") if wanted == "everyone" else torch.empty(1, SIZE, dtype=torch.long, device="meta")
    assert (Dense(table)[index]._base is table) == (wanted == "everyone")


def test_one_against_all_scatters_no_gradient(monkeypatch):
    """Through sampler and scorer the table stays as it is: the product is with the table itself."""
    table = torch.randn(SIZE, 4, requires_grad=True)
    query = Query(torch.tensor([0, 3]), torch.tensor([0, 1]))
    scorer = KGEScorer(Dense(table), DistMult(2, 4), query, 0.0)
    negatives = All(SIZE)(query, torch.tensor([1, 2]), scorer)
    monkeypatch.setattr(torch.nn.functional, "embedding", None)
    score = scorer(negatives.index)
    monkeypatch.undo()
    (grad,) = torch.autograd.grad(score.sum(), table, retain_graph=True)
    (wanted,) = torch.autograd.grad((scorer.vector @ table.T).sum(), table)
    assert_close(grad, wanted)


def test_on_a_device_nothing_is_waited_for():
    """Rows are padded with one that is touched anyhow: the same vectors, the same gradient, no other row in it."""
    index = torch.tensor([[5, 0, 5], [2, 2, 9]])
    row, place = padded(index, 20)
    assert row.tolist() == [0, 2, 5, 9, 9, 9]
    assert place.tolist() == [[2, 0, 2], [1, 1, 3]]
    assert padded(index, 10)[0].tolist() == [0, 2, 5, 9, 9, 9]
    assert padded(index % 2, 2)[0].tolist() == [0, 1]
    assert padded(index[:0], 20)[0].shape == (0,)
    leaf = torch.randn(20, 3, requires_grad=True)
    F.embedding(place, F.embedding(row, leaf, sparse=True)).sum().backward()
    assert leaf.grad.coalesce().indices().tolist() == [[0, 2, 5, 9]]
    assert_close(leaf.grad.to_dense()[:, 0], torch.bincount(index.flatten(), minlength=20).float())
    for given in ((index, 20), (index,)):
        assert cover(given[0].to("meta"), *given[1:])[0].shape == (6,)  # where no number can be read
        assert list(map(torch.Tensor.tolist, cover(*given))) == [[0, 2, 5, 9], place.tolist()]


def test_targets_are_embedded_once():
    """Each asks with a view of its own; other targets, and other columns of one tensor, are not taken for them."""
    table, both = torch.randn(SIZE, 4), torch.tensor([[1, 2], [3, 4]])
    scorer = KGEScorer(Dense(table), DistMult(2, 4), Query(both[0], both[0] % 2), 0.0)
    first = scorer.embed(both[0][:, None])
    assert scorer.embed(both[0][:, None]) is first
    assert_close(scorer.embed(both[1][:, None]), table[both[1]][:, None])
    assert_close(scorer.embed(both[:, :1]), table[both[:, :1]])
    assert_close(scorer.embed(both[0].clone()[:, None]), first)
