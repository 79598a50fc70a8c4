"""Messages gathered in one pass, against tensors of edges, which are themselves checked edge by edge."""

import pytest
import torch
from torch.autograd import gradcheck
from torch.testing import assert_close

from gnnneg.kernels import parts, relational
from gnnneg.kernels.relational import (
    ALL,
    EXTREME,
    PRODUCT,
    ROTATION,
    SUM,
    TOTAL,
    propagate,
    propagate_reference,
    sort_edges,
)

N, TYPES, E = 11, 5, 60
CASES = [
    (kind, *want)
    for kind in (PRODUCT, SUM, ROTATION)
    for want in ((TOTAL, 1.0), (EXTREME, 1.0), (EXTREME, -1.0), (ALL, 1.0))
]


@pytest.fixture
def graph():
    """Without an edge to node 10; some edges are not there."""
    draw = torch.Generator().manual_seed(0)
    edge_index, edge_type = torch.randint(N - 1, (2, E), generator=draw), torch.randint(TYPES - 1, (E,), generator=draw)
    weight = torch.rand(E, dtype=torch.double, generator=draw)
    weight[::7] = 0
    return edge_index, edge_type, weight


def vectors(width: int, dtype=torch.double):
    draw = torch.Generator().manual_seed(1)
    return [torch.randn(rows, width, dtype=dtype, generator=draw).requires_grad_() for rows in (N, TYPES)]


@pytest.mark.parametrize(("kind", "want", "sign"), CASES)
@pytest.mark.parametrize("width", [2, 64, 150])
def test_equal_to_a_tensor_of_edges(graph, kind, want, sign, width):
    """Values, and gradients of states, relations and weights; float32 to 1e-5 of their size."""
    edge_index, edge_type, weight = graph
    edges = sort_edges(edge_index, edge_type, N)
    for dtype, close in ((torch.double, {"atol": 1e-10, "rtol": 1e-10}), (torch.float, {"atol": 2e-5, "rtol": 1e-5})):
        states, relation = vectors(width, dtype)
        counts = weight.to(dtype)[edges.order].requires_grad_()
        given = [states, relation, counts]
        found = propagate(states, relation, edges, counts, kind, want, sign)
        wanted = propagate_reference(kind, want, sign, states, relation, edges, counts)
        total: list[torch.Tensor] = [torch.zeros((), dtype=dtype), torch.zeros((), dtype=dtype)]
        for one, other in zip(found, wanted):
            assert_close(one, other, **close)
            there = other.isfinite()  # not the extremes of nothing
            outward = torch.randn(other.shape, dtype=dtype)[there]
            total = [total[0] + (one[there] * outward).sum(), total[1] + (other[there] * outward).sum()]
        pulled, expected = (torch.autograd.grad(one, given) for one in total)
        assert_close(pulled[:2], expected[:2], **close)
        assert_close(pulled[2][counts != 0], expected[2][counts != 0], **close)
        assert (pulled[2][counts == 0] == 0).all()


@pytest.mark.parametrize("kind", [PRODUCT, SUM, ROTATION])
def test_the_reference_is_what_it_says(graph, kind):
    """Edge by edge in Python, with complex numbers for rotations."""
    edge_index, edge_type, weight = graph
    edges = sort_edges(edge_index, edge_type, N)
    states, relation = (one.detach() for one in vectors(6))
    arriving: list[list[torch.Tensor]] = [[] for _ in range(N)]
    for source, target, r, count in zip(*edge_index.tolist(), edge_type.tolist(), weight.tolist()):
        if count:
            h, w = states[source], relation[r]
            if kind == ROTATION:
                turned = torch.complex(*h.chunk(2)) * torch.complex(*w.chunk(2))
                sent = torch.cat([turned.real, turned.imag])
            else:
                sent = h * w if kind == PRODUCT else h + w
            arriving[target].append(count * sent)
    found = propagate_reference(kind, ALL, 1.0, states, relation, edges, weight[edges.order])
    for node, messages in enumerate(arriving):
        table = torch.stack(messages) if messages else torch.empty(0, 6, dtype=torch.double)
        assert_close(found.total[node], table.sum(0))
        assert_close(found.squares[node], (table**2).sum(0))
        if messages:
            assert_close(found.high[node], table.amax(0))
            assert_close(found.low[node], table.amin(0))
    assert (found.high[10] == -torch.inf).all()
    assert (found.low[10] == torch.inf).all()
    assert not arriving[10]


@pytest.mark.parametrize(("kind", "want", "sign"), CASES)
def test_gradients_by_differences(graph, kind, want, sign):
    """Of all three inputs, in double precision."""
    edge_index, edge_type, weight = graph
    edge_index = torch.cat([edge_index, torch.stack([torch.arange(N), torch.arange(N)])], 1)  # every node hears itself
    edges = sort_edges(edge_index, torch.cat([edge_type, torch.zeros(N, dtype=torch.long)]), N)
    counts = (torch.cat([weight, torch.ones(N, dtype=torch.double)]) + 0.1)[edges.order].requires_grad_()

    def told(states, relation, counts):
        return tuple(one for one in propagate(states, relation, edges, counts, kind, want, sign) if one.numel())

    assert gradcheck(told, (*vectors(4), counts))


@pytest.mark.parametrize(("kind", "want", "sign"), CASES)
def test_in_parts_as_in_one(graph, kind, want, sign, monkeypatch):
    """What serves where there is no kernel: columns some at a time, pairs together, forth and back."""
    edge_index, edge_type, weight = graph
    edges = sort_edges(edge_index, edge_type, N)
    states, relation = vectors(14)
    counts = weight[edges.order]
    found = relational._propagate(states, relation, counts, list(edges), kind, want, sign)
    grads = [torch.randn_like(found[i]).where(found[i].isfinite(), 0) for i in (0, 1, 2, 4)]
    monkeypatch.setattr(parts, "CELLS", 5 * E)
    kept = [states.detach(), relation.detach(), counts]
    way = relational._in_columns(kind, want, sign, *kept, edges)
    assert len(way[1]) == (4 if kind == ROTATION else 3)  # 2 pairs or 5 columns of 14 at a time
    told = [i for i in (0, 1, 2, 4) if found[i].numel()]
    outs = [torch.empty_like(found[i]) for i in told]
    parts.in_parts(outs, *way)
    assert_close(outs, [found[i] for i in told])
    one = relational.propagate_backward(grads, *kept, list(edges), [found[3], found[5]], kind, want, sign, True)
    other = parts.pulled_in_parts([grad for grad in grads if grad.numel()], *way)
    for ours, theirs in zip(one, other, strict=True):
        assert_close(ours[: N if ours.dim() > 1 else None], theirs)


def test_no_edges_no_width():
    """Nothing arrives, nothing fails, and gradients are zero."""
    edges = sort_edges(torch.empty(2, 0, dtype=torch.long), torch.empty(0, dtype=torch.long), 3)
    states, relation = torch.ones(3, 4, requires_grad=True), torch.ones(2, 4, requires_grad=True)
    found = propagate(states, relation, edges, want=ALL)
    assert (found.total == 0).all()
    assert (found.high == -torch.inf).all()
    found.total.sum().backward()
    assert (states.grad == 0).all()
    assert (relation.grad == 0).all()
    empty = propagate(states[:, :0], relation[:, :0], edges)
    assert empty.total.shape == (3, 0)


def test_half_precision_is_lifted(graph):
    """Sums of bfloat16 are summed in float32."""
    edge_index, edge_type, _ = graph
    edges = sort_edges(edge_index, edge_type, N)
    states, relation = (one.detach().bfloat16() for one in vectors(8))
    found = propagate(states, relation, edges).total
    assert found.dtype == torch.bfloat16
    assert_close(found, propagate(states.float(), relation.float(), edges).total.bfloat16())


def test_it_is_traced_without_being_run(graph):
    """Its shapes are known to the compiler."""
    edge_index, edge_type, weight = graph
    edges = sort_edges(edge_index, edge_type, N)
    states, relation = vectors(8)
    torch.library.opcheck(
        relational._propagate,
        (states, relation, weight[edges.order], list(edges), PRODUCT, ALL, 1.0),
        test_utils=("test_schema", "test_faketensor"),
    )
