"""Negative knowledge in graph representation learning, on PyTorch Geometric: the table of contents.

Names are imported when they are first used, so that ``import gnnneg`` and ``gnnneg --help`` are quick.
"""

import importlib

from gnnneg.former import formerly

_CONTENTS = {
    "gnnneg.corruption": ["Alternating", "Bernoulli", "Both", "Either", "Head", "OneSide", "Tail"],
    "gnnneg.data.check": ["check"],
    "gnnneg.data.facts": ["Facts"],
    "gnnneg.data.hetero": ["by_type", "from_hetero", "to_networkx"],
    "gnnneg.data.known": ["KnownAnswers"],
    "gnnneg.data.ontology": ["inherited"],
    "gnnneg.data.statements": ["message_graph", "num_relations", "triplets"],
    "gnnneg.data.synthetic": ["world"],
    "gnnneg.datasets": [
        "FB13",
        "NELL995",
        "UMLS",
        "WN11",
        "WN18",
        "WN18RR",
        "YAGO310",
        "CoDEx",
        "ConceptNetNegatER",
        "Countries",
        "Entities",
        "FB15k237",
        "GONegStatements",
        "GraIL",
        "InferWiki16k",
        "Kinship",
        "Nations",
        "Planetoid",
        "SyntheticWorld",
        "load",
    ],
    "gnnneg.decoders": [
        "ERMLPE",
        "HAKE",
        "RESCAL",
        "ComplEx",
        "DistMult",
        "Inner",
        "RotatE",
        "TransD",
        "TransE",
        "TransH",
    ],
    "gnnneg.encoders": [
        "GNN",
        "RGCN",
        "CompGCN",
        "Correlation",
        "Lookup",
        "Multiplication",
        "SampledEdges",
        "SampledNeighbors",
        "ShardedLookup",
        "Subtraction",
    ],
    "gnnneg.errors": ["UserError"],
    "gnnneg.evaluation": [
        "Clustering",
        "Evaluator",
        "Findings",
        "KnownNegatives",
        "PairClassification",
        "ProbabilityCalibration",
        "Ranking",
        "RelationRanking",
        "Testbed",
        "TripleClassification",
        "accuracy",
        "concatenation",
        "expected_sampled_hits",
        "geometry",
        "hadamard",
        "matched",
        "pair_classification",
        "representations",
    ],
    "gnnneg.experiment": ["Evaluation", "Run", "resume", "train", "train_config"],
    "gnnneg.generators": [
        "DANS",
        "EMU",
        "GNDN",
        "Adversary",
        "AsReleased",
        "DeniedStatements",
        "HardestEMU",
        "LearnedEMU",
        "MatchedEMU",
        "Mixup",
        "Redrawn",
        "SelfPacedEMU",
    ],
    "gnnneg.interfaces": [
        "Corruption",
        "Decoder",
        "Drawn",
        "Encoder",
        "Generator",
        "Loss",
        "Model",
        "Penalty",
        "Sampler",
        "Scorer",
        "SoftLabel",
        "Task",
        "Weighing",
    ],
    "gnnneg.labels": ["PathLabel", "SlotLabel"],
    "gnnneg.losses": ["BCE", "HaSa", "InfoNCE", "LimitBased", "LogSigmoid", "MarginRanking"],
    "gnnneg.models": ["Difference", "KGEModel", "NBFNet", "NodeClassifier"],
    "gnnneg.penalties": ["DURA", "Lp", "QueryPrediction", "RelationPrediction", "SoftConstraints", "Together"],
    "gnnneg.records": ["Made", "Negatives", "Query", "Triplets", "ones"],
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
        "Typed",
        "Uniform",
        "WithCritic",
    ],
    "gnnneg.tasks": [
        "Dual",
        "KvsAll",
        "LinkPrediction",
        "MutatedKvsAll",
        "NodeClassification",
        "SharedMask",
        "labelled",
    ],
    "gnnneg.training": ["Fit", "LazyAdam", "RowAdagrad"],
    "gnnneg.trust": ["allowed", "allowing"],
    "gnnneg.weighings": ["Confidence", "Subsampling"],
}
_HOME = {name: module for module, names in _CONTENTS.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    # a module, which is in small letters, is no class of an earlier version
    found = formerly(name, (__getattr__(one) for one in _HOME)) if name[:1].isupper() else None
    if found is None:
        raise AttributeError(f"module 'gnnneg' has no attribute {name!r}")
    return found


def __dir__() -> list[str]:
    return [*globals(), *__all__]
