"""Queues of statements to judge."""

from gnnneg.curation.queues.audit import Audit, AuditNegatives, AuditPredictions, Estimate
from gnnneg.curation.queues.base import Item, Queue
from gnnneg.curation.queues.disagreement import Disagreement
from gnnneg.curation.queues.errors import SuspectedErrors
from gnnneg.curation.queues.false_negatives import SuspectedFalseNegatives
from gnnneg.curation.queues.question import Question
from gnnneg.curation.queues.standard import Standard, standard
from gnnneg.curation.queues.uncertain import Uncertain

__all__ = [
    "Audit",
    "AuditNegatives",
    "AuditPredictions",
    "Disagreement",
    "Estimate",
    "Item",
    "Question",
    "Queue",
    "Standard",
    "SuspectedErrors",
    "SuspectedFalseNegatives",
    "Uncertain",
    "standard",
]
