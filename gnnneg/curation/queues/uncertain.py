"""Statements about which a model is unsure."""

from gnnneg.checks import whole
from gnnneg.curation.drawn import answers, questions
from gnnneg.curation.queues.base import LENGTH, Item, Queue, generator, listed, take
from gnnneg.curation.served import Served
from gnnneg.data.statements import triplets
from gnnneg.errors import UserError

THRESHOLD = 0.5


class Uncertain(Queue):
    """Unknown statements whose calibrated probability is nearest to one half: uncertainty sampling, from `"A Sequential
    Algorithm for Training Text Classifiers" <https://arxiv.org/abs/cmp-lg/9407020>`_.

    Candidates are the ``k`` best unknown answers of the first run to each of ``num_questions`` questions. The questions
    are drawn uniformly from the distinct questions, for heads and tails, that stated statements answer. Only entities
    that fit are answers: those that fill the same slot of the relation in a training statement, or share a type with an
    entity that does (see :class:`~gnnneg.curation.fitting.Fitting`). Less likely statements than these candidates are
    not in the queue.

    Cost: one score for each question and entity, and one for each candidate. A model that passes messages for each
    question gets fewer questions.

    Args:
        served (Served): The runs; only the first one is used.
        length (int): Largest number of statements. (default: :obj:`1000`)
        num_questions (int): Number of questions. (default: :obj:`2000`)
        k (int): Number of answers to each question. (default: :obj:`20`)
        seed (int): Random seed of the questions. (default: :obj:`0`)

    Raises:
        UserError: If the run has no calibration, which needs validation statements.
    """

    name = "uncertain"
    title = "Most uncertain"
    meaning = "New statements of fitting entities, with a probability near one half."

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
