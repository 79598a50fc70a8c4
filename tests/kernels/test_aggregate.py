"""The two halves of relational message passing, each against plain indexing."""

import pytest
import torch
from torch.testing import assert_close

from gnnneg.encoders.messages import arrange
from gnnneg.kernels.aggregate import gather_sum, transform

N, TYPES, E = 9, 5, 40


@pytest.fixture
def graph() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return torch.randint(N - 1, (2, E), generator=draw), torch.randint(TYPES - 1, (E,), generator=draw)


def test_sums_of_rows(graph):
    """Edge by edge, in float32 and in float64, with its gradient."""
    (source, target), edge_type = graph
    sent = arrange(torch.stack([source, target]), edge_type, N, TYPES)
    assert len(sent.source) < E  # some edges carry the same message
    for dtype in (torch.float32, torch.float64):
        table = torch.randn(N * TYPES, 3, dtype=dtype)  # by type and source
        weight, outward = torch.rand(E, dtype=dtype), torch.randn(N, 3, dtype=dtype)
        made = table[sent.edge_type * N + sent.source].requires_grad_()
        found = sent.summed(made, weight[sent.order])
        each = table[edge_type * N + source].requires_grad_()
        wanted = torch.zeros(N, 3, dtype=dtype).index_add(0, target, weight[:, None] * each)
        assert_close(found, wanted)
        (one,), (other,) = torch.autograd.grad(found, made, outward), torch.autograd.grad(wanted, each, outward)
        summed = torch.zeros_like(table).index_add(0, edge_type * N + source, other)
        assert_close(one, summed[sent.edge_type * N + sent.source])


@pytest.mark.parametrize("blocks", [1, 2])
def test_rows_times_the_matrix_of_their_type(graph, blocks):
    (source, target), edge_type = graph
    sent = arrange(torch.stack([source, target]), edge_type, N, TYPES)
    x = torch.randn(N, 4, dtype=torch.double, requires_grad=True)
    weight = torch.randn(TYPES, blocks, 4 // blocks, 6 // blocks, dtype=torch.double, requires_grad=True)
    found = transform(x, weight, sent.source, sent.begin)
    matrix = torch.stack([torch.block_diag(*of_type) for of_type in weight])
    assert_close(found, (x[sent.source][:, None] @ matrix[sent.edge_type]).squeeze(1))
    assert torch.autograd.gradcheck(lambda x, weight: transform(x, weight, sent.source, sent.begin), (x, weight))


def test_operators_are_as_declared(graph):
    """Shapes told ahead are those that come, nothing is changed in place, and gradients are registered."""
    sent = arrange(graph[0], graph[1], N, TYPES)
    x, weight = torch.randn(N, 4, requires_grad=True), torch.randn(TYPES, 2, 2, 3, requires_grad=True)
    torch.library.opcheck(torch.ops.gnnneg.transform.default, (x, weight, sent.source, sent.begin))
    made = transform(x, weight, sent.source, sent.begin).detach().requires_grad_()
    places = sent.message, sent.offset, sent.target, sent.carried, sent.place
    torch.library.opcheck(torch.ops.gnnneg.gather_sum.default, (made, sent.weights(True), *places))
    assert gather_sum(made, sent.weights(True), *places).shape == (N, 6)
