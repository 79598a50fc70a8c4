"""OWL 2 ontologies in functional syntax, OWL/XML or RDF/XML, read through py-horned-owl."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gnnneg.data.account import Account
from gnnneg.data.decode import text
from gnnneg.data.formats.annotated import RDFS, Annotations
from gnnneg.data.formats.bounds import FUNCTIONAL, caught, one_line, quiet, shallow, sound_xml
from gnnneg.data.formats.negations import NEGATION, OF_OBSOLETE, OWL, RDF_TYPE, obsolete, refuse_denial
from gnnneg.data.formats.statements import Row, Statements, collected
from gnnneg.data.rows import shown
from gnnneg.errors import MissingExtra, UserError

SUBCLASS = f"{RDFS}subClassOf"
THING, NOTHING = f"{OWL}Thing", f"{OWL}Nothing"
BEFORE = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\])?\s*>|#[^\n]*", re.DOTALL)
BEGINNINGS = {"rdf": r"<(\w+:)?RDF\b", "owx": r"<(\w+:)?Ontology\b", "ofn": r"(Prefix|Ontology)\s*\("}


def read_owl(path: str | Path) -> Statements:
    """Reads the statements between named things of an `OWL 2 <https://www.w3.org/TR/owl2-syntax/>`_ ontology.

    =====================================================  ======  ==================
    axiom                                                  is      statement
    =====================================================  ======  ==================
    ``ObjectPropertyAssertion(p a b)``                     stated  ``a p b``
    ``NegativeObjectPropertyAssertion(p a b)``             denied  ``a p b``
    ``ClassAssertion(A a)``                                stated  ``a rdf:type A``
    ``ClassAssertion(ObjectComplementOf(A) a)``            denied  ``a rdf:type A``
    ``SubClassOf(A B)``                                    stated  ``A subClassOf B``
    =====================================================  ======  ==================

    For the class ``A`` of ``SubClassOf(A C)``, or the individual ``A`` of ``ClassAssertion(C A)``, these are read too:

    =====================================================  ======  ==================
    class ``C``                                            is      statement
    =====================================================  ======  ==================
    ``ObjectSomeValuesFrom(p B)``                          stated  ``A p B``
    ``ObjectMinCardinality(n p B)`` or ``Exact``, n > 0    stated  ``A p B``
    ``ObjectHasValue(p b)``                                stated  ``A p b``
    ``ObjectMaxCardinality(0 p B)`` or ``Exact``           denied  ``A p B``
    ``ObjectAllValuesFrom(p ObjectComplementOf(B))``       denied  ``A p B``
    ``ObjectComplementOf(C)``                              the opposite of ``C``
    =====================================================  ======  ==================

    ``ObjectInverseOf(p)`` swaps the two ends of an assertion. If ``B`` is ``owl:Thing``, the denial says that a
    question has no answer at all; such pairs are in :obj:`closed`. The label of a thing is ``rdfs:label`` or
    ``skos:prefLabel``, preferably in English or without a language. Its synonyms are ``skos:altLabel`` and those of
    ``oboInOwl``, and its definition is ``IAO:0000115`` or ``skos:definition``.

    Left out and counted by kind are axioms about what is ``owl:deprecated``, all other axioms, annotations of axioms,
    and in RDF/XML the statements that the parser skips. Imported ontologies are not read. The result is in alphabetical
    order, because the parser does not keep the order of the file.

    Args:
        path (str or Path): The file. Its first lines tell the syntax.

    Raises:
        MissingExtra: If py-horned-owl is not installed.
        UserError: If the file is in none of the three syntaxes, has a syntax error, or an annotation says that its
            axiom is false.
    """
    path = Path(path)
    try:
        import pyhornedowl
    except ImportError as error:
        raise MissingExtra("owl", "Reading OWL") from error
    content = text(path)
    syntax = syntax_of(content)
    if syntax is None:
        raise UserError(
            f"{path} begins neither as OWL functional syntax nor as OWL/XML nor as RDF/XML; if it is Turtle, or other "
            "RDF, say --format rdf."
        )
    if syntax == "ofn":
        shallow(path, content, FUNCTIONAL)
    else:
        content = sound_xml(path, content)
    try:
        with caught(path), quiet():
            ontology = pyhornedowl.open_ontology_from_string(content, syntax)  # type: ignore[arg-type]
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{path}{_line(str(error), content)} cannot be read as OWL{_why(str(error))}.") from None
    left_out, closed, annotations = Counter[str](), list[tuple[str, str]](), Annotations()
    components = list(ontology.get_components())
    axioms = [component.component for component in components]
    for annotation in (annotation for component in components for annotation in component.ann):
        value = getattr(annotation.av, "literal", None)
        said = str(getattr(annotation.av, "first", annotation.av)) if value is None else value
        refuse_denial(path, str(annotation.ap.first), said, "write a NegativeObjectPropertyAssertion or a complement")
    rows = sorted(_rows(axioms, left_out, closed, annotations))
    left_out["annotations of axioms"] = sum(len(component.ann) for component in components)
    if syntax == "rdf":
        _count_lost(axioms, content, left_out)
    account = Account({what: left_out[what] for what in sorted(left_out) if left_out[what]})
    return annotations.put(collected(rows, path, account, sorted(closed)))


def syntax_of(content: str) -> str | None:
    """The syntax of an ontology, by its first lines: ``rdf`` (RDF/XML), ``owx`` (OWL/XML), ``ofn`` (functional)."""
    start = 0
    while before := BEFORE.match(content, start):
        start = before.end()
    return next((name for name, begins in BEGINNINGS.items() if re.compile(begins).match(content, start)), None)


def _rows(
    axioms: list[Any], left_out: Counter[str], closed: list[tuple[str, str]], annotations: Annotations
) -> Iterator[Row]:
    gone = {name for axiom in axioms if (name := _obsolete(axiom))}
    for axiom in axioms:
        kind = _kind(axiom)
        if kind in ("OntologyID", "DocIRI"):  # they name the ontology itself
            continue
        row: Row | None = None
        about = ""
        if kind in ("ObjectPropertyAssertion", "NegativeObjectPropertyAssertion"):
            row = _row(axiom.source, axiom.ope, axiom.target, not kind.startswith("Negative"))
            about = " about anonymous individuals"
        elif kind == "ClassAssertion":
            if _kind(axiom.i) == "NamedIndividual":
                row = _claim(axiom.i, axiom.ce, RDF_TYPE)
            about = f" of {_kind(axiom.ce)}" if _kind(axiom.ce) != "Class" else " of anonymous ones"
        elif kind == "SubClassOf":
            if _kind(axiom.sub) == "Class":
                row = _claim(axiom.sub, axiom.sup, SUBCLASS)
                if row is not None and row.relation == SUBCLASS and not row.stated:
                    row = None  # disjoint classes say more than "one is not a subclass of the other"
            about = f"({_kind(axiom.sub)}, {_kind(axiom.sup)})"
        elif kind == "AnnotationAssertion" and _annotation(axiom, annotations):
            continue
        if row is not None and row.head in gone:
            left_out[f"axioms {OF_OBSOLETE}"] += 1
        elif row is None:
            left_out[f"axioms: {kind}{about}"] += 1
        elif row.tail == THING and not row.stated:
            closed.append((row.head, row.relation))
        else:
            yield row


def _obsolete(axiom: Any) -> str:
    """The class, property or individual that an axiom marks as deprecated; nothing if it marks none."""
    if _kind(axiom) == "AnnotationAssertion" and obsolete(
        str(axiom.ann.ap.first), str(getattr(axiom.ann.av, "literal", ""))
    ):
        return str(getattr(axiom.subject, "first", axiom.subject))
    if _kind(axiom) == "ClassAssertion" and _kind(axiom.ce) == "Class" and obsolete(RDF_TYPE, str(axiom.ce.first)):
        return str(axiom.i.first)
    return ""


def _claim(about: Any, concept: Any, is_a: str) -> Row | None:
    """The statement that follows if a thing belongs to a class expression; None if it is not exactly one statement."""
    stated = True
    while _kind(concept) == "ObjectComplementOf":
        concept, stated = concept.first, not stated
    kind = _kind(concept)
    if kind == "Class":
        return Row(str(about.first), is_a, str(concept.first), stated)
    if kind.startswith("Data") or _kind(getattr(concept, "ope", None)) != "ObjectProperty":
        return None  # a restriction on the inverse of p is not a statement about p
    if kind == "ObjectHasValue":
        named = _kind(concept.i) == "NamedIndividual"
        return Row(str(about.first), str(concept.ope.first), str(concept.i.first), stated) if named else None
    filler = concept.bce
    if kind == "ObjectSomeValuesFrom":
        some: bool | None = True
    elif kind == "ObjectAllValuesFrom" and _kind(filler) == "ObjectComplementOf":
        filler, some = filler.first, False
    elif kind == "ObjectAllValuesFrom" and _kind(filler) == "Class" and str(filler.first) == NOTHING:
        return Row(str(about.first), str(concept.ope.first), THING, not stated)
    else:
        some = _some(kind, getattr(concept, "n", None), stated)
    if some is None or _kind(filler) != "Class":
        return None
    return Row(str(about.first), str(concept.ope.first), str(filler.first), some == stated)


def _some(kind: str, n: int | None, stated: bool) -> bool | None:
    """Whether a cardinality says that there is at least one (true), that there is none (false), or neither (None)."""
    if kind == "ObjectMinCardinality" and n:
        return True if stated or n == 1 else None  # fewer than two can still be one
    if kind == "ObjectMaxCardinality" and n is not None:
        return False if n == 0 or not stated else None  # more than n means at least one
    if kind == "ObjectExactCardinality" and n is not None:
        return (n > 0 if stated else None) if n else False
    return None


def _annotation(axiom: Any, annotations: Annotations) -> bool:
    """Reads a label, synonym or definition of a named thing. Returns whether it is one."""
    literal = getattr(axiom.ann.av, "literal", None)
    if _kind(axiom.subject) != "IRI" or literal is None:
        return False
    language = getattr(axiom.ann.av, "lang", None) or ""
    return annotations.add(str(axiom.subject), str(axiom.ann.ap.first), literal, language)


def _kind(thing: Any) -> str:
    return type(thing).__name__


def _row(source: Any, relation: Any, target: Any, stated: bool) -> Row | None:
    if {type(source).__name__, type(target).__name__} != {"NamedIndividual"}:
        return None
    if type(relation).__name__ == "InverseObjectProperty":
        source, target = target, source
    return Row(str(source.first), str(relation.first), str(target.first), stated)


def _count_lost(axioms: list[Any], content: str, left_out: Counter[str]) -> None:
    """Counts what py-horned-owl silently skips in RDF/XML: denials always, and subclass statements if an RDF reader is
    installed.
    """
    lost = "that py-horned-owl did not read"
    name = NEGATION.rsplit("#")[1]
    said = re.sub("<!--.*?-->", "", content, flags=re.DOTALL)
    written = len(re.findall(rf"<\w*:?{name}\b", said)) + len(re.findall(f'resource="[^"]*{name}', said))
    kinds = Counter(map(_kind, axioms))
    found = sum(number for kind, number in kinds.items() if kind.startswith("Negative"))
    left_out[f"negative assertions {lost}"] = max(0, written - found)
    try:
        import pyoxigraph as ox
    except ImportError:
        return
    quads = ox.parse(content, ox.RdfFormat.RDF_XML)
    below = {(str(quad.subject), str(quad.object)) for quad in quads if quad.predicate.value == SUBCLASS}
    left_out[f"subClassOf statements {lost}"] = max(0, len(below) - kinds["SubClassOf"])


def _line(message: str, content: str) -> str:
    """The position of an error from a message of py-horned-owl, as ``:line``."""
    line = re.search(r"Pos\(\((\d+), \d+\)\)", message)
    byte = re.search(r"Byte(?:Position|Span)\((\d+)", message)
    if line is None and byte is None:
        return ""
    return f":{line[1] if line else content.encode().count(10, 0, int(byte[1])) + 1 if byte else 1}"


def _why(message: str) -> str:
    """The cause from a message of py-horned-owl, without Rust's notation."""
    expected = re.search(r"positives: \[([\w, ]+)\]", message)
    found = re.search(r'\bline: "((?:[^"\\]|\\.)*)"', message)
    said = re.search(r'"((?:[^"\\]|\\.)+)"', message)
    if expected and found:
        return f": expected {expected[1]}, found {shown(found[1].strip())}"
    kind = re.search(r"Syntax\((\w+)\)", message)
    return f": {one_line(said[1])}" if said else f": {kind[1]}" if kind else ""
