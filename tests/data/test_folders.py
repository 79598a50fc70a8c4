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


LIBKGE = [f"{split}.{end}" for split in ("train", "valid", "test") for end in ("txt", "del")]
LIBKGE += ["dataset.yaml", "entity_ids.del", "relation_ids.del", "train_sample.del", "valid_without_unseen.del"]


def test_of_a_file_and_its_copy_in_numbers_the_file_is_read(tmp_path: Path) -> None:
    """A folder as LibKGE makes it; and the same where ``.tab`` is the copy."""
    parts, account = found(tmp_path, *LIBKGE)
    assert parts == {"train.txt": "train", "valid.txt": "valid", "test.txt": "test"}
    for split in ("train", "valid", "test"):
        assert account[f"file '{split}.del': {split}.txt is read instead"] == 1
    assert account["file 'train_sample.del': train.txt is read instead"] == 1
    assert [*found(tmp_path, "train.csv.gz", "train.tab", "test.tab.gz", "test.csv")[0]] == ["train.csv.gz", "test.csv"]
    alone = [f"{split}.del" for split in ("train", "valid", "test")]
    assert [*found(tmp_path, *alone, "train_sample.del")[0]] == alone
    with pytest.raises(UserError, match=r"two files for train: train.del and train.tab: keep one"):
        found(tmp_path, "train.del", "train.tab")


def test_names_in_one_split_and_numbers_in_another_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds train.txt and train.del, but only test.del for test: keep files with"):
        found(tmp_path, "train.txt", "train.del", "test.del")
    assert len(found(tmp_path, "train.txt", "test.del")[0]) == 2


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        ("train.txt", "train_sample.txt"),
        ("test.tsv", "test_hard.tsv"),
        ("dev.csv", "hard-valid.csv"),
        ("test_negatives.tsv", "hard_test_negatives.tsv"),
        ("train.del", "train_samples.tsv"),
    ],
)
def test_a_part_of_a_split_is_read_only_if_it_is_alone(tmp_path: Path, whole: str, part: str) -> None:
    first = [] if whole.startswith("train") else ["train.txt"]
    parts, account = found(tmp_path, *first, whole, part)
    assert [*parts] == [*first, whole]
    assert account == {f"file '{part}': {whole} is read instead": 1}
    parts, account = found(tmp_path, *first, part)
    assert [*parts] == [*first, part]
    assert not account
    word = next(word for word in ("samples", "sample", "hard") if word in part)
    assert any(f"'{part}'" in said and said.endswith(f"although its name says '{word}'") for said in account.taken)
    assert sum("although" in said for said in account.taken) == 1
    with pytest.raises(UserError, match="two files for"):
        found(tmp_path, *first, part, part.replace(word, "hard_sample"))


def formatted(folder: Path, *names: str) -> list[str]:
    """The files that are read when the format is given."""
    for old in folder.iterdir():
        old.unlink()
    for name in names:
        (folder / name).write_text("a\tr\tb\n")
    return [part.path.name for part in parts_of(folder, ENDINGS, Account(), any_ending=True)]


def test_what_lies_beside_tables_is_no_table_because_the_format_is_given(tmp_path: Path) -> None:
    beside = ["train.py", "train.log", "train.tsv.md5", "train.npy", "test.py", "valid.log", "README.md"]
    assert formatted(tmp_path, "train.tsv", "valid.tsv", *beside) == ["train.tsv", "valid.tsv"]
    beside = ["train.py", "train.dat.md5", "valid.log", "test.npy", "README.txt"]
    assert formatted(tmp_path, "train.dat", "dev.dat", "test.dat.gz", *beside) == [
        "train.dat",
        "dev.dat",
        "test.dat.gz",
    ]
    assert formatted(tmp_path, "train.dat", "test.py") == ["train.dat"]
    assert formatted(tmp_path, "train.dat", "test.denied") == ["train.dat", "test.denied"]
    assert formatted(tmp_path, "train.dat", "train_sample.dat") == ["train.dat"]
    with pytest.raises(UserError, match=r"two files for train: train.dat and train.log: keep one"):
        formatted(tmp_path, "train.dat", "train.log")
    with pytest.raises(UserError, match="holds no file for train"):
        formatted(tmp_path, "train.dat", "test.tsv")


def test_a_checksum_is_not_warned_of(tmp_path: Path) -> None:
    parts, account = found(tmp_path, "train.tsv", "train.tsv.sha256", "test.tsv.md5")
    assert parts == {"train.tsv": "train"}
    assert len(account) == 2
