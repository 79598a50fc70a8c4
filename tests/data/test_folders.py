from pathlib import Path

import pytest

from gnnneg.data.account import Account
from gnnneg.data.folders import parts_of
from gnnneg.data.formats.files import ENDINGS
from gnnneg.errors import UserError


def found(folder: Path, *names: str) -> tuple[dict[str, str], Account]:
    for old in folder.iterdir():
        old.rmdir() if old.is_dir() else old.unlink()
    for name in names:
        (folder / name.strip("/")).mkdir() if name.endswith("/") else (folder / name).write_text("a\tr\tb\n")
    account = Account()
    return {part.path.name: part.name for part in parts_of(folder, ENDINGS, account)}, account


@pytest.mark.parametrize(
    ("name", "what"),
    [
        *(
            (f"{word}.{end}", "valid")
            for word in ("val", "dev", "validation", "valid", "VALID")
            for end in ("txt", "csv")
        ),
        *((f"{word}.tsv.gz", "test") for word in ("test", "testing", "Test_set", "test-triples")),
        *(
            (f"{word}.tsv", "valid_denied")
            for word in ("valid_negatives", "neg_valid", "val.neg", "dev-negative", "valid_false")
        ),
        *(
            (word, "test_denied")
            for word in ("test.denied", "test_negatives.txt", "testNegatives.denied", "test.tsv.denied")
        ),
        *(
            (f"{word}.tsv", "train_denied")
            for word in ("train_neg", "neg_train", "negatives", "denied", "training_denied", "hard_negatives")
        ),
        ("negative_test_sample.csv", "test_denied"),  # as OpenBioLink calls them
        ("val_sample.csv", "valid"),
        ("test.del", "test"),  # as LibKGE calls them
        ("valid_pos.tsv", "valid"),
    ],
)
def test_usual_names_are_understood(tmp_path: Path, name: str, what: str) -> None:
    parts, account = found(tmp_path, "train.txt", name)
    assert parts == {"train.txt": "train", name: what}
    assert not account
    assert any(repr(name) in used for used in account.taken)


def test_the_train_file_may_have_another_name(tmp_path: Path) -> None:
    assert found(tmp_path, "Training.csv")[0] == {"Training.csv": "train"}


def test_every_other_file_is_named(tmp_path: Path) -> None:
    others = [
        "README.md",
        "entities.txt",
        "train2id.txt",
        "trainer.tsv",
        "test_v2.tsv",
        "old/",
        "dataset.yaml",
        "train_valid.tsv",
    ]
    with pytest.warns(UserWarning, match="test_v2.tsv, train2id.txt, train_valid.tsv are not read: if they hold"):
        parts, account = found(tmp_path, "train.tsv", *others)
    assert parts == {"train.tsv": "train"}
    assert sorted(account) == sorted(
        f"{'folder' if name.endswith('/') else 'file'} {name.strip('/')!r}: its name is that of no split"
        for name in others
    )


def test_two_files_for_one_split_are_refused(tmp_path: Path) -> None:
    for one, other, what in (("valid.txt", "dev.txt", "valid"), ("neg_test.tsv", "test_negatives.csv", "test_denied")):
        with pytest.raises(UserError, match=f"two files for {what}: {min(one, other)} and {max(one, other)}"):
            found(tmp_path, "train.txt", one, other)
    with pytest.raises(UserError, match=r"no file for train, such as train\.tsv or train\.csv; it has valid.txt"):
        found(tmp_path, "valid.txt")


def test_what_lies_hidden_beside_a_file_is_no_second_one(tmp_path: Path) -> None:
    """macOS writes ``._train.tsv`` on foreign disks, editors ``train.tsv~``."""
    parts, account = found(tmp_path, "train.tsv", "._train.tsv", "train.tsv~", "#train.tsv#", "~train.tsv", ".DS_Store")
    assert parts == {"train.tsv": "train"}
    assert sum(account.values()) == 5
    assert all("hidden" in what for what in account)


def test_the_one_part_of_a_table_in_parts(tmp_path: Path) -> None:
    names = (f"{split}-00000-of-00001.parquet" for split in ("train", "validation", "test"))
    assert [*found(tmp_path, *names)[0].values()] == ["train", "valid", "test"]
    with pytest.raises(UserError, match="holds no file for train"):
        found(tmp_path, "train-00000-of-00002.parquet", "train-00001-of-00002.parquet")


@pytest.mark.parametrize(
    "name", ["train_2.tsv", "negatives/", "test/", "valid-00000-of-00003.parquet", "corrupt_test.tsv"]
)
def test_what_speaks_of_a_split_and_is_not_read_is_warned_of(tmp_path: Path, name: str) -> None:
    with pytest.warns(UserWarning, match=f"{name.strip('/')} is not read: if it holds statements"):
        assert found(tmp_path, "train.tsv", name)[0] == {"train.tsv": "train"}
    (tmp_path / "train.tsv").unlink()
    with pytest.raises(UserError, match=r"no file for train.*: if it holds statements, put one file for each"):
        parts_of(tmp_path, ENDINGS, Account())


def test_of_a_known_format_files_may_have_any_ending(tmp_path: Path) -> None:
    for name in ("train.dat", "dev.dat.gz", "test_negatives.dat", "notes.dat"):
        (tmp_path / name).write_text("a\tr\tc\n")
    parts = parts_of(tmp_path, ENDINGS, Account(), any_ending=True)
    assert [part.name for part in parts] == ["train", "valid", "test_denied"]
    with pytest.raises(UserError, match="holds no file for train"):
        parts_of(tmp_path, ENDINGS, Account())
