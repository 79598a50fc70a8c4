"""OWL 2 ontologies in functional syntax, OWL/XML or RDF/XML, through py-horned-owl."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gnnneg.data.decode import text
from gnnneg.data.formats.negations import NEGATION, RDF_TYPE
from gnnneg.data.formats.statements import Row, Statements, collected
from gnnneg.errors import MissingExtra, UserError

SUBCLASS = "http://www.w3.org/2000/01/rdf-schema#subClassOf"
BEFORE = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\])?\s*>|#[^\n]*", re.DOTALL)
BEGINNINGS = {"rdf": r"<(\w+:)?RDF\b", "owx": r"<(\w+:)?Ontology\b", "ofn": r"(Prefix|Ontology)\s*\("}


def read_owl(path: str | Path) -> Statements:
    """Reads the statements between named things of an `OWL 2 <https://www.w3.org/TR/owl2-syntax/>`_ ontology.

    ===============================================================  ======  =========================================
    axiom                                                            is      statement
    ===============================================================  ======  =========================================
    ``ObjectPropertyAssertion(p a b)``                               stated  ``a p b``
    ``NegativeObjectPropertyAssertion(p a b)``                       denied  ``a p b``
    ``ClassAssertion(A a)``                                          stated  ``a rdf:type A``
    ``ClassAssertion(ObjectComplementOf(A) a)``                      denied  ``a rdf:type A``
    ``SubClassOf(A B)``                                              stated  ``A rdfs:subClassOf B``
    ``SubClassOf(A ObjectSomeValuesFrom(p B))``                      stated  ``A p B``
    ``SubClassOf(A ObjectComplementOf(ObjectSomeValuesFrom(p B)))``  denied  ``A p B``
    ===============================================================  ======  =========================================

    ``ObjectInverseOf(p)`` swaps the two. All other axioms are left out and counted by their kind; imported ontologies
    are not followed. Everything is in alphabetical order, since the parser keeps none.

    Args:
        path (str or Path): The file; ``.gz`` is decompressed. Its first lines tell the syntax.

    Raises:
        MissingExtra: If py-horned-owl is not installed.
        UserError: If it is in none of the three syntaxes, or wrong in its own.
    """
    path = Path(path)
    try:
        import pyhornedowl
    except ImportError as error:
        raise MissingExtra("owl", "Reading OWL") from error
    content = text(path)
    start = 0
    while before := BEFORE.match(content, start):
        start = before.end()
    syntax = next((name for name, begins in BEGINNINGS.items() if re.compile(begins).match(content, start)), None)
    if syntax is None:
        raise UserError(f"{path} begins neither as OWL functional syntax nor as OWL/XML nor as RDF/XML.")
    try:
        ontology = pyhornedowl.open_ontology_from_string(content, syntax)  # type: ignore[arg-type]
    except ValueError as error:
        raise UserError(f"{path}{_line(str(error), content)} cannot be read as OWL: {str(error)[:160]}") from None
    left_out: Counter[str] = Counter()
    axioms = [component.component for component in ontology.get_components()]
    rows = sorted(_rows(axioms, left_out))
    if syntax == "rdf":
        _count_lost(axioms, content, left_out)
    return collected(rows, path, dict(sorted(left_out.items())))


def _rows(axioms: list[Any], left_out: Counter[str]) -> Iterator[Row]:
    for axiom in axioms:
        kind = type(axiom).__name__
        if kind in ("OntologyID", "DocIRI"):  # they name the ontology
            continue
        if kind in ("ObjectPropertyAssertion", "NegativeObjectPropertyAssertion"):
            row = _row(axiom.source, axiom.ope, axiom.target, not kind.startswith("Negative"))
            about = " about anonymous individuals"
        elif kind == "ClassAssertion":
            concept, stated = _positive(axiom.ce)
            named = type(concept).__name__ == "Class" and type(axiom.i).__name__ == "NamedIndividual"
            row = Row(str(axiom.i.first), RDF_TYPE, str(concept.first), stated) if named else None
            about = f" of {type(concept).__name__}" if type(concept).__name__ != "Class" else " of anonymous ones"
        elif kind == "SubClassOf":
            row = _subclass(axiom)
            about = f"({type(axiom.sub).__name__}, {type(axiom.sup).__name__})"
        else:
            about, row = "", None
        if row is not None:
            yield row
        else:
            left_out[f"axioms: {kind}{about}"] += 1


def _subclass(axiom: Any) -> Row | None:
    if type(axiom.sub).__name__ != "Class":
        return None
    concept, stated = _positive(axiom.sup)
    if type(concept).__name__ == "ObjectSomeValuesFrom" and type(concept.bce).__name__ == "Class":
        if type(concept.ope).__name__ != "ObjectProperty":  # some inverse of p: that is not a statement about p
            return None
        return Row(str(axiom.sub.first), str(concept.ope.first), str(concept.bce.first), stated)
    if type(concept).__name__ == "Class" and stated:
        return Row(str(axiom.sub.first), SUBCLASS, str(concept.first))
    return None


def _positive(concept: Any) -> tuple[Any, bool]:
    """A class without its complement sign, and whether it had none."""
    return (concept.first, False) if type(concept).__name__ == "ObjectComplementOf" else (concept, True)


def _row(source: Any, relation: Any, target: Any, stated: bool) -> Row | None:
    if {type(source).__name__, type(target).__name__} != {"NamedIndividual"}:
        return None
    if type(relation).__name__ == "InverseObjectProperty":
        source, target = target, source
    return Row(str(source.first), str(relation.first), str(target.first), stated)


def _count_lost(axioms: list[Any], content: str, left_out: Counter[str]) -> None:
    """py-horned-owl passes over what it cannot interpret in RDF/XML without a word: at least denials are counted."""
    name = NEGATION.rsplit("#")[1]
    written = len(re.findall(rf"<\w*:?{name}\b", content)) + len(re.findall(f'resource="[^"]*{name}', content))
    found = sum(type(axiom).__name__.startswith("Negative") for axiom in axioms)
    if written > found:
        left_out["negative assertions that py-horned-owl did not read"] = written - found


def _line(message: str, content: str) -> str:
    """What py-horned-owl says of the place of an error, as ``:line``."""
    line = re.search(r"Pos\(\((\d+), \d+\)\)", message)
    byte = re.search(r"BytePosition\((\d+)\)", message)
    if line is None and byte is None:
        return ""
    return f":{line[1] if line else content.encode().count(10, 0, int(byte[1])) + 1 if byte else 1}"
