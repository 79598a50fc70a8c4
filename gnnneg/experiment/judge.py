"""How the models of one data set are judged: one policy for validation, test and whatever is asked of a run later."""

import warnings
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import POLARITIES, message_graph, num_relations, triplets
from gnnneg.errors import UserError
from gnnneg.evaluation import (
    Calibration,
    Ranks,
    classification,
    clustering,
    concatenation,
    hadamard,
    known_negatives,
    matched,
    pair_classification,
    ranks,
    representations,
    summary,
)
from gnnneg.evaluation.classification import labelled
from gnnneg.evaluation.drawn import corruptions
from gnnneg.evaluation.pairs import FOLDS
from gnnneg.evaluation.strata import degree
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
        sampled (int, optional): Also gives Hits@10 against so many random candidates, as ``hits@10_50``: not comparable
            with what ranks all, but what some papers report. (default: :obj:`None`)
    """

    filter: tuple[Split, ...] = ("train", "valid", "test")
    memory_mib: float = 256.0
    sampled: int | None = None

    def __post_init__(self) -> None:
        if self.sampled is not None and self.sampled < 1:
            raise UserError(f"evaluation.sampled is {self.sampled}: give at least 1, or leave it out.")
        if not self.memory_mib > 0:
            raise UserError(f"evaluation.memory_mib is {self.memory_mib}: give a number above 0.")


class Judge:
    """Asks models about one data set.

    Args:
        data (torch_geometric.data.HeteroData): In the convention of :mod:`gnnneg.data.statements`.
        evaluation (Evaluation): The policy.
        device (torch.device): Where the models are.
        test_graph (torch_geometric.data.HeteroData, optional): Another graph, of other entities and the same relations,
            whose test statements are asked instead. (default: :obj:`None`)

    Raises:
        UserError: If its relations are others.
    """

    def __init__(
        self, data: HeteroData, evaluation: Evaluation, device: torch.device, test_graph: HeteroData | None = None
    ):
        self.data, self.evaluation, self.device = data, evaluation, device
        self.elsewhere = None if test_graph is None else Judge(test_graph, evaluation, device)
        if test_graph is not None and test_graph.relation_names != data.relation_names:
            raise UserError(
                "The graph to test on must have the relation_names of the graph to train on, in their order."
            )
        if test_graph is None and set(evaluation.filter) != {"train", "valid", "test"}:
            which = " and ".join(evaluation.filter) or "no"
            warnings.warn(
                f"Rankings are filtered by the facts of {which} splits only: comparable with no figures but "
                "those of the same filter.",
                stacklevel=2,
            )

    def on(self, split: str) -> "Judge":
        """Who judges a split: where test statements are of another graph, its own judge."""
        return self.elsewhere if split == "test" and self.elsewhere is not None else self

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
        return bool(triplets(self.on(split).data, "stated", split).rel_type.numel())

    def ranks(self, model: Model, split: str) -> Ranks:
        """The ranks of a split's statements from both sides; tails among the data set's own candidates, if any."""
        judge = self.on(split)
        questions = triplets(judge.data, "stated", split)
        if not questions.rel_type.numel():
            raise UserError(f"The data set has no {split} statements to rank: choose another split.")
        return judge.ranked(model, questions)

    def summary(self, ranks: Ranks) -> dict[str, Any]:
        """The metrics that the policy asks for."""
        return summary(ranks, self.evaluation.sampled)

    def metrics(self) -> list[str]:
        """The names that :meth:`validate` gives its figures, before there is a model."""
        one = Ranks(*(torch.ones(1, dtype=torch.long) for _ in fields(Ranks)))
        return [name for name, value in self.summary(one).items() if isinstance(value, float)]

    def ranked(self, model: Model, questions: Triplets, among: Int[Tensor, "k"] | None = None) -> Ranks:
        """The ranks of any triplets, whoever states them, in the same way; or both sides among these entities."""
        memory = self.evaluation.memory_mib
        if among is not None:
            return ranks(model, self.graph, questions, self.known, candidates=among[None], memory_mib=memory)
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
            metrics = self.summary(self.ranks(model, "valid"))
        return {name: value for name, value in metrics.items() if isinstance(value, float)}

    def classifies(self) -> bool:
        """Whether validation and test both have stated and denied statements, as triple classification needs."""
        return all(
            triplets(self.on(split).data, polarity, split).rel_type.numel()
            for polarity in ("stated", "denied")
            for split in ("valid", "test")
        )

    def classification(self, model: Model) -> tuple[dict[str, float], pd.DataFrame]:
        """Triple classification on test with thresholds from validation: the figures, and a table by relation."""
        valid, test = (
            (triplets(self.on(split).data, "stated", split), triplets(self.on(split).data, "denied", split))
            for split in ("valid", "test")
        )
        graph, names = self.on("test").graph, self.data.relation_names
        return classification(model, self.graph, valid, test, len(names), names, test_graph=graph)

    def known_negatives(self, model: Model, split: str, seed: int) -> tuple[dict[str, Any], pd.DataFrame]:
        """A split's statements among its denied ones: the figures, and a table by relation."""
        judge, generator = self.on(split), torch.Generator(self.device).manual_seed(seed)
        stated, denied = (triplets(judge.data, polarity, split) for polarity in POLARITIES)
        means = {"generator": generator, "relation_names": judge.data.relation_names}
        return known_negatives(model, judge.graph, stated, denied, judge.known, **means)

    def labelled(self, model: Model, split: str, seed: int) -> tuple[Float[Tensor, "b"], Bool[Tensor, "b"], bool]:
        """Scores of a split's statements, whether each is stated, and whether the others had to be drawn.

        A split that denies nothing gets one random corruption for each stated triplet, true in no split.

        Raises:
            UserError: If nothing is stated.
        """
        data = self.on(split).data
        stated, denied = (triplets(data, polarity, split) for polarity in POLARITIES)
        if not stated.rel_type.numel():
            raise UserError(f"A probability is fitted on validation and judged on test, and there are no {split} ones.")
        drawn = not denied.rel_type.numel()
        if drawn:
            truth = KnownAnswers(triplets(data), int(data["entity"].num_nodes), num_relations(data))
            denied = corruptions(stated, truth, torch.Generator().manual_seed(seed))
        score, label, _ = labelled(model, self.on(split).graph, stated, denied)
        return score, label, drawn

    def calibration(self, model: Model, seed: int) -> Calibration:
        """From the model's scores to probabilities, fitted on validation."""
        return Calibration.fit(*self.labelled(model, "valid", seed))

    def pairs(self, model: Model, seed: int) -> pd.DataFrame:
        """Pair classification on vectors, and what needs none: all pairs, and those that degrees do not tell apart.

        Beside the model's ``vectors`` stand ``random`` ones of the same width, which say no more than who is who, and
        the ``counts`` of stated and denied training statements. Figures are missing where too few pairs match.

        Raises:
            UserError: If the data set has no labelled pairs, or too few.
        """
        if ("entity", "pair", "entity") not in self.data.edge_types:
            raise UserError(
                "The data set has no labelled pairs of entities to classify: use one such as GO-NegStatements."
            )
        store, size = self.data["entity", "pair", "entity"], int(self.data["entity"].num_nodes)
        pairs, label = store.edge_label_index, store.edge_label
        generator = torch.Generator().manual_seed(seed)
        vector = representations(model, self.graph)
        count = torch.stack([degree(triplets(self.data, polarity, "train"), size) for polarity in POLARITIES], 1)
        known = {
            "vectors": vector,
            "random": torch.randn(vector.shape, generator=generator),
            "counts": count.float(),
        }
        chosen = {
            "all": torch.arange(label.numel()),
            "degree-matched": matched(pairs, label, count, generator),
        }
        rows = []
        for which, row in chosen.items():
            for what, of in known.items():
                for features in (hadamard, concatenation):
                    asked = {"among": which, "of": what, "features": features.__name__}
                    if which != "all" and row.numel() < 2 * FOLDS:  # nothing is left to classify
                        rows.append({**asked, "pairs": row.numel(), "positive": row.numel() // 2})
                        continue
                    figures, _ = pair_classification(of, pairs[:, row], label[row], features)
                    rows.append({**asked, **figures})
        return pd.DataFrame(rows)

    def clusters(self, model: Model) -> tuple[dict[str, Any], pd.DataFrame]:
        """Clusters of the model's vectors against the entities' types: the figures, and a table by seed.

        Raises:
            UserError: If entities have no types.
        """
        types = self.data["entity"].get("type")
        if types is None:
            raise UserError("The entities of this data set have no types to compare clusters with: use one that has.")
        return clustering(representations(model, self.graph), types)
