"""Queues of statements to judge."""

from gnnneg.curation.queues.base import Item, Queue
from gnnneg.curation.queues.question import Question
from gnnneg.curation.queues.uncertain import Uncertain

__all__ = ["Item", "Question", "Queue", "Uncertain"]
