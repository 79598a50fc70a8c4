"""The queues that some runs can have."""

from collections.abc import Callable
from typing import NamedTuple

from gnnneg.curation.queues.audit import AuditNegatives, AuditPredictions
from gnnneg.curation.queues.base import Queue
from gnnneg.curation.queues.disagreement import Disagreement
from gnnneg.curation.queues.errors import SuspectedErrors
from gnnneg.curation.queues.false_negatives import SuspectedFalseNegatives
from gnnneg.curation.queues.uncertain import Uncertain
from gnnneg.curation.served import Served
from gnnneg.errors import UserError


class Standard(NamedTuple):
    """The queues of some runs.

    Args:
        queues (list[Queue]): Those that there are.
        absent (dict[str, str]): By the title of each of the others, why there is none, as a sentence.
    """

    queues: list[Queue]
    absent: dict[str, str]


def standard(served: Served, seed: int = 0) -> Standard:
    """Every queue that needs no question, with its defaults.

    Args:
        served (Served): The runs.
        seed (int): Of all draws. (default: :obj:`0`)
    """
    queues: list[Queue] = []
    absent: dict[str, str] = {}
    kinds: tuple[type[Queue], ...] = (
        Uncertain,
        Disagreement,
        SuspectedFalseNegatives,
        SuspectedErrors,
        AuditNegatives,
        AuditPredictions,
    )
    for kind in kinds:
        make: Callable[..., Queue] = kind
        try:
            queues.append(make(served, seed=seed))
        except UserError as error:
            absent[kind.title] = str(error)
    return Standard(queues, absent)
