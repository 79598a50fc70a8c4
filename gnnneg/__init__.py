"""Negative knowledge in graph representation learning, on PyTorch Geometric: the table of contents.

Names are imported when they are first used, so that ``import gnnneg`` and ``gnnneg --help`` are quick.
"""

import importlib
from collections.abc import Iterator
from types import ModuleType

from gnnneg.former import formerly
from gnnneg.neighbors import yielding

yielding()  # before torch is loaded

_CONTENTS = {
    "gnnneg.corruption": ["Alternating", "Bernoulli", "Both", "Either", "Head", "OneSide", "Tail"],
    "gnnneg.data.check": ["check"],
    "gnnneg.data.facts": ["Facts"],
    "gnnneg.data.frames": ["from_frames"],
    "gnnneg.data.hetero": ["by_type", "from_hetero", "to_networkx"],
    "gnnneg.data.known": ["KnownAnswers"],
    "gnnneg.data.labelled": ["labelled_graph"],
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
    "gnnneg.distributed": ["together"],
    "gnnneg.errors": ["UserError"],
    "gnnneg.evaluation": [
        "Clustering",
        "Evaluator",
        "Findings",
        "Isotropy",
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
        "ranked",
        "representations",
    ],
    "gnnneg.experiment": [
        "Evaluation",
        "Run",
        "pipeline",
        "resume",
        "train",
        "train_config",
        "warm_start",
    ],
    "gnnneg.experiment.repeated": ["train_seeds"],
    "gnnneg.evaluation.answer_files": ["write_answers"],
    "gnnneg.experiment.pack": ["pack"],
    "gnnneg.exports": ["export", "to_pyg", "to_pykeen"],
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
    "gnnneg.records": ["Made", "Negatives", "Query", "Triplets", "ones"],
    "gnnneg.report.compared": ["compare"],
    "gnnneg.tasks": ["labelled"],
    "gnnneg.training": ["Fit", "LazyAdam", "RowAdagrad", "Stop", "Watcher"],
    "gnnneg.tuning": ["Study", "tune"],
    "gnnneg.trust": ["allowed", "allowing"],
    "gnnneg.verdicts": ["Statement", "Verdicts"],
    "gnnneg.verdicts.joined": ["curated"],
    "gnnneg.weighings": ["Confidence", "Subsampling"],
}
_HOME = {name: module for module, names in _CONTENTS.items() for name in names}
# what these rooms offer is offered here: a new part is named in its room alone
_ROOMS = ("samplers", "decoders", "encoders", "models", "losses", "tasks", "penalties", "generators", "trackers")


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name == "__all__":
        return _names()
    if name[:1].isupper():  # a module, which is in small letters, is no part
        for room in _rooms():
            if name in room.__all__:
                return getattr(room, name)
        found = formerly(name, map(__getattr__, _names()))
        if found is not None:
            return found
    raise AttributeError(f"module 'gnnneg' has no attribute {name!r}")


def _names() -> list[str]:
    return sorted({*_HOME, *(name for room in _rooms() for name in room.__all__ if name[:1].isupper())})


def _rooms() -> Iterator[ModuleType]:
    return (importlib.import_module(f"gnnneg.{room}") for room in _ROOMS)


def __dir__() -> list[str]:
    return [*globals(), *_names()]
