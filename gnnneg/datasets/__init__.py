"""Data sets as PyG has them: ``FB15k237()[0]`` is a ``HeteroData`` in the convention of :mod:`gnnneg.data.statements`.

An inductive one has two: ``training, test = GraIL("WN18RR", "v1")`` are graphs of different entities and the same
relations.

Each stands on a card (``datasets/<name>/dataset.yaml``) and one generic reader. Files are downloaded once, checked
against their sha256 and kept in ``~/.cache/gnnneg``, or under ``root``; ``GNNNEG_MIRROR`` is asked first.
"""

from gnnneg.datasets.benchmark import Benchmark, KnowledgeGraph
from gnnneg.datasets.denied import FB13, WN11, CoDEx, ConceptNetNegatER, GONegStatements, InferWiki16k
from gnnneg.datasets.inductive import GraIL
from gnnneg.datasets.loading import folder_of, graphs, load
from gnnneg.datasets.nodes import Entities, NodeBenchmark, Planetoid
from gnnneg.datasets.stated import NELL995, UMLS, WN18, WN18RR, YAGO310, Countries, FB15k237, Kinship, Nations
from gnnneg.datasets.synthetic import SyntheticWorld

__all__ = [
    "FB13",
    "NELL995",
    "UMLS",
    "WN11",
    "WN18",
    "WN18RR",
    "YAGO310",
    "Benchmark",
    "CoDEx",
    "ConceptNetNegatER",
    "Countries",
    "Entities",
    "FB15k237",
    "GONegStatements",
    "GraIL",
    "InferWiki16k",
    "Kinship",
    "KnowledgeGraph",
    "Nations",
    "NodeBenchmark",
    "Planetoid",
    "SyntheticWorld",
    "folder_of",
    "graphs",
    "load",
]
