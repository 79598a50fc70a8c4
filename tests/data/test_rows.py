"""Errors in a table name the line of the file: headers, counts, comments and blank lines are counted with it."""

from pathlib import Path

import pytest

from gnnneg.data.build import build
from gnnneg.data.catalogue import read_card
from gnnneg.data.formats.files import read_statements
from gnnneg.data.layout import Labels, Layout
from gnnneg.data.read import read_table
from gnnneg.data.rows import by_line, where_of
from gnnneg.errors import UserError

SOFT = Labels(("1",), ("0",), ("?",))


@pytest.mark.parametrize(
    ("name", "content", "options", "line"),
    [
        ("a.tsv", "h\tr\tt\tX\nh\tr\tu\t1\n", {"label": "4"}, 1),
        ("a.tsv", "h\tr\tt\t1\n\n\nh\tr\tu\tX\n", {"label": "4"}, 4),
        ("a.tsv", "# made by hand\n\n# today\nh\tr\tt\t1\r\nh\tr\tu\tX\r\n", {"label": "4"}, 5),
        ("a.tsv", "2\nh\tr\tt\t1\nh\tr\tu\tX\n", {"label": "4", "count_line": True}, 3),
        ("a.csv", "head,relation,tail,ok\nh,r,t,1\n\nh,r,u,X\n", {"label": "ok"}, 4),
        ("a.csv", 'head,relation,tail,ok\n"h\n\ni",r,t,1\n"h\nj",r,u,X\n', {"label": "ok"}, 5),
        ("a.tsv", "h\tr\tt\t.5\n\nh\tr\tu\tX\n", {"confidence": "4"}, 3),
        ("a.csv", "head,relation,tail,p\nh,r,t,1\nh,r,u,X\n", {"confidence": "p"}, 3),
        (
            "a.tsv",
            "h\tr\tt\t?\tX\nh\tr\tu\t1\t1\n\nh\tr\tv\t0\tX\n",
            {"label": "4", "labels": SOFT, "confidence": "5"},
            4,
        ),
    ],
)
def test_the_line_of_a_wrong_label_or_confidence(
    tmp_path: Path, name: str, content: str, options: dict[str, object], line: int
) -> None:
    path = tmp_path / name
    path.write_text(content, newline="")
    with pytest.raises(UserError, match=rf"a\.[tc]sv:{line}: the (label|confidence) '[xX]' is"):
        read_statements(path, **options)


def test_the_line_in_the_file_of_a_card(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("# h\nhead\trelation\ttail\tok\tp\na\tr\tb\t1\t1\n\na\tr\tc\tX\t1\n")
    (tmp_path / "dataset.yaml").write_text(
        "name: own\nlayout: {columns: [head, relation, tail, label, confidence], header: true, count_line: false}\n"
        "stated: {train: train.txt}\nfiles: {train.txt: {}}\n"
    )
    (tmp_path / "train.txt").write_text("head\trelation\ttail\tok\tp\na\tr\tb\t1\t1\n\na\tr\tc\tX\t1\n")
    with pytest.raises(UserError, match=r"train\.txt:4: the label 'x' is none"):
        build(read_card(tmp_path / "dataset.yaml"), tmp_path)
    (tmp_path / "train.txt").write_text("head\trelation\ttail\tok\tp\na\tr\tb\t1\t1\n\na\tr\tc\t0\tX\n")
    with pytest.raises(UserError, match=r"train\.txt:4: the confidence 'X' is no"):
        build(read_card(tmp_path / "dataset.yaml"), tmp_path)


def test_each_row_that_is_read_has_its_line(tmp_path: Path) -> None:
    path, layout = tmp_path / "a.csv", Layout(("name",), "comma", header=True, quoted=True)
    path.write_text('name\n\na\n"b\nc"\n\nd\n')
    assert read_table(path, layout)["name"].to_pylist() == ["a", "b\nc", "d"]
    assert [where_of(path, layout)(row) for row in range(3)] == [f"{path}:{line}" for line in (3, 4, 7)]
    assert by_line(path, layout, 1)(9) == f"{path}: row 10"  # a file that was cut meanwhile
