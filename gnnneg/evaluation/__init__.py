"""How good a model is: ranking, classification, clustering, calibration, diagnosis of negatives, and predictions."""

from gnnneg.evaluation.asking import representations
from gnnneg.evaluation.calibration import Calibration, Isotonic, Platt, brier, expected_calibration_error
from gnnneg.evaluation.classification import TripleClassification
from gnnneg.evaluation.clustering import Clustering, clustering
from gnnneg.evaluation.entity_ranking import Ranking, ranked
from gnnneg.evaluation.evaluator import Evaluator, Findings
from gnnneg.evaluation.geometry import geometry
from gnnneg.evaluation.isotropy import Isotropy, isotropy
from gnnneg.evaluation.known_negatives import KnownNegatives
from gnnneg.evaluation.metrics import expected_sampled_hits, summary
from gnnneg.evaluation.nearest import nearest
from gnnneg.evaluation.negatives import diagnose, shown
from gnnneg.evaluation.nodes import accuracy
from gnnneg.evaluation.pairs import PairClassification, concatenation, hadamard, matched, pair_classification
from gnnneg.evaluation.plane import plane
from gnnneg.evaluation.predict import predict
from gnnneg.evaluation.probability_calibration import ProbabilityCalibration
from gnnneg.evaluation.ranking import ranks
from gnnneg.evaluation.record import Ranks
from gnnneg.evaluation.relations import RelationRanking
from gnnneg.evaluation.strata import strata, tables
from gnnneg.evaluation.testbed import Testbed
from gnnneg.evaluation.vectors import Vectors, neighbors, vectors

__all__ = [
    "Calibration",
    "Clustering",
    "Evaluator",
    "Findings",
    "Isotonic",
    "Isotropy",
    "KnownNegatives",
    "PairClassification",
    "Platt",
    "ProbabilityCalibration",
    "Ranking",
    "Ranks",
    "RelationRanking",
    "Testbed",
    "TripleClassification",
    "Vectors",
    "accuracy",
    "brier",
    "clustering",
    "concatenation",
    "diagnose",
    "expected_calibration_error",
    "expected_sampled_hits",
    "geometry",
    "hadamard",
    "isotropy",
    "matched",
    "nearest",
    "neighbors",
    "pair_classification",
    "plane",
    "predict",
    "ranked",
    "ranks",
    "representations",
    "shown",
    "strata",
    "summary",
    "tables",
    "vectors",
]
