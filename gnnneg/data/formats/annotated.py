"""Labels and synonyms in RDF and OWL: which annotations give them, and which of several is the best."""

import re
from collections.abc import Iterator

import pyarrow as pa

from gnnneg.data.formats.negations import LITERALS, Triple
from gnnneg.data.labels import Called

RDFS, SKOS = "http://www.w3.org/2000/01/rdf-schema#", "http://www.w3.org/2004/02/skos/core#"
OBO = "http://www.geneontology.org/formats/oboInOwl#"
# the smaller the better: labels before synonyms
RANKS = {
    **{f"{RDFS}label": 0, f"{SKOS}prefLabel": 1, f"{SKOS}altLabel": 2},
    **{f"{OBO}has{scope}Synonym": 2 for scope in ("Exact", "Broad", "Narrow", "Related")},
}
LITERAL = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"(?:@([A-Za-z0-9-]+)|\^\^\S+)?', re.DOTALL)
ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
LONGEST = 10_000  # characters of a label: what is longer is a text


class Annotations:
    """The labels and synonyms of one file, of which those without a language or in English come before others."""

    def __init__(self) -> None:
        self._found: list[tuple[str, int, int, str]] = []

    def add(self, name: str, predicate: str, label: str, language: str = "") -> bool:
        """Takes an annotation, and says whether it is a label or synonym."""
        rank = RANKS.get(predicate)
        if rank is None or len(label) > LONGEST:
            return False
        ours = not language or language.lower().split("-")[0] == "en"
        self._found.append((name, rank, 0 if ours else 1, label))
        return True

    def table(self) -> pa.Table | None:
        """The labels as rows of ``name`` and ``label``, by the alphabet; nothing if there are none."""
        called = Called()
        for name, *_, label in sorted(self._found):
            called.add(name, label)
        return called.table()


def with_labels(triples: Iterator[Triple], found: Annotations) -> Iterator[Triple]:
    """Triples without those that only give a label, which are put into the annotations. Where literals are entities,
    their triples stay.
    """
    for triple in triples:
        literal = LITERAL.fullmatch(triple.object) if triple.predicate in RANKS else None
        if literal and triple.stated and not triple.subject_refused:
            taken = found.add(triple.subject, triple.predicate, _plain(literal[1]), literal[2] or "")
            if taken and triple.object_refused == LITERALS:
                continue
        yield triple


def _plain(text: str) -> str:
    """A literal without its escapes."""
    return ESCAPE.sub(_character, text) if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    if match[3]:
        return {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}.get(match[3], match[3])
    code = int(match[1] or match[2], 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
