"""RDF as DBpedia, YAGO and ontologies have it denies nothing, whatever its words, and what is advised is read."""

from pathlib import Path
from typing import Any

import pytest

from gnnneg.data.formats.files import read_statements
from gnnneg.errors import UserError

pytest.importorskip("pyoxigraph")
PREFIXES = """@prefix : <http://e/> .
@prefix biolink: <https://w3id.org/biolink/vocab/> .
@prefix dbo: <http://dbpedia.org/ontology/> .
@prefix dbp: <http://dbpedia.org/property/> .
@prefix dbr: <http://dbpedia.org/resource/> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix oban: <http://purl.org/oban/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix yago: <http://dbpedia.org/class/yago/> .
:a :r :b .
"""
ASSOCIATION = "a biolink:Association ; biolink:subject :a ; biolink:predicate :r ; biolink:object :c ;"
DENIED = (
    "a owl:NegativePropertyAssertion ; owl:sourceIndividual :a ; owl:assertionProperty :r ; owl:targetIndividual :c"
)
REFUSED = "says that a triple is false, which is not read there: put false triples .* say --denied-graph, or write owl:"


def read(path: Path, said: str, **options: Any) -> list[tuple[str, str, str, bool]]:
    path.write_text(PREFIXES + said + "\n")
    rows = read_statements(path, **options).table.select(["head", "relation", "tail", "label"]).to_pylist()
    return [tuple(row.values()) for row in rows]


@pytest.mark.parametrize(
    "said",
    [
        # DBpedia: an election with a source, and numbers of its infobox
        'dbr:Vote dct:subject dbr:Elections ; dct:source dbr:Gazette ; dbp:property dbr:Land ; dbp:invalid "1" .',
        'dbr:Vote dbp:from dbr:A ; dbp:end dbr:B ; dbp:relation dbr:C ; dbp:invalid "1"^^<http://e/vote> .',
        "dbr:Gulf a yago:WikicatFalseFlagOperations ; dct:subject dbr:War ; dbo:source dbr:A ; dbo:object dbr:B ; "
        "dbo:relation dbr:C .",
        # YAGO and others: classes with a negating word
        "dbr:Red_Cross a <http://yago/Not-for-profit_organization> ; :subject :a ; :predicate :r ; :object :c .",
        ":f a :NegativeFinding ; :subject :a ; :predicate :r ; :object :c .",
        # times are no ends of a statement
        ":i :validFrom :d1 ; :validTo :d2 ; :relation :r ; :invalid true .",
        ":i :startDate :d1 ; :endDate :d2 ; :property :r ; :negated true .",
        ":i :start :d1 ; :endDate :d2 ; :property :r ; :negated true .",
        # an ontology's property, and a value of a measurement
        ":p a owl:ObjectProperty, :Negative ; rdfs:domain :A ; rdfs:range :B ; rdfs:subPropertyOf :q ; :property :x .",
        ":m rdf:value :v ; :source :lab ; :property :x ; :negative true .",
        # an animal is no triple, and neither is a text with a source
        ":manx :hasHead :h ; :hasTail :t ; :absent true .",
        ":t :source :press ; :object :x ; :predicate :y ; :isFalse true .",
        ':s :subject "I" ; :object "apples" ; :predicate :eat ; :negated true .',
        # labels are names
        ':n rdfs:label "no" ; :subject :a ; :predicate :r ; :object :c ; :label "N" ; skos:prefLabel "0" .',
        f":e {ASSOCIATION} dct:valid false ; :falsePositiveRate 1 ; :polarity 0 ; :non_negated true .",
        f":e {ASSOCIATION} biolink:negated false ; :positiveControl false ; :validFrom 0 .",
    ],
)
@pytest.mark.parametrize("literals", [False, True])
def test_ordinary_data_are_read_as_stated(tmp_path: Path, said: str, literals: bool) -> None:
    found = read(tmp_path / "a.ttl", said, literals=literals)
    assert ("http://e/a", "http://e/r", "http://e/b", True) in found
    assert all(stated for *_, stated in found)


@pytest.mark.parametrize(
    "said",
    [
        f":e {ASSOCIATION} biolink:negated true .",
        f":e {ASSOCIATION} :is_negated 1 .",
        f":e {ASSOCIATION} :non_negated false .",
        f":e {ASSOCIATION} a :FalseStatement .",
        f':e {ASSOCIATION} :truth_value "no" .',
        ":e oban:association_has_subject :a ; oban:association_has_predicate :r ; oban:association_has_object :c ; "
        ":negated true .",
        ':e :subject_id :a ; :relationType "treats" ; :object_id :c ; :negated true .',
        ":e :from :a ; :relation :r ; :to :c ; :correct false .",
        ":e :source :a ; :target :c ; a :DeniedEdge .",
    ],
)
def test_nodes_that_stand_for_denials_are_still_refused(tmp_path: Path, said: str) -> None:
    with pytest.raises(UserError, match=REFUSED):
        read(tmp_path / "a.ttl", said)


@pytest.mark.parametrize("mark", [":negated true", "dct:source :me ; :denied true", "a :NegatedAssertion"])
def test_a_denial_of_owl_may_be_marked_as_one(tmp_path: Path, mark: str) -> None:
    """Also if it gives its parts a second time."""
    for more in ("", " ; :subject :a ; :predicate :r ; :object :c"):
        found = read(tmp_path / "a.ttl", f"_:x {DENIED} ; {mark}{more} .")
        assert found == [
            ("http://e/a", "http://e/r", "http://e/b", True),
            ("http://e/a", "http://e/r", "http://e/c", False),
        ]


@pytest.mark.parametrize(
    "node",
    [
        f":e {ASSOCIATION} biolink:negated true .",
        ":x rdf:subject :a ; rdf:predicate :r ; rdf:object :c ; :negated true .",
        "<< :a :r :c >> :negated true .",
    ],
)
def test_marks_in_a_denied_graph_are_no_dead_end(tmp_path: Path, node: str) -> None:
    said = f":no {{ :a :r :c . {node} }}"
    with pytest.raises(UserError, match="says that a triple is false"):
        read(tmp_path / "a.trig", said)
    found = read(tmp_path / "a.trig", said, denied_graphs=["http://e/no"])
    assert ("http://e/a", "http://e/r", "http://e/c", False) in found
    assert [row for row in found if row[3]] == [("http://e/a", "http://e/r", "http://e/b", True)]


def test_a_graph_of_a_name_with_signs_is_proposed_for_a_shell(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"say --denied-graph 'http://e/g\?a=1&b=2'\."):
        read(tmp_path / "a.trig", "<http://e/g?a=1&b=2> { :a :r :c } <http://e/g?a=1&b=2> :negated true .")
