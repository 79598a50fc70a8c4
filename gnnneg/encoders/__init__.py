"""Encoders: from a graph to node vectors."""

from gnnneg.encoders.gnn import GNN
from gnnneg.encoders.lookup import Lookup
from gnnneg.encoders.rgcn import RGCN
from gnnneg.encoders.sampled_edges import SampledEdges
from gnnneg.encoders.sampled_neighbors import SampledNeighbors
from gnnneg.encodings import Dense, RowSparse

__all__ = ["GNN", "RGCN", "Dense", "Lookup", "RowSparse", "SampledEdges", "SampledNeighbors"]
