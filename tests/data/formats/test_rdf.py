from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnnneg.data.formats.files import read_statements
from gnnneg.data.formats.ntriples import read_ntriples
from gnnneg.data.formats.owl import read_owl
from gnnneg.data.formats.rdf import read_rdf
from gnnneg.data.formats.statements import Statements
from gnnneg.errors import UserError

EXCERPTS = Path(__file__).parent / "excerpts"
FAMILY = "http://example.org/family#"
OWL = "http://www.w3.org/2002/07/owl#"
TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"


def said(statements: Statements | pa.Table, namespace: str = FAMILY) -> list[str]:
    """Each statement as a line: a plus or minus and the local names."""
    table = statements.table if isinstance(statements, Statements) else statements
    names = (table[role].to_pylist() for role in ("label", "head", "relation", "tail"))
    return [f"{'+' if row[0] else '-'} {' '.join(n.replace(namespace, '') for n in row[1:])}" for row in zip(*names)]


def test_turtle_with_negative_assertions() -> None:
    found = read_rdf(EXCERPTS / "family.ttl")
    assert said(found) == [
        "+ John hasWife Mary",
        "+ Mary hasChild Susan",
        "- Bill hasWife Mary",
        "- Bill hasChild Susan",
    ]
    assert found.left_out == {
        "annotations of negative assertions": 1,  # the comment of :n1
        "blank nodes": 2,  # John knows somebody, and somebody's label
        "negative assertions about literals": 1,  # Jack's age
    }
    assert found.labels is not None
    assert found.labels.to_pylist() == [{"name": f"{FAMILY}Mary", "label": "Mary"}]
    with_literals = read_rdf(EXCERPTS / "family.ttl", literals=True)
    assert said(with_literals)[2] == '+ Mary http://www.w3.org/2000/01/rdf-schema#label "Mary"@en'
    assert said(with_literals)[-1] == '- Jack hasAge "53"^^<http://www.w3.org/2001/XMLSchema#integer>'
    assert with_literals.left_out == {"annotations of negative assertions": 1, "blank nodes": 2}


def test_a_graph_may_be_denied_and_is_the_source() -> None:
    found = read_rdf(EXCERPTS / "family.trig", denied_graphs=[f"{FAMILY}false"])
    assert said(found) == [
        "+ John hasWife Mary",
        "+ Mary hasChild Susan",
        "- Bill hasWife Mary",
        "- Bill hasChild Susan",
        "+ Mary knows Susan",
    ]
    sources = [name.replace(FAMILY, "") for name in found.table["source"].to_pylist()]
    assert sources == ["said", "said", "false", "false", ""]
    with pytest.warns(UserWarning, match=r"family#false' are read as stated: if they are denied, say --denied-graph "):
        assert all(line.startswith("+") for line in said(read_rdf(EXCERPTS / "family.trig")))
    with pytest.raises(UserError, match=r"has no graph 'http://no'; it has .*said, .*false"):
        read_rdf(EXCERPTS / "family.trig", denied_graphs=["http://no"])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.nt", "<http://x/a> <http://x/p> <http://x/b> .\n"),
        ("a.ttl", "<http://x/a> <http://x/p> <http://x/b> ."),
        ("a.nq", "<http://x/a> <http://x/p> <http://x/b> ."),
        ("a.n3", "<http://x/a> <http://x/p> <http://x/b> ."),
        (
            "a.rdf",
            '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://x/">'
            '<r:Description r:about="http://x/a"><p r:resource="http://x/b"/></r:Description></r:RDF>',
        ),
        ("a.jsonld", '{"@id": "http://x/a", "http://x/p": {"@id": "http://x/b"}}'),
    ],
)
def test_every_syntax(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert said(read_statements(tmp_path / name), "http://x/") == ["+ a p b"]
    assert said(read_rdf(tmp_path / name), "http://x/") == ["+ a p b"]


PREFIXES = f"@prefix : <http://x/> . @prefix owl: <{OWL}> .\n:a :p :b .\n"
WHOLE = ["a owl:NegativePropertyAssertion", "owl:sourceIndividual :a", "owl:assertionProperty :p"]


@pytest.mark.parametrize(
    ("parts", "wrong"),
    [
        (WHOLE, r"http://x/n \(http://x/a, http://x/p\) is incomplete: it has no owl:targetIndividual"),
        ([*WHOLE[1:], "owl:targetIndividual :c"], "is incomplete: it has no rdf:type"),
        ([WHOLE[0], WHOLE[2], "owl:targetIndividual :c"], "incomplete: it has no owl:sourceIndividual"),
        ([*WHOLE[:2], "owl:targetValue 3"], "incomplete: it has no owl:assertionProperty"),
        ([*WHOLE, "owl:targetIndividual :c, :d"], "has more than one owl:targetIndividual"),
        ([*WHOLE, "owl:targetIndividual :c", "owl:targetValue 3"], "has both"),
        ([*WHOLE, "owl:targetIndividual 3"], "has a literal as its owl:targetIndividual"),
    ],
)
def test_incomplete_negative_assertions(tmp_path: Path, parts: list[str], wrong: str) -> None:
    (tmp_path / "a.ttl").write_text(f"{PREFIXES}:n {' ; '.join(parts)} .")
    with pytest.raises(UserError, match=wrong):
        read_rdf(tmp_path / "a.ttl")


TRIPLES = (  # fmt: skip
    "<http://e/a> <http://e/has> _:b0 .\n_:b0 <http://e/kind> <http://e/k1> .\n"
    "<http://e/c> <http://e/has> <http://e/a> .\n"
)


@pytest.mark.parametrize("ending", ["nt", "ttl", "nq", "trig", "n3"])
def test_a_blank_node_is_another_one_in_each_file(tmp_path: Path, ending: str) -> None:
    """So no two files can speak of one, in any syntax."""
    (tmp_path / f"a.{ending}").write_text(TRIPLES)
    found = read_statements(tmp_path / f"a.{ending}")
    assert said(found, "http://e/") == ["+ c has a"]
    assert found.left_out == {"blank nodes": 2}
    assert read_ntriples(tmp_path / f"a.{ending}", blank=True).table.num_rows == 3


@pytest.mark.parametrize("ending", ["nt", "ttl", "nq", "trig", "n3", "rdf", "jsonld"])
@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16"])
def test_a_mark_is_no_part_of_the_text(tmp_path: Path, ending: str, coding: str) -> None:
    text = "<http://e/ä> <http://e/r> <http://e/b> .\n"
    if ending == "rdf":
        text = (
            f'<?xml version="1.0" encoding="{coding.removesuffix("-sig")}"?><r:RDF xmlns:e="http://e/" xmlns:r="http://'
            'www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description r:about="http://e/ä"><e:r r:resource="http://e/b"/>'
            "</r:Description></r:RDF>"
        )
    if ending == "jsonld":
        text = '{"@id": "http://e/ä", "http://e/r": {"@id": "http://e/b"}}'
    (tmp_path / f"a.{ending}").write_bytes(text.encode(coding))
    assert said(read_statements(tmp_path / f"a.{ending}"), "http://e/") == ["+ ä r b"]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("<http://a/\\uD800> <http://p> <http://b> .", r"a\.nt:2: \\uD800 is not a character"),
        ("<http://a> <http://p> <http://b\\U00110000> .", r"a\.nt:2: \\U00110000 is not a character"),
        ("<http://a> <http://p\\UFFFFFFFF> <http://b> .", r"a\.nt:2: \\UFFFFFFFF is not a character"),
        ("<> <http://p> <http://b> .", r"a\.nt:2: expected '<subject>"),
        ("<http://a> <> <http://b> .", r"a\.nt:2: expected '<subject>"),
        ("<http://a> <http://p> <> .", r"a\.nt:2: expected '<subject>"),
        ('<http://a> <http://p> "1"^^<> .', r"a\.nt:2: expected '<subject>"),
    ],
)
def test_ntriples_that_are_none(tmp_path: Path, line: str, wrong: str) -> None:
    (tmp_path / "a.nt").write_text(f"<http://a> <http://p> <http://b> .\n{line}\n")
    with pytest.raises(UserError, match=wrong):
        read_ntriples(tmp_path / "a.nt")


@pytest.mark.parametrize("ending", ["nt", "ttl"])
def test_labels(tmp_path: Path, ending: str) -> None:
    rdfs, skos = "http://www.w3.org/2000/01/rdf-schema#", "http://www.w3.org/2004/02/skos/core#"
    lines = [
        "<http://e/a> <http://e/r> <http://e/b> .",
        f'<http://e/a> <{skos}altLabel> "als\\u00F3 \\"A\\"" .',
        f'<http://e/a> <{rdfs}label> "Ah"@de .',
        f'<http://e/a> <{rdfs}label> "ay"@en-GB .',
        f'<http://e/r> <{rdfs}label> "relates to" .',
        f'<http://e/a> <{rdfs}comment> "no label" .',
        f'_:b <{rdfs}label> "of nobody" .',
    ]
    (tmp_path / f"a.{ending}").write_text("\n".join(lines))
    found = read_statements(tmp_path / f"a.{ending}")
    assert found.labels is not None
    assert found.labels["label"].to_pylist() == ["ay", "Ah", 'alsó "A"', "relates to"]
    assert found.labels["name"].to_pylist() == ["http://e/a"] * 3 + ["http://e/r"]
    assert found.left_out == {"literals": 1, "blank nodes": 1}
    with_literals = read_statements(tmp_path / f"a.{ending}", literals=True)
    assert with_literals.table.num_rows == 6
    assert with_literals.labels == found.labels


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.ttl", f"<http://a> <http://p> {'<<( <http://a> <http://p> ' * 1100}<http://b>{' )>>' * 1100} ."),
        ("a.jsonld", '{"@id":"http://e/a","http://e/p":' * 1100 + "1" + "}" * 1100),
        (
            "a.rdf",
            '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/">'
            + "<e:A><e:p>" * 600
            + "</e:p></e:A>" * 600
            + "</r:RDF>",
        ),
    ],
)
def test_what_a_parser_would_not_survive(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=rf"{name}:1: nested deeper than 1,000 levels"):
        read_statements(tmp_path / name)


def test_the_denial_of_an_inverse_is_counted(tmp_path: Path) -> None:
    """Its property is a blank node, which has no name that would be the same tomorrow."""
    parts = [*WHOLE[:2], "owl:targetIndividual :c", "owl:assertionProperty [ owl:inverseOf :p ]"]
    (tmp_path / "a.ttl").write_text(f"{PREFIXES}:n {' ; '.join(parts)} .")
    found = read_rdf(tmp_path / "a.ttl")
    assert said(found, "http://x/") == ["+ a p b"]
    assert found.left_out == {"blank nodes": 1, "negative assertions about blank nodes": 1}


def test_what_is_wrong_is_said_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.ttl").write_text("@prefix : <http://x/> .\n:a :p :b .\n:a :p :b :c .\n")
    with pytest.raises(UserError, match=r"a\.ttl:3: between columns 10 and 12: A dot is expected"):
        read_rdf(tmp_path / "a.ttl")
    (tmp_path / "a.ttl").write_text('@prefix : <http://x/> .\n:a :p "b" .\n')
    with pytest.raises(UserError, match=r"no statements between entities \(left out: 1 literals\)"):
        read_rdf(tmp_path / "a.ttl")
    (tmp_path / "a.trig").write_text(
        f"@prefix : <http://x/> . @prefix owl: <{OWL}> .\n"
        ":g { :n a owl:NegativePropertyAssertion ; owl:sourceIndividual :a ; owl:assertionProperty :p ; "
        "owl:targetIndividual :b . }"
    )
    with pytest.raises(UserError, match="in a graph that is itself denied"):
        read_rdf(tmp_path / "a.trig", denied_graphs=["http://x/g"])


def as_ntriples(rows: list[tuple[int, int, int, bool]]) -> str:
    lines = []
    for i, (h, r, t, stated) in enumerate(rows):
        if stated:
            lines.append(f"<http://x/e{h}> <http://x/r{r}> <http://x/e{t}> .")
            continue
        lines.append(f"_:n{i} <{OWL}targetIndividual> <http://x/e{t}> .")
        lines.append(f"_:n{i} {TYPE} <{OWL}NegativePropertyAssertion> .")
        lines.append(f"_:n{i} <{OWL}assertionProperty> <http://x/r{r}> .")
        lines.append(f"_:n{i} <{OWL}sourceIndividual> <http://x/e{h}> .")
    return "\n".join(lines)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 4), st.booleans()), min_size=1))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_three_readers_agree(tmp_path: Path, rows: list[tuple[int, int, int, bool]]) -> None:
    """Statements written as N-Triples and as functional syntax, read by our own parser, pyoxigraph, py-horned-owl."""
    (tmp_path / "a.nt").write_text(as_ntriples(rows))
    (tmp_path / "a.ttl").write_text(as_ntriples(rows))
    axioms = [f"{'' if stated else 'Negative'}ObjectPropertyAssertion(:r{r} :e{h} :e{t})" for h, r, t, stated in rows]
    (tmp_path / "a.ofn").write_text(f"Prefix(:=<http://x/>)\nOntology(<http://x/o>\n{chr(10).join(axioms)}\n)")
    expected = [f"{'+' if stated else '-'} e{h} r{r} e{t}" for h, r, t, stated in rows]
    expected = [line for line in expected if line[0] == "+"] + [line for line in expected if line[0] == "-"]
    assert said(read_ntriples(tmp_path / "a.nt"), "http://x/") == expected
    assert said(read_rdf(tmp_path / "a.ttl"), "http://x/") == expected
    assert set(said(read_owl(tmp_path / "a.ofn"), "http://x/")) == set(expected)
