"""Ranking of a split's statements from both sides: every metric, of the whole or in parts."""

import warnings
from dataclasses import fields
from typing import Any, Literal

import pandas as pd
import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import whole
from gnnneg.data.statements import LINKED
from gnnneg.errors import UserError
from gnnneg.evaluation.evaluator import Evaluator, Findings
from gnnneg.evaluation.metrics import standard_error, summary
from gnnneg.evaluation.ranking import ranks
from gnnneg.evaluation.record import Ranks
from gnnneg.evaluation.strata import tables
from gnnneg.evaluation.testbed import Testbed
from gnnneg.interfaces import Encoding, Model
from gnnneg.records import Triplets

Split = Literal["train", "valid", "test"]
Parts = Literal["side", "relation", "cardinality", "degree", "half_links"]


class Ranking(Evaluator):
    """Exact filtered ranking of a split's statements, tails and heads: see :func:`~gnnneg.evaluation.summary`.

    Args:
        split (str): The split. (default: :obj:`"test"`)
        sampled (int, optional): Also gives Hits@10 among so many random candidates, as some papers report it. It is not
            comparable with Hits@10 among all entities. (default: the testbed's)
        per (str, optional): A table by ``"side"``, ``"relation"``, ``"cardinality"``, ``"degree"`` or ``"half_links"``
            in place of the figures of the whole. (default: :obj:`None`)
    """

    def __init__(self, split: Split = "test", sampled: int | None = None, per: Parts | None = None):
        super().__init__()
        whole("Ranking", sampled=sampled)
        if sampled is not None and per is not None:
            raise UserError("Ranking: sampled goes with the ranking of a whole split: leave sampled or per out.")
        self.split, self.sampled, self.per = split, sampled, per
        self.key = per or ""

    def forward(self, model: Model, testbed: Testbed) -> Findings:
        return self.findings(self.ranks(model, testbed), testbed)

    def ranks(self, model: Model, testbed: Testbed) -> Ranks:
        """The ranks; tails are ranked among the data set's own candidates, if it has any."""
        self.refuse(testbed)
        return ranked(model, testbed.on(self.split), testbed.statements(self.split))

    def findings(self, ranks: Ranks, testbed: Testbed) -> Findings:
        """The metrics of ranks."""
        if self.per is not None:
            return Findings({}, self.tables(ranks, testbed)[self.per])
        sampled = testbed.sampled if self.sampled is None else self.sampled
        return Findings(summary(ranks, sampled), counts={"queries": len(ranks)})

    def tables(self, ranks: Ranks, testbed: Testbed) -> dict[str, pd.DataFrame]:
        """The metrics by side, relation, cardinality, degree and half-links."""
        there = testbed.on(self.split)
        train = there.statements("train")
        return tables(ranks, train, there.num_nodes, there.num_relations, there.data.relation_names)

    def validate(self, model: Model, testbed: Testbed) -> dict[str, float]:
        """The metrics of both sides together during training. For a sample it adds :func:`standard_error` as
        ``mrr_se``.

        The sample is the testbed's ``valid_sample``, drawn from its seed: the same statements each time.
        """
        self.refuse(testbed)
        questions, most = testbed.statements(self.split), testbed.valid_sample
        if most is not None and most < len(questions.rel_type):
            chosen = torch.randperm(len(questions.rel_type), generator=testbed.draws())[:most].sort().values
            questions = Triplets(*(column[chosen] for column in questions))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # ties are told of once, at the end
            return self._figures(ranked(model, testbed.on(self.split), questions), testbed)

    def metrics(self, testbed: Testbed) -> list[str]:
        """The names of :meth:`validate`'s figures, known without a model."""
        two = Ranks(*(torch.ones(2, dtype=torch.long) for _ in fields(Ranks)))
        return list(self._figures(two, testbed))

    def _figures(self, ranks: Ranks, testbed: Testbed) -> dict[str, float]:
        figures = self.findings(ranks, testbed).figures
        error = {} if testbed.valid_sample is None else {"mrr_se": standard_error(ranks)}
        return {name: value for name, value in figures.items() if isinstance(value, float)} | error


def ranked(
    model: Model,
    testbed: Testbed,
    questions: Triplets,
    among: Int[Tensor, "k"] | None = None,
    encoding: Encoding | None = None,
) -> Ranks:
    """The ranks of any triplets under a testbed's policy, for both sides, or among given entities.

    In a graph with labelled nodes, only tails are ranked: the classes.
    """

    def some(candidates: Int[Tensor, "k"] | None, heads: bool = True) -> Ranks:
        few = None if candidates is None else candidates[None]
        means: dict[str, Any] = {"candidates": few, "memory_mib": testbed.memory_mib, "encoding": encoding}
        return ranks(model, testbed.graph_for(model), questions, testbed.known, heads=heads, **means)

    chosen = testbed.data["entity"].get("candidate_tails")
    if LINKED in testbed.data.edge_types:
        return some(chosen if among is None else among, heads=False)
    if among is not None or chosen is None:
        return some(among)
    head, tail = some(None).of("head"), some(chosen).of("tail")
    return Ranks(*(torch.cat([getattr(tail, f.name), getattr(head, f.name)]) for f in fields(Ranks)))
