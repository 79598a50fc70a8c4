"""The CPU kernels against their plain-torch references, in value and in both gradients."""

import ast
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from gnnneg.kernels import gather_score as gather_module
from gnnneg.kernels import pairwise as pairwise_module
from gnnneg.kernels import parts
from gnnneg.kernels.gather_score import _gather, gather, gather_reference
from gnnneg.kernels.kinds import INNER, L1, L2, MODULUS, PHASE
from gnnneg.kernels.pairwise import _pairwise, pairwise, pairwise_reference

distances = pytest.mark.parametrize("kind", [L1, L2, MODULUS, PHASE], ids=["l1", "l2", "modulus", "phase"])
kinds = pytest.mark.parametrize("kind", [INNER, L1, L2, MODULUS, PHASE], ids=["inner", "l1", "l2", "modulus", "phase"])


def near(kind: int) -> dict[str, float]:
    """Kernels compute sines from constants in float32, whatever they are asked for."""
    return {"rtol": 1e-5, "atol": 1e-5} if kind == PHASE else {"rtol": 1e-7, "atol": 1e-7}


def draw(*shape: int, dtype: torch.dtype = torch.double) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype, requires_grad=dtype.is_floating_point)


@distances
@settings(max_examples=20, deadline=None)
@given(b=st.integers(1, 9), k=st.integers(1, 300), half=st.integers(1, 9))
def test_pairwise_equals_broadcast(kind, b, k, half):
    query, candidate = draw(b, 2 * half), draw(k, 2 * half)
    outward = torch.randn(b, k, dtype=torch.double)
    found, wanted = _pairwise(query, candidate, kind), pairwise_reference(kind, query, candidate)
    assert_close(found, wanted, **near(kind))
    for one, other in zip(
        torch.autograd.grad(found, (query, candidate), outward),
        torch.autograd.grad(wanted, (query, candidate), outward),
    ):
        assert_close(one, other, **near(kind))


@kinds
@settings(max_examples=20, deadline=None)
@given(b=st.integers(1, 9), k=st.integers(1, 20), n=st.integers(1, 30), half=st.integers(1, 9))
def test_gather_equals_broadcast(kind, b, k, n, half):
    """Rows asked for many times over collect all their gradients; rows never asked for get none."""
    query, table, index = draw(b, 2 * half), draw(n, 2 * half), torch.randint(n, (b, k))
    outward = torch.randn(b, k, dtype=torch.double)
    found, wanted = _gather(query, table, index, kind), gather_reference(kind, query, table, index)
    assert_close(found, wanted, **near(kind))
    for one, other in zip(
        torch.autograd.grad(found, (query, table), outward), torch.autograd.grad(wanted, (query, table), outward)
    ):
        assert_close(one, other, **near(kind))


weighables = pytest.mark.parametrize("kind", [L1, MODULUS, PHASE], ids=["l1", "modulus", "phase"])


@weighables
@settings(max_examples=20, deadline=None)
@given(b=st.integers(1, 9), k=st.integers(1, 300), half=st.integers(1, 9))
def test_weighted_pairwise_equals_broadcast(kind, b, k, half):
    """A weight for each coordinate of each query, zeros among them, in value and in all three gradients."""
    query, candidate = draw(b, 2 * half), draw(k, 2 * half)
    weight = torch.rand(b, half if kind == MODULUS else 2 * half, dtype=torch.double)
    weight = (weight * (weight > 0.3)).requires_grad_()
    outward, leaves = torch.randn(b, k, dtype=torch.double), (query, candidate, weight)
    found, wanted = pairwise(kind, *leaves), pairwise_reference(kind, *leaves)
    assert_close(found, wanted, **near(kind))
    for one, other in zip(torch.autograd.grad(found, leaves, outward), torch.autograd.grad(wanted, leaves, outward)):
        assert_close(one, other, **near(kind))


@weighables
@settings(max_examples=20, deadline=None)
@given(b=st.integers(1, 9), k=st.integers(1, 20), n=st.integers(1, 30), half=st.integers(1, 9))
def test_weighted_gather_equals_broadcast(kind, b, k, n, half):
    query, table, index = draw(b, 2 * half), draw(n, 2 * half), torch.randint(n, (b, k))
    weight = torch.rand(b, half if kind == MODULUS else 2 * half, dtype=torch.double).requires_grad_()
    outward, leaves = torch.randn(b, k, dtype=torch.double), (query, table, weight)
    found, wanted = gather(kind, query, table, index, weight), gather_reference(kind, query, table, index, weight)
    assert_close(found, wanted, **near(kind))
    for one, other in zip(torch.autograd.grad(found, leaves, outward), torch.autograd.grad(wanted, leaves, outward)):
        assert_close(one, other, **near(kind))


@weighables
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_weights_of_any_precision(kind, dtype):
    query, candidate, weight = torch.randn(3, 4), torch.randn(5, 4), torch.rand(3, 2 if kind == MODULUS else 4)
    low = pairwise(kind, query.to(dtype), candidate.to(dtype), weight)
    assert low.dtype == dtype
    assert_close(low.float(), pairwise_reference(kind, query, candidate, weight), rtol=3e-2, atol=3e-2)


def test_roots_and_products_refuse_weights():
    query, candidate, weight = torch.randn(3, 4), torch.randn(5, 4), torch.rand(3, 4)
    with pytest.raises(ValueError, match="expand L2"):
        pairwise(L2, query, candidate, weight)
    with pytest.raises(ValueError, match="inner products"):
        gather(INNER, query, candidate, torch.zeros(3, 2, dtype=torch.long), weight)


@weighables
def test_no_weight_is_weight_one(kind):
    query, candidate = torch.randn(3, 4), torch.randn(5, 4)
    one = torch.ones(3, 2 if kind == MODULUS else 4)
    assert_close(pairwise(kind, query, candidate, one), pairwise(kind, query, candidate))
    assert pairwise(kind, query[:0], candidate, one[:0]).shape == (0, 5)


@distances
def test_pairwise_gradcheck(kind):
    assert torch.autograd.gradcheck(lambda q, c: _pairwise(q, c, kind), (draw(5, 6), draw(7, 6)))


@kinds
def test_gather_gradcheck(kind):
    index = torch.randint(4, (5, 6))
    assert torch.autograd.gradcheck(lambda q, t: _gather(q, t, index, kind), (draw(5, 6), draw(4, 6)))


def test_angles_all_round():
    """Over many turns both ways: half the chord, and its slope, which changes sign at each whole turn."""
    angle = torch.linspace(-40.0, 40.0, 4001)[:, None].requires_grad_()
    chord = _pairwise(angle, torch.zeros(1, 1), PHASE)
    assert_close(chord[:, 0], (angle[:, 0] / 2).sin().abs(), rtol=1e-4, atol=2e-5)
    (slope,) = torch.autograd.grad(chord.sum(), angle)
    wanted = (angle / 2).cos() / 2 * (angle / 2).sin().sign()
    smooth = (angle / 2).sin().abs() > 1e-3
    assert_close(slope[smooth], wanted[smooth], rtol=1e-4, atol=2e-5)


@distances
def test_distance_zero_has_no_gradient(kind):
    """At distance zero the norm has a kink, and the subgradient is zero rather than NaN."""
    vector = draw(3, 4)
    value = _pairwise(vector, vector.detach().clone().requires_grad_(), kind)
    assert value.diagonal().abs().max() == 0
    value.diagonal().sum().backward()
    assert vector.grad.abs().max() == 0
    gathered = draw(3, 4)
    _gather(gathered, gathered.detach().clone(), torch.arange(3)[:, None], kind).sum().backward()
    assert gathered.grad.abs().max() == 0


def test_by_hand():
    query, candidate = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [-1.0, 0.0]])
    assert _pairwise(query, candidate, L1).tolist() == [[7.0, 1.0]]
    assert _pairwise(query, candidate, L2).tolist() == [[5.0, 1.0]]
    assert_close(_pairwise(torch.tensor([[math.pi, 0.0]]), torch.zeros(1, 2), PHASE), torch.ones(1, 1))  # opposite: 1
    assert _pairwise(query, candidate, MODULUS).tolist() == [[5.0, 1.0]]  # one complex coordinate: |3 + 4i|


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@kinds
def test_lower_precision(kind, dtype):
    tolerance = 1e-4 if dtype == torch.float32 else 0.02
    query, table, index = draw(6, 8), draw(9, 8), torch.randint(9, (6, 5))
    low = _gather(query.to(dtype), table.to(dtype), index, kind)
    assert low.dtype == dtype
    assert_close(low.double(), gather_reference(kind, query, table, index), rtol=tolerance, atol=10 * tolerance)
    if kind != INNER:
        low = _pairwise(query.to(dtype), table.to(dtype), kind)
        assert low.dtype == dtype
        assert_close(low.double(), pairwise_reference(kind, query, table), rtol=tolerance, atol=10 * tolerance)


@kinds
def test_two_runs_are_the_same_bit_for_bit(kind):
    """Resuming relies on it: no sum depends on which thread came first."""
    query, table, index = (
        draw(40, 16, dtype=torch.float32),
        draw(30, 16, dtype=torch.float32),
        torch.randint(30, (40, 50)),
    )
    found = []
    for threads in (1, 2, 2):
        torch.set_num_threads(threads)
        score = _gather(query, table, index, kind)
        shared = _pairwise(query, table, kind) if kind != INNER else score
        outputs = (score, shared, *torch.autograd.grad(score.sum() + shared.square().sum(), (query, table)))
        found.append([output.detach().clone() for output in outputs])
    torch.set_num_threads(1)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other))


def test_nothing_asked():
    query, table = draw(0, 4), draw(3, 4)
    assert _pairwise(query, table, L1).shape == (0, 3)
    _gather(query, table, torch.empty(0, 5, dtype=torch.long), L2).sum().backward()
    assert table.grad.abs().max() == 0
    index = torch.empty(3, 0, dtype=torch.long)
    assert _gather(table, table, index, INNER).shape == (3, 0)


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        (_pairwise, lambda: (draw(3, 4), draw(5, 4), L2)),
        (_gather, lambda: (draw(3, 4), draw(5, 4), torch.randint(5, (3, 2)), MODULUS)),
    ],
    ids=["pairwise", "gather"],
)
def test_registered_as_torch_wants_it(op, inputs):
    torch.library.opcheck(op, inputs(), test_utils=("test_schema", "test_faketensor"))


def test_no_expanded_tensor():
    """A private step of 400 x 500 x 64 would take 51 MB expanded; no tensor that large is made."""
    query, table, index = (
        draw(400, 64, dtype=torch.float32),
        draw(1000, 64, dtype=torch.float32),
        torch.randint(1000, (400, 500)),
    )
    with torch.profiler.profile(profile_memory=True) as profile:
        _gather(query, table, index, MODULUS).sum().backward()
    largest = max(abs(event.cpu_memory_usage) for event in profile.events())
    assert largest < 8e6  # scores, gradients and the sorted index together


@kinds
@pytest.mark.parametrize("cells", [1, 50, 10**9])
def test_broadcast_in_parts(kind, cells, monkeypatch):
    """What serves devices without a kernel: the same in parts of any size, weights and all."""
    monkeypatch.setattr(parts, "CELLS", cells)
    query, table, index = draw(3, 4), draw(7, 4), torch.randint(7, (3, 5))
    weight = None if kind in (INNER, L2) else draw(3, 2 if kind == MODULUS else 4)
    leaves = [query, table] + ([] if weight is None else [weight])
    ways = [(gather_module, (query, table, index), gather_reference(kind, query, table, index, weight))]
    if kind != INNER:
        ways.append((pairwise_module, (query, table), pairwise_reference(kind, query, table, weight)))
    for module, sides, wanted in ways:
        way, out = module._in_columns(kind, *sides, weight), torch.empty_like(wanted)
        with torch.no_grad():
            parts.in_parts([out], *way)
        assert_close(out, wanted.detach())
        outward = torch.randn_like(wanted)
        found = parts.pulled_in_parts([outward], *way)
        for one, other in zip(found, torch.autograd.grad(wanted, leaves, outward), strict=True):
            assert_close(one, other)


@pytest.mark.parametrize("held", [1, 12, 24, 10**9])
def test_parts_are_as_large_as_they_may_be(held):
    """Of 5 columns that cost 12 numbers each: as many as are allowed, one at least; all of them in order."""
    columns = parts.slices(5, 12, held)
    assert max(some.stop - some.start for some in columns) == max(1, min(5, held // 12))
    assert [place for some in columns for place in range(some.start, some.stop)] == list(range(5))


NAMES = {"INNER", "L1", "L2", "MODULUS", "PHASE"}


def test_kinds_differ_in_two_files():
    """Whoever adds a distance kind adds it to kinds.py and triton_kinds.py: no other kernel knows one by name."""
    knows = set()
    for file in Path(gather_module.__file__).parent.glob("*.py"):
        tree = ast.parse(file.read_text())
        named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        named |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        knows |= {file.name} if named & NAMES else set()
    assert knows == {"kinds.py", "triton_kinds.py"}


@pytest.mark.parametrize("weighted", [True, False])
def test_what_a_backward_pass_gives_is_foretold_in_shape(weighted):
    """Compiled and traced graphs know shapes by it alone."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    query, table, index = torch.randn(3, 4), torch.randn(7, 4), torch.randint(7, (3, 5))
    weight = torch.rand(3, 4) if weighted else None
    given = torch.randn(3, 5), query, table, index, gather(L1, query, table, index, weight), L1, weight, weighted
    real = gather_module._gather_backward(*given)
    with FakeTensorMode() as mode:
        fake = gather_module._gather_backward(
            *(mode.from_tensor(one) if isinstance(one, torch.Tensor) else one for one in given)
        )
    assert [one.shape for one in fake] == [one.shape for one in real]
