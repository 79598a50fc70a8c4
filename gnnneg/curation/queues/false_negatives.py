"""Negatives of a sampler that a model finds plausible."""

import torch

from gnnneg.checks import whole
from gnnneg.curation.drawn import negatives
from gnnneg.curation.queues.base import LENGTH, Item, Queue, generator, listed, take
from gnnneg.curation.served import Served
from gnnneg.data.statements import distinct
from gnnneg.evaluation.said import WORDS
from gnnneg.experiment.negatives import drawing
from gnnneg.kernels.ragged import entries
from gnnneg.records import Triplets

EACH = 5  # candidates of one question


class SuspectedFalseNegatives(Queue):
    """The negatives of the first run's sampler that its model finds most plausible, except those that the data state or
    deny. Training treats them as false, but they may be true.

    The sampler draws negatives for ``statements`` random training statements. For each question, only candidates that
    fit count (see :class:`~gnnneg.curation.fitting.Fitting`), and the five with the highest scores are kept.

    Cost: the draws, one score for each candidate, and one more for each kept one. Memory: the draws of one batch.

    Args:
        served (Served): The runs; only the first one is used.
        length (int): Largest number of statements. (default: :obj:`1000`)
        statements (int): Number of training statements for which negatives are drawn. (default: :obj:`1000`)
        seed (int): Random seed. (default: :obj:`0`)

    Raises:
        UserError: If the task of the run draws no negatives.
    """

    name = "false-negatives"
    title = "Suspected false negatives"
    meaning = "Statements of fitting entities that training treats as false, but the model finds plausible."

    def __init__(self, served: Served, length: int = LENGTH, statements: int = 1000, seed: int = 0) -> None:
        super().__init__()
        whole("SuspectedFalseNegatives", length=length, statements=statements)
        drawing(served.runs[0].task)  # fails before the queue is computed
        self.served, self.length, self.statements, self.seed = served, length, statements, seed

    def _worked_out(self) -> list[Item]:
        served, asked = self.served, self.served.first
        none = torch.empty(0, dtype=torch.long)
        best, likely = Triplets(none, none, none), torch.empty(0, dtype=torch.double)
        wanted = asked.affordable(self.statements)
        for offered in negatives(served, wanted, generator(self.seed)):
            own = offered.triplets
            unknown = (served.said(own) == WORDS.index("unknown")).nonzero()[:, 0]
            # the other entity is from a training statement, so it fits
            unknown = unknown[served.fitting(offered.asked[unknown], offered.answer[unknown])]
            row, score = offered.row[unknown], offered.score[unknown]
            order = score.argsort(descending=True, stable=True)
            order = order[row[order].argsort(stable=True)]
            beside = entries(row.bincount())[1]  # the position within its row, when sorted by row
            kept = unknown[order[beside < EACH]]
            new, _ = distinct(take(own, kept))
            found, place = distinct(Triplets(*(torch.cat(pair) for pair in zip(best, new))))
            value = torch.empty(len(found.rel_type), dtype=torch.double)
            value[place] = torch.cat([likely, asked.plausible(new)])
            first = value.argsort(descending=True, stable=True)[: self.length]
            best, likely = take(found, first), value[first]
        why = [f"The sampler drew it as a negative; the model gives it {p:.3f}." for p in likely.tolist()]
        return listed(served, best, likely, why)
