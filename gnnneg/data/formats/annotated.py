"""Labels, synonyms and definitions in RDF and OWL: the annotations that give them, and which one to prefer."""

import re
from collections.abc import Iterator

from gnnneg.data.definitions import Defined
from gnnneg.data.formats.negations import LITERALS, Triple
from gnnneg.data.formats.statements import Statements
from gnnneg.data.labels import Called

RDFS, SKOS = "http://www.w3.org/2000/01/rdf-schema#", "http://www.w3.org/2004/02/skos/core#"
OBO = "http://www.geneontology.org/formats/oboInOwl#"
# smaller numbers are preferred: labels before synonyms
RANKS = {
    **{f"{RDFS}label": 0, f"{SKOS}prefLabel": 1, f"{SKOS}altLabel": 2},
    **{f"{OBO}has{scope}Synonym": 2 for scope in ("Exact", "Broad", "Narrow", "Related")},
}
DEFINING = {"http://purl.obolibrary.org/obo/IAO_0000115": 0, f"{SKOS}definition": 1}
READ = {*RANKS, *DEFINING}
LITERAL = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"(?:@([A-Za-z0-9-]+)|\^\^\S+)?', re.DOTALL)
ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
LONGEST = 10_000  # characters of a label; longer texts are not labels


class Annotations:
    """The labels, synonyms and definitions of one file. Those in English or without a language come first."""

    def __init__(self) -> None:
        self._called: list[tuple[str, int, int, str]] = []
        self._defined: list[tuple[str, int, int, str]] = []

    def add(self, name: str, predicate: str, text: str, language: str = "") -> bool:
        """Adds an annotation. Returns whether it is a label, synonym or definition."""
        rank, place = RANKS.get(predicate), self._called
        if rank is None:
            rank, place = DEFINING.get(predicate), self._defined
        if rank is None or (place is self._called and len(text) > LONGEST):
            return False
        ours = not language or language.lower().split("-")[0] == "en"
        # a thing has one definition, so the language decides first; all labels are kept
        order = (rank, 0 if ours else 1) if place is self._called else (0 if ours else 1, rank)
        place.append((name, *order, text))
        return True

    def put(self, statements: Statements) -> Statements:
        """The statements with labels and definitions added. Further definitions of the same thing are counted."""
        called, defined = Called(), Defined()
        for name, *_, text in sorted(self._called):
            called.add(name, text)
        for name, *_, text in sorted(self._defined):
            defined.add(name, text)
        return statements._replace(labels=called.table(), definitions=defined.table(statements.left_out))


def with_labels(triples: Iterator[Triple], found: Annotations) -> Iterator[Triple]:
    """Removes triples that only give a label or definition and adds these to the annotations. If literals are entities,
    their triples stay.
    """
    for triple in triples:
        literal = LITERAL.fullmatch(triple.object) if triple.predicate in READ else None
        if literal and triple.stated and not triple.subject_refused:
            taken = found.add(triple.subject, triple.predicate, _plain(literal[1]), literal[2] or "")
            if taken and triple.object_refused == LITERALS:
                continue
        yield triple


def _plain(text: str) -> str:
    """A literal with its escapes resolved."""
    return ESCAPE.sub(_character, text) if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    if match[3]:
        return {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}.get(match[3], match[3])
    code = int(match[1] or match[2], 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
