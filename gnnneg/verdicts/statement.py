"""What is judged, and what may be said of it."""

from typing import NamedTuple

VERDICTS = ("accept", "deny", "unsure", "skip")


class Statement(NamedTuple):
    """A statement in names.

    Args:
        head, relation, tail (str): Their names in the data set, not their numbers.
    """

    head: str
    relation: str
    tail: str
