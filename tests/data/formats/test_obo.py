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
    }


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


def test_a_garbled_line(tmp_path: Path) -> None:
    (tmp_path / "a.obo").write_text(EXCERPT.read_text().replace("is_a: GO:0048311", "is_a GO:0048311"))
    with pytest.raises(UserError, match=r"a\.obo:13: expected"):
        read_statements(tmp_path / "a.obo")
