"""Encoders: from a graph to node vectors."""

from gnnneg.encoders.compgcn import CompGCN
from gnnneg.encoders.composition import Composition, Correlation, Multiplication, Subtraction
from gnnneg.encoders.gnn import GNN
from gnnneg.encoders.lookup import Lookup
from gnnneg.encoders.rgcn import RGCN
from gnnneg.encoders.sampled_edges import SampledEdges
from gnnneg.encoders.sampled_neighbors import SampledNeighbors
from gnnneg.encoders.sharded import ShardedLookup
from gnnneg.encodings import Dense, RowSparse

__all__ = [
    "GNN",
    "RGCN",
    "CompGCN",
    "Composition",
    "Correlation",
    "Dense",
    "Lookup",
    "Multiplication",
    "RowSparse",
    "SampledEdges",
    "SampledNeighbors",
    "ShardedLookup",
    "Subtraction",
]
