"""Entities of Wikidata's sisters: files of Commons, forms and senses of lexemes; OBO qualifiers that seem to deny."""

import json
from pathlib import Path
from typing import Any

import pytest

from gnnneg.data.formats.files import read_statements


def snak(tail: str, rank: str = "normal") -> dict[str, Any]:
    value = {"type": "wikibase-entityid", "value": {"entity-type": "item", "id": tail}}
    return {"rank": rank, "mainsnak": {"snaktype": "value", "property": "P1", "datavalue": value}}


def said(path: Path) -> list[tuple[object, ...]]:
    return [tuple(row.values())[:4] for row in read_statements(path).table.to_pylist()]


def test_files_of_commons_have_statements(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    entity = {
        "id": "M1",
        "type": "mediainfo",
        "labels": [],
        "statements": {"P180": [snak("Q2"), snak("Q3", "deprecated")]},
    }
    path.write_text(json.dumps(entity) + "\n")
    assert said(path) == [("M1", "P180", "Q2", True), ("M1", "P180", "Q3", False)]


def test_what_is_said_of_forms_and_senses_of_a_lexeme(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    lexeme = {
        "id": "L1",
        "type": "lexeme",
        "lexicalCategory": "Q1084",
        "lemmas": {"en": {"language": "en", "value": "bank"}},
        "claims": [],
        "forms": [{"id": "L1-F1", "representations": {"en": {"value": "banks"}}, "claims": {"P1": [snak("Q9")]}}],
        "senses": [
            {"id": "L1-S1", "glosses": {"en": {"value": "shore"}}, "claims": {"P5137": [snak("Q2", "deprecated")]}}
        ],
    }
    path.write_text(json.dumps(lexeme) + "\n")
    assert said(path) == [("L1-F1", "P1", "Q9", True), ("L1-S1", "P5137", "Q2", False)]
    found = read_statements(path)
    assert found.labels is not None
    assert dict(zip(*(found.labels[name].to_pylist() for name in ("name", "label")), strict=True)) == {
        **{"L1": "bank", "L1-F1": "banks", "L1-S1": "shore"}
    }
    assert found.left_out == {"key 'lexicalCategory'": 1}


@pytest.mark.parametrize("qualifier", ['status="absent"', 'modality="negative"', 'truth="0"', 'evidence="refuted"'])
def test_a_qualifier_of_obo_that_seems_to_deny_states_nothing(tmp_path: Path, qualifier: str) -> None:
    path = tmp_path / "a.obo"
    head = "format-version: 1.4\nontology: toy\n\n[Term]\nid: T:1\nis_a: T:3\n"
    path.write_text(
        head + f'relationship: has_part T:2 {{{qualifier}}}\nrelationship: has_part T:4 {{inferred="false"}}\n'
    )
    assert said(path) == [("T:1", "is_a", "T:3", True), ("T:1", "has_part", "T:4", True)]
    assert read_statements(path).left_out == {
        f"relationships with {qualifier.replace(chr(34), '')}": 1,
        "inferred qualifiers": 1,
    }
