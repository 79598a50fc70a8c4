"""Statements on which models disagree."""

import torch

from gnnneg.checks import whole
from gnnneg.curation.drawn import answers, questions
from gnnneg.curation.queues.base import LENGTH, Item, Queue, generator, listed, take
from gnnneg.curation.served import Served
from gnnneg.data.statements import distinct, triplets
from gnnneg.errors import UserError
from gnnneg.records import Triplets


class Disagreement(Queue):
    """Unknown statements to which the runs give the most different probabilities: query by committee, from `"Query by
    Committee" <https://doi.org/10.1145/130385.130417>`_. If there is one run, of a dual model, its two sides are the
    committee, each with its own calibration.

    Candidates are the ``k`` best unknown answers of each member to each of ``num_questions`` questions. As in
    :class:`Uncertain`, only entities that fit are candidates. They are sorted by the largest probability minus the
    smallest.

    Cost: for each member, one score for each question and entity, and one for each candidate.

    Args:
        served (Served): The runs.
        length (int): Largest number of statements. (default: :obj:`1000`)
        num_questions (int): Number of questions. (default: :obj:`1000`)
        k (int): Number of answers to each question. (default: :obj:`10`)
        seed (int): Random seed of the questions. (default: :obj:`0`)

    Raises:
        UserError: If there is only one run and it is not a dual model, or if a run has no calibration.
    """

    name = "disagreement"
    title = "Models disagree"
    meaning = "New statements of fitting entities, to which models give very different probabilities."

    def __init__(
        self, served: Served, length: int = LENGTH, num_questions: int = 1000, k: int = 10, seed: int = 0
    ) -> None:
        super().__init__()
        whole("Disagreement", length=length, num_questions=num_questions, k=k)
        self.committee = served.predictors if len(served.predictors) > 1 else served.sides
        if not self.committee:
            raise UserError("One model cannot disagree with itself: serve several runs, or the run of a Dual.")
        for one in self.committee:
            if one.calibration is None:
                raise UserError(
                    f"{one.name} has no validation statements to calibrate its probabilities on: train with a "
                    "validation split."
                )
        self.served, self.length, self.num_questions, self.k, self.seed = served, length, num_questions, k, seed

    def _worked_out(self) -> list[Item]:
        served, committee = self.served, self.committee
        slowest = min(committee, key=lambda one: one.affordable(self.num_questions))
        query = questions(slowest, triplets(served.data), self.num_questions, generator(self.seed))
        every = [answers(one, query, self.k, served.known, served.fitting) for one in committee]
        found, _ = distinct(Triplets(*(torch.cat(column) for column in zip(*every))))
        likely = torch.stack([one.plausible(found) for one in committee])
        apart = likely.amax(0) - likely.amin(0)
        order = apart.argsort(descending=True, stable=True)[: self.length]
        why = []
        for column in likely[:, order].T:
            most, least = int(column.argmax()), int(column.argmin())
            why.append(
                f"{committee[most].name} says {float(column[most]):.2f}, "
                f"{committee[least].name} {float(column[least]):.2f}."
            )
        return listed(served, take(found, order), apart[order], why)
