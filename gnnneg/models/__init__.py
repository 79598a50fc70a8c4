"""Models: what scores triplets."""

from gnnneg.models.kge import KGEModel

__all__ = ["KGEModel"]
