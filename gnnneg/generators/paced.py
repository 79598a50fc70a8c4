"""Embedding mutation of a chosen hardness."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.checks import FOREVER, positive, whole
from gnnneg.generators.mutation import Matching, Term, masked, terms
from gnnneg.interfaces import Drawn, SoftLabel
from gnnneg.records import Made
from gnnneg.stateful import Counts


class SelfPacedEMU(Counts, Matching):
    r"""Each negative gets the mutation ratio at which it beats the target with probability :math:`\Phi(-z)`,

    .. math::
        \rho_j = \frac{\Delta_j^2}{\Delta_j^2 + z^2 v_j} \quad (\Delta_j > 0) ,

    with margin and variance as in :class:`MatchedEMU`; a negative that already beats the target is not mutated. So
    hardness is one scalar, the same for every pair, step and scale of the embeddings. A curriculum is a schedule of
    this scalar: :math:`z` goes in equal steps from ``start`` to ``end``, one step for each training batch, whether
    scores or vectors (:class:`~gnnneg.samplers.Projected`) are computed. At :math:`z = 3` one mutated negative in 740
    wins, at 0.5 three in ten. The ratio carries no gradient.

    Cost: that of :class:`MatchedEMU`.

    Args:
        start (float): The first :math:`z`. (default: :obj:`3.0`)
        end (float): The last :math:`z`. (default: :obj:`0.5`)
        steps (int): Training steps from the first to the last. (default: :obj:`10000`)
        soft_label (float or SoftLabel): :math:`\beta`. (default: :obj:`0.0`)
        scale (float): Weight of the term. (default: :obj:`1.0`)
        mean (bool): Whether the term is divided by its number of negatives. (default: :obj:`True`)

    Raises:
        UserError: If :math:`z` is not above 0 or steps is below 1; when called, if scores are no function of one sum
            over coordinates (HAKE, TransH, TransD, NBFNet).
    """

    renamed: ClassVar = {"label": "soft_label"}
    step: Tensor

    def __init__(
        self,
        start: float = 3.0,
        end: float = 0.5,
        steps: int = 10000,
        soft_label: float | SoftLabel = 0.0,
        scale: float = 1.0,
        mean: bool = True,
    ):
        super().__init__()
        positive("SelfPacedEMU", start=start, end=end)
        whole("SelfPacedEMU", 1, FOREVER, steps=steps)
        self.start, self.end, self.steps = start, end, steps
        self.register_buffer("step", torch.zeros((), dtype=torch.long))
        self.term = Term("SelfPacedEMU", soft_label, scale, mean)

    @property
    def pace(self) -> float:
        """:math:`z` now."""
        done = min(1.0, int(self.step) / self.steps)
        return self.start + done * (self.end - self.start)

    def forward(self, drawn: Drawn) -> Made:
        positive = drawn.positive
        return self.matched(drawn, positive, positive.new_ones(len(positive), 1), self._stepped())

    def vectors(self, drawn: Drawn) -> Float[Tensor, "b m d"]:
        own, other = drawn.positive[:, None], drawn.scorer.embed(drawn.negatives.index)
        part = terms(drawn.scorer, own) - terms(drawn.scorer, other)
        square = part.sum(2).clamp(min=0).square()
        ratio = square / (square + self._stepped() ** 2 * part.square().sum(2)).clamp(min=torch.finfo(part.dtype).tiny)
        return masked(drawn, ratio[:, :, None])

    def _stepped(self) -> float:
        """The current :math:`z`; counts one more step."""
        pace = self.pace
        self.step += self.training
        return pace
