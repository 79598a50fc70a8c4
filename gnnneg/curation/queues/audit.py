"""Random samples to judge, and what they say of all that they were drawn from."""

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
    """What a judged sample says of all that it was drawn from.

    Args:
        share (float, optional): The share that is true; none before anything was judged.
        low, high (float): Its 95% interval by Clopper and Pearson; 0 and 1 before anything was judged.
        n (int): Draws that count: true, or not.
        true (int): Of these, how many are true.
        unsure, skipped, conflicting (int): Draws of which nobody can say so: people are unsure, have skipped them, or
            differ. They are left out of the share, which so is that of the others.
        known (int): Draws that count since the data state or deny them already.
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

    Each draw is one of all that could have been drawn, with equal chances, so that what comes several times counts
    several times. What the data state or deny counts without being judged. Draws count from the first one on as far as
    they were judged here, so that neither the moment at which somebody stops nor what was judged in other queues, where
    statements are no random ones, bends the share; once all are judged, wherever that was, all count.
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
        """The statements drawn, and of each what the data say: a word of :data:`gnnneg.evaluation.said.WORDS`."""
        found = self.drawn()
        return self.served.called(found), [WORDS[code] for code in self.served.said(found).tolist()]

    def estimate(self, standing: pd.DataFrame) -> Estimate:
        """The share of true ones, with its confidence interval.

        Args:
            standing (DataFrame): What people have said, as :meth:`gnnneg.verdicts.Verdicts.standing` gives it.
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
        """How many draws count."""
        asked = [place for place, word in enumerate(said) if word == "unknown"]
        judged_in_order = list(takewhile(lambda place: statements[place] in judged, asked))
        if len(judged_in_order) == len(asked):
            return len(statements)
        last = max((at for at, place in enumerate(judged_in_order) if statements[place] in here), default=None)
        # with the known ones behind it, up to the next to be asked about: else the unknown ones would be too many
        return 0 if last is None else asked[last + 1]

    def _worked_out(self) -> list[Item]:
        statements, said = self.sample
        asked = dict.fromkeys(one for one, word in zip(statements, said) if word == "unknown")
        found = self.served.places(list(asked))
        return listed(self.served, found, self.served.first.plausible(found), ["It was drawn by chance."] * len(asked))


class AuditNegatives(Audit):
    """What the sampler of the first run draws as wrong: the share of true ones is its false-negative rate.

    Args:
        served (Served): The runs; the sampler of the first one draws.
        draws (int): Size of the sample. (default: :obj:`400`)
        statements (int): The sample is taken of the negatives of so many training statements. (default: :obj:`2000`)
        seed (int): Of all draws. (default: :obj:`0`)

    Raises:
        UserError: If the task of the run draws no negatives.

    Cost: the negatives; memory: those of one batch.
    """

    name = "audit-negatives"
    title = "Audit of negatives"
    meaning = "A random sample of what the sampler draws as wrong: how much of it is true?"

    def __init__(self, served: Served, draws: int = DRAWS, statements: int = 2000, seed: int = 0) -> None:
        super().__init__(served, draws, seed)
        whole("AuditNegatives", statements=statements)
        drawing(served.runs[0].task)  # refused before anybody waits
        self.statements = statements

    def drawn(self) -> Triplets:
        rng = generator(self.seed)
        none = torch.empty(0, dtype=torch.long)
        kept, key = Triplets(none, none, none), torch.empty(0, dtype=torch.double)
        for offered in negatives(self.served, self.served.first.affordable(self.statements), rng):
            # a number of its own for each: those of the smallest are a sample of all, in random order
            more = torch.rand(len(offered.row), generator=rng, dtype=torch.double)
            key, order = torch.cat([key, more]).sort(stable=True)
            both = Triplets(*(torch.cat(pair) for pair in zip(kept, offered.triplets)))
            key, kept = key[: self.draws], take(both, order[: self.draws])
        return kept


class AuditPredictions(Audit):
    """What the first run predicts, drawn evenly from its ``k`` best unknown answers to as many questions as draws:
    the share of true ones is the precision of such predictions.

    Args:
        served (Served): The runs; the first one predicts.
        draws (int): Size of the sample. (default: :obj:`400`)
        k (int): Among how many answers to each question. (default: :obj:`10`)
        seed (int): Of all draws. (default: :obj:`0`)

    Cost: a score of each question with each entity.
    """

    name = "audit-predictions"
    title = "Audit of predictions"
    meaning = "A random sample of the best answers that nobody has stated or denied: how much of it is true?"

    def __init__(self, served: Served, draws: int = DRAWS, k: int = 10, seed: int = 0) -> None:
        super().__init__(served, draws, seed)
        whole("AuditPredictions", k=k)
        self.k = k

    def drawn(self) -> Triplets:
        rng, served = generator(self.seed), self.served
        asked = served.first
        query = questions(asked, triplets(served.data), self.draws, rng)
        found = asked.best(query, self.k, served.known)
        # as many questions as draws: their answers stand together, and each may be drawn
        return take(found, torch.randperm(len(found.rel_type), generator=rng)[: self.draws])
