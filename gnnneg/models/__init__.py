"""Models: what scores triplets."""

from gnnneg.models.difference import Difference
from gnnneg.models.kge import KGEModel
from gnnneg.models.node_classifier import NodeClassifier

__all__ = ["Difference", "KGEModel", "NodeClassifier"]
