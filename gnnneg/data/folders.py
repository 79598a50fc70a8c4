"""Finds out from file names which file of a folder holds which split."""

import re
import warnings
from collections.abc import Container
from pathlib import Path
from typing import NamedTuple

from gnnneg.data.account import Account
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
OTHERS |= {"sample", "samples", "hard"}
SOLE = re.compile(r"[-_]0+-of-0*1(?=\.)")  # a table that could have been written as several files, but is only one
HIDDEN = (".", "~", "#")  # files that file systems and editors add, such as ._train.tsv
PACKED = {"gz", "bz2", "xz", "zst"}


class SplitFile(NamedTuple):
    """A file, its split, whether its statements are stated, and the extension that tells its format."""

    path: Path
    split: str
    stated: bool
    ending: str

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

    Args:
        folder (Path): The folder.
        endings (container): The extensions that tell a format, such as ``.tsv``.
        account (Account): Records which files are used and which are left out.
        any_ending (bool): Whether other extensions are accepted because the format is known. (default: :obj:`False`)

    Raises:
        UserError: If two files have the same split and polarity, or no file is for train.
    """
    found: dict[str, SplitFile] = {}
    near: list[str] = []
    files = sorted(folder.iterdir())
    for path in files:
        hidden = path.name.startswith(HIDDEN) or path.name.endswith("~")
        part = _part(path, endings, any_ending) if path.is_file() and not hidden else None
        if part is None:
            what = "folder" if path.is_dir() else "file"
            why = "hidden, or a copy of an editor's" if hidden else "its name is that of no split"
            account.left_out(f"{what} {echo(path.name)}", 1, why)
            near += [path.name] if not hidden and _speaks_of_a_split(path, endings) else []
            continue
        if part.name in found:
            raise UserError(
                f"{folder} holds two files for {part.name}: {found[part.name].path.name} and {path.name}: keep one."
            )
        found[part.name] = part
    if "train" not in found:
        raise UserError(
            f"{folder} holds no file for train, such as train.tsv or train.csv"
            f"{'; it has ' + _few([p.name for p in files]) if files else ''}{_advice(near)}."
        )
    if near:
        warnings.warn(
            f"{folder}: {_few(near)} {'is' if len(near) == 1 else 'are'} not read{_advice(near)}.", stacklevel=4
        )
    ordered = [found[name] for split in SPLITS for name in (split, f"{split}_denied") if name in found]
    for part in ordered:
        account.used(f"file {echo(part.path.name)} as {part.split}, {'stated' if part.stated else 'denied'}")
    usual = found["train"].ending
    return [part if part.ending else part._replace(ending=usual) for part in ordered]


def _speaks_of_a_split(path: Path, endings: Container[str]) -> bool:
    """Whether a file or folder that is not read has a name that mentions a split or negatives."""
    words = {*words_of(path.name)}
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
    known = set().union(*WORDS.values(), DENIED, STATED, OTHERS)
    if len(splits) > 1 or not set(words) <= known or not (kinds or denied):
        return None
    if not splits and not denied:
        return None
    return SplitFile(path, splits[0] if splits else "train", not denied, kinds[-1] if kinds else "")


def _few(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10:,} more" if len(names) > 10 else "")
