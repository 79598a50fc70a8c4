"""Vocabularies other than RDF's own in which a statement is said to be false."""

from pathlib import Path

import pytest

from gnnneg.data.formats.files import read_statements
from gnnneg.errors import UserError

PREFIXES = """@prefix : <http://e/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix biolink: <https://w3id.org/biolink/vocab/> .
@prefix sssom: <https://w3id.org/sssom/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
:a :r :b .
"""
ASSOCIATION = "a biolink:Association ; biolink:subject :a ; biolink:predicate :r ; biolink:object :c ;"
MAPPING = "a sssom:Mapping ; sssom:subject_id :a ; sssom:predicate_id skos:exactMatch ; sssom:object_id :c ;"
AXIOM = "a owl:Axiom ; owl:annotatedSource :a ; owl:annotatedProperty skos:exactMatch ; owl:annotatedTarget :c ;"


def written(path: Path, said: str) -> Path:
    path.write_text(PREFIXES + said + "\n")
    return path


@pytest.mark.parametrize(
    "said",
    [
        f":e1 {ASSOCIATION} biolink:negated true .",
        f"[] {ASSOCIATION} biolink:negated true .",
        f':m1 {MAPPING} sssom:predicate_modifier "Not" .',
        f":m1 {MAPPING} sssom:predicate_modifier sssom:NegatedPredicate .",
        f':a skos:exactMatch :c . [] {AXIOM} sssom:predicate_modifier "Not" .',
        ":s1 a :NegatedAssertion ; :source :a ; :target :c .",
        ":s1 :hasHead :a ; :hasRelation :r ; :hasTail :c ; :isTrue false .",
    ],
)
def test_a_node_that_stands_for_a_denial_is_refused(tmp_path: Path, said: str) -> None:
    with pytest.raises(UserError, match="says that a triple is false, which is not read there: put false triples"):
        read_statements(written(tmp_path / "a.ttl", said))


@pytest.mark.parametrize(
    "said",
    [
        f":e1 {ASSOCIATION} biolink:negated false .",
        f':m1 {MAPPING} sssom:predicate_modifier "" .',
        ":c :withdrawn true ; :excluded true ; :target :b .",  # a thing with one end, which is no triple
    ],
)
def test_a_node_that_denies_nothing_is_none(tmp_path: Path, said: str) -> None:
    assert ("http://e/a", "http://e/r", "http://e/b", True) in {
        tuple(row.values())
        for row in read_statements(written(tmp_path / "a.ttl", said))
        .table.select(["head", "relation", "tail", "label"])
        .to_pylist()
    }


@pytest.mark.parametrize("said", [":g :negated true .", ":meta { :g a :NegatedAssertion . }"])
def test_a_named_graph_that_is_said_to_be_false(tmp_path: Path, said: str) -> None:
    """As a nanopublication may say of its assertion."""
    path = written(tmp_path / "a.trig", ":g { :a :r :c . }\n" + said)
    with pytest.raises(UserError, match=r"the named graph 'http://e/g' is false: say --denied-graph http://e/g\."):
        read_statements(path)
    found = read_statements(path, denied_graphs=["http://e/g"]).table
    assert dict(zip(found["tail"].to_pylist(), found["label"].to_pylist()))["http://e/c"] is False


FUNCTIONAL = """Prefix(:=<http://e/>)
Prefix(xsd:=<http://www.w3.org/2001/XMLSchema#>)
Ontology(<http://e/o>
ObjectPropertyAssertion(:r :a :b)
{}
)
"""


@pytest.mark.parametrize(
    "note", [':isNegated "true"^^xsd:boolean', ':predicate_modifier "Not"', ":predicate_modifier :Not"]
)
def test_an_axiom_that_is_said_to_be_false_is_refused(tmp_path: Path, note: str) -> None:
    path = tmp_path / "a.ofn"
    path.write_text(FUNCTIONAL.format(f"SubClassOf(Annotation({note}) :A :B)"))
    with pytest.raises(
        UserError, match="that a triple is false, which is not read there: write a NegativeObjectPropertyAsser"
    ):
        read_statements(path)
    path.write_text(FUNCTIONAL.format('SubClassOf(Annotation(:isNegated "false"^^xsd:boolean) :A :B)'))
    found = read_statements(path)
    assert found.table["label"].to_pylist() == [True, True]
    assert found.left_out["annotations of axioms"] == 1
