"""Reads the four triples with which OWL says in RDF that a statement is false."""

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from gnnneg.data.formats.marks import RDF_TYPE, denies, may_deny, stands_for_a_triple
from gnnneg.data.formats.statements import Row
from gnnneg.data.shell import argument
from gnnneg.errors import UserError, echo

OWL = "http://www.w3.org/2002/07/owl#"
NEGATION = f"{OWL}NegativePropertyAssertion"
SOURCE, PROPERTY = f"{OWL}sourceIndividual", f"{OWL}assertionProperty"
TARGET, VALUE = f"{OWL}targetIndividual", f"{OWL}targetValue"
LITERALS = "literals"
ABOUT = "triples about triples"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
# properties of a node that stands for a triple, in RDF and OWL
REIFYING = {
    *(f"{RDF}{part}" for part in ("subject", "predicate", "object")),
    *(f"{OWL}annotated{part}" for part in ("Source", "Property", "Target")),
}
# what OWL marks so is obsolete, and its own statements are not those of the ontology any more
OBSOLETE, OBSOLETES = f"{OWL}deprecated", (f"{OWL}DeprecatedClass", f"{OWL}DeprecatedProperty")
OF_OBSOLETE = "about what is deprecated (owl:deprecated)"
# what the RDF of Wikidata says about statements, apart from the plain triples
DEPRECATED, NO_VALUE = "http://wikiba.se/ontology#DeprecatedRank", "http://www.wikidata.org/prop/novalue/"


class Triple(NamedTuple):
    """One RDF triple. For each end that cannot be an entity, it holds the reason."""

    subject: str
    predicate: str
    object: str
    subject_refused: str = ""
    object_refused: str = ""
    stated: bool = True
    source: str = ""


def folded(triples: Iterable[Triple], path: Path, left_out: Counter[str]) -> Iterator[Row]:
    r"""Converts triples to statements, in order, followed by the denied ones. These are written in the pattern of the
    `OWL 2 mapping to RDF <https://www.w3.org/TR/owl2-mapping-to-rdf/>`_

    .. math::
        x \; \text{rdf:type} \; \text{owl:NegativePropertyAssertion}, \quad x \; \text{owl:sourceIndividual} \; h, \quad
        x \; \text{owl:assertionProperty} \; r, \quad x \; \text{owl:targetIndividual} \; t ,

    which denies :math:`(h, r, t)`. With ``owl:targetValue`` it denies a literal and is left out. All other triples
    about :math:`x` annotate the denial and are left out too. A node that stands for a triple (``rdf:subject``,
    ``rdf:predicate``, ``rdf:object``) states nothing, so its triples are left out as well. Other vocabularies (Biolink,
    SSSOM) have such nodes too (see :func:`gnnneg.data.formats.marks.stands_for_a_triple`). One that is marked as
    negated is refused, unless it is in a denied graph. What is ``owl:deprecated`` states nothing either, as an obsolete
    term of OBO.

    Args:
        triples (iterable): The triples of one file.
        path (Path): The file, for error messages.
        left_out (Counter): Counts what is left out.

    Raises:
        UserError: If a pattern lacks a part or repeats one (the message names its node), or a triple or a named graph
            is marked as false.
    """
    weak = 0
    denied: dict[str, tuple[str, str]] = {}
    about: set[str] = set()
    gone: set[str] = set()
    parts: dict[str, dict[str, list[Triple]]] = {}
    others: list[tuple[str, str, str, str, bool, str]] = []
    for triple in triples:
        named = triple.predicate in (SOURCE, PROPERTY, TARGET, VALUE)
        if named or (triple.predicate == RDF_TYPE and triple.object == NEGATION):
            parts.setdefault(triple.subject, {}).setdefault(triple.predicate, []).append(triple)
        else:
            if triple.predicate in REIFYING:
                about.add(triple.subject)
            weak += triple.object == DEPRECATED or (triple.predicate == RDF_TYPE and triple.object.startswith(NO_VALUE))
            if triple.stated and may_deny(triple.predicate) and denies(triple.predicate, triple.object):
                denied.setdefault(triple.subject, (triple.predicate, triple.object))
            if triple.stated and obsolete(triple.predicate, triple.object):
                gone.add(triple.subject)
            refused = triple.subject_refused or triple.object_refused
            others.append((triple.subject, triple.predicate, triple.object, refused, triple.stated, triple.source))
    if denied:
        _refuse_denied(path, {node: said for node, said in denied.items() if node not in parts}, others)
    for head, relation, tail, refused, stated, source in others:
        if head in parts:
            left_out["annotations of negative assertions"] += 1
        elif head in about:
            if stated:
                refuse_denial(path, relation, tail)
            left_out[refused or ABOUT] += 1
        elif refused:
            left_out[refused] += 1
        elif head in gone:
            left_out[f"triples {OF_OBSOLETE}"] += 1
        else:
            yield Row(head, relation, tail, stated, source=source)
    if weak:
        warnings.warn(
            f"{path}: {weak:,} statements of Wikidata are deprecated or say 'no value', and their triples are read as "
            "stated: import its JSON instead, where both are understood.",
            stacklevel=2,
        )
    for node, found in parts.items():
        parties = ", ".join(which[0].object for predicate, which in found.items() if predicate != RDF_TYPE)
        where = f"{path}: the owl:NegativePropertyAssertion {node}{f' ({parties})' if parties else ''}"
        first, second, third = _denied(where, found)
        refused = first.object_refused or second.object_refused or third.object_refused
        if refused:
            left_out[f"negative assertions about {refused}"] += 1
        elif first.object in gone:
            left_out[f"triples {OF_OBSOLETE}"] += 1
        else:
            yield Row(first.object, second.object, third.object, stated=False, source=first.source)


def obsolete(predicate: str, said: str) -> bool:
    """Whether a triple marks its subject as deprecated.

    Args:
        predicate (str): Its predicate.
        said (str): Its object, in the syntax of N-Triples or plain.
    """
    if predicate == OBSOLETE:
        return said.removeprefix('"').startswith(("true", "1"))
    return predicate == RDF_TYPE and said in OBSOLETES


IN_A_GRAPH = (
    "put false triples into a separate named graph and say --denied-graph, or write owl:NegativePropertyAssertion, "
    "instead of such marks"
)


def refuse_denial(path: Path, relation: str, said: str, instead: str = IN_A_GRAPH) -> None:
    """Refuses a property that says that a triple is false. Other properties of triples are left out.

    Args:
        path (Path): The file.
        relation (str): The property of the triple, such as ``negated``.
        said (str): Its value, in the syntax of N-Triples or plain.
        instead (str): Advice on how to write it.

    Raises:
        UserError: If the property says that the triple is false.
    """
    if denies(relation, said):
        raise UserError(f"{path}: {echo(relation)} says that a triple is false, which is not read there: {instead}.")


def _refuse_denied(
    path: Path, denied: dict[str, tuple[str, str]], triples: list[tuple[str, str, str, str, bool, str]]
) -> None:
    """Refuses a subject that is marked as false if it stands for a triple, or if it is a named graph that is read as
    stated.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for head, relation, tail, _, stated, _ in triples:
        if stated and head in denied:
            found.setdefault(head, []).append((relation, tail))
    for node, said in found.items():
        of_nodes = (relation for relation, tail in said if not tail.startswith('"'))
        types = (tail for relation, tail in said if relation == RDF_TYPE)
        if stands_for_a_triple((relation for relation, _ in said), of_nodes, types):
            refuse_denial(path, *denied[node])
    for *_, stated, source in triples:
        if stated and source in denied:
            raise UserError(
                f"{path}: {echo(denied[source][0])} says that the named graph {echo(source)} is false: "
                f"say --denied-graph {argument(source)}."
            )


def _denied(where: str, found: dict[str, list[Triple]]) -> list[Triple]:
    """The triples of one pattern that give head, relation and tail."""
    for predicate, which in found.items():
        if len({t.object for t in which}) > 1:
            raise UserError(f"{where} has more than one {_short(predicate)}.")
        if not which[0].stated:
            raise UserError(f"{where} is in a graph that is itself denied: use only one of the two.")
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
