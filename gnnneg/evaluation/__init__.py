"""How good a model is: ranking, classification, clustering, calibration, diagnosis of negatives, and predictions."""

from gnnneg.evaluation.calibration import Calibration, Isotonic, Platt, brier, expected_calibration_error
from gnnneg.evaluation.classification import classification
from gnnneg.evaluation.clustering import clustering
from gnnneg.evaluation.geometry import geometry
from gnnneg.evaluation.known_negatives import known_negatives
from gnnneg.evaluation.metrics import expected_sampled_hits, summary
from gnnneg.evaluation.nearest import nearest
from gnnneg.evaluation.negatives import diagnose, shown
from gnnneg.evaluation.nodes import accuracy
from gnnneg.evaluation.pairs import concatenation, hadamard, matched, pair_classification
from gnnneg.evaluation.plane import plane
from gnnneg.evaluation.predict import predict
from gnnneg.evaluation.ranking import ranks
from gnnneg.evaluation.record import Ranks
from gnnneg.evaluation.relations import relation_ranks
from gnnneg.evaluation.representations import representations
from gnnneg.evaluation.strata import strata, tables

__all__ = [
    "Calibration",
    "Isotonic",
    "Platt",
    "Ranks",
    "accuracy",
    "brier",
    "classification",
    "clustering",
    "concatenation",
    "diagnose",
    "expected_calibration_error",
    "expected_sampled_hits",
    "geometry",
    "hadamard",
    "known_negatives",
    "matched",
    "nearest",
    "pair_classification",
    "plane",
    "predict",
    "ranks",
    "relation_ranks",
    "representations",
    "shown",
    "strata",
    "summary",
    "tables",
]
