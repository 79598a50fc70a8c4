"""Evaluates a trained model on statements from files."""

import copy
import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import torch
from torch_geometric.data import HeteroData

from gnnneg.data.formats.given import read_given
from gnnneg.data.formats.statements import ROLES
from gnnneg.data.questions import of_table, understood
from gnnneg.data.statements import POLARITIES, SPLITS, triplets
from gnnneg.errors import UserError
from gnnneg.evaluation import Testbed
from gnnneg.experiment.whereabouts import Missing
from gnnneg.records import Triplets

if TYPE_CHECKING:
    from gnnneg.experiment.run import Run

KEPT = ("edge_index", "edge_type", "split")


def given(run: "Run", files: str | Path | Sequence[str | Path]) -> Testbed:
    """A testbed with the statements of files as its test split. Its other splits and all names are the run's own.

    Known answers are left out of the ranking: the run's own, under its policy, and those of the files. If the data set
    is missing, only those of the files are left out, with a warning.

    Args:
        run (Run): The run with the model.
        files (str, Path or list): Files of statements, stated or denied.

    Raises:
        UserError: If a file cannot be read, or names an entity or relation that the model does not know.
    """
    paths = [files] if isinstance(files, str | Path) else list(files)
    try:
        base = run.testbed.on("test")
    except Missing as missing:
        if run.model.uses_graph:
            raise
        warnings.warn(
            f"{missing} Until then, other true answers than those of the files count as errors, and metrics are lower.",
            stacklevel=3,
        )
        base = run.without_data()
    parts: dict[str, list[Triplets]] = {polarity: [] for polarity in POLARITIES}
    for path in map(Path, paths):
        if path.is_dir():
            raise UserError(f"{path} is a folder: give files of statements from it.")
        table = read_given(path).table
        names = [table[role].cast(pa.large_string()) for role in ROLES]
        meant = understood(of_table(pa.table(dict(zip(ROLES, names))), str(path), "statements"), base.data)
        stated = torch.from_numpy(table["label"].to_numpy(zero_copy_only=False).astype(bool))
        for polarity, mine in zip(POLARITIES, (stated, ~stated)):
            parts[polarity].append(Triplets(meant.head[mine], meant.relation[mine], meant.tail[mine]))
    test = {polarity: Triplets(*(torch.cat(column) for column in zip(*some))) for polarity, some in parts.items()}
    if not sum(part.rel_type.numel() for part in test.values()):
        raise UserError(f"{paths[0]} has no statements: give a file with statements.")
    policy: dict[str, Any] = {"data": _with(base.data, test), "test_graph": None, "train": None}
    testbed = dataclasses.replace(base, **policy)
    own = [triplets(base.data, "stated", split) for split in base.filter]
    testbed.known = testbed.answers(*own, test["stated"])  # a cached property, which would not know the run's own test
    return testbed


def _with(data: HeteroData, test: dict[str, Triplets]) -> HeteroData:
    """The same graph with other test statements."""
    result = copy.copy(data)
    for polarity, part in test.items():
        store = result["entity", polarity, "entity"]
        keep = store.split != SPLITS.index("test")
        pair = torch.stack([part.head_index, part.tail_index])
        whole = {
            "edge_index": torch.cat([store.edge_index[:, keep], pair], 1),
            "edge_type": torch.cat([store.edge_type[keep], part.rel_type]),
            "split": torch.cat([store.split[keep], torch.full_like(part.rel_type, SPLITS.index("test"))]),
        }
        for key in list(store.keys()):
            del store[key]
        for key in KEPT:
            store[key] = whole[key]
    return result
