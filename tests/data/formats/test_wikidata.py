import bz2
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from gnnneg.data.formats.files import read_statements
from gnnneg.data.formats.wikidata import read_wikidata
from gnnneg.errors import UserError

EXCERPT = Path(__file__).parent / "excerpts" / "wikidata.json"


def test_ranks_and_snaks() -> None:
    found = read_statements(EXCERPT)
    assert [tuple(row.values()) for row in found.table.to_pylist()] == [
        ("Q42", "P31", "Q5", True, 1.0, "normal"),
        ("Q42", "P27", "Q145", True, 1.0, "preferred"),
        ("Q42", "P40", "Q14623683", True, 1.0, "normal"),  # an old dump, with the number only
        ("Q15869", "P19", "Q60", False, 0.5, "deprecated"),
        ("Q15869", "P19", "Q90", True, 1.0, "normal"),
    ]
    assert found.left_out == {
        **{"literals": 1, "qualified 'no value'": 1, "unknown values": 1},
        "qualifiers of statements": 1,  # why one is deprecated
    }
    assert found.closed is not None
    assert found.closed.to_pylist() == [{"head": "Q15869", "relation": "P26"}]
    assert read_wikidata(EXCERPT, deprecated=0.2).table["confidence"].to_pylist()[3] == 0.2
    with pytest.raises(UserError, match="from 0 to 1, not 2"):
        read_wikidata(EXCERPT, deprecated=2.0)


@pytest.mark.parametrize("form", ["lines", "gz", "bz2"])
def test_other_wrappings_say_the_same(tmp_path: Path, form: str) -> None:
    raw = EXCERPT.read_bytes()
    if form == "lines":
        path = tmp_path / "a.json"
        path.write_text("\n".join(json.dumps(entity) for entity in json.loads(raw)))
    else:
        path = tmp_path / f"a.json.{form}"
        path.write_bytes(gzip.compress(raw) if form == "gz" else bz2.compress(raw))
    found = read_statements(path)
    assert found.table.equals(read_statements(EXCERPT).table)
    if form != "lines":
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(UserError, match="is not a whole"):
            read_statements(path)


def entity(**statement: Any) -> str:
    usual = {"mainsnak": {"snaktype": "novalue", "property": "P1"}, "rank": "normal"}
    return json.dumps({"id": "Q1", "claims": {"P1": [usual | statement]}})


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('{"id": "Q1", ', r"a\.json:2: not JSON \("),
        ('{"type": "item"}', r"a\.json:2: not an entity of Wikidata"),
        ("[1]", r"a\.json:2: not an entity"),
        (entity(rank="best"), r"a\.json:2: the rank is one of preferred, normal, deprecated, not 'best'"),
        (entity(mainsnak={"snaktype": "none"}), r"a\.json:2: a snak is value, somevalue or novalue, not 'none'"),
        (entity(mainsnak={}), r"a\.json:2: not an entity"),
    ],
)
def test_a_garbled_line(tmp_path: Path, line: str, wrong: str) -> None:
    (tmp_path / "a.json").write_text(f"[\n{line},\n]")
    with pytest.raises(UserError, match=wrong):
        read_statements(tmp_path / "a.json")


def test_labels(tmp_path: Path) -> None:
    said = {"mainsnak": {"snaktype": "value", "datavalue": {"type": "wikibase-entityid", "value": {"id": "Q7"}}}}
    claims = {"P1": [said | {"rank": "normal", "references": [{}, {}]}]}
    labels = {"de": {"value": "Eins"}, "mul": {"value": "1"}, "en": {"value": "one"}}
    aliases = {"en": [{"value": "unit"}], "de": [{"value": "a"}]}
    entities = [
        {"id": "Q1", "labels": labels, "aliases": aliases, "claims": claims},
        {"id": "Q2", "labels": {"de": {"value": "Zwei"}, "mul": {"value": "2"}}, "aliases": []},
        {"id": "P1", "labels": {"fr": {"value": "est"}}, "sitelinks": {"dewiki": {}}},
        {"id": "Q3", "labels": []},
    ]
    (tmp_path / "a.json").write_text("\n".join(map(json.dumps, entities)))
    found = read_wikidata(tmp_path / "a.json")
    assert found.labels is not None
    labelled = list(zip(found.labels["name"].to_pylist(), found.labels["label"].to_pylist()))
    assert labelled == [("Q1", "one"), ("Q1", "unit"), ("Q2", "2"), ("P1", "est")]
    assert found.left_out == {"references": 2, "sitelinks": 1}


@pytest.mark.parametrize(
    "line", ["[" * 100_000, '{"id": "\\ud800"}', '{"id": 3}', '{"id": "", "claims": []}', "9" * 5000]
)
def test_json_that_is_no_entity(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.json").write_text(f"[\n{line},\n]")
    with pytest.raises(UserError, match=r"a\.json:2: (not|nested)"):
        read_wikidata(tmp_path / "a.json")


def test_a_question_with_an_answer_is_not_closed(tmp_path: Path) -> None:
    value = {"snaktype": "value", "datavalue": {"type": "wikibase-entityid", "value": {"id": "Q7"}}}
    lines = [entity(), entity(mainsnak=value), entity().replace("Q1", "Q2"), entity().replace("Q1", "Q2")]
    denied = entity(mainsnak=value, rank="deprecated").replace("Q1", "Q2")
    (tmp_path / "a.json").write_text("\n".join([*lines, denied]))
    found = read_statements(tmp_path / "a.json")
    assert found.left_out == {"'no answer' where there is one": 1}
    assert found.closed is not None
    assert found.closed.to_pylist() == [{"head": "Q2", "relation": "P1"}], "once, and a denied answer is none"


def test_only_closed_questions_are_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(entity() + "\n" + entity(rank="deprecated"))
    with pytest.raises(UserError, match=r"holds no statements between entities \(left out: 1 deprecated 'no value'\)"):
        read_statements(tmp_path / "a.json")
