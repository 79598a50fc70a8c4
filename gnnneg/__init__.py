"""Negative knowledge in graph representation learning, on PyTorch Geometric: the table of contents.

Names are imported when they are first used, so that ``import gnnneg`` and ``gnnneg --help`` are quick.
"""

import importlib

_CONTENTS = {
    "gnnneg.corruption": ["Alternating", "Bernoulli", "Both", "Either", "Head", "OneSide", "Tail"],
    "gnnneg.data.hetero": ["by_type", "from_hetero", "to_networkx"],
    "gnnneg.data.synthetic": ["world"],
    "gnnneg.datasets": ["load"],
    "gnnneg.decoders": ["ERMLPE", "HAKE", "RESCAL", "ComplEx", "DistMult", "RotatE", "TransD", "TransE", "TransH"],
    "gnnneg.encoders": [
        "GNN",
        "RGCN",
        "CompGCN",
        "Correlation",
        "Lookup",
        "Multiplication",
        "SampledEdges",
        "SampledNeighbors",
        "Subtraction",
    ],
    "gnnneg.errors": ["UserError"],
    "gnnneg.experiment": ["Evaluation", "Run", "resume", "train", "train_config"],
    "gnnneg.generators": [
        "DANS",
        "EMU",
        "GNDN",
        "HardestEMU",
        "LearnedEMU",
        "MatchedEMU",
        "Mixup",
        "Redrawn",
        "SelfPacedEMU",
    ],
    "gnnneg.labels": ["PathLabel", "SlotLabel"],
    "gnnneg.losses": ["BCE", "HaSa", "InfoNCE", "LimitBased", "LogSigmoid", "MarginRanking"],
    "gnnneg.models": ["KGEModel", "NodeClassifier"],
    "gnnneg.penalties": ["DURA", "Lp", "QueryPrediction", "RelationPrediction", "SoftConstraints", "Together"],
    "gnnneg.records": ["Negatives", "Query", "Triplets"],
    "gnnneg.samplers": [
        "MCNS",
        "KBGAN",
        "Cached",
        "All",
        "Child",
        "Corrected",
        "Corrupt",
        "Curriculum",
        "Denied",
        "Discounted",
        "Diverse",
        "Filtered",
        "HardDraw",
        "Hardest",
        "InBatch",
        "Influence",
        "KHop",
        "Mixture",
        "Nearest",
        "NoiseContrastive",
        "Padded",
        "Popular",
        "PreBatch",
        "Projected",
        "RandomWalk",
        "Relational",
        "SelfPaced",
        "Taught",
        "Typed",
        "Uniform",
    ],
    "gnnneg.tasks": ["KvsAll", "LinkPrediction", "MutatedKvsAll", "NodeClassification", "Subsampling"],
    "gnnneg.training": ["Fit"],
}
_HOME = {name: module for module, names in _CONTENTS.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'gnnneg' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
