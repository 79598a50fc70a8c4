"""Properties with which RDF says that a triple or a named graph is false, and nodes that stand for a triple."""

import re
from collections.abc import Iterable
from functools import lru_cache

from gnnneg.data.formats.columns import NOT, UNTRUE, modifies, negates, negates_twice, only_negates, says_false, words
from gnnneg.data.formats.vocabulary import (
    BEFORE_ENDS,
    BEHIND_ENDS,
    BESIDE_NEGATING,
    ENDS,
    LINKING,
    NEGATING,
    POLAR,
    STATING,
    UNDOING,
    VALUE,
)
from gnnneg.data.layout import folded

RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
LITERAL = re.compile(r'"(.*?)"(?:@[\w-]+|\^\^.*)?', re.DOTALL)
# properties of these vocabularies describe things and documents, and deny nothing
DESCRIBING = (
    "http://www.w3.org/2000/01/rdf-schema#",
    "http://www.w3.org/2002/07/owl#",
    "http://purl.org/dc/terms/",
    "http://purl.org/dc/elements/1.1/",
)
TRUTH = POLAR - {"label", "labels"}  # a label of RDF is a name
SIGNED = frozenset({"polarity", "sign"})  # of which 0 is neutral


@lru_cache(1 << 10)
def may_deny(relation: str) -> bool:
    """Whether the name of a property suggests that it can say that its subject is false."""
    if relation == RDF_TYPE:
        return True
    name = last(relation)
    return not relation.startswith(DESCRIBING) and (_negation(name) or modifies(name) or _of_truth(name))


def denies(relation: str, said: str) -> bool:
    """Whether a property and its value say that their subject is false.

    Args:
        relation (str): The property.
        said (str): Its value, in the syntax of N-Triples or plain.
    """
    if not may_deny(relation):
        return False
    match = LITERAL.fullmatch(said)
    plain = match[1] if match else said
    if relation == RDF_TYPE:
        return only_negates(plain)
    name, word = last(relation), folded(plain)
    if _negation(name):
        return says_false(name, word)
    if modifies(name):  # SSSOM: "Not", or sssom:NegatedPredicate
        return NOT in (word, last(word)) or only_negates(plain)
    word = word if match else last(word)  # a value may be a node, such as ex:False
    return word in UNTRUE and not (word == "0" and {*words(name)} & SIGNED)


def stands_for_a_triple(relations: Iterable[str], of_nodes: Iterable[str], types: Iterable[str]) -> bool:
    """Whether a node stands for a triple: it has a subject and an object that are no literals, such as
    ``biolink:subject`` and ``biolink:object``, and either a predicate or a type such as ``NegatedAssertion``.

    Names of properties count as a whole: ``startDate`` and ``rdfs:domain`` are no ends, ``source`` alone is none
    either.

    Args:
        relations (iterable): All properties of the node.
        of_nodes (iterable): Those whose value is no literal.
        types (iterable): Its types.
    """
    ends = {_core(relation) for relation in of_nodes}
    linked = any(_core(relation) in LINKING for relation in relations)
    named = any(only_negates(kind) and {*words(last(kind))} & STATING for kind in types)
    return (linked or named) and any(ends & subjects and ends & objects for subjects, objects in ENDS)


def last(iri: str) -> str:
    """The part of an IRI behind the last slash, number sign or colon."""
    return re.split(r"[/#:]", iri)[-1]


@lru_cache(1 << 10)
def _negation(name: str) -> bool:
    """Whether a name is a negation and nothing else, also one that is negated again."""
    return (negates(name) or negates_twice(name)) and {*words(name)} <= NEGATING | BESIDE_NEGATING | UNDOING


def _of_truth(name: str) -> bool:
    """Whether a name is one for the truth of something and nothing else: ``isTrue``, but not ``validFrom``."""
    found = {*words(name)}
    return bool(found & TRUTH) and found <= TRUTH | BESIDE_NEGATING | {VALUE}


@lru_cache(1 << 10)
def _core(relation: str) -> str:
    """The one word of a property that names an end or a link, such as ``subject`` of ``association_has_subject``."""
    if relation.startswith(DESCRIBING):
        return ""
    found = words(last(relation))
    while len(found) > 1 and found[0] in BEFORE_ENDS:
        found = found[1:]
    while len(found) > 1 and found[-1] in BEHIND_ENDS:
        found = found[:-1]
    return found[0] if len(found) == 1 else ""
