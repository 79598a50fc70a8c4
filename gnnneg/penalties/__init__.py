"""Penalties: terms of the loss that depend only on the answered query."""

from gnnneg.penalties.dura import DURA
from gnnneg.penalties.lp import Lp
from gnnneg.penalties.query_prediction import QueryPrediction
from gnnneg.penalties.relation_prediction import RelationPrediction
from gnnneg.penalties.soft_constraints import SoftConstraints
from gnnneg.penalties.together import Together

__all__ = ["DURA", "Lp", "QueryPrediction", "RelationPrediction", "SoftConstraints", "Together"]
