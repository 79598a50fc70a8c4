"""What an ontology marks as deprecated states nothing, in any of its syntaxes; others may still speak of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gnnneg.data.formats.marks import last
from gnnneg.data.formats.obo import read_obo
from gnnneg.data.formats.owl import read_owl
from gnnneg.data.formats.rdf import read_rdf
from gnnneg.data.formats.statements import Statements

PREFIXES = "Prefix(:=<http://e/>)Prefix(owl:=<http://www.w3.org/2002/07/owl#>)"
OFN = f"""{PREFIXES}Prefix(xsd:=<http://www.w3.org/2001/XMLSchema#>)Ontology(<http://e/o>
SubClassOf(:A :B) SubClassOf(:Old :B) SubClassOf(:B :Old) SubClassOf(:Kept :B)
AnnotationAssertion(owl:deprecated :Old "true"^^xsd:boolean)
AnnotationAssertion(owl:deprecated :Kept "false"^^xsd:boolean))"""
XML = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:owl="http://www.w3.org/2002/07/owl#"
 xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#"><owl:Ontology rdf:about="http://e/o"/>
<owl:Class rdf:about="http://e/A"><rdfs:subClassOf rdf:resource="http://e/B"/></owl:Class>
<owl:Class rdf:about="http://e/B"><rdfs:subClassOf rdf:resource="http://e/Old"/></owl:Class>
<owl:Class rdf:about="http://e/Kept"><rdfs:subClassOf rdf:resource="http://e/B"/></owl:Class>
<owl:DeprecatedClass rdf:about="http://e/Old"><rdfs:subClassOf rdf:resource="http://e/B"/></owl:DeprecatedClass>
</rdf:RDF>"""
TURTLE = """@prefix : <http://e/> . @prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:A rdfs:subClassOf :B . :Old rdfs:subClassOf :B ; owl:deprecated true . :B rdfs:subClassOf :Old .
:Kept rdfs:subClassOf :B ; owl:deprecated false ."""
OBO = """format-version: 1.2\n
[Term]\nid: e:A\nis_a: e:B\n
[Term]\nid: e:Old\nis_a: e:B\nis_obsolete: true\n
[Term]\nid: e:B\nis_a: e:Old\n
[Term]\nid: e:Kept\nis_a: e:B\nis_obsolete: false
"""
ABOUT = "about what is deprecated (owl:deprecated)"


@pytest.mark.parametrize(
    ("name", "content", "read", "left_out"),
    [
        ("a.ofn", OFN, read_owl, {f"axioms {ABOUT}": 1}),
        ("a.owl", XML, read_owl, {f"axioms {ABOUT}": 2}),  # its class is deprecated as well
        ("b.rdf", XML, read_rdf, {f"triples {ABOUT}": 2}),
        ("a.ttl", TURTLE, read_rdf, {f"triples {ABOUT}": 1}),
        ("a.obo", OBO, read_obo, {"obsolete terms": 1}),
    ],
)
def test_deprecated_classes_state_nothing(
    tmp_path: Path, name: str, content: str, read: Callable[[Path], Statements], left_out: dict[str, int]
) -> None:
    (tmp_path / name).write_text(content)
    found = read(tmp_path / name)
    rows = zip(*(found.table[role].to_pylist() for role in ("head", "relation", "tail", "label")))
    below = {(last(h), last(t)) for h, r, t, said in rows if said and not r.endswith("type")}
    assert below == {("A", "B"), ("B", "Old"), ("Kept", "B")}
    assert left_out.items() <= found.left_out.items()


def test_denials_about_what_is_deprecated_state_nothing_either(tmp_path: Path) -> None:
    about = "[] a owl:NegativePropertyAssertion ; owl:sourceIndividual {} ; owl:assertionProperty :p ; "
    about += "owl:targetIndividual {} . "
    more = ":Old owl:deprecated true . :a :p :b . " + about.format(":Old", ":b") + about.format(":b", ":Old")
    (tmp_path / "a.ttl").write_text(TURTLE.split("\n:A")[0] + "\n" + more)
    found = read_rdf(tmp_path / "a.ttl")
    assert found.table["head"].to_pylist() == ["http://e/a", "http://e/b"]
    assert found.table["label"].to_pylist() == [True, False]
    assert found.left_out[f"triples {ABOUT}"] == 1
