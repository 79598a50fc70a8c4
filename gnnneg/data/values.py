"""What the entries of columns mean: labels, confidences, and ids with the names that they stand for."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from gnnneg.data.coded import TEXT, mapped
from gnnneg.data.layout import LABELS, NUMBER, Labels, Layout, folded
from gnnneg.data.read import read_table
from gnnneg.data.rows import Where
from gnnneg.data.texts import Texts
from gnnneg.errors import UserError, echo


class Unmeant(UserError):
    """Raised for a label that has no meaning, so that its column may mean something else."""


def truth(column: pa.ChunkedArray, where: Where, labels: Labels = LABELS) -> pa.ChunkedArray:
    """A label column as booleans: true is stated, false denied, null unknown.

    Raises:
        Unmeant: For a label that has no meaning, with its place, which ``where`` tells.
    """
    entries = pc.fill_null(pc.cast(column, TEXT), "") if column.null_count else column
    met = pc.cast(entries.unique(), TEXT)
    meant = {folded(label): what for what, some in vars(labels).items() for label in some}
    means = [meant.get(folded(label), "") for label in met.to_pylist()]
    if "" in means:
        wrong = met[means.index("")].as_py()
        row = pc.index(pc.cast(entries, TEXT), wrong).as_py()
        known = [f"{', '.join(map(_quoted, some))} ({what})" for what, some in vars(labels).items() if some]
        entry = f"the label {echo(folded(wrong))} is"
        if not wrong.strip():
            entry = "the label is empty, to which --labels stated= or --labels denied= gives a meaning; it is"
        raise Unmeant(
            f"{where(row)}: {entry} none of {'; '.join(known)}; others get a meaning with --labels (in a card, labels)."
        )
    value = pa.array([None if what == "unknown" else what == "stated" for what in means], pa.bool_())
    return mapped(entries, lambda names: value.take(pc.index_in(names, met)), pa.bool_())


def confidences(column: pa.ChunkedArray, where: Where) -> pa.ChunkedArray:
    """A confidence column as numbers from 0 to 1.

    Raises:
        UserError: For what is none, with its place, which ``where`` tells.
    """
    value = mapped(column, _numbers, pa.float64())
    wrong = pc.invert(pc.and_(pc.greater_equal(value, 0.0), pc.less_equal(value, 1.0)))
    if pc.any(wrong).as_py():
        row = pc.index(wrong, True).as_py()
        raise UserError(f"{where(row)}: the confidence {str(column[row].as_py()).strip()!r} is no number from 0 to 1.")
    return value


def read_names(path: str | Path, layout: Layout) -> Texts:
    """A dictionary file as the names by id.

    Args:
        path (str or Path): Lines of ``name`` and ``id``, in the layout's order.
        layout (Layout): With the columns ``name`` and ``id``.

    Raises:
        UserError: Also if the ids are not each of ``0, ..., n - 1`` once.
    """
    table = read_table(path, layout)
    order, names = integers(table["id"], path).to_numpy(), Texts.of(table["name"])
    if not np.array_equal(np.sort(order), np.arange(len(names))):
        raise UserError(
            f"{path}: the ids must be 0 to {len(names) - 1:,}, each once; is 'name id' the order of columns?"
        )
    return names.chosen(torch.from_numpy(order.argsort()))


def integers(column: pa.ChunkedArray, path: str | Path) -> pa.ChunkedArray:
    """A column of digits as integers."""
    digits = mapped(column, lambda names: pc.match_substring_regex(names, r"^[0-9]{1,18}$"), pa.bool_())
    if not pc.all(digits).as_py():
        wrong = column.filter(pc.invert(digits))[0].as_py()
        raise UserError(f"{path}: expected an integer id, found {wrong!r}; check the column order in the card.")
    return mapped(column, lambda names: pc.cast(names, pa.int64()), pa.int64())


def _numbers(texts: pa.Array) -> pa.Array:
    """Texts as numbers; -1 for what is none."""
    text = pc.utf8_trim_whitespace(texts)
    return pc.cast(pc.if_else(pc.match_substring_regex(text, NUMBER), text, "-1"), pa.float64())


def _quoted(label: str) -> str:
    return label or "''"
