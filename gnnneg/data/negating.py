"""Names of relations that sound like the negation of another: nothing is read by them, but they are told of."""

import re
from typing import NamedTuple

WORDS = r"(?i:not|non|neg|negative|negated|denied|false|never|absent)[ _|:.\-]+"
VERBS = r"(?i:does|do|did|is|are|was|has|have|can|must)[ _]?(?i:not)[ _]+|(?:does|is|has)Not(?=[A-Z])"
NEGATION = re.compile(rf"{WORDS}|{VERBS}|[nN]ot(?=[A-Z])|NO[ _|:.\-]|(?i:lacks|without)[ _]+|¬ ?")
PLACE = re.compile(r"[/#:](?=[^/#:]*$)")  # behind which an identifier has its own name


WEAK = re.compile(r"(?i:non|neg|denied|false|never|absent)")


class Negation(NamedTuple):
    """A name in three parts: what stands before, what negates, and what is negated."""

    before: str
    word: str
    plain: str

    @property
    def weak(self) -> bool:
        """Whether the word may well be part of a name that negates nothing, as in ``negative_regulation_of``."""
        return WEAK.match(self.word) is not None


def negation(name: str) -> Negation | None:
    """What a name negates, if it sounds like that: ``not_treats``, ``http://e/notTreats``, ``does not treat``."""
    place = PLACE.search(name)
    for start in dict.fromkeys((0, place.end() if place else 0)):
        match = NEGATION.match(name, start)
        if match and match.end() < len(name):
            return Negation(name[:start], match[0], name[match.end() :])
    return None
