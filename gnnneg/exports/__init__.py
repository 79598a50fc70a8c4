"""Trained vectors and models in the forms of others."""

from gnnneg.exports.folder import FORMATS, export
from gnnneg.exports.to_pyg import to_pyg
from gnnneg.exports.to_pykeen import to_pykeen

__all__ = ["FORMATS", "export", "to_pyg", "to_pykeen"]
