"""Finds out from file names which file of a folder holds which split."""

import re
import warnings
from collections.abc import Container
from pathlib import Path
from typing import NamedTuple

from gnnneg.data.account import Account
from gnnneg.data.decode import ending
from gnnneg.data.formats.columns import words as words_of
from gnnneg.data.statements import SPLITS
from gnnneg.errors import UserError, echo

WORDS = {
    "train": {"train", "training", "trn", "trainset"},
    "valid": {"valid", "validation", "validate", "val", "vld", "dev", "devel", "development", "validset", "devset"},
    "test": {"test", "testing", "tst", "testset"},
}
DENIED = {"denied", "denial", "denials", "negative", "negatives", "neg", "negs", "negated", "false", "not"}
DENIED |= {"incorrect", "untrue", "wrong", "refuted"}
STATED = {"stated", "positive", "positives", "pos", "true", "correct"}
# other words that such names may contain
OTHERS = {"triples", "triple", "triplets", "statements", "facts", "edges", "data", "set", "split", "kg", "graph"}
# words for a part of a split, which is read only if there is no other file for the split
PARTIAL = {"sample", "samples", "hard"}
WEAKER = (".del", ".tab")  # extensions of a second copy: LibKGE writes numbers to train.del next to train.txt
SOLE = re.compile(r"[-_]0+-of-0*1(?=\.)")  # a table that could have been written as several files, but is only one
HIDDEN = (".", "~", "#")  # files that file systems and editors add, such as ._train.tsv
PACKED = {"gz", "bz2", "xz", "zst"}
CHECKSUMS = {"md5", "sha1", "sha256", "sha512", "asc", "sig"}


class SplitFile(NamedTuple):
    """A file, its split, whether its statements are stated, the extension that tells its format, and the word of its
    name that says that it is only a part of the split.
    """

    path: Path
    split: str
    stated: bool
    ending: str
    partial: str = ""

    @property
    def name(self) -> str:
        """The usual name of such a file without an extension: ``valid``, or ``valid_denied``."""
        return self.split if self.stated else f"{self.split}_denied"


def parts_of(folder: Path, endings: Container[str], account: Account, any_ending: bool = False) -> list[SplitFile]:
    """The files of a folder that hold statements, in the order of the splits.

    A name may be another word for a split (``val``, ``dev``). It may also say that all statements are denied
    (``test_negatives``, ``neg_train``, ``valid.denied``); denied statements without a split belong to train. A file or
    folder that is not read although its name mentions a split or negatives, such as ``train_2.tsv`` or ``negatives``,
    gives a warning.

    Of several files for a split, ``train_sample.tsv`` and ``test_hard.tsv`` are left out next to ``train.tsv`` and
    ``test.tsv``, and so is ``train.del`` (or ``.tab``) next to ``train.txt``.

    Args:
        folder (Path): The folder.
        endings (container): The extensions that tell a format, such as ``.tsv``.
        account (Account): Records which files are used and which are left out.
        any_ending (bool): Whether the files of the splits may all have one other extension, because the format is
            known. A known extension comes first. (default: :obj:`False`)

    Raises:
        UserError: If two files have the same split and polarity, no file is for train, or one split has a copy with
            another extension and another split has only such a copy.
    """
    files, near = sorted(folder.iterdir()), []
    hidden = {path for path in files if path.name.startswith(HIDDEN) or path.name.endswith("~")}
    plain = [path for path in files if path.is_file() and path not in hidden]
    parts = [part for path in plain if (part := _part(path, endings))]
    if any_ending and not any(part.ending for part in parts):
        parts = _of_one_ending(folder, [part for path in plain if (part := _part(path, endings, any_ending))])
    taken = {part.path for part in parts}
    for path in files:
        if path not in taken:
            what = "folder" if path.is_dir() else "file"
            why = "hidden, or a copy of an editor's" if path in hidden else "its name is that of no split"
            account.left_out(f"{what} {echo(path.name)}", 1, why)
            near += [path] if path not in hidden and _speaks_of_a_split(path, endings) else []
    found = {name: _preferred(folder, [part for part in parts if part.name == name]) for name in _names(parts)}
    weak = any(part.ending in WEAKER for part in found.values())
    unread = [path.name for path in near if weak or ending(path) not in WEAKER]
    if "train" not in found:
        raise UserError(
            f"{folder} holds no file for train, such as train.tsv or train.csv"
            f"{'; it has ' + _few([p.name for p in files]) if files else ''}{_advice(unread)}."
        )
    for part in parts:
        if part is not found[part.name]:
            account.left_out(f"file {echo(part.path.name)}", 1, f"{found[part.name].path.name} is read instead")
    _refuse_mixed(folder, parts, found)
    if unread:
        warnings.warn(
            f"{folder}: {_few(unread)} {'is' if len(unread) == 1 else 'are'} not read{_advice(unread)}.", stacklevel=4
        )
    for part in found.values():
        said = f"file {echo(part.path.name)} as {part.split}, {'stated' if part.stated else 'denied'}"
        account.used(f"{said}, although its name says {part.partial!r}" if part.partial else said)
    usual = found["train"].ending
    return [part if part.ending else part._replace(ending=usual) for part in found.values()]


def _names(parts: list[SplitFile]) -> list[str]:
    """The names of the splits that have files, in the usual order."""
    there = {part.name for part in parts}
    return [name for split in SPLITS for name in (split, f"{split}_denied") if name in there]


def _preferred(folder: Path, parts: list[SplitFile]) -> SplitFile:
    """The file that is read for a split: one for all of it, and one with a usual extension, if there are such."""
    whole = [part for part in parts if not part.partial] or parts
    usual = [part for part in whole if part.ending not in WEAKER] or whole
    if len(usual) > 1:
        one, other = usual[:2]
        raise UserError(f"{folder} holds two files for {one.name}: {one.path.name} and {other.path.name}: keep one.")
    return usual[0]


def _of_one_ending(folder: Path, parts: list[SplitFile]) -> list[SplitFile]:
    """The files with the extension of train; of several, the one that most splits have. The others are other things,
    such as ``train.py`` and ``train.log``.
    """
    splits = {
        train.ending: len({part.name for part in parts if part.ending == train.ending})
        for train in parts
        if train.name == "train"
    }
    first = [kind for kind, number in splits.items() if number == max(splits.values())]
    if len(first) > 1:
        names = [part.path.name for part in parts if part.name == "train" and part.ending in first]
        raise UserError(f"{folder} holds two files for train: {names[0]} and {names[1]}: keep one.")
    return [part for part in parts if part.ending in (*first, "")] if first else []


def _refuse_mixed(folder: Path, parts: list[SplitFile], found: dict[str, SplitFile]) -> None:
    """Refuses to read a copy for one split and the file itself for another: LibKGE's copies hold numbers for names."""
    copied = [part for part in parts if part.ending in WEAKER and found[part.name].ending not in WEAKER]
    alone = [part for part in found.values() if part.ending in WEAKER]
    if copied and alone:
        raise UserError(
            f"{folder} holds {found[copied[0].name].path.name} and {copied[0].path.name}, but only "
            f"{alone[0].path.name} for {alone[0].name}: keep files with one extension for all splits."
        )


def _speaks_of_a_split(path: Path, endings: Container[str]) -> bool:
    """Whether a file or folder that is not read has a name that mentions a split or negatives."""
    words = {*words_of(path.name)}
    if path.name.rpartition(".")[2].lower() in CHECKSUMS:
        return False
    table = path.is_dir() or any(f".{piece.lower()}" in endings for piece in path.name.split(".")[1:])
    return table and bool(words & set().union(*WORDS.values(), DENIED - {"not", "false"}))


def _advice(near: list[str]) -> str:
    """Advice on how to have files read whose names contain more than a split."""
    if not near:
        return ""
    one = "it" if len(near) == 1 else "they"
    return (
        f": if {one} hold{'s' if len(near) == 1 else ''} statements, put one file for each split into this "
        "folder, called train, valid, test, or train_denied and so on"
    )


def _part(path: Path, endings: Container[str], any_ending: bool = False) -> SplitFile | None:
    """What a file name says; None if it does not name a split."""
    pieces = SOLE.sub("", path.name).split(".")
    last = next((p.lower() for p in reversed(pieces[1:]) if p.lower() not in PACKED | DENIED | STATED), "")
    if any_ending and last:
        endings = {f".{last}", *(f".{p.lower()}" for p in pieces[1:] if f".{p.lower()}" in endings)}
    kinds = [f".{piece.lower()}" for piece in pieces[1:] if f".{piece.lower()}" in endings]
    words = [w for p in pieces if f".{p.lower()}" not in kinds and p.lower() not in PACKED for w in words_of(p)]
    splits = [split for split, names in WORDS.items() for word in words if word in names]
    denied = any(word in DENIED for word in words)
    known = set().union(*WORDS.values(), DENIED, STATED, OTHERS, PARTIAL)
    if len(splits) > 1 or not set(words) <= known or not (kinds or denied):
        return None
    if not splits and not denied:
        return None
    partial = next((word for word in words if word in PARTIAL), "")
    return SplitFile(path, splits[0] if splits else "train", not denied, kinds[-1] if kinds else "", partial)


def _few(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10:,} more" if len(names) > 10 else "")
