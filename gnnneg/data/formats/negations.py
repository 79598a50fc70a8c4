"""The four triples in which RDF writes that a statement is false."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from gnnneg.data.formats.statements import Row
from gnnneg.errors import UserError

RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
OWL = "http://www.w3.org/2002/07/owl#"
NEGATION = f"{OWL}NegativePropertyAssertion"
SOURCE, PROPERTY = f"{OWL}sourceIndividual", f"{OWL}assertionProperty"
TARGET, VALUE = f"{OWL}targetIndividual", f"{OWL}targetValue"
LITERALS = "literals"


class Triple(NamedTuple):
    """One RDF triple; of its ends, why they cannot be entities, if they cannot."""

    subject: str
    predicate: str
    object: str
    subject_refused: str = ""
    object_refused: str = ""
    stated: bool = True
    source: str = ""


def folded(triples: Iterable[Triple], path: Path, left_out: Counter[str]) -> Iterator[Row]:
    r"""Triples as statements, in their order, and then the denied ones of the pattern of the `OWL 2 mapping to RDF
    <https://www.w3.org/TR/owl2-mapping-to-rdf/>`_

    .. math::
        x \; \text{rdf:type} \; \text{owl:NegativePropertyAssertion}, \quad x \; \text{owl:sourceIndividual} \; h, \quad
        x \; \text{owl:assertionProperty} \; r, \quad x \; \text{owl:targetIndividual} \; t ,

    which denies :math:`(h, r, t)`. With ``owl:targetValue`` it denies a literal, and is left out. What else is said
    about :math:`x` annotates the denial, and is left out too.

    Args:
        triples (iterable): The triples of one file.
        path (Path): The file, for what is wrong in it.
        left_out (Counter): Counts what is left out.

    Raises:
        UserError: For a pattern that lacks a part or has one twice, naming its node.
    """
    parts: dict[str, dict[str, list[Triple]]] = {}
    others: list[tuple[str, str, str, str, bool, str]] = []
    for triple in triples:
        named = triple.predicate in (SOURCE, PROPERTY, TARGET, VALUE)
        if named or (triple.predicate == RDF_TYPE and triple.object == NEGATION):
            parts.setdefault(triple.subject, {}).setdefault(triple.predicate, []).append(triple)
        else:
            refused = triple.subject_refused or triple.object_refused
            others.append((triple.subject, triple.predicate, triple.object, refused, triple.stated, triple.source))
    for head, relation, tail, refused, stated, source in others:
        if head in parts:
            left_out["annotations of negative assertions"] += 1
        elif refused:
            left_out[refused] += 1
        else:
            yield Row(head, relation, tail, stated, source=source)
    for node, found in parts.items():
        about = ", ".join(which[0].object for predicate, which in found.items() if predicate != RDF_TYPE)
        where = f"{path}: the owl:NegativePropertyAssertion {node}{f' ({about})' if about else ''}"
        first, second, third = _denied(where, found)
        refused = first.object_refused or second.object_refused or third.object_refused
        if refused:
            left_out[f"negative assertions about {refused}"] += 1
        else:
            yield Row(first.object, second.object, third.object, stated=False, source=first.source)


def _denied(where: str, found: dict[str, list[Triple]]) -> list[Triple]:
    """The triples of one pattern that name the head, the relation and the tail."""
    for predicate, which in found.items():
        if len({t.object for t in which}) > 1:
            raise UserError(f"{where} has more than one {_short(predicate)}.")
        if not which[0].stated:
            raise UserError(f"{where} stands in a graph that is denied itself: say only one of the two.")
    if TARGET in found and VALUE in found:
        raise UserError(f"{where} has both an owl:targetIndividual and an owl:targetValue.")
    target = VALUE if VALUE in found else TARGET
    for predicate in (RDF_TYPE, SOURCE, PROPERTY, target):
        if predicate not in found:
            raise UserError(f"{where} is incomplete: it has no {_short(predicate)}.")
    for predicate in (SOURCE, PROPERTY, TARGET):
        if predicate in found and found[predicate][0].object_refused == LITERALS:
            raise UserError(f"{where} has a literal as its {_short(predicate)}.")
    return [found[predicate][0] for predicate in (SOURCE, PROPERTY, target)]


def _short(predicate: str) -> str:
    return "rdf:type" if predicate == RDF_TYPE else predicate.replace(OWL, "owl:")
