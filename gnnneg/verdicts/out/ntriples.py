"""Verdicts as RDF: what is denied is an ``owl:NegativePropertyAssertion``."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from gnnneg.verdicts.agreed import ROLES
from gnnneg.verdicts.out.outcome import Outcome, Row, Written, one_line, parted
from gnnneg.verdicts.out.tables import UNSURE

OWN = "urn:gnnneg:"  # before names that are no IRIs
# what RFC 3987 lets stand in an IRI, but for private characters and brackets
SIGN = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2}|[\u00a1-\u167f\u1681-\u1fff\u2010-\u2027\u2030-\u205e"
SIGN += r"\u2070-\u2fff\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\uffef\U00010000-\U0001fffd])"
IRI = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]*:{SIGN}+(?:#{SIGN}*)?")
RDF_TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
OWL, RDFS, DCTERMS = (
    "http://www.w3.org/2002/07/owl#",
    "http://www.w3.org/2000/01/rdf-schema#",
    "http://purl.org/dc/terms/",
)
XSD_TIME = "<http://www.w3.org/2001/XMLSchema#dateTime>"


def ntriples(outcome: Outcome) -> Written:
    """Accepted statements as triples, denied ones as the `OWL 2 mapping to RDF
    <https://www.w3.org/TR/owl2-mapping-to-rdf/>`_ writes negative assertions, with who said so, when and why.

    A name that is no IRI becomes one that begins with ``urn:gnnneg:``, and the name is its label.
    """
    rows, left_out = parted(outcome.rows, lambda row: UNSURE if row["verdict"] == "unsure" else "")
    names = list(dict.fromkeys(row[role] for row in rows for role in ROLES))
    made = [name for name in names if not IRI.fullmatch(name)]
    lines = [line for place, row in enumerate(rows) for line in _triples(place, row)]
    for name in names:
        label = name if name in made else outcome.label(name)
        if label:
            lines.append(f"{_iri(name)} <{RDFS}label> {_literal(label)} .")
    notes = (
        [f"{len(made):,} names that are no IRIs were written as {OWN}..., with the name as a label."] if made else []
    )
    accepted = sum(row["verdict"] == "accept" for row in rows)
    if accepted:
        notes.append(f"Who accepted a statement, when and why is not said of the {accepted:,} accepted ones.")
    return Written("".join(f"{line}\n" for line in lines), len(rows), left_out, notes, "")


def _triples(place: int, row: Row) -> Iterator[str]:
    head, relation, tail = (_iri(row[role]) for role in ROLES)
    if row["verdict"] == "accept":
        yield f"{head} {relation} {tail} ."
        return
    node = f"_:denied{place}"
    yield f"{node} {RDF_TYPE} <{OWL}NegativePropertyAssertion> ."
    yield f"{node} <{OWL}sourceIndividual> {head} ."
    yield f"{node} <{OWL}assertionProperty> {relation} ."
    yield f"{node} <{OWL}targetIndividual> {tail} ."
    yield f"{node} <{DCTERMS}creator> {_literal(one_line(row['who']))} ."
    yield f"{node} <{DCTERMS}created> {_literal(row['when'])}^^{XSD_TIME} ."
    if row["why"]:
        yield f"{node} <{RDFS}comment> {_literal(row['why'])} ."


def _iri(name: str) -> str:
    return f"<{name if IRI.fullmatch(name) else OWN + quote(name, safe='')}>"


def _literal(text: str) -> str:
    for sign, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(sign, escaped)
    return '"' + "".join(sign if sign.isprintable() or sign == " " else f"\\U{ord(sign):08X}" for sign in text) + '"'
