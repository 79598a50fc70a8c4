"""How the models of one data set are judged: one policy for validation, test and whatever is asked of a run later."""

import warnings
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

import torch
from torch_geometric.data import Data, HeteroData

from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import message_graph, num_relations, triplets
from gnnneg.errors import UserError
from gnnneg.evaluation import Ranks, classification, ranks, summary
from gnnneg.interfaces import Model
from gnnneg.records import Triplets

Split = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Evaluation:
    """What counts as known while ranking, and how much memory that may take.

    Args:
        filter (tuple[str, ...]): The splits whose stated facts are left out of every ranking but their own, in
            validation as in test. All is the custom; with less, true answers count as errors.
            (default: :obj:`("train", "valid", "test")`)
        memory_mib (float): About how much memory the scores may take. (default: :obj:`256`)
    """

    filter: tuple[Split, ...] = ("train", "valid", "test")
    memory_mib: float = 256.0

    def __post_init__(self) -> None:
        if not self.memory_mib > 0:
            raise UserError(f"evaluation.memory_mib is {self.memory_mib}: give a number above 0.")


class Judge:
    """Asks models about one data set.

    Args:
        data (torch_geometric.data.HeteroData): In the convention of :mod:`gnnneg.data.statements`.
        evaluation (Evaluation): The policy.
        device (torch.device): Where the models are.
    """

    def __init__(self, data: HeteroData, evaluation: Evaluation, device: torch.device):
        self.data, self.evaluation, self.device = data, evaluation, device
        if set(evaluation.filter) != {"train", "valid", "test"}:
            which = " and ".join(evaluation.filter) or "no"
            warnings.warn(
                f"Rankings are filtered by the facts of {which} splits only: not comparable with published figures.",
                stacklevel=2,
            )

    @cached_property
    def known(self) -> KnownAnswers:
        """The answers that do not count as rivals."""
        parts = [triplets(self.data, "stated", split) for split in self.evaluation.filter]
        none = torch.empty(0, dtype=torch.long)
        whole = Triplets(*(torch.cat(column) for column in zip(*parts))) if parts else Triplets(none, none, none)
        return KnownAnswers(whole, int(self.data["entity"].num_nodes), num_relations(self.data)).to(self.device)

    @cached_property
    def graph(self) -> Data:
        """What models may look at: training facts."""
        return message_graph(self.data).to(str(self.device))

    def asks(self, split: str) -> bool:
        """Whether there is anything to rank in a split."""
        return bool(triplets(self.data, "stated", split).rel_type.numel())

    def ranks(self, model: Model, split: str) -> Ranks:
        """The ranks of a split's statements from both sides; tails among the data set's own candidates, if any."""
        questions = triplets(self.data, "stated", split)
        if not questions.rel_type.numel():
            raise UserError(f"The data set has no {split} statements to rank: choose another split.")
        memory = self.evaluation.memory_mib
        every = ranks(model, self.graph, questions, self.known, memory_mib=memory)
        chosen = self.data["entity"].get("candidate_tails")
        if chosen is None:
            return every
        few = ranks(model, self.graph, questions, self.known, candidates=chosen[None], memory_mib=memory)
        tail, head = few.of("tail"), every.of("head")
        return Ranks(*(torch.cat([getattr(tail, f.name), getattr(head, f.name)]) for f in fields(Ranks)))

    def validate(self, model: Model) -> dict[str, float]:
        """The validation metrics of both sides together."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # ties are told of once, at the end
            metrics = summary(self.ranks(model, "valid"))
        return {name: value for name, value in metrics.items() if isinstance(value, float)}

    def classifies(self) -> bool:
        """Whether validation and test both have stated and denied statements, as triple classification needs."""
        return all(
            triplets(self.data, polarity, split).rel_type.numel()
            for polarity in ("stated", "denied")
            for split in ("valid", "test")
        )

    def classification(self, model: Model) -> tuple[dict[str, float], Any]:
        """Triple classification on test with thresholds from validation: the figures, and a table by relation."""
        valid, test = (
            (triplets(self.data, "stated", split), triplets(self.data, "denied", split)) for split in ("valid", "test")
        )
        names = self.data.relation_names
        return classification(model, self.graph, valid, test, num_relations(self.data), names)
