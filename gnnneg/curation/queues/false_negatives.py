"""What a sampler takes to be wrong and a model finds plausible."""

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
    """What the sampler of the first run offers as wrong answers, nobody has stated or denied, and the model finds most
    plausible: trained on as false, it may be true.

    The sampler draws for ``statements`` training statements chosen by chance. Of the candidates of each question that
    fit (see :class:`~gnnneg.curation.fitting.Fitting`) the five that the model scores highest are kept.

    Cost: the draws, a score of each candidate, and one more of those that are kept. Memory: the draws of one batch.

    Args:
        served (Served): The runs; the first one is asked.
        length (int): How many statements at most. (default: :obj:`1000`)
        statements (int): For how many statements negatives are drawn. (default: :obj:`1000`)
        seed (int): Of all draws. (default: :obj:`0`)

    Raises:
        UserError: If the task of the run draws no negatives.
    """

    name = "false-negatives"
    title = "Suspected false negatives"
    meaning = "Statements of fitting entities that training takes to be wrong, and the model finds plausible."

    def __init__(self, served: Served, length: int = LENGTH, statements: int = 1000, seed: int = 0) -> None:
        super().__init__()
        whole("SuspectedFalseNegatives", length=length, statements=statements)
        drawing(served.runs[0].task)  # refused before anybody waits
        self.served, self.length, self.statements, self.seed = served, length, statements, seed

    def _worked_out(self) -> list[Item]:
        served, asked = self.served, self.served.first
        none = torch.empty(0, dtype=torch.long)
        best, likely = Triplets(none, none, none), torch.empty(0, dtype=torch.double)
        wanted = asked.affordable(self.statements)
        for offered in negatives(served, wanted, generator(self.seed)):
            own = offered.triplets
            unknown = (served.said(own) == WORDS.index("unknown")).nonzero()[:, 0]
            # the other end is that of a training statement, and fits
            unknown = unknown[served.fitting(offered.asked[unknown], offered.answer[unknown])]
            row, score = offered.row[unknown], offered.score[unknown]
            order = score.argsort(descending=True, stable=True)
            order = order[row[order].argsort(stable=True)]
            beside = entries(row.bincount())[1]  # places in the row, once rows are together
            kept = unknown[order[beside < EACH]]
            new, _ = distinct(take(own, kept))
            found, place = distinct(Triplets(*(torch.cat(pair) for pair in zip(best, new))))
            value = torch.empty(len(found.rel_type), dtype=torch.double)
            value[place] = torch.cat([likely, asked.plausible(new)])
            first = value.argsort(descending=True, stable=True)[: self.length]
            best, likely = take(found, first), value[first]
        why = [f"The sampler drew it as wrong; the model gives it {p:.3f}." for p in likely.tolist()]
        return listed(served, best, likely, why)
