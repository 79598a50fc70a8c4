"""Tasks: what a batch costs, which is all that the trainer knows."""

from gnnneg.tasks.dual import Dual
from gnnneg.tasks.hiding import hide
from gnnneg.tasks.k_vs_all import KvsAll, MutatedKvsAll
from gnnneg.tasks.link_prediction import LinkPrediction
from gnnneg.tasks.node_classification import NodeClassification, labelled
from gnnneg.tasks.shared_mask import SharedMask

__all__ = [
    "Dual",
    "KvsAll",
    "LinkPrediction",
    "MutatedKvsAll",
    "NodeClassification",
    "SharedMask",
    "hide",
    "labelled",
]
