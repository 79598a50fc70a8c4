"""A statement to judge, and the possible verdicts."""

from typing import NamedTuple

VERDICTS = ("accept", "deny", "unsure", "skip")


class Statement(NamedTuple):
    """A statement as names.

    Args:
        head, relation, tail (str): Their names in the data set, not their indices.
    """

    head: str
    relation: str
    tail: str
