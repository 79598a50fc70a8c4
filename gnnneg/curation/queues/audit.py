"""Random samples to judge, and the estimates that follow from them."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

import pandas as pd
import torch

from gnnneg.checks import whole
from gnnneg.curation.drawn import negatives, questions
from gnnneg.curation.queues.base import Item, Queue, generator, listed, take
from gnnneg.curation.served import Served
from gnnneg.data.statements import triplets
from gnnneg.evaluation.said import WORDS
from gnnneg.experiment.negatives import drawing
from gnnneg.records import Triplets
from gnnneg.verdicts import Statement
from gnnneg.verdicts.agreed import CONFLICT, agreed
from gnnneg.verdicts.intervals import clopper_pearson

DRAWS = 400
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """The result of an audit.

    Args:
        share (float, optional): Share of true statements among the draws that count; None if no draw counts.
        low, high (float): Its 95% interval by Clopper and Pearson; 0 and 1 if no draw counts.
        n (int): Number of draws that count: those known to be true or false.
        true (int): Number of these that are true.
        unsure, skipped, conflicting (int): Draws without a clear verdict: people are unsure, skipped them, or
            disagree. They do not count.
        known (int): Draws that the data already state or deny. They count without a verdict.
        left (int): Draws of the sample that were not reached.
    """

    share: float | None
    low: float
    high: float
    n: int
    true: int
    unsure: int
    skipped: int
    conflicting: int
    known: int
    left: int


class Audit(Queue):
    """A random sample, to be judged in its order.

    Every candidate has the same chance. A statement that occurs several times among the candidates may be drawn several
    times, and then counts several times. Statements that the data state or deny count without a verdict.

    The estimate uses the draws from the first one on, as long as they are judged. It ends at the last draw that was
    judged in this queue. So it does not depend on when people stop, or on verdicts in other queues, whose statements
    are not random. Once all draws are judged, in any queue, all count.
    """

    random = True

    def __init__(self, served: Served, draws: int, seed: int) -> None:
        super().__init__()
        whole(type(self).__name__, draws=draws)
        self.served, self.draws, self.seed = served, draws, seed

    @abstractmethod
    def drawn(self) -> Triplets:
        """The sample, in random order."""

    @cached_property
    def sample(self) -> tuple[list[Statement], list[str]]:
        """The drawn statements, and for each its word of :data:`gnnneg.evaluation.said.WORDS`: what the data say."""
        found = self.drawn()
        return self.served.called(found), [WORDS[code] for code in self.served.said(found).tolist()]

    def estimate(self, standing: pd.DataFrame) -> Estimate:
        """The share of true statements, with its confidence interval.

        Args:
            standing (DataFrame): The current verdicts, from :meth:`gnnneg.verdicts.Verdicts.standing`.
        """
        roles = list(Statement._fields)
        together = agreed(standing)
        verdict = dict.fromkeys(map(Statement._make, standing[roles].itertuples(index=False, name=None)), "skip")
        verdict |= zip(map(Statement._make, together[roles].itertuples(index=False, name=None)), together["verdict"])
        mine = standing.loc[standing["queue"] == self.name, roles]
        here = set(map(Statement._make, mine.itertuples(index=False, name=None)))
        statements, said = self.sample
        size = self._reached(statements, said, verdict, here)
        counted = Counter(
            verdict[one] if word == "unknown" else "deny" if word == "denied" else "accept"
            for one, word in zip(statements[:size], said)
        )
        true, n = counted["accept"], counted["accept"] + counted["deny"]
        low, high = clopper_pearson(true, n, LEVEL) if n else (0.0, 1.0)
        others = counted["unsure"], counted["skip"], counted[CONFLICT]
        known = sum(word != "unknown" for word in said[:size])
        return Estimate(true / n if n else None, low, high, n, true, *others, known, len(statements) - size)

    def _reached(
        self, statements: list[Statement], said: list[str], judged: Container[Statement], here: set[Statement]
    ) -> int:
        """The number of draws that the estimate uses."""
        asked = [place for place, word in enumerate(said) if word == "unknown"]
        judged_in_order = list(takewhile(lambda place: statements[place] in judged, asked))
        if len(judged_in_order) == len(asked):
            return len(statements)
        last = max((at for at, place in enumerate(judged_in_order) if statements[place] in here), default=None)
        # includes the known draws that follow; otherwise the share of unknown draws would be too large
        return 0 if last is None else asked[last + 1]

    def _worked_out(self) -> list[Item]:
        statements, said = self.sample
        asked = dict.fromkeys(one for one, word in zip(statements, said) if word == "unknown")
        found = self.served.places(list(asked))
        return listed(self.served, found, self.served.first.plausible(found), ["It was drawn at random."] * len(asked))


class AuditNegatives(Audit):
    """A random sample of the first run's negatives. The share of true ones is the false-negative rate of its sampler.

    Args:
        served (Served): The runs; only the sampler of the first one is used.
        draws (int): Size of the sample. (default: :obj:`400`)
        statements (int): Number of training statements whose negatives are sampled. (default: :obj:`2000`)
        seed (int): Random seed. (default: :obj:`0`)

    Raises:
        UserError: If the task of the run draws no negatives.

    Cost: the draws of the negatives. Memory: the negatives of one batch.
    """

    name = "audit-negatives"
    title = "Audit of negatives"
    meaning = "A random sample of the sampler's negatives: how many of them are true?"

    def __init__(self, served: Served, draws: int = DRAWS, statements: int = 2000, seed: int = 0) -> None:
        super().__init__(served, draws, seed)
        whole("AuditNegatives", statements=statements)
        drawing(served.runs[0].task)  # fails before the queue is computed
        self.statements = statements

    def drawn(self) -> Triplets:
        rng = generator(self.seed)
        none = torch.empty(0, dtype=torch.long)
        kept, key = Triplets(none, none, none), torch.empty(0, dtype=torch.double)
        for offered in negatives(self.served, self.served.first.affordable(self.statements), rng):
            # each negative gets a random number; those with the smallest numbers are a random sample, in random order
            more = torch.rand(len(offered.row), generator=rng, dtype=torch.double)
            key, order = torch.cat([key, more]).sort(stable=True)
            both = Triplets(*(torch.cat(pair) for pair in zip(kept, offered.triplets)))
            key, kept = key[: self.draws], take(both, order[: self.draws])
        return kept


class AuditPredictions(Audit):
    """A random sample of the first run's predictions: its ``k`` best unknown answers to each of ``draws`` questions.
    The share of true ones is the precision of such predictions.

    Args:
        served (Served): The runs; only the first one is used.
        draws (int): Size of the sample. (default: :obj:`400`)
        k (int): Number of answers to each question. (default: :obj:`10`)
        seed (int): Random seed. (default: :obj:`0`)

    Cost: one score for each question and entity.
    """

    name = "audit-predictions"
    title = "Audit of predictions"
    meaning = "A random sample of the best answers that nobody has stated or denied: how many of them are true?"

    def __init__(self, served: Served, draws: int = DRAWS, k: int = 10, seed: int = 0) -> None:
        super().__init__(served, draws, seed)
        whole("AuditPredictions", k=k)
        self.k = k

    def drawn(self) -> Triplets:
        rng, served = generator(self.seed), self.served
        asked = served.first
        query = questions(asked, triplets(served.data), self.draws, rng)
        found = asked.best(query, self.k, served.known)
        # the sample is drawn from all answers, not one from each question
        return take(found, torch.randperm(len(found.rel_type), generator=rng)[: self.draws])
