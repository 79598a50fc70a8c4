"""Checks whether the tables of a config and the state of its optimiser fit into memory, before they are made."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch_geometric.data import HeteroData

from gnnneg.config import Plan
from gnnneg.data.facts import Facts
from gnnneg.data.statements import SPLITS
from gnnneg.errors import UserError
from gnnneg.experiment.settings import needed
from gnnneg.interfaces import Encoder, Model, Task
from gnnneg.training.room import refuse_unmade

STATEMENT = 48 + 12 + 8  # bytes of one in training: in the index of answers, as an example, and in the epoch's order


def refuse_plan(settings: dict[str, Any], facts: Facts, device: torch.device) -> None:
    """Refuses a config whose tables and optimiser would need more memory than there is.

    Only the encoders of trained models are counted. They are built on the device ``meta``, which needs no memory.

    Args:
        settings (dict): The arguments of the plan of a config.
        facts (Facts): The facts of the data set.
        device (torch.device): The device of the training.

    Raises:
        UserError: If it needs more memory.
    """
    sizes = {"num_nodes": facts.num_nodes, "num_relations": facts.num_relations}
    made = nn.ModuleList()
    for plan in _encoders(settings["task"]):
        if needed(plan) <= sizes.keys():
            try:
                with torch.device("meta"):
                    made.append(plan.build(sizes))
            except UserError:
                return  # it fails for another reason when it is built
    weights = list(made.parameters())
    if not weights:
        return
    optimizer = settings["optimizer"].build({"params": weights})
    later = 0
    if device.type == "cpu":
        mib = settings["evaluation"].arguments["memory_mib"]
        later = STATEMENT * counted(facts.data) + int(max(0, mib) * 2**20 if math.isfinite(mib) else 0)
    refuse_unmade(made, optimizer, later, device)


def counted(data: HeteroData) -> int:
    """The number of training statements, without copying them."""
    return int((data["entity", "stated", "entity"].split == SPLITS.index("train")).sum())


def _encoders(part: Any) -> Iterator[Plan]:
    """The encoders of the models that a task trains: not those of samplers and generators, which may be fixed."""
    if not isinstance(part, Plan):
        return
    if issubclass(part.cls, Encoder):
        yield part
    elif issubclass(part.cls, Task | Model):
        for name, inner in part.arguments.items():
            if not (name == "negative" and part.arguments.get("shared")):  # it has the table of the other side
                yield from _encoders(inner)
