"""A data set may be somebody else's: its card reaches no file outside its folder."""

from pathlib import Path

import pytest

from gnnneg.data.catalogue import Card, FileSource, NodeCard, card, names
from gnnneg.datasets import load
from gnnneg.errors import UserError

OUTSIDE = [
    "../secret.tsv",
    "/etc/passwd",
    "a/../../b",
    "..",
    "C:\\x",
    "C:/x",
    "..\\x",
    "a\0b",
    "file:///etc/passwd",
    "",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_card_names_files_of_its_own_folder(name: str) -> None:
    files = {name: FileSource(), "train.tsv": FileSource()}
    with pytest.raises(UserError, match="is no file of its own folder"):
        Card(name="x", stated={"train": name}, files=files)
    with pytest.raises(UserError, match="is no file of its own folder"):
        Card(name="x", stated={"train": "train.tsv"}, files=files, labels=name)
    with pytest.raises(UserError, match="is no file of its own folder"):
        NodeCard(name="x", files=files, graph=name, labels={"train": "train.tsv", "test": "train.tsv"})


def test_a_file_in_a_folder_within_is_one_of_its_own() -> None:
    inside = "a/train.tsv"
    assert Card(name="x", stated={"train": inside}, files={inside: FileSource()}).needed == [inside]
    assert all(card(name).name == name for name in names())


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.tsv").write_text("a\tr\tb\n")
    home = tmp_path / "set"
    home.mkdir()
    (home / "dataset.yaml").write_text("name: set\nstated: {train: train.tsv}\nfiles: {train.tsv: {}}\n")
    (home / "train.tsv").symlink_to(tmp_path / "secret.tsv")
    with pytest.raises(UserError, match="is a link out of its folder"):
        load(home)
    (home / "train.tsv").unlink()
    (home / "real.tsv").write_text("a\tr\tb\n")
    (home / "train.tsv").symlink_to("real.tsv")
    assert load(home)["entity"].names == ["a", "b"]


@pytest.mark.parametrize("title", ["&a [x, x]", "'" + "x" * 300_000 + "'"])
def test_a_card_that_is_no_small_plain_file(tmp_path: Path, title: str) -> None:
    (tmp_path / "dataset.yaml").write_text(f"name: x\ntitle: {title}\n")
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert len(str(caught.value)) < 500
