"""Each file of an import is read as often as needed, and what is wrong with one is told as it is."""

from pathlib import Path
from typing import Any

import pytest

from gnnneg.data import gathered as module
from gnnneg.data.formats.files import read_statements
from gnnneg.data.gathered import gathered
from gnnneg.data.layout import Labels
from gnnneg.errors import UserError

CIRCLE = [("a", "r", "b", "1"), ("b", "r", "c", "1"), ("c", "r", "a", "1")]


def written(path: Path, *rows: tuple[str, ...]) -> Path:
    path.write_text("".join("\t".join(row) + "\n" for row in rows))
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read, in order."""
    found: list[str] = []

    def read(path: Path, *args: Any, **options: Any) -> Any:
        found.append(Path(path).name)
        return read_statements(path, *args, **options)

    monkeypatch.setattr(module, "read_statements", read)
    return found


def denied(path: Path, no: Path, **options: Any) -> list[tuple[str, str]]:
    train = written(path / "t.tsv", *CIRCLE)
    table = gathered(train, no, None, None, None, {"label": "4", **options}).parts.tables["denied", "train"]
    return [*zip(*(table[end].to_pylist() for end in ("head", "tail")))]


def test_denials_with_the_label_of_the_others_are_read_once(tmp_path: Path, reads: list[str]) -> None:
    no = written(tmp_path / "no.tsv", ("a", "r", "c", "0"), ("b", "r", "a", "-1"))
    assert denied(tmp_path, no) == [("a", "c"), ("b", "a")]
    assert reads == ["t.tsv", "no.tsv"]


def test_of_denials_what_the_label_leaves_open_is_counted(tmp_path: Path, reads: list[str]) -> None:
    no = written(tmp_path / "no.tsv", ("a", "r", "c", "0"), ("b", "r", "a", "?"))
    labels = Labels(("1",), ("0",), ("?",))
    assert denied(tmp_path, no, labels=labels) == [("a", "c")]
    assert reads == ["t.tsv", "no.tsv"]


@pytest.mark.parametrize("fourth", [(), ("PMID:1",), ("0.5",)])
def test_denials_without_the_label_are_read_without_it(tmp_path: Path, reads: list[str], fourth: tuple[str]) -> None:
    """There is no fourth column, or it means something else."""
    no = written(tmp_path / "no.tsv", ("a", "r", "c", *fourth), ("b", "r", "a", *fourth))
    assert denied(tmp_path, no) == [("a", "c"), ("b", "a")]
    assert reads == ["t.tsv", "no.tsv", "no.tsv"]


def test_denials_without_a_header_or_in_another_format(tmp_path: Path) -> None:
    train = tmp_path / "t.csv"
    train.write_text("head,relation,tail,truth\n" + "".join(",".join(row) + "\n" for row in CIRCLE))
    no = written(tmp_path / "no.tsv", ("a", "r", "c"), ("b", "r", "a"))
    other = tmp_path / "no.nt"
    other.write_text("<http://e/a> <http://e/r> <http://e/c> .\n")
    for file, number in ((no, 2), (other, 1)):
        found = gathered(train, file, None, None, None, {"label": "truth", "labels": Labels(("1",), ("0",))})
        assert found.parts.tables["denied", "train"].num_rows == number


@pytest.mark.parametrize(
    ("rows", "options", "told"),
    [
        ([("a", "r", "c", "0", "much")], {"confidence": "5"}, "the confidence 'much' is no number from 0 to 1"),
        ([("a", "r", "c", "0"), ("b", "r")], {}, r"no\.tsv:2"),
        ([("a", "r", "c", "?")], {"labels": Labels(("1",), ("0",), ("?",))}, "every line is labelled unknown"),
    ],
)
def test_what_is_wrong_beside_the_label_is_told_at_once(
    tmp_path: Path, reads: list[str], rows: list[tuple[str, ...]], options: dict[str, Any], told: str
) -> None:
    train = written(tmp_path / "t.tsv", *[(*row, "1") for row in CIRCLE])
    no = written(tmp_path / "no.tsv", *rows)
    with pytest.raises(UserError, match=told):
        gathered(train, no, None, None, None, {"label": "4", **options})
    assert reads == ["t.tsv", "no.tsv"]
