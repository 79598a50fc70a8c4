"""Doubtful statements count less."""

from jaxtyping import Float
from torch import Tensor

from gnnneg.data.known import KnownAnswers
from gnnneg.interfaces import Weighing
from gnnneg.records import Triplets, asked


class Confidence(Weighing):
    r"""Each statement counts as much as it is sure: :math:`c_i / b` in a batch of :math:`b`.

    Not normalised over the batch, so that a batch of doubtful statements moves a model less than one of sure ones.

    Args:
        known (KnownAnswers): Training facts, with the confidence that the data give (``confidence`` of the stated
            edges); what has none counts whole.
    """

    def __init__(self, known: KnownAnswers):
        super().__init__()
        self.known = known

    def forward(self, triplets: Triplets) -> Float[Tensor, "b"]:
        return self.known.sure(*asked(triplets, self.known.num_relations)) / len(triplets.rel_type)
