"""Recognises the format of a file by its beginning. The name is only a hint: if the two differ, the content decides."""

import re
from pathlib import Path
from typing import NamedTuple

from gnnneg.data.decode import beginning, ending
from gnnneg.data.formats.ntriples import is_statement
from gnnneg.data.formats.owl import syntax_of

COMMENTS = re.compile(r"(?:\s+|#[^\n]*)*")
TURTLE = re.compile(r"@(prefix|base)\b|(PREFIX\s+[\w.-]*:|BASE)\s*<", re.IGNORECASE)
QUAD = re.compile(r"(.*\S)\s*(<[^<>\s]+>|_:\S+)\s*\.\s*(?:#.*)?$")
OBO = re.compile(r"(?:![^\n]*\n|\s)*(format-version:|\[Term\])")
GO = re.compile(r"(?:!(?!\s*g(?:af|pad?)-version)[^\n]*\n|\s)*!\s*(gaf|gpad?)-version:", re.IGNORECASE)
HPOA = re.compile(r"(?:#[^\n]*\n|\s)*#?database_?id\t", re.IGNORECASE)
JSON = re.compile(r"\s*(?:\{|\[\s*[{\]])")
OF_WIKIDATA = re.compile(
    r'"(claims|labels|sitelinks|entities|lemmas)"\s*:|"type"\s*:\s*"(item|property)"|"id"\s*:\s*"[QPL]\d'
)
JSON_LD = re.compile(r'"@(context|id|graph|type)"\s*:')
LONGEST = 4096  # longest line that is tried as N-Quads, because the cost is quadratic

# formats with the same beginning, told apart by the file extension
SYNTAXES = {
    **{".nt": "N-Triples", ".nq": "N-Quads", ".ttl": "Turtle", ".trig": "TriG", ".n3": "N3"},
    **{".rdf": "RDF/XML", ".xml": "RDF/XML", ".jsonld": "JSON-LD"},
}
LIKE_TURTLE = ("Turtle", "TriG", "N3")


class Seen(NamedTuple):
    """The format that reads a file, and a plain description of the file."""

    format: str
    what: str


def seen(path: Path) -> Seen | None:
    """The format of a file by its first 64 KiB; None if it may be a table.

    Raises:
        UserError: If the file is missing or a damaged archive.
    """
    raw = beginning(path)
    if raw.startswith(b"PAR1"):
        return Seen("parquet", "parquet")
    start = raw.decode(errors="replace")
    if match := GO.match(start):
        return Seen("gaf", "GAF") if match[1].lower() == "gaf" else Seen("gpad", "GPAD")
    if OBO.match(start):
        return Seen("obo", "OBO")
    if HPOA.match(start):
        return Seen("hpoa", "hpoa")
    syntax = syntax_of(start)
    if syntax is not None:
        words = {"rdf": "RDF/XML", "owx": "OWL/XML", "ofn": "OWL functional syntax"}
        return Seen("owl", words[syntax])
    if JSON.match(start):
        if JSON_LD.search(start):
            return Seen("rdf", "JSON-LD")
        return Seen("wikidata", "JSON") if OF_WIKIDATA.search(start) else Seen("jsonl", "JSON lines")
    rest = start[COMMENTS.match(start).end() :]  # type: ignore[union-attr]
    if TURTLE.match(rest):
        return Seen("rdf", "Turtle")
    line = rest.split("\n", 1)[0]
    if is_statement(line):
        return Seen("ntriples", "N-Triples")
    quad = QUAD.match(line) if len(line) < LONGEST else None
    return Seen("rdf", "N-Quads") if quad and is_statement(f"{quad[1]} .") else None


def syntax(path: Path) -> str:
    """The syntax of an RDF file: by its beginning, or else by its name."""
    by_name, found = SYNTAXES.get(ending(path)), seen(path)
    if found is None or found.what not in {*SYNTAXES.values()}:
        return by_name or "Turtle"
    if found.what in ("RDF/XML", "JSON-LD"):
        return found.what
    if found.what == "Turtle":
        return by_name if by_name in LIKE_TURTLE else "Turtle"
    # N-Triples files are also valid Turtle and N-Quads
    return by_name if by_name in (*LIKE_TURTLE, "N-Quads") else found.what
