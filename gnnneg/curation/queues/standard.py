"""The queues that are possible for some runs."""

from collections.abc import Callable
from typing import Any, NamedTuple

from gnnneg.curation.queues.audit import AuditNegatives, AuditPredictions
from gnnneg.curation.queues.base import Queue
from gnnneg.curation.queues.disagreement import Disagreement
from gnnneg.curation.queues.errors import SuspectedErrors
from gnnneg.curation.queues.false_negatives import SuspectedFalseNegatives
from gnnneg.curation.queues.uncertain import Uncertain
from gnnneg.curation.served import Served
from gnnneg.data.ontology import relation_of
from gnnneg.errors import UserError


class Standard(NamedTuple):
    """The queues of some runs.

    Args:
        queues (list[Queue]): The possible queues.
        absent (dict[str, str]): The titles of the other queues, each with the reason as a sentence.
    """

    queues: list[Queue]
    absent: dict[str, str]


def standard(served: Served, seed: int = 0, hierarchy: str | None = None) -> Standard:
    """All queues with their defaults, except :class:`~gnnneg.curation.queues.Question`.

    Args:
        served (Served): The runs.
        seed (int): Random seed. (default: :obj:`0`)
        hierarchy (str, optional): The relation from a class to the class above it, for :class:`SuspectedErrors`.
            (default: :obj:`None`)

    Raises:
        UserError: If the relation does not exist.
    """
    if hierarchy is not None:
        relation_of(served.data, hierarchy)
    options: dict[type[Queue], dict[str, Any]] = {SuspectedErrors: {"hierarchy": hierarchy}}
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
            queues.append(make(served, seed=seed, **options.get(kind, {})))
        except UserError as error:
            absent[kind.title] = str(error)
    return Standard(queues, absent)
