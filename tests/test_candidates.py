"""One candidate a query is scored as it is among others, in each precision."""

import pytest
import torch

from gnnneg.candidates import Private

CLOSE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 5e-2}


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("autocast", [False, True])
def test_a_candidate_alone_is_scored_as_among_others(dtype, autocast):
    torch.manual_seed(0)
    vector = torch.randn(6, 3, 16, dtype=dtype, requires_grad=True)
    query = torch.randn(6, 16, dtype=dtype, requires_grad=True)
    offset = torch.randn(6, 1, dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        alone = [Private(vector[:, i : i + 1]).inner(query, offset) for i in range(3)]
        among = Private(vector).inner(query, offset)
    assert {score.dtype for score in alone} == {among.dtype}
    close = {"rtol": 0, "atol": 5e-2 if autocast and dtype != torch.float64 else CLOSE[dtype]}
    torch.testing.assert_close(torch.cat(alone, 1), among, **close)
    weight = torch.randn_like(among)
    one, other = (
        torch.autograd.grad((score * weight).sum(), (vector, query)) for score in (torch.cat(alone, 1), among)
    )
    for ours, theirs in zip(one, other):
        torch.testing.assert_close(ours, theirs, **{**close, "atol": 4 * close["atol"]})
