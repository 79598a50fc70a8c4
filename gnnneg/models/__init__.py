"""Models: what scores triplets."""

from gnnneg.models.kge import KGEModel
from gnnneg.models.node_classifier import NodeClassifier

__all__ = ["KGEModel", "NodeClassifier"]
