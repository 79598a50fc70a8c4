"""Statements in tables in memory."""

import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from torch_geometric.data import HeteroData

from gnnneg.data.coded import TEXT
from gnnneg.data.formats.columns import by_name, says_polarity
from gnnneg.data.formats.nested import denies, denies_in_text
from gnnneg.data.gate import admit, tell_of_mirrored
from gnnneg.data.shell import argument
from gnnneg.data.splits import random_split
from gnnneg.data.statements import assemble
from gnnneg.data.words import SPLITS
from gnnneg.errors import UserError, echo
from gnnneg.records import Triplets

ROLES = ["head", "relation", "tail"]
WITHIN = (list, tuple, set, dict)  # entries that hold others
Table = pd.DataFrame | np.ndarray


def from_frames(
    tables: Table | Sequence[Table],
    valid: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    *,
    overlap: str | None = None,
    mirrored: str | None = None,
    apart: bool = False,
) -> HeteroData:
    """The graph of a table of triples, split at random, or of a table for each split.

    A table is a frame with the columns ``head``, ``relation`` and ``tail``, or a frame or array of these three columns
    in this order. Entities and relations are numbered in the order of their names. All rows are stated. A warning names
    the columns that are left out, and one that says that some rows are false is refused.

    Args:
        tables (DataFrame or array, or list of them): The triples, or those of train, valid and test.
        valid, test (float): Shares of the random split. Every entity and relation stays in train. (default: :obj:`0.1`)
        seed (int): The seed of the random split. (default: :obj:`0`)
        overlap, mirrored, apart: What to do about statements in two splits, about pairs that train links the other way
            round, and about names that look alike: see :func:`gnnneg.data.gate.admit`.

    Raises:
        UserError: If a table has other columns, no rows or empty fields, there are more than three, a column says that
            some rows are false, or the gate refuses the graph.
    """
    listed = [tables] if isinstance(tables, pd.DataFrame | np.ndarray) else list(tables)
    if not 1 <= len(listed) <= len(SPLITS):
        raise UserError(f"There are {len(listed)} tables: give one, or those of train, valid and test.")
    frames = [_frame(table, split) for table, split in zip(listed, SPLITS)]
    every = pd.concat(frames, ignore_index=True)
    ends, names = pd.factorize(np.concatenate([every["head"], every["tail"]]), sort=True)
    rel_type, relations = pd.factorize(every["relation"].to_numpy(object), sort=True)
    head, tail = np.split(ends, 2)
    statements = Triplets(*(torch.from_numpy(np.asarray(column, np.int64)) for column in (head, rel_type, tail)))
    if len(frames) == 1:
        split = random_split(statements, valid, test, torch.Generator().manual_seed(seed))
    else:
        split = torch.cat([torch.full((len(frame),), place) for place, frame in enumerate(frames)])
    graph = assemble(statements, split, [str(name) for name in names], [str(name) for name in relations])
    graph, found = admit(graph, None, overlap, mirrored, apart, "The table" if len(frames) == 1 else "The tables")
    if mirrored is None:
        tell_of_mirrored(found)
    return graph


def _frame(table: Table, split: str) -> pd.DataFrame:
    """Three columns of text."""
    if isinstance(table, np.ndarray) and table.ndim > 2:
        raise UserError(f"The array of {split} has {table.ndim} dimensions: give rows of head, relation and tail.")
    frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(np.atleast_2d(table))
    called = [str(name) for name in frame.columns]
    named = set(ROLES) <= set(called)
    likely = by_name(called)
    if (not named and frame.shape[1] == len(ROLES) and likely and likely != called) or (
        named and any(called.count(role) > 1 for role in ROLES)
    ):
        raise UserError(
            f"The table of {split} has the columns {', '.join(called)}: name one each head, relation and tail."
        )
    if not named and frame.shape[1] != len(ROLES):
        raise UserError(
            f"The table of {split} has {frame.shape[1]} columns ({', '.join(map(str, frame.columns[:6]))}): name three "
            "of them head, relation and tail, or give these three alone."
        )
    others = [name not in ROLES for name in called] if named else [False] * len(called)
    _look_at_the_others(frame.loc[:, others], split, others[-1])
    found = (frame[ROLES] if named else frame.set_axis(ROLES, axis=1)).reset_index(drop=True)
    if not len(found) or found.isna().any(axis=None):
        what = "an empty field" if len(found) else "no rows"
        raise UserError(f"The table of {split} has {what}: each row is a head, a relation and a tail.")
    for role in ROLES:  # ids that pandas keeps as floats
        column = found[role]
        if pd.api.types.is_float_dtype(column.dtype) and bool((column == column.round()).all()):
            found[role] = column.astype("int64")
    return found.astype(str).astype(object)


def _look_at_the_others(others: pd.DataFrame, split: str, last: bool) -> None:
    """Refuses a column that says that some rows are false, since all are stated; warns of those that are not read.

    Args:
        others (DataFrame): The columns beside head, relation and tail.
        split (str): What the table holds.
        last (bool): Whether the last of them is the last of the table, where any *true* and *false* may be a label.
    """
    for place, name in enumerate(map(str, others.columns)):
        values = _distinct(others.iloc[:, place])
        words = pa.chunked_array([pa.array([_word(one) for one in values if not isinstance(one, WITHIN)], TEXT)])
        within = any(denies(one, name) for one in values if isinstance(one, WITHIN)) or denies_in_text(words, name)
        if within or says_polarity(name, words, last and place == len(others.columns) - 1):
            raise UserError(
                f"The column {echo(name)} of the table of {split} seems to say that some rows are false, and all rows "
                f"are stated: drop these rows, or the column if it means something else, or import the table from a "
                f"file with: gnnneg data import FILE --label {argument(name)}"
            )
    if len(others.columns):
        left = ", ".join(map(str, others.columns))
        warnings.warn(
            f"Left out of the table of {split}: {left}. Read are head, relation and tail.",
            stacklevel=4,
        )


def _distinct(column: pd.Series) -> list[Any]:
    """The entries of a column, each once if they can be told apart; arrays as lists."""
    values = column.tolist()
    if not any(isinstance(value, (*WITHIN, np.ndarray)) for value in values):  # which pandas compares two by two
        with suppress(TypeError):  # other things without a hash
            values = column.drop_duplicates().tolist()
    return [value.tolist() if isinstance(value, np.ndarray) else value for value in values]


def _word(value: Any) -> str:
    """An entry as a table in text would have it."""
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    return str(value)
