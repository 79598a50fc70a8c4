"""Compiles each kernel and a scorer as one graph; on its own, since checked annotations cannot be compiled."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

from test_operators import INDEX, OPERATORS

from gnnneg.decoders import DistMult
from gnnneg.encodings import Dense, RowSparse
from gnnneg.interfaces import Encoding
from gnnneg.models.kge import KGEScorer
from gnnneg.records import Query


def step(kind: type[Encoding], decoder: DistMult, table: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    query = Query(torch.tensor([0, 1]), torch.tensor([1, 0]))
    return KGEScorer(kind(table), decoder, query, 0.0)(index)


if __name__ == "__main__":
    torch._dynamo.config.capture_dynamic_output_shape_ops = True  # how many rows are distinct, numbers tell alone
    calls = [(function, given) for _, _, function, given in OPERATORS]
    calls += [
        (step, (kind, DistMult(2, 4), torch.rand(5, 4, requires_grad=True), index))
        for kind in (Dense, RowSparse)
        for index in (INDEX, INDEX[:1], INDEX[:, :1])
    ]
    for function, given in calls:
        torch._dynamo.reset()
        torch.manual_seed(0)
        wanted = function(*given)
        torch.manual_seed(0)
        found = torch.compile(function, fullgraph=True, backend="eager")(*given)
        torch.testing.assert_close(found, wanted)
    print(len(calls), "graphs")
