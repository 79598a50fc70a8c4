"""Statements of which a model does not know what to think."""

from gnnneg.checks import whole
from gnnneg.curation.drawn import answers, questions
from gnnneg.curation.queues.base import LENGTH, Item, Queue, generator, listed, take
from gnnneg.curation.served import Served
from gnnneg.data.statements import triplets
from gnnneg.errors import UserError

THRESHOLD = 0.5


class Uncertain(Queue):
    """Unknown statements whose calibrated probability is nearest to one half: uncertainty sampling, of `"A Sequential
    Algorithm for Training Text Classifiers" <https://arxiv.org/abs/cmp-lg/9407020>`_.

    Candidates are the ``k`` best unknown answers of the first run to each of ``num_questions`` questions, which are
    drawn evenly from the different questions that stated statements answer, of both sides. An answer is an entity that
    fits: one that fills that slot of the relation in a training statement, or has a type of one that does (see
    :class:`~gnnneg.curation.fitting.Fitting`). Of statements that the model finds less likely than all these, none is
    asked about.

    Cost: a score of each question with each entity, and one of each candidate. A model that passes messages for each
    question is asked fewer.

    Args:
        served (Served): The runs; the first one is asked.
        length (int): How many statements at most. (default: :obj:`1000`)
        num_questions (int): How many questions. (default: :obj:`2000`)
        k (int): How many answers to each. (default: :obj:`20`)
        seed (int): Of the questions. (default: :obj:`0`)

    Raises:
        UserError: If the run has no calibration, which needs validation statements.
    """

    name = "uncertain"
    title = "Most uncertain"
    meaning = "Statements that nobody has made, of fitting entities, with a probability near one half."

    def __init__(
        self, served: Served, length: int = LENGTH, num_questions: int = 2000, k: int = 20, seed: int = 0
    ) -> None:
        super().__init__()
        whole("Uncertain", length=length, num_questions=num_questions, k=k)
        if served.first.calibration is None:
            raise UserError(
                f"The run {served.first.name} has no validation statements to calibrate its probabilities on, so "
                "nothing can be uncertain: train with a validation split."
            )
        self.served, self.length, self.num_questions, self.k, self.seed = served, length, num_questions, k, seed

    def _worked_out(self) -> list[Item]:
        served, asked = self.served, self.served.first
        query = questions(asked, triplets(served.data), self.num_questions, generator(self.seed))
        found = answers(asked, query, self.k, served.known, served.fitting)
        probability = asked.plausible(found)
        order = (probability - THRESHOLD).abs().argsort(stable=True)[: self.length]
        value = probability[order]
        return listed(served, take(found, order), value, [f"Its probability is {p:.3f}." for p in value.tolist()])
