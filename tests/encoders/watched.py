"""A small world for encoders, and an encoder that is watched."""

import torch
from torch_geometric.data import Data

from gnnneg.data.statements import assemble, message_graph
from gnnneg.encoders import Dense
from gnnneg.interfaces import Encoder, Encoding
from gnnneg.records import Triplets

N, R, D, E = 23, 4, 6, 80


class Watched(Encoder):
    """Keeps the graphs that it is shown."""

    uses_graph = True
    hidden_channels = D

    def __init__(self, signed: bool = False):
        super().__init__()
        self.seen: list[Data] = []
        self.reads_denied = signed
        self.weight = torch.nn.Parameter(torch.randn(N, D))

    def forward(self, graph: Data | None) -> Encoding:
        self.seen.append(graph)
        return Dense(self.weight)


def distinct(seed: int, size: int) -> Triplets:
    one = torch.randperm(N * R * N, generator=torch.Generator().manual_seed(seed))[:size]
    return Triplets(one // (R * N), one // N % R, one % N)


def world() -> Data:
    """Statements that are all different, and half as many denied ones."""
    names = [str(i) for i in range(N)], [str(i) for i in range(R)]
    none = torch.zeros(E, dtype=torch.long)
    return message_graph(assemble(distinct(0, E), none, *names, distinct(1, E // 2), none[: E // 2]))


def listed(edge_index: torch.Tensor, edge_type: torch.Tensor) -> list[tuple[int, int, int]]:
    return list(zip(*edge_index.tolist(), edge_type.tolist()))
