from pathlib import Path

import pyhornedowl
import pytest

from gnnneg.data.formats.owl import read_owl
from gnnneg.data.formats.rdf import read_rdf
from gnnneg.data.formats.statements import Statements
from gnnneg.errors import UserError

EXCERPTS = Path(__file__).parent / "excerpts"


def said(statements: Statements) -> set[str]:
    names = (statements.table[role].to_pylist() for role in ("label", "head", "relation", "tail"))
    return {f"{'+' if row[0] else '-'} {' '.join(n.rsplit('#')[-1] for n in row[1:])}" for row in zip(*names)}


SAID = {
    "+ Woman subClassOf Person",
    "+ Parent hasChild Person",
    "- Parent hasWife Parent",
    "+ Mary type Woman",
    "- John type Woman",
    "+ John hasWife Mary",
    "+ Mary hasChild Susan",  # written as the inverse
    "- Bill hasWife Mary",
    "- Bill hasChild Susan",
}


def test_functional_syntax() -> None:
    found = read_owl(EXCERPTS / "family.ofn")
    assert said(found) == SAID
    assert found.table.num_rows == len(SAID)
    declared = sum(n for what, n in found.left_out.items() if what.startswith("axioms: Declare"))
    assert declared == 11
    assert {k: v for k, v in found.left_out.items() if not k.startswith("axioms: Declare")} == {
        "axioms: AnnotationAssertion": 1,
        "axioms: ClassAssertion of ObjectUnionOf": 1,
        "axioms: DataPropertyAssertion": 1,
        "axioms: DisjointClasses": 1,
        "axioms: NegativeDataPropertyAssertion": 1,
        "axioms: SubClassOf(ObjectSomeValuesFrom, Class)": 1,
    }


@pytest.mark.parametrize("syntax", ["rdf", "owx", "ofn"])
def test_the_other_syntaxes_say_the_same(tmp_path: Path, syntax: str) -> None:
    """Under the name ``.owl``, which does not tell the syntax."""
    pyhornedowl.open_ontology_from_file(str(EXCERPTS / "family.ofn")).save_to_file(f"{tmp_path}/a.{syntax}")
    (tmp_path / f"a.{syntax}").rename(tmp_path / "a.owl")
    found, first = read_owl(tmp_path / "a.owl"), read_owl(EXCERPTS / "family.ofn")
    assert said(found) == SAID
    assert found.left_out == first.left_out
    assert found.table.equals(first.table), "in one order too"


def test_the_reader_of_rdf_agrees(tmp_path: Path) -> None:
    """But for what the mapping writes with blank nodes (restrictions, complements), and what only RDF calls a
    statement (declarations, disjointness).
    """
    ontology = pyhornedowl.open_ontology_from_file(str(EXCERPTS / "family.ofn"))
    ontology.save_to_file(f"{tmp_path}/a.rdf")
    text = (tmp_path / "a.rdf").read_text()
    assert "NegativePropertyAssertion" in text
    found = said(read_rdf(tmp_path / "a.rdf"))
    blank = {"+ Parent hasChild Person", "- Parent hasWife Parent", "- John type Woman"}
    assert SAID - blank <= found
    assert {line for line in found if line[0] == "-"} == {"- Bill hasWife Mary", "- Bill hasChild Susan"}
    others = {line for line in found - SAID if line.split()[2] != "type"}
    assert others <= {"+ Woman disjointWith Parent", "+ Parent disjointWith Woman"}


def test_denials_that_the_parser_drops_are_counted(tmp_path: Path) -> None:
    head = (
        '<?xml version="1.0"?>\n<!DOCTYPE rdf:RDF [ <!ENTITY owl "http://www.w3.org/2002/07/owl#" > ]>\n'
        '<!-- a comment that says <Ontology> -->\n<rdf:RDF xmlns="http://x/#" xmlns:owl="http://www.w3.org/2002/07/owl#"'
        ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><owl:Ontology rdf:about="http://x/o"/>'
    )
    parts = (
        '<owl:sourceIndividual rdf:resource="http://x/#a"/><owl:assertionProperty rdf:resource="http://x/#p"/>'
        '<owl:targetIndividual rdf:resource="http://x/#b"/>'
    )
    whole = f'<rdf:Description><rdf:type rdf:resource="&owl;NegativePropertyAssertion"/>{parts}</rdf:Description>'
    lacking = f"<owl:NegativePropertyAssertion>{parts[: parts.index('<owl:target')]}</owl:NegativePropertyAssertion>"
    (tmp_path / "a.owl").write_text(f"{head}{whole}{lacking}</rdf:RDF>")
    found = read_owl(tmp_path / "a.owl")
    assert said(found) == {"- a p b"}
    assert found.left_out == {"negative assertions that py-horned-owl did not read": 1}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Prefix(:=<http://x/>)\nOntology(\n  ClassAssertion(:A :a)\n  Foo(:a)\n)", r"a\.owl:4 cannot be read as OWL"),
        ("Ontology: <http://x/o>", "begins neither as OWL functional syntax"),
        ("Prefix(:=<http://x/>)\nOntology(\n  DisjointClasses(:A :B)\n)", "left out: 1 axioms: DisjointClasses"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "a.owl").write_text(text)
    with pytest.raises(UserError, match=wrong):
        read_owl(tmp_path / "a.owl")
