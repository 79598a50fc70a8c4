"""Models: they score triplets."""

from gnnneg.models.aggregation import PNA, Aggregation, Max, Mean, Message, Min, Product, Rotation, Sum, Translation
from gnnneg.models.difference import Difference
from gnnneg.models.kge import KGEModel
from gnnneg.models.nbfnet import NBFNet
from gnnneg.models.node_classifier import NodeClassifier

__all__ = [
    "PNA",
    "Aggregation",
    "Difference",
    "KGEModel",
    "Max",
    "Mean",
    "Message",
    "Min",
    "NBFNet",
    "NodeClassifier",
    "Product",
    "Rotation",
    "Sum",
    "Translation",
]
