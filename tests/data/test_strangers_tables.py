"""Tables and folders as strangers have them: two columns of polarity, labels in some files only, lost columns."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from gnnneg.data.formats.files import read_statements
from gnnneg.data.ingest import ingest
from gnnneg.data.statements import triplets
from gnnneg.datasets import load
from gnnneg.errors import UserError

FOUR = ["subject", "predicate", "object"]


def written(path: Path, *rows: tuple[str, ...], sign: str = "\t") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(sign.join(row) + "\n" for row in rows))
    return path


def said(folder: Path) -> dict[str, list[tuple[str, str, int]]]:
    """Head, tail and split of each statement, by polarity."""
    data = load(folder)
    names = data["entity"].names
    return {
        polarity: [
            (names[h], names[t], s)
            for h, t, s in zip(
                triplets(data, polarity).head_index.tolist(),
                triplets(data, polarity).tail_index.tolist(),
                data["entity", polarity, "entity"].split.tolist(),
            )
        ]
        for polarity in ("stated", "denied")
    }


@pytest.mark.parametrize(
    ("name", "values"), [("negated", ("False", "True")), ("truth", ("1", "-1")), ("is_true", ("yes", "no"))]
)
def test_a_second_column_of_polarity_is_not_lost_beside_the_label(
    tmp_path: Path, name: str, values: tuple[str, str]
) -> None:
    head = (*FOUR, "label", name)
    path = written(tmp_path / "e.tsv", head, ("a", "r", "b", "1", values[0]), ("a", "r", "c", "1", values[1]))
    asked: dict[str, Any] = {"columns": FOUR, "label": "label"}
    with pytest.raises(UserError, match=f"as if it too said .* the label is column 4: .* say --ignore {name}"):
        read_statements(path, **asked)
    assert read_statements(path, **asked, ignore=[name]).table["label"].to_pylist() == [True, True]


def test_beside_a_label_yes_and_no_may_be_of_something_else(tmp_path: Path) -> None:
    head = (*FOUR, "negated", "reviewed")
    path = written(tmp_path / "e.tsv", head, ("a", "r", "b", "False", "yes"), ("a", "r", "c", "True", "no"))
    found = read_statements(path, columns=FOUR, label="negated")
    assert found.table["label"].to_pylist() == [True, False]
    assert found.left_out == {"column 5 (reviewed): no option names it": 2}


def test_no_term_was_found_on_either_side(tmp_path: Path) -> None:
    rows = [("A:1", "skos:exactMatch", "B:1"), ("sssom:NoTermFound", "skos:exactMatch", "B:2")]
    path = written(tmp_path / "m.sssom.tsv", ("subject_id", "predicate_id", "object_id"), *rows)
    found = read_statements(path, columns=["subject_id", "predicate_id", "object_id"])
    assert found.table["head"].to_pylist() == ["A:1"]
    assert found.left_out == {"statements that nothing was found: their head or tail is sssom:NoTermFound": 1}


def test_labels_in_valid_and_test_alone(tmp_path: Path) -> None:
    """WN11 and FB13 as Socher et al. gave them: three columns of what is true in train, four in dev and test."""
    folder = tmp_path / "wn11"
    written(folder / "train.txt", ("a", "r", "b"), ("b", "r", "c"), ("c", "r", "a"))
    written(folder / "dev.txt", ("a", "r", "c", "1"), ("b", "r", "a", "-1"))
    written(folder / "test.txt", ("c", "r", "b", "1"), ("a", "r", "a", "-1"))
    report = ingest(folder, tmp_path / "out", label="4")
    assert said(tmp_path / "out") == {
        "stated": [("a", "b", 0), ("b", "c", 0), ("c", "a", 0), ("a", "c", 1), ("c", "b", 2)],
        "denied": [("b", "a", 1), ("a", "a", 2)],
    }
    assert report.used["file 'train.txt' without a column of labels, all stated"] == 3
    (folder / "dev.txt").unlink()
    (folder / "test.txt").unlink()
    with pytest.raises(UserError, match=r"train\.txt has no column 4"):
        ingest(folder, tmp_path / "no", label="4")


@pytest.mark.parametrize("end", ["denied", "file"])
def test_a_file_of_denials_whose_labels_state(tmp_path: Path, end: str) -> None:
    """A 1 that means "negative" there is none of the labels of the other file."""
    folder = tmp_path / "d"
    rows = [("a", "r", "c", "1"), ("b", "r", "a", "1")]
    train = written(folder / "train.txt", ("a", "r", "b", "1"), ("b", "r", "c", "1"), ("c", "r", "a", "1"))
    if end == "file":
        path, more = folder, {}
        written(folder / "test_negatives.txt", *rows)
    else:
        path, more = train, {"denied": written(tmp_path / "no.txt", *rows), "valid": 0.0, "test": 0.0}
    with pytest.raises(UserError, match="all of its statements are denied, but its column 4, which is the label, st"):
        ingest(path, tmp_path / "out", label="4", **more)


def test_the_source_of_denials_may_stand_where_labels_do(tmp_path: Path) -> None:
    train = written(tmp_path / "t.txt", ("a", "r", "b", "1"), ("b", "r", "c", "1"))
    no = written(tmp_path / "no.txt", ("a", "r", "c", "PMID:1"))
    ingest(train, tmp_path / "out", label="4", denied=no, valid=0.0, test=0.0)
    assert said(tmp_path / "out")["denied"] == [("a", "c", 0)]


def test_json_is_still_a_table(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text("".join(json.dumps({"head": "a", "relation": "r", "tail": x}) + "\n" for x in "bc"))
    assert read_statements(path).table["tail"].to_pylist() == ["b", "c"]


TRIPLES = {"head": ["a", "a"], "relation": ["r", "r"], "tail": ["b", "c"]}


@pytest.mark.parametrize(
    "values",
    [
        ['{"source": "x"}', '{"source": "x", "negated": true}'],
        ["source=x;negated=false", "source=y;negated=true"],
        ["aspect:up|isNegated: 1", "aspect:up"],
        ["polarity=negative", "polarity=positive"],
    ],
)
@pytest.mark.parametrize("end", ["tsv", "parquet"])
def test_a_text_that_denies_within_is_not_passed_over(tmp_path: Path, end: str, values: list[str]) -> None:
    path = tmp_path / f"e.{end}"
    if end == "tsv":
        rows = zip(*TRIPLES.values(), values, strict=True)
        written(path, ("head", "relation", "tail", "properties"), *rows)
    else:
        pa.parquet.write_table(pa.table({**TRIPLES, "properties": values}), path)
    asked: dict[str, Any] = {"columns": ["head", "relation", "tail"]}
    with pytest.raises(UserError, match=r"properties\) holds texts, of which some say that their statement is false"):
        read_statements(path, **asked)
    assert read_statements(path, **asked, ignore=["properties"]).table["label"].to_pylist() == [True, True]


def test_a_text_that_denies_nothing_is_left_out(tmp_path: Path) -> None:
    rows = [("a", "r", "b", "negated=false"), ("a", "r", "c", "the mutant negated: 1.5 fold, polarity: unknown")]
    path = written(tmp_path / "e.tsv", ("head", "relation", "tail", "note"), *rows)
    found = read_statements(path, columns=["head", "relation", "tail"])
    assert found.left_out == {"column 4 (note): no option names it": 2}


def test_a_map_that_denies(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    maps = pa.array([[("negated", "true")], [("negated", "false")]], pa.map_(pa.string(), pa.string()))
    pa.parquet.write_table(pa.table({**TRIPLES, "props": maps}), path)
    with pytest.raises(UserError, match=r"column 4 \(props\) holds lists or objects, of which some say"):
        read_statements(path)
    pa.parquet.write_table(pa.table({**TRIPLES, "props": maps[1:].take(pa.array([0, 0]))}), path)
    assert read_statements(path).left_out == {"column 4 (props): no option names it": 2}


def test_what_pandas_left_empty_is_no_name(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    pa.parquet.write_table(pa.table({**TRIPLES, "head": pa.array([1.0, float("nan")])}), path)
    with pytest.raises(UserError, match="row 2 has no head"):
        read_statements(path)


def test_json_of_an_ontology_says_how_to_read_it(tmp_path: Path) -> None:
    edge = {"sub": "http://e/A", "pred": "is_a", "obj": "http://e/B"}
    for indent in (None, 2):
        path = tmp_path / "hp.json"
        path.write_text(
            json.dumps({"graphs": [{"nodes": [{"id": "http://e/A", "lbl": "a"}], "edges": [edge]}]}, indent=indent)
        )
        with pytest.raises(UserError, match=r"jq -c \"\.graphs\[\]\.edges\[\]\" hp\.json .* --columns sub,pred,obj"):
            read_statements(path)


def test_objects_over_several_lines(tmp_path: Path) -> None:
    """As ``jq`` writes them without ``-c``."""
    path = tmp_path / "e.jsonl"
    path.write_text(
        "\n".join(
            json.dumps(dict(zip(TRIPLES, row, strict=True)), indent=2) for row in zip(*TRIPLES.values(), strict=True)
        )
    )
    assert read_statements(path).table["tail"].to_pylist() == ["b", "c"]
    path.write_text(path.read_text() + '\n{\n  "head": }')
    with pytest.raises(UserError, match=r"e\.jsonl:11: not JSON .* where objects, one after the other should be"):
        read_statements(path)


def test_ends_that_are_objects_are_told_of_by_their_own_name(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text('{"label":"KNOWS","start":{"id":"1"},"end":{"id":"2"}}\n')
    with pytest.raises(UserError, match=r"column 2 \(start\), which should be the head, holds lists or objects"):
        read_statements(path, columns=["start", "label", "end"])


def test_three_columns_in_another_order_are_told_of(tmp_path: Path) -> None:
    """Head, tail, relation, as OpenKE has them; and one score for each pair, as STRING has."""
    rows = [(f"e{i}", f"e{(7 * i + 3) % 40}", f"r{i % 2}") for i in range(40)]
    path, none = written(tmp_path / "t.tsv", *rows), {"valid": 0.0, "test": 0.0}
    notes = ingest(path, tmp_path / "a", **none).notes
    assert notes == [
        "There are 40 relations and 2 tails: if the second column holds no relations, say what is where, such as "
        "--columns 1,3,2."
    ]
    assert ingest(path, tmp_path / "b", **none, columns=["1", "3", "2"]).notes == []
    path = written(tmp_path / "u.tsv", *((r, h, t) for h, t, r in rows))
    assert "40 relations and 2 heads: " in ingest(path, tmp_path / "c", **none).notes[0]


def test_entities_that_negate_others_are_told_of(tmp_path: Path) -> None:
    rows = [
        ("p1", "has", "fever"),
        ("p2", "has", "no fever"),
        ("p3", "has", "NOT cough"),
        ("p4", "has", "no man's land"),
    ]
    notes = ingest(written(tmp_path / "t.tsv", *rows), tmp_path / "a", valid=0.0, test=0.0).notes
    assert len(notes) == 1
    assert notes[0].startswith("2 names of entities seem to negate others, such as 'no fever', 'NOT cough', and")


def test_relations_that_negate_behind_are_told_of(tmp_path: Path) -> None:
    rows = [("a", "treats", "b"), ("a", "treats_not", "c"), ("a", "tests_negative", "c")]
    path = written(tmp_path / "t.tsv", *rows)
    notes = ingest(path, tmp_path / "a", valid=0.0, test=0.0).notes
    assert notes == [
        "1 relations seem to negate others, such as 'treats_not', and are read as ordinary relations: --negated "
        "'(.*)_not' would make them denials."
    ]
    ingest(path, tmp_path / "b", valid=0.0, test=0.0, negated="(.*)_not")
    assert said(tmp_path / "b")["denied"] == [("a", "c", 0)]


def test_a_header_of_other_words_is_told_of(tmp_path: Path) -> None:
    """``genes_to_phenotype.txt`` of HPO, which few lines and many symbols hide."""
    rows = [("1", "A", "HP:1", "OMIM:1"), ("2", "B", "HP:2", "OMIM:1")]
    path = written(tmp_path / "g.txt", ("ncbi_gene_id", "gene_symbol", "hpo_id", "disease_id"), *rows)
    with pytest.warns(UserWarning, match="ncbi_gene_id, gene_symbol, hpo_id, is read as a statement"):
        read_statements(path, columns=["1", "2", "3"])


def test_lines_that_have_names_of_their_own(tmp_path: Path) -> None:
    """YAGO writes the name of each fact before it."""
    rows = [(f"<id_{i}>", f"<e{i}>", "<knows>", f"<e{i % 2}>") for i in range(4)]
    path = written(tmp_path / "yago.tsv", *rows)
    with pytest.raises(UserError, match="as if the first named the lines: if it does, say --columns 2,3,4"):
        read_statements(path)
    assert read_statements(path, columns=["2", "3", "4"]).table["relation"].to_pylist() == ["<knows>"] * 4
    path = written(tmp_path / "time.tsv", *((f"e{i}", "knows", f"e{i % 2}", f"200{i}") for i in range(4)))
    assert read_statements(path).table["relation"].to_pylist() == ["knows"] * 4


@pytest.mark.parametrize(
    ("name", "values"), [("outcome", ("Active", "Inactive")), ("hit_call", ("1", "0")), ("interaction", ("yes", "no"))]
)
def test_outcomes_of_experiments_are_asked_about_wherever_they_stand(
    tmp_path: Path, name: str, values: tuple[str, str]
) -> None:
    rows = [("a", "binds", tail, value, "1") for tail, value in zip("bc", values, strict=True)]
    path = written(tmp_path / "assay.tsv", (*FOUR, name, "pmid"), *rows)
    with pytest.raises(UserError, match=f"as if it said what is stated and what is denied: .* --ignore {name}"):
        read_statements(path, columns=FOUR)


def test_the_columns_of_nell_are_proposed_rightly(tmp_path: Path) -> None:
    path = written(tmp_path / "n.tsv", ("Entity", "Relation", "Value", "Prob", "Source"), ("a", "r", "b", "0.9", "x"))
    with pytest.raises(UserError, match="say --columns Entity,Relation,Value,"):
        read_statements(path)
