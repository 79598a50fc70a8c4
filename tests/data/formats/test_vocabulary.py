"""Tables as strangers bring them: what their words, lists, first lines and first columns mean is asked, or understood.

Each expected outcome is worked out by hand from what the table says in plain words.
"""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from gnnneg.data.formats import columns as looks
from gnnneg.data.formats.files import read_statements
from gnnneg.data.formats.nested import denies
from gnnneg.errors import UserError

OPPOSITES = [
    *(("supports", "refutes"), ("entailment", "contradiction"), ("confirmed", "unconfirmed"), ("proven", "disproven")),
    *(
        ("Supports", "Does Not Support"),
        ("binding", "non-binding"),
        ("fact", "not_fact"),
        ("expressed", "not expressed"),
    ),
]
AT_THE_END = [
    *(("✓", "✗"), ("ja", "nein"), ("oui", "non"), ("wahr", "falsch"), ("vrai", "faux"), ("是", "否")),
    *(("active", "inactive"), ("valid", "invalid"), ("real", "fake"), ("1", "null"), ("1", "\u22121")),
]


def written(path: Path, *lines: tuple[str, ...], sign: str = "\t") -> Path:
    path.write_text("".join(f"{sign.join(line)}\n" for line in lines), "utf-8")
    return path


def said(path: Path, **options: Any) -> list[tuple[object, ...]]:
    return [tuple(row.values())[:4] for row in read_statements(path, **options).table.to_pylist()]


@pytest.mark.parametrize(("pro", "contra"), [*OPPOSITES, *AT_THE_END])
def test_what_is_denied_in_other_words_is_asked_about(tmp_path: Path, pro: str, contra: str) -> None:
    path = written(tmp_path / "a.tsv", ("a", "r", "b", pro), ("a", "r", "c", contra))
    with pytest.raises(UserError, match=r"say --label 4.*, and if it does not, --ignore 4"):
        read_statements(path)


@pytest.mark.parametrize(("pro", "contra"), OPPOSITES)
def test_opposites_are_asked_about_wherever_they_stand(tmp_path: Path, pro: str, contra: str) -> None:
    names = ("head", "relation", "tail", "what", "pmid")
    path = written(tmp_path / "a.csv", names, ("a", "r", "b", pro, "1"), ("a", "r", "c", contra, "2"), sign=",")
    with pytest.raises(UserError, match="say --label what") as error:
        read_statements(path)
    assert f"stated={pro.lower()}" in str(error.value)
    assert f"denied={contra.lower()}" in str(error.value)


def test_words_that_only_look_alike_are_left_alone(tmp_path: Path) -> None:
    """Levels of knowledge as KGX has them, sides, and a status in the midst of a line."""
    for some in (("not_provided", "knowledge_assertion"), ("side", "inside"), ("active", "inactive"), ("none", "x")):
        names = ("head", "relation", "tail", "what", "pmid")
        path = written(tmp_path / "a.csv", names, *(("a", "r", t, x, "1") for t, x in zip("bc", some)), sign=",")
        assert len(said(path)) == 2
    assert looks.opposed(["does not support", "supports", "neutral"], False) == {"does not support"}
    assert looks.opposed(["inactive", "active"], False) == set()
    assert looks.opposed(["inactive", "active"], True) == {"inactive"}


def test_a_minus_of_typesetters_is_a_minus(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", ("a", "r", "b", "1"), ("a", "r", "c", "\u22121"))
    assert said(path, label="4") == [("a", "r", "b", True), ("a", "r", "c", False)]


def test_words_of_any_alphabet() -> None:
    assert looks.words("Prädikat HTTPServer isNegated2 head-ids") == [
        *("prädikat", "http", "server", "is", "negated", "2", "head", "ids"),
    ]


@pytest.mark.parametrize(
    "names", [("Kopf", "Beziehung", "Schwanz"), ("sujet", "prédicat", "objet"), ("头实体", "关系", "尾实体")]
)
def test_a_header_in_another_language(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = written(tmp_path / "a.tsv", names, ("a", "r", "b"), ("b", "r", "c"))
    with pytest.raises(UserError, match=f"looks like names of columns: if it is, say --columns {','.join(names)}"):
        read_statements(path)
    assert len(said(path, columns=list(names))) == 2


@pytest.mark.parametrize("numbers", [("0.0", "1.0", "2.0"), ("3", "2", "1"), ("7", "1", "4")])
def test_lines_that_were_numbered_and_shuffled(tmp_path: Path, numbers: tuple[str, ...]) -> None:
    path = written(tmp_path / "a.tsv", *((n, "a", "r", t) for n, t in zip(numbers, "bcd")))
    with pytest.raises(UserError, match="seems to number the lines: if it does, say --columns 2,3,4"):
        read_statements(path)
    assert said(path, columns=["2", "3", "4"])[0][:3] == ("a", "r", "b")
    ids = written(tmp_path / "b.tsv", ("7", "0", "1", "x"), ("1", "0", "2", "x"), ("4", "0", "3", "x"))
    assert len(said(ids)) == 3, "ids of heads are as different as that"


def test_a_header_without_a_name_for_the_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", ("", "x", "y", "z"), ("0", "a", "r", "b"))
    with pytest.raises(UserError, match=r"first field of its first line is empty.*say --header --columns 2,3,4"):
        read_statements(path)
    assert said(path, header=True, columns=["2", "3", "4"]) == [("a", "r", "b", True)]


def test_numbers_of_lines_are_no_labels(tmp_path: Path) -> None:
    rows = {"head": ["a", "b"], "relation": ["r", "r"], "tail": ["b", "c"]}
    pyarrow.parquet.write_table(pa.table(rows | {"__index_level_0__": [0, 1]}), tmp_path / "a.parquet")
    assert len(said(tmp_path / "a.parquet")) == 2
    pyarrow.parquet.write_table(pa.table(rows | {"__index_level_0__": [1, -1]}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match="--label __index_level_0__"):
        read_statements(tmp_path / "a.parquet")


def test_what_no_table_begins_with(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", ("sep=;",), ("head;relation;tail",), ("a;r;b",))
    with pytest.raises(UserError, match="take it out, and say what separates the fields with --delimiter"):
        read_statements(path)
    path = written(tmp_path / "a.tsv", ("# nothing yet",))
    with pytest.raises(UserError, match="holds nothing but comments"):
        read_statements(path)


def test_signs_that_may_be_meant_otherwise_are_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", ("a", "r", "b"), ("#c", "r", "b"), ('"b"', "r", '"c"'))
    assert said(path)[1:] == [("#c", "r", "b", True), ('"b"', "r", '"c"', True)]
    taken = read_statements(path).left_out.taken
    assert taken["lines that begin with '#', read as statements"] == 1
    assert sum(number for what, number in taken.items() if "names in quotation marks" in what) == 2


def test_no_term_was_found(tmp_path: Path) -> None:
    """SSSOM's way to say that a search was in vain: no mapping to a thing of that name."""
    names = ("subject_id", "predicate_id", "predicate_modifier", "object_id")
    body = [("A:1", "r", "", "B:1"), ("A:2", "r", "", "sssom:NoTermFound"), ("A:3", "r", "Not", "B:3")]
    options = {"columns": [names[0], names[1], names[3]], "label": "predicate_modifier"}
    path = written(tmp_path / "a.sssom.tsv", names, *body)
    assert said(path, **options) == [("A:1", "r", "B:1", True), ("A:3", "r", "B:3", False)]
    left = read_statements(path, **options).left_out
    assert left["statements that nothing was found: their head or tail is sssom:NoTermFound"] == 1
    path = written(tmp_path / "a.sssom.tsv", names, body[1])
    with pytest.raises(UserError, match="every line says that nothing was found"):
        read_statements(path, **options)


# lists and objects


@pytest.mark.parametrize(
    "found",
    [
        {"qualifiers": ["NOT"]},
        {"attributes": {"negated": True}},
        {"attributes": [{"attribute_type_id": "biolink:negated", "value": True}]},
        {"more": {"deep": [{"is_negated": "yes"}]}},
    ],
)
def test_denials_within_lists_and_objects_are_not_lost(tmp_path: Path, found: dict[str, Any]) -> None:
    key = next(iter(found))
    plain = {"head": "a", "relation": "r", "tail": "b", key: [{"value": False, "knowledge_level": "not_provided"}]}
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (plain, {**plain, "tail": "c", **found})))
    with pytest.raises(UserError, match=rf"column 4 \({key}\) .* some say that their statement is false.* --ignore 4"):
        read_statements(path)
    assert len(said(path, ignore=[key])) == 2
    path.write_text(json.dumps(plain) + "\n")
    assert len(said(path)) == 1, "other lists and objects are left out and counted"


def test_denials_within_parquet(tmp_path: Path) -> None:
    rows = {"head": ["a", "b"], "relation": ["r", "r"], "tail": ["b", "c"]}
    for more, denied in (
        (pa.array([["Not"], []]), True),
        (pa.array([["x"], ["y"]]), False),
        (pa.array([{"negated": True}, {"negated": False}]), True),
        (pa.array([{"negated": False}, None]), False),
        (pa.array([[{"negated": True}], None]), True),
    ):
        pyarrow.parquet.write_table(pa.table(rows | {"what": more}), tmp_path / "a.parquet")
        if denied:
            with pytest.raises(UserError, match="some say that their statement is false"):
                read_statements(tmp_path / "a.parquet")
        else:
            assert len(said(tmp_path / "a.parquet")) == 2


def test_names_of_negations() -> None:
    assert denies({"type": "biolink:negated", "value": True})
    assert not denies({"type": "biolink:negated", "value": False})
    assert not denies({"knowledge_level": "not_provided", "agreed": True})


# JSON in other shapes


def test_an_array_of_records(tmp_path: Path) -> None:
    rows = [{"head": "a", "relation": "r", "tail": tail, "negated": tail == "c"} for tail in "bc"]
    for name, text in (("a.json", json.dumps(rows)), ("b.jsonl", json.dumps(rows, indent=1))):
        (tmp_path / name).write_text(text)
        assert said(tmp_path / name, label="negated") == [("a", "r", "b", True), ("a", "r", "c", False)]
    (tmp_path / "c.json").write_text('[{"head": "a", "relation": "r", "tail": "b"}, 3]')
    with pytest.raises(UserError, match="entry 2: each line should be an object"):
        read_statements(tmp_path / "c.json")
    (tmp_path / "d.json").write_text('{\n "subject": "a"\n}')
    with pytest.raises(UserError, match=r"d\.json has no column 'head'; it has subject: say which are head"):
        read_statements(tmp_path / "d.json")


def test_what_wikidata_answers_about_an_item(tmp_path: Path) -> None:
    value = {"type": "wikibase-entityid", "value": {"entity-type": "item", "id": "Q2", "numeric-id": 2}}
    claim = {"mainsnak": {"snaktype": "value", "datavalue": value}, "rank": "deprecated"}
    entity = {"id": "Q1", "labels": {"en": {"value": "one"}}, "claims": {"P1": [claim]}}
    for indent in (None, 1):
        (tmp_path / "Q1.json").write_text(json.dumps({"entities": {"Q1": entity}}, indent=indent))
        assert said(tmp_path / "Q1.json") == [("Q1", "P1", "Q2", False)]
