import os
from pathlib import Path

import pytest

from gnnneg.data.formats.files import read_statements
from gnnneg.errors import UserError

EXCERPT = Path(__file__).parent / "excerpts" / "go.obo"


def test_a_hierarchy() -> None:
    found = read_statements(EXCERPT)
    assert [tuple(row.values()) for row in found.table.to_pylist()] == [
        ("GO:0000001", "is_a", "GO:0048308", True),
        ("GO:0000001", "is_a", "GO:0048311", True),
        ("GO:0000015", "is_a", "GO:1902494", True),
        ("GO:0000015", "part_of", "GO:0005829", True),
    ]
    assert found.left_out == {
        "obsolete terms": 1,
        "typedef frames": 1,
        "intersection_of clauses": 2,
        "disjoint_from clauses": 1,
        "namespace clauses": 3,  # nothing is left out without its name
        "references of definitions": 2,
    }
    assert found.labels is not None
    assert [tuple(row.values()) for row in found.labels.to_pylist()] == [
        ("GO:0000001", "mitochondrion inheritance"),
        ("GO:0000001", "mitochondrial inheritance"),
        ("GO:0000015", "phosphopyruvate hydratase complex"),
        ("GO:1902494", "catalytic complex"),
        ("part_of", "part of"),
    ]
    assert found.definitions is not None
    (defined,) = found.definitions.to_pylist()
    assert f'def: "{defined["definition"]}"' in EXCERPT.read_text()
    assert found.left_out.taken["definitions"] == 1


def test_as_plain_lines_say() -> None:
    """Our own reading of the lines, without a parser."""
    expected, term, kind = [], "", ""
    for block in EXCERPT.read_text().split("\n\n"):
        if not block.startswith("[Term]") or "is_obsolete: true" in block:
            continue
        for line in block.splitlines()[1:]:
            tag, value = line.split(" ! ")[0].split(": ", 1)
            term = value if tag == "id" else term
            if tag in ("is_a", "relationship"):
                kind, tail = ("is_a", value) if tag == "is_a" else value.split(" ")
                expected.append((term, kind, tail, True))
    assert [tuple(row.values()) for row in read_statements(EXCERPT).table.to_pylist()] == expected


def toy(tmp_path: Path, *clauses: str) -> Path:
    lines = ["format-version: 1.4", "", "[Term]", "id: T:1", "is_a: T:3 ! cell", *clauses]
    (tmp_path / "toy.obo").write_text("\n".join(lines) + "\n")
    return tmp_path / "toy.obo"


@pytest.mark.parametrize(
    ("qualifiers", "sign", "left_out"),
    [
        ('cardinality="0"', "-", {}),
        ('maxCardinality="0", source="x"', "-", {"source qualifiers": 1}),
        ('max_cardinality="0"', "-", {}),
        ('cardinality="00"', "-", {}),
        ('minCardinality="0", maxCardinality="0"', "", {"relationships with none or more": 1}),
        ('cardinality="2"', "+", {}),
        ('minCardinality="1"', "+", {}),
        ('minCardinality="0"', "", {"relationships with none or more": 1}),
        ('all_only="true"', "", {"relationships with nothing else but": 1}),
        ('all_only="true", all_some="true"', "+", {}),
        ('all_only="false"', "+", {}),
        ('gci_relation="part_of", gci_filler="T:8"', "", {"relationships in a context only (gci_relation)": 1}),
        ('is_inferred="true", comment="!"', "+", {"is_inferred qualifiers": 1, "comment qualifiers": 1}),
    ],
)
def test_qualifiers_are_read_or_counted(tmp_path: Path, qualifiers: str, sign: str, left_out: dict[str, int]) -> None:
    found = read_statements(toy(tmp_path, f"relationship: has_part T:2 {{{qualifiers}}} ! nucleus"))
    assert found.left_out == left_out
    said = [("-+"[row["label"]], row["relation"], row["tail"]) for row in found.table.to_pylist()]
    assert said == [("+", "is_a", "T:3"), *([(sign, "has_part", "T:2")] if sign else [])]


def test_a_cardinality_that_is_none(tmp_path: Path) -> None:
    path = toy(tmp_path, 'relationship: has_part T:2 {cardinality="none"}')
    with pytest.raises(UserError, match="T:1 has_part T:2: the cardinality is a number, not 'none'"):
        read_statements(path)


def test_a_garbled_line(tmp_path: Path) -> None:
    (tmp_path / "a.obo").write_text(EXCERPT.read_text().replace("is_a: GO:0048311", "is_a GO:0048311"))
    with pytest.raises(UserError, match=r"a\.obo:13: expected"):
        read_statements(tmp_path / "a.obo")


@pytest.mark.parametrize("comment", ["! a comment", "  ! is_a: T:9", "!"])
def test_lines_of_comment(tmp_path: Path, comment: str) -> None:
    path = toy(tmp_path, "relationship: has_part T:2")
    lines = path.read_text().split("\n")
    path.write_text("\n".join(line for pair in zip([comment] * len(lines), lines) for line in pair))
    assert [row["tail"] for row in read_statements(path).table.to_pylist()] == ["T:3", "T:2"]
    path.write_text(f"{comment}\nformat-version: 1.4\n\n[Term]\nid: T:1\n{comment}\nis_a T:2\n")
    with pytest.raises(UserError, match=r"toy\.obo:7: expected"):
        read_statements(path)


class PanicException(BaseException):
    """As parsers in machine code have it."""


def test_a_parser_that_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It prints a trace, which nobody wants to see, and what it raises is no exception of Python's."""

    def loads(_: str) -> None:
        os.write(2, b"thread panicked\n")
        raise PanicException("unreachable\ncode")

    monkeypatch.setattr("fastobo.loads", loads)
    with pytest.raises(UserError, match=r"cannot be read: its parser gave up \(unreachable code\)\.$"):
        read_statements(toy(tmp_path))
    assert capfd.readouterr().err == ""
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"
