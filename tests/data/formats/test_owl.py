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
        "axioms: ClassAssertion of ObjectUnionOf": 1,
        "axioms: DataPropertyAssertion": 1,
        "axioms: DisjointClasses": 1,
        "axioms: NegativeDataPropertyAssertion": 1,
        "axioms: SubClassOf(ObjectSomeValuesFrom, Class)": 1,
    }


AXIOMS = [
    ("SubClassOf(:A ObjectExactCardinality(0 :p :B))", "- A p B"),
    ("SubClassOf(:A ObjectMaxCardinality(0 :p :B))", "- A p B"),
    ("SubClassOf(:A ObjectAllValuesFrom(:p ObjectComplementOf(:B)))", "- A p B"),
    ("SubClassOf(:A ObjectComplementOf(ObjectMinCardinality(1 :p :B)))", "- A p B"),
    ("SubClassOf(:A ObjectComplementOf(ObjectHasValue(:p :b)))", "- A p b"),
    ("ClassAssertion(ObjectMaxCardinality(0 :p :B) :a)", "- a p B"),
    ("ClassAssertion(ObjectComplementOf(ObjectSomeValuesFrom(:p :B)) :a)", "- a p B"),
    ("ClassAssertion(ObjectComplementOf(ObjectHasValue(:p :b)) :a)", "- a p b"),
    ("ClassAssertion(ObjectComplementOf(ObjectComplementOf(:A)) :a)", "+ a type A"),
    ("SubClassOf(:A ObjectSomeValuesFrom(:p :B))", "+ A p B"),
    ("SubClassOf(:A ObjectMinCardinality(1 :p :B))", "+ A p B"),
    ("SubClassOf(:A ObjectExactCardinality(2 :p :B))", "+ A p B"),
    ("SubClassOf(:A ObjectComplementOf(ObjectMaxCardinality(0 :p :B)))", "+ A p B"),
    ("SubClassOf(:A ObjectComplementOf(ObjectMaxCardinality(3 :p :B)))", "+ A p B"),
    ("SubClassOf(:A ObjectComplementOf(ObjectExactCardinality(0 :p :B)))", "+ A p B"),
    ("SubClassOf(:A ObjectComplementOf(ObjectComplementOf(ObjectSomeValuesFrom(:p :B))))", "+ A p B"),
    ("SubClassOf(:A ObjectHasValue(:p :b))", "+ A p b"),
    # these say neither
    ("SubClassOf(:A ObjectMinCardinality(0 :p :B))", ""),
    ("SubClassOf(:A ObjectMaxCardinality(3 :p :B))", ""),
    ("SubClassOf(:A ObjectAllValuesFrom(:p :B))", ""),
    ("SubClassOf(:A ObjectComplementOf(ObjectMinCardinality(2 :p :B)))", ""),
    ("SubClassOf(:A ObjectComplementOf(ObjectExactCardinality(2 :p :B)))", ""),
    ("SubClassOf(:A ObjectComplementOf(:B))", ""),
    ("SubClassOf(:A ObjectMaxCardinality(0 ObjectInverseOf(:p) :B))", ""),
    ("SubClassOf(:A ObjectMaxCardinality(0 :p ObjectUnionOf(:B :C)))", ""),
    ("SubClassOf(:A DataMaxCardinality(0 :d))", ""),
]


@pytest.mark.parametrize(("axiom", "meant"), AXIOMS)
@pytest.mark.parametrize("syntax", ["ofn", "owx", "rdf"])
def test_how_many_there_are(tmp_path: Path, axiom: str, meant: str, syntax: str) -> None:
    """By the meaning of the classes: none is a denial, some is a statement, and everything else is counted."""
    names = "Class(:A) Class(:B) Class(:C) ObjectProperty(:p) DataProperty(:d) NamedIndividual(:a) NamedIndividual(:b)"
    declared = "".join(f"Declaration({name})" for name in names.split())
    text = f"Prefix(:=<http://x/#>)Ontology(<http://x/o> {declared}SubClassOf(:X :Y){axiom})"
    ontology = pyhornedowl.open_ontology_from_string(text, "ofn")
    ontology.save_to_file(f"{tmp_path}/a.{syntax}")
    found = read_owl(tmp_path / f"a.{syntax}")
    assert said(found) == {"+ X subClassOf Y"} | ({meant} if meant else set())
    counted = [what for what in found.left_out if "Declare" not in what]
    assert len(counted) == (not meant), counted


@pytest.mark.parametrize("concept", ["ObjectMaxCardinality(0 :p)", "ObjectAllValuesFrom(:p owl:Nothing)"])
def test_nothing_at_all_closes_a_question(tmp_path: Path, concept: str) -> None:
    prefixes = "Prefix(:=<http://x/#>)Prefix(owl:=<http://www.w3.org/2002/07/owl#>)"
    (tmp_path / "a.ofn").write_text(f"{prefixes}Ontology(SubClassOf(:X :Y)SubClassOf(:A {concept}))")
    found = read_owl(tmp_path / "a.ofn")
    assert found.closed is not None
    assert found.closed.to_pylist() == [{"head": "http://x/#A", "relation": "http://x/#p"}]


def test_labels_and_annotations(tmp_path: Path) -> None:
    axioms = [
        *('AnnotationAssertion(rdfs:label :A "Blutplatte"@de)', 'AnnotationAssertion(rdfs:label :A "platelet"@en)'),
        'AnnotationAssertion(<http://www.geneontology.org/formats/oboInOwl#hasExactSynonym> :A "a thrombocyte")',
        'AnnotationAssertion(rdfs:comment :A "seen")',
        'SubClassOf(Annotation(rdfs:comment "sure") :A :B)',
    ]
    prefixes = "Prefix(:=<http://x/#>)Prefix(rdfs:=<http://www.w3.org/2000/01/rdf-schema#>)"
    (tmp_path / "a.ofn").write_text(f"{prefixes}Ontology({''.join(axioms)})")
    found = read_owl(tmp_path / "a.ofn")
    assert found.labels is not None
    assert found.labels["label"].to_pylist() == ["platelet", "Blutplatte", "a thrombocyte"]
    assert set(found.labels["name"].to_pylist()) == {"http://x/#A"}
    assert found.left_out == {"axioms: AnnotationAssertion": 1, "annotations of axioms": 1}


def test_statements_that_the_parser_drops_are_counted(tmp_path: Path) -> None:
    """py-horned-owl passes over restrictions that it does not understand."""
    text = (
        '<rdf:RDF xmlns:e="http://x/#" xmlns:owl="http://www.w3.org/2002/07/owl#" xmlns:rdfs="http://www.w3.org/2000/01'
        '/rdf-schema#" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><owl:Ontology rdf:about="http://x/o"/>'
        '<owl:Class rdf:about="http://x/#A"><rdfs:subClassOf><owl:Class rdf:about="http://x/#B"/></rdfs:subClassOf>'
        '<rdfs:subClassOf><owl:Restriction><owl:onProperty rdf:resource="http://x/#q"/></owl:Restriction>'
        '</rdfs:subClassOf></owl:Class><rdf:Description rdf:about="http://x/#a"><e:p rdf:resource="http://x/#b"/>'
        "</rdf:Description></rdf:RDF>"
    )
    (tmp_path / "a.owl").write_text(text)
    found = read_owl(tmp_path / "a.owl")
    assert said(found) == {"+ A subClassOf B", "+ a p b"}
    assert {what: n for what, n in found.left_out.items() if "did not read" in what} == {
        "subClassOf statements that py-horned-owl did not read": 1,
    }


def growing(levels: int) -> str:
    """An entity that is ten times as long at each level."""
    entities = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, levels))
    return f'<!DOCTYPE Ontology [<!ENTITY l0 "{"x" * 100}">{entities}]>'


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (f"Ontology(SubClassOf(:A {'ObjectComplementOf(' * 2000}:B{')' * 2000}))", "a.owl:1: nested deeper than 1,000"),
        (f"<Ontology>{'<a>' * 2000}{'</a>' * 2000}</Ontology>", "nested deeper than 1,000 levels"),
        ("<?xml version='1.0'?>\n<Ontology><a></Ontology>", r"a\.owl:2: not well-formed XML \(mismatched tag\)"),
        (f"{growing(9)}<Ontology><a b='&l8;'/></Ontology>", "XML entities expand to more than 64 MiB"),
        (f"{growing(6)}<Ontology>{'&l5;' * 200}</Ontology>", "XML entities expand to more than"),
    ],
)
def test_what_a_parser_would_not_survive(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "a.owl").write_text(text)
    with pytest.raises(UserError, match=wrong):
        read_owl(tmp_path / "a.owl")


def test_brackets_in_labels_are_no_levels(tmp_path: Path) -> None:
    labels = "".join(f'AnnotationAssertion(rdfs:label :A "(((( {i} \\"(((")' for i in range(1000))
    prefixes = "Prefix(:=<http://x/#>)Prefix(rdfs:=<http://www.w3.org/2000/01/rdf-schema#>)"
    (tmp_path / "a.ofn").write_text(f"{prefixes}Ontology({labels}SubClassOf(:A :B))")
    assert said(read_owl(tmp_path / "a.ofn")) == {"+ A subClassOf B"}


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
    aside = f"<!-- {lacking}\n{whole} -->"  # nobody says what stands in a comment
    (tmp_path / "a.owl").write_text(f"{head}{aside}{whole}{aside}</rdf:RDF>")
    found = read_owl(tmp_path / "a.owl")
    assert said(found) == {"- a p b"}
    assert not found.left_out


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (
            "Prefix(:=<http://x/>)\nOntology(\n  ClassAssertion(:A :a)\n  Foo(:a)\n)",
            r"a\.owl:4 cannot be read as OWL: expected OntologyAxiom, found 'Foo\(:a\)'\.$",
        ),
        ("Ontology: <http://x/o>", "begins neither as OWL functional syntax"),
        ("Prefix(:=<http://x/>)\nOntology(\n  DisjointClasses(:A :B)\n)", "left out: 1 axioms: DisjointClasses"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "a.owl").write_text(text)
    with pytest.raises(UserError, match=wrong):
        read_owl(tmp_path / "a.owl")
