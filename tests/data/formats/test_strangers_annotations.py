"""Denials that other formats write in ways of their own: each is read as it is meant, left out by name, or refused."""

from pathlib import Path

import pytest

from gnnneg.data.formats.files import read_statements
from gnnneg.data.ingest import ingest
from gnnneg.errors import UserError

PREFIX = "@prefix : <http://e/> .\n@prefix owl: <http://www.w3.org/2002/07/owl#> .\n"
PREFIX += "@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .\n"
REIFIED = ":s rdf:subject :a ; rdf:predicate :r ; rdf:object :c ; "
WIKIDATA = "<http://www.wikidata.org/entity/{}> <http://{}> <http://{}> .\n"
WITH_ANOTHER = "denied of an interaction with another organism only"


def said(path: Path) -> list[tuple[object, ...]]:
    rows = [tuple(row.values())[:4] for row in read_statements(path).table.to_pylist()]
    return [tuple(x.removeprefix("http://e/") if isinstance(x, str) else x for x in row) for row in rows]


def test_gaf_with_a_second_taxon(tmp_path: Path) -> None:
    """What a protein does not do in another organism it may do in its own."""
    line = "X\t{}\ts\t{}\tGO:1\tPMID:1\tIDA\t\tC\tn\t\tprotein\ttaxon:9606{}\t20200101\tX\t\t\n"
    rows = (("A1", "located_in", ""), ("A2", "NOT|located_in", "|taxon:1773"), ("A3", "NOT|located_in", ""))
    path = tmp_path / "a.gaf"
    path.write_text("!gaf-version: 2.2\n" + "".join(line.format(*row) for row in rows))
    assert said(path) == [("X:A1", "located_in", "GO:1", True), ("X:A3", "located_in", "GO:1", False)]
    assert read_statements(path).left_out[WITH_ANOTHER] == 1


def test_gpad_with_an_interacting_taxon(tmp_path: Path) -> None:
    line = "X:{}\t{}\tRO:0002327\tGO:1\tPMID:1\tECO:0000314\t\t{}\t2020-01-01\tX\t\t\n"
    rows = (("A1", "", ""), ("A2", "NOT", "NCBITaxon:1773"), ("A3", "NOT", ""))
    path = tmp_path / "a.gpad"
    path.write_text("!gpad-version: 2.0\n" + "".join(line.format(*row) for row in rows))
    assert [row[::3] for row in said(path)] == [("X:A1", True), ("X:A3", False)]
    assert read_statements(path).left_out[WITH_ANOTHER] == 1


def test_a_protein_that_does_not_bind_one_other(tmp_path: Path) -> None:
    """``IPI`` with a partner: that a protein does not bind this one is no denial of binding at all."""
    gaf = "X\t{}\ts\t{}\tGO:0005515\tPMID:1\t{}\t{}\tF\tn\t\tprotein\ttaxon:9606\t20200101\tX\t\t\n"
    not_ = "NOT|enables"
    rows = (
        ("A1", "enables", "IPI", "X:B"),
        ("A2", not_, "IPI", "X:B"),
        ("A3", not_, "IDA", "X:B"),
        ("A4", not_, "IPI", ""),
    )
    path = tmp_path / "a.gaf"
    path.write_text("!gaf-version: 2.2\n" + "".join(gaf.format(*row) for row in rows))
    assert [row[::3] for row in said(path)] == [("X:A1", True), ("X:A3", False), ("X:A4", False)]
    assert read_statements(path).left_out["denied of an interaction with one partner only"] == 1
    gpad = "X:{}\t{}\tRO:0002327\tGO:0005515\tPMID:1\tECO:0000353\t{}\t\t2020-01-01\tX\t\t\n"
    path = tmp_path / "a.gpad"
    path.write_text(
        "!gpad-version: 2.0\n"
        + "".join(gpad.format(*row) for row in (("A1", "", "X:B"), ("A2", "NOT", "X:B"), ("A3", "NOT", "")))
    )
    assert [row[::3] for row in said(path)] == [("X:A1", True), ("X:A3", False)]


@pytest.mark.parametrize("often", ["3/6", "100%", "HP:0040281"])
def test_hpoa_that_denies_what_it_found(tmp_path: Path, often: str) -> None:
    names = (
        "database_id disease_name qualifier hpo_id reference evidence onset frequency sex modifier aspect biocuration"
    )
    line = "OMIM:1\tD\t{}\tHP:{}\tPMID:1\tPCS\t\t{}\t\t\tP\tx\n"
    path = tmp_path / "p.hpoa"
    path.write_text(names.replace(" ", "\t") + "\n" + line.format("", "2", "") + line.format("NOT", "3", often))
    with pytest.raises(UserError, match=r"1 statements are both stated and denied, .* --wins"):
        ingest(path, tmp_path / "out", valid=0.0, test=0.0)
    assert ingest(path, tmp_path / "out", valid=0.0, test=0.0, wins="denied").counts["denied_train"] == 1
    path.write_text(names.replace(" ", "\t") + "\n" + line.format("", "2", "") + line.format("NOT", "3", "0/6"))
    assert [row[2:] for row in said(path)] == [("HP:2", True), ("HP:3", False)]


def test_obo_with_a_qualifier_that_negates(tmp_path: Path) -> None:
    pytest.importorskip("fastobo")
    text = "format-version: 1.4\n\n[Term]\nid: T:1\nis_a: T:8\n"
    some = ('negated="true"', 'is_negated="1"', 'negated="false"', 'source="not me"')
    text += "".join(f"relationship: has_part T:{i} {{{one}}}\n" for i, one in enumerate(some, 2))
    (tmp_path / "a.obo").write_text(text + "\n[Typedef]\nid: has_part\n")
    assert [row[2:] for row in said(tmp_path / "a.obo")] == [
        *(("T:8", True), ("T:2", False), ("T:3", False), ("T:4", True), ("T:5", True)),
    ]
    assert read_statements(tmp_path / "a.obo").left_out["source qualifiers"] == 1


@pytest.mark.parametrize("name", ["a.ttl", "a.nt"])
def test_a_node_that_stands_for_a_triple_states_nothing(tmp_path: Path, name: str) -> None:
    pytest.importorskip("pyoxigraph")
    for about, false in (
        (":by :me", False),
        (":negated false", False),
        (":truth true", False),
        (":isFalse true", True),
        (':truth "false"', True),
        ("a owl:NegativeObjectPropertyAssertion", True),
    ):
        content = PREFIX + f":a :r :b .\n{REIFIED}{about} .\n"
        path = tmp_path / name
        path.write_text(content if name == "a.ttl" else as_lines(content))
        if false:
            with pytest.raises(UserError, match=r"says that a triple is false, .* --denied-graph"):
                read_statements(path)
            continue
        assert said(path) == [("a", "r", "b", True)]
        assert sum(read_statements(path).left_out.values()) == 4


def as_lines(content: str) -> str:
    import pyoxigraph as ox

    quads = ox.parse(content, ox.RdfFormat.TURTLE)
    return "".join(f"{quad.triple} .\n" for quad in quads)


def test_a_named_graph_called_incorrect(tmp_path: Path) -> None:
    pytest.importorskip("pyoxigraph")
    (tmp_path / "a.trig").write_text(PREFIX + ":a :r :b . <http://e/incorrect> { :a :r :c }")
    with pytest.warns(UserWarning, match="read as stated: if they are denied, say --denied-graph http://e/incorrect"):
        read_statements(tmp_path / "a.trig")


def test_wikidata_in_rdf_is_told_of(tmp_path: Path) -> None:
    """Ranks and *no value* are triples there, which nobody would take for denials."""
    lines = (
        ("statement/y", "www.wikidata.org/prop/statement/P1", "www.wikidata.org/entity/Q3"),
        ("statement/y", "wikiba.se/ontology#rank", "wikiba.se/ontology#DeprecatedRank"),
        ("Q1", "www.w3.org/1999/02/22-rdf-syntax-ns#type", "www.wikidata.org/prop/novalue/P5"),
    )
    (tmp_path / "a.nt").write_text("".join(WIKIDATA.format(*line) for line in lines))
    with pytest.warns(UserWarning, match="2 statements of Wikidata are deprecated or say 'no value'"):
        assert read_statements(tmp_path / "a.nt").table.num_rows == 3


def test_a_negated_relation_by_its_iri_is_noted(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("a\thttp://e/treats\tb\na\thttp://e/does_not_treat\tc\n")
    note = ingest(tmp_path / "a.tsv", tmp_path / "out", valid=0.0, test=0.0).notes[-1]
    assert "--negated 'http://e/does_not_(.*)=http://e/\\1'" in note
    (tmp_path / "b.tsv").write_text("a\tnegative_regulation_of\tb\n")
    assert not ingest(tmp_path / "b.tsv", tmp_path / "out2", valid=0.0, test=0.0).notes
    (tmp_path / "b.tsv").write_text("a\tfalse_r\tb\nb\tr\ta\n")
    assert ingest(tmp_path / "b.tsv", tmp_path / "out3", valid=0.0, test=0.0).notes


def test_names_that_look_alike_are_noted(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("\u00b5m\tr\tb\nb\tr\t\u03bcm\n", "utf-8")
    assert "compatible forms" in ingest(tmp_path / "a.tsv", tmp_path / "out", valid=0.0, test=0.0).notes[-1]
    assert not ingest(tmp_path / "a.tsv", tmp_path / "out2", valid=0.0, test=0.0, tidy=False).notes
    assert ingest(tmp_path / "a.tsv", tmp_path / "out3", valid=0.0, test=0.0).counts["entities"] == 3
