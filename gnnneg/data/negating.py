"""Names of relations that sound like the negation of another: nothing is read by them, but they are told of."""

import re
from typing import NamedTuple

WORDS = r"(?i:not|non|neg|negative|negated|denied|false|never|absent)[ _|:.\-]+"
VERBS = r"(?i:does|do|did|is|are|was|has|have|can|must)[ _\-]?(?i:not)[ _\-]+|(?:does|is|has)Not(?=[A-Z])"
VERBS += r"|(?i:does|do|did|is|are|was|has|have|ca)n['\u2019]t[ _]+|(?i:no[ _]longer|fails?[ _]to)[ _]+"
NEGATION = re.compile(rf"{WORDS}|{VERBS}|[nN]ot(?=[A-Z])|(?i:no)[ _|:.\-]|(?i:lacks|without)[ _]+|¬ ?|!(?=\w)")
LAST = r"(?i:not|neg|negs|negative|negatives|negated|denied|false|absent)"
BEHIND = re.compile(rf"(?<=\w)(?:[ _|:.\-]{LAST}|[ _]?(?:\({LAST}\)|\[{LAST}\]))$|(?<=[a-z0-9])Not$")
PLACE = re.compile(r"[/#:](?=[^/#:]*$)")  # behind which an identifier has its own name
WEAK = re.compile(r"[ _|:.\-(\[]*(?:(?i:non|neg|denied|false|never|absent)|[nN]o[ _|:.\-])")


class Negation(NamedTuple):
    """A name in parts: what stands before, what negates, and what is negated, or what negates behind that."""

    before: str
    word: str
    plain: str
    behind: str = ""

    @property
    def weak(self) -> bool:
        """Whether the word may well be part of a name that negates nothing, as in ``negative_regulation_of``."""
        return WEAK.match(self.word or self.behind) is not None

    @property
    def meant(self) -> str:
        """What such a relation is called that is not negated."""
        return self.before + self.plain

    @property
    def pattern(self) -> str:
        """A regular expression for relations that are negated in this way, and what each is the negation of."""
        if self.behind:
            return f"(.*){re.escape(self.behind)}"
        return f"{re.escape(self.before + self.word)}(.*)" + (f"={self.before}\\1" if self.before else "")


def negation(name: str) -> Negation | None:
    """What a name negates, if it sounds like that: ``not_treats``, ``http://e/notTreats``, ``does not treat``, or
    ``treats_neg``.
    """
    place = PLACE.search(name)
    for start in dict.fromkeys((0, place.end() if place else 0)):
        match = NEGATION.match(name, start)
        if match and match.end() < len(name):
            return Negation(name[:start], match[0], name[match.end() :])
    last = BEHIND.search(name)
    return Negation("", "", name[: last.start()], last[0]) if last else None
