"""Tables as public data sets have them: ordinary columns ask nothing, and what denies or names lines is still noticed.

Each expected outcome is worked out by hand from what the table says in plain words.
"""

import json
import shlex
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from gnnneg.data.formats import columns as looks
from gnnneg.data.formats.files import read_statements
from gnnneg.data.formats.nested import denies
from gnnneg.data.ingest import ingest
from gnnneg.data.shell import argument
from gnnneg.errors import UserError

HEADER = ("head", "relation", "tail")
NONE = {"valid": 0.0, "test": 0.0}


def written(path: Path, *rows: tuple[str, ...]) -> Path:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")
    return path


def beside(path: Path, name: str, values: list[str], *more: tuple[str, list[str]]) -> Path:
    """A table with this column between the triple and a column of references, and further columns before it."""
    every = [*more, (name, values), ("pmid", [f"PMID:{i}" for i in range(len(values))])]
    rows = [("a", "r", f"t{i}", *(column[i] for _, column in every)) for i in range(len(values))]
    return written(path, (*HEADER, *(name for name, _ in every)), *rows)


# columns of outcomes, strands and kinds


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("direct_interaction", ["0", "1"]),
        ("interaction_type", ["direct", "indirect"]),
        ("interaction_type", ["covalent", "noncovalent"]),
        ("interaction", ["direct", "indirect"]),
        ("interaction", ["covalent", "noncovalent"]),
        ("bond_type", ["covalent", "non-covalent"]),
        ("active_site", ["yes", "no"]),
        ("detected_by_ms", ["1", "0"]),
    ],
)
def test_kinds_and_places_are_no_outcomes(tmp_path: Path, name: str, values: list[str]) -> None:
    found = read_statements(beside(tmp_path / "a.tsv", name, values), columns=list(HEADER))
    assert found.left_out == {f"column 4 ({name}): no option names it": 2, "column 5 (pmid): no option names it": 2}


def test_kinds_may_stand_last(tmp_path: Path) -> None:
    rows = [("a", "r", "b", "direct"), ("a", "r", "c", "indirect")]
    path = written(tmp_path / "a.tsv", (*HEADER, "interaction_type"), *rows)
    assert read_statements(path, columns=list(HEADER)).table["label"].to_pylist() == [True, True]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("interaction", ["1", "0"]),
        ("PUBCHEM_ACTIVITY_OUTCOME", ["Active", "Inactive", "Inconclusive"]),
        ("activity", ["active", "inactive"]),
        ("result", ["detected", "not detected"]),
        ("annotation_type", ["supports", "does not support"]),
    ],
)
def test_outcomes_are_asked_about(tmp_path: Path, name: str, values: list[str]) -> None:
    with pytest.raises(UserError, match=f"as if it said what is stated .* say --label {name}"):
        read_statements(beside(tmp_path / "a.tsv", name, values), columns=list(HEADER))


@pytest.mark.parametrize("name", ["strand", "direction", "regulation"])
def test_beside_a_label_strands_are_no_second_one(tmp_path: Path, name: str) -> None:
    path = beside(tmp_path / "a.tsv", name, ["1", "-1", "1"], ("label", ["1", "0", "1"]))
    found = read_statements(path, columns=list(HEADER), label="label")
    assert found.table["label"].to_pylist() == [True, False, True]
    assert found.left_out[f"column 5 ({name}): no option names it"] == 3
    with pytest.raises(UserError, match=f"say --label {name}"):
        read_statements(beside(tmp_path / "b.tsv", name, ["1", "-1", "1"]), columns=list(HEADER))


@pytest.mark.parametrize("name", ["truth", "sign", "is_not", "negated"])
def test_beside_a_label_one_and_minus_one_of_truth_are(tmp_path: Path, name: str) -> None:
    path = beside(tmp_path / "a.tsv", name, ["1", "-1", "1"], ("label", ["1", "0", "1"]))
    with pytest.raises(UserError, match=f"as if it too said .* say --ignore {name}"):
        read_statements(path, columns=list(HEADER), label="label")


# negations of negations


@pytest.mark.parametrize("name", ["non_negated", "not_negated", "isNotNegated"])
def test_a_column_that_negates_twice_is_a_plain_label(tmp_path: Path, name: str) -> None:
    path = beside(tmp_path / "a.tsv", name, ["true", "false"])
    with pytest.raises(UserError, match=f"say --label {name}, and"):
        read_statements(path, columns=list(HEADER))
    assert read_statements(path, columns=list(HEADER), label=name).table["label"].to_pylist() == [True, False]
    assert [looks.negates(x) for x in (name, "negated", "is_not", "isNotTrue")] == [False, True, True, True]


SAID = [
    ("non_negated=true", False),
    ("not_negated: true", False),
    ('{"not_negated": true}', False),
    ("x; isNotNegated=1", False),
    ("un_negated=yes", False),
    ("not negated: true", False),
    ("non_negated=false", True),
    ('{"not_negated": "no"}', True),
    ("edge_negated=true", True),
    ("is negated: yes; by=x", True),
    ("qualifier=NOT negated=true", True),
    ("polarity=0", False),
    ("polarity: negative; ionization: ESI", False),
    ("ion mode: ESI-, polarity: negative", False),
    ("precursor 301.1 m/z|polarity=negative|[M-H]-", False),
    ("polarity: negative, subjectivity: 0.4", False),
    ("sentiment polarity: negative", False),
    ("sentiment_polarity=-1", False),
    ("polarity=-0.5", False),
    ("source=x polarity=negative", True),
    ("edge_polarity: -1", True),
    ("truth=0", True),
]


@pytest.mark.parametrize(("text", "denied"), SAID)
def test_what_texts_say_of_polarity(tmp_path: Path, text: str, denied: bool) -> None:
    path = beside(tmp_path / "a.tsv", "note", [text, "x"])
    if denied:
        with pytest.raises(UserError, match="some say that their statement is false"):
            read_statements(path, columns=list(HEADER))
    else:
        assert read_statements(path, columns=list(HEADER)).left_out["column 4 (note): no option names it"] == 2


def test_a_polarity_in_a_column_about_spectra(tmp_path: Path) -> None:
    values = ["polarity: negative", "polarity: positive"]
    assert read_statements(beside(tmp_path / "a.tsv", "spectrum_info", values), columns=list(HEADER)).left_out
    with pytest.raises(UserError, match="some say that their statement is false"):
        read_statements(beside(tmp_path / "a.tsv", "properties", values), columns=list(HEADER))


@pytest.mark.parametrize(
    ("value", "denied"),
    [
        ({"non_negated": True}, False),
        ({"not_negated": "true"}, False),
        ({"polarity": "negative", "charge": 1}, False),
        ({"ion_mode": "negative", "value": 1}, False),
        ({"type": "negative", "count": 1}, False),
        ({"non_negated": False}, True),
        ({"attribute_type_id": "biolink:negated", "value": True}, True),
        ([{"key": "is_negated", "val": "yes"}], True),
    ],
)
def test_objects_that_deny(value: Any, denied: bool) -> None:
    assert denies(value) == denied
    assert denies(json.loads(json.dumps([{"more": value}]))) == denied


# maps of parquet

TEXT = pa.string()


@pytest.mark.parametrize(
    ("keys", "items", "maps", "denied"),
    [
        (pa.int32(), TEXT, [[(1, "a")], [(2, "true")]], False),
        (pa.int32(), TEXT, [[(1, "a")], [(2, "NOT")]], True),
        (pa.float64(), pa.int64(), [[(1.5, 1)], None], False),
        (TEXT, TEXT, [[("negated", "false")], [("reviewed", "true")]], False),
        (TEXT, TEXT, [[], [("x", "1"), ("negated", "true")]], True),
        (TEXT, TEXT, [[("non_negated", "true")], None], False),
        (TEXT, TEXT, [[("non_negated", "false")], None], True),
        (TEXT, pa.int64(), [[("count", 1)], [("negated", 1)]], True),
        (TEXT, pa.int64(), [[("count", 1)], [("negated", 0)]], False),
        (TEXT, pa.list_(TEXT), [[("negated", ["a", "yes"])], None], True),
        (TEXT, pa.list_(TEXT), [[("reviewed", ["a", "yes"])], None], False),
        (TEXT, pa.map_(TEXT, TEXT), [[("p", [("negated", "true")])], None], True),
        (TEXT, pa.struct([("negated", pa.bool_())]), [[("p", {"negated": True})], None], True),
        (TEXT, TEXT, [[("attribute_type_id", "biolink:negated"), ("value", "true")], []], True),
        (TEXT, TEXT, [[("attribute_type_id", "biolink:negated"), ("value", "false")], [("value", "true")]], False),
    ],
)
def test_maps_of_any_type(tmp_path: Path, keys: pa.DataType, items: pa.DataType, maps: list[Any], denied: bool) -> None:
    triples = {"head": ["a", "a"], "relation": ["r", "r"], "tail": ["b", "c"]}
    kind = pa.map_(keys, items)
    for column in (pa.array(maps, kind), pa.array([[one] for one in maps], pa.list_(kind))):
        pa.parquet.write_table(pa.table({**triples, "props": column}), tmp_path / "e.parquet", row_group_size=1)
        if denied:
            with pytest.raises(UserError, match=r"column 4 \(props\) holds lists or objects, of which some say"):
                read_statements(tmp_path / "e.parquet")
        else:
            assert read_statements(tmp_path / "e.parquet").left_out == {"column 4 (props): no option names it": 2}


def test_a_number_under_negated_within_a_structure(tmp_path: Path) -> None:
    for number in (0, 1):
        table = {"head": ["a"], "relation": ["r"], "tail": ["b"], "props": [{"negated": number, "count": 1}]}
        pa.parquet.write_table(pa.table(table), tmp_path / "e.parquet")
        if number:
            with pytest.raises(UserError, match="some say that their statement is false"):
                read_statements(tmp_path / "e.parquet")
        else:
            assert len(read_statements(tmp_path / "e.parquet").table) == 1


# first columns that name the lines


def conceptnet(i: int, end: str) -> tuple[str, ...]:
    start, relation = f"/c/en/cat_{i}", ("/r/IsA", "/r/HasA")[i % 2]
    return (f"/a/[{relation}/,{start}/,{end}/]", relation, start, end, '{"weight": 1.0}')


CONCEPTNET = [conceptnet(i, f"/c/en/cat_{i + 1}") for i in range(4)]
NAMED = [
    (CONCEPTNET, "3,2,4"),
    ([conceptnet(i, f"/c/en/pet_{i}") for i in range(4)], "3,2,4"),  # no name is at both ends
    ([(f"f{i}", f"/r/{i % 2}", f"c{i}", f"c{i + 1}", "x") for i in range(9)], "3,2,4"),
    ([(f"<id_{i}>", f"<e{i}>", "<knows>", f"<e{i % 2}>") for i in range(4)], "2,3,4"),  # YAGO's facts
    ([(f"<id_{i}>", f"<e{i}>", "rdfs:label", f'"E {i}"@eng') for i in range(30)], "2,3,4"),  # and its labels
]


@pytest.mark.parametrize(("rows", "order"), NAMED)
def test_a_first_column_that_names_the_lines(tmp_path: Path, rows: list[tuple[str, ...]], order: str) -> None:
    path = written(tmp_path / "a.tsv", *rows)
    how = f"as if the first named the lines: if it does, say --columns {order}, and if it is the head, --columns 1,2,3"
    with pytest.raises(UserError, match=how):
        read_statements(path)
    found = read_statements(path, columns=order.split(",")).table
    assert found["head"].to_pylist() == [row[int(order[0]) - 1] for row in rows]
    assert found["relation"].to_pylist() == [row[int(order[2]) - 1] for row in rows]


@pytest.mark.parametrize(
    "rows",
    [
        [("aspirin", "treats", "pain", "0.9"), ("b", "prevents", "pain", "0.8"), ("c", "treats", "pain", "0.9")],
        [(f"drug{i}", ("treats", "prevents")[i % 2], f"disease{i % 5}", f"0.{i}") for i in range(40)],
        [(f"drug{i}", ("treats", "prevents", "worsens")[i % 3], "pain", "1.0") for i in range(40)],
        [(f"e{i}", "knows", f"e{i + 1}", f"200{i % 3}") for i in range(9)],  # heads are tails as well
        [(f"u{i}", "rates", str(i % 5), str(i % 3)) for i in range(9)],  # numbers are no names
        [(f"p{i}", "has", f"symptom{i % 4}", f"PMID:{i}", "x") for i in range(30)],
    ],
)
def test_a_first_column_of_heads(tmp_path: Path, rows: list[tuple[str, ...]]) -> None:
    found = read_statements(written(tmp_path / "a.tsv", *rows)).table
    assert found["head"].to_pylist() == [row[0] for row in rows]


# names of columns


@pytest.mark.parametrize(
    ("names", "proposed"),
    [
        (("Entity", "Relation", "Value", "Probability", "Source", "Candidate Source"), ["Entity", "Relation", "Value"]),
        (("node", "type", "value"), ["node", "type", "value"]),
        (("subject", "predicate", "value", "object"), ["subject", "predicate", "object"]),
        (("source", "type", "value", "target"), ["source", "type", "target"]),
        (("subject", "predicate", "object", "value"), ["subject", "predicate", "object"]),
        (("target", "type", "value", "source"), ["target", "type", "source"]),
        (("gene", "relation", "p value"), []),
        (("value", "relation", "node"), []),
        (("gene", "type", "value"), []),
    ],
)
def test_a_value_is_a_tail_only_where_nothing_else_is(names: tuple[str, ...], proposed: list[str]) -> None:
    assert looks.by_name(names) == proposed


def test_a_value_alone_makes_no_header(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", ("source", "r", "value"), ("a", "r", "b"), ("value", "r", "c"))
    assert len(read_statements(path).table) == 3
    path = written(tmp_path / "a.tsv", ("Entity", "Relation", "Value", "Prob"), ("a", "r", "b", ".9"))
    with pytest.raises(UserError, match="say --columns Entity,Relation,Value"):
        read_statements(path)


# what messages propose


def test_nations_are_in_order(tmp_path: Path) -> None:
    """As in Nations, 14 countries are linked by 55 relations: neither stands where the other should."""
    rows = [(f"c{i % 14}", f"r{i % 55}", f"c{(i * 5 + 1 + i // 14) % 14}") for i in range(600)]
    path = written(tmp_path / "a.tsv", *rows)
    assert ingest(path, tmp_path / "out", **NONE).notes == []


def test_columns_in_another_order(tmp_path: Path) -> None:
    """Drugs, diseases and relations: no name is in two columns, but relations are few."""
    rows = [(f"drug{i}", f"disease{i % 30}", ("treats", "prevents")[i % 2]) for i in range(60)]
    (note,) = ingest(written(tmp_path / "a.tsv", *rows), tmp_path / "a", **NONE).notes
    assert note.startswith("There are 30 relations and 2 tails: ")
    assert note.endswith("--columns 1,3,2.")
    (note,) = ingest(written(tmp_path / "b.tsv", *((r, h, t) for h, t, r in rows)), tmp_path / "b", **NONE).notes
    assert note.endswith("--columns 2,1,3.")


@pytest.mark.parametrize(
    ("relation", "meant"), [("doesn't treat", "treat"), ("isn't $HOME of", "$HOME of"), ("notTreats", "Treats")]
)
def test_what_is_proposed_for_relations_works_in_a_shell(tmp_path: Path, relation: str, meant: str) -> None:
    path = written(tmp_path / "a.tsv", ("a", meant, "b"), ("a", relation, "c"))
    (note,) = ingest(path, tmp_path / "a", **NONE).notes
    asked = note[note.index("--negated ") : note.rindex(" would make")]
    option, pattern = shlex.split(asked)
    assert option == "--negated"
    assert "1 relations" not in "".join(ingest(path, tmp_path / "b", negated=pattern, **NONE).notes)


def test_what_is_proposed_for_labels_works_in_a_shell(tmp_path: Path) -> None:
    rows = [("a", "r", "b", "it isn't not so"), ("a", "r", "c", "it isn't so")]
    path = written(tmp_path / "a.tsv", (*HEADER, "what do you say?"), *rows)
    with pytest.raises(UserError) as error:
        read_statements(path, columns=list(HEADER))
    said = str(error.value)
    asked = shlex.split(said[said.index("--label ") : said.index(", and if it does not")])
    assert asked[:3] == ["--label", "what do you say?", "--labels"]
    assert {"stated=it isn't so", "denied=it isn't not so"} == {*asked[3:]}


def test_arguments_are_quoted_where_they_must_be() -> None:
    for text in ("(.*)_not", "it's", "a b", "#a", "~", "", "a;b", "$x", "doesn't\\ (.*)"):
        assert argument(text) != text
        assert shlex.split(f"x {argument(text)} y") == ["x", text, "y"]
    for text in ("Kopf,Beziehung,Schwanz", "头实体", "http://e/g#false", "a-b_c.d:e/f=1"):
        assert argument(text) == text
