"""Statements in tables in memory."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch_geometric.data import HeteroData

from gnnneg.data.splits import random_split
from gnnneg.data.statements import assemble
from gnnneg.data.words import SPLITS
from gnnneg.errors import UserError
from gnnneg.records import Triplets

ROLES = ["head", "relation", "tail"]
Table = pd.DataFrame | np.ndarray


def from_frames(tables: Table | Sequence[Table], valid: float = 0.1, test: float = 0.1, seed: int = 0) -> HeteroData:
    """The graph of a table of triples, split at random, or of a table for each split.

    A table is a frame with the columns ``head``, ``relation`` and ``tail``, or a frame or array of these three columns
    in this order. Entities and relations are numbered in the order of their names.

    Args:
        tables (DataFrame or array, or list of them): The triples, or those of train, valid and test.
        valid, test (float): Shares of the random split. Every entity and relation stays in train. (default: :obj:`0.1`)
        seed (int): The seed of the random split. (default: :obj:`0`)

    Raises:
        UserError: If a table has other columns, no rows or empty fields, or there are more than three.
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
    return assemble(statements, split, [str(name) for name in names], [str(name) for name in relations])


def _frame(table: Table, split: str) -> pd.DataFrame:
    """Three columns of text."""
    frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(np.atleast_2d(table))
    named = set(ROLES) <= set(frame.columns)
    if not named and frame.shape[1] != len(ROLES):
        raise UserError(
            f"The table of {split} has {frame.shape[1]} columns ({', '.join(map(str, frame.columns[:6]))}): name three "
            "of them head, relation and tail, or give these three alone."
        )
    found = (frame[ROLES] if named else frame.set_axis(ROLES, axis=1)).reset_index(drop=True)
    if not len(found) or found.isna().any(axis=None):
        what = "an empty field" if len(found) else "no rows"
        raise UserError(f"The table of {split} has {what}: each row is a head, a relation and a tail.")
    return found.astype(str).astype(object)
