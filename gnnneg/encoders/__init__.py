"""Encoders: from a graph to node vectors."""

from gnnneg.encoders.encodings import Dense, RowSparse
from gnnneg.encoders.lookup import Lookup

__all__ = ["Dense", "Lookup", "RowSparse"]
