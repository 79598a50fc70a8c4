"""How good a model is: ranking, classification, diagnosis of negatives, and predictions with names."""

from gnnneg.evaluation.classification import classification
from gnnneg.evaluation.geometry import geometry
from gnnneg.evaluation.metrics import expected_sampled_hits, summary
from gnnneg.evaluation.negatives import diagnose, shown
from gnnneg.evaluation.nodes import accuracy
from gnnneg.evaluation.predict import predict
from gnnneg.evaluation.ranking import ranks
from gnnneg.evaluation.record import Ranks
from gnnneg.evaluation.relations import relation_ranks
from gnnneg.evaluation.strata import strata, tables

__all__ = [
    "Ranks",
    "accuracy",
    "classification",
    "diagnose",
    "expected_sampled_hits",
    "geometry",
    "predict",
    "ranks",
    "relation_ranks",
    "shown",
    "strata",
    "summary",
    "tables",
]
