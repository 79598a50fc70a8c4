"""Embedding mutation that is as hard as it is meant to be."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import FOREVER, positive, whole
from gnnneg.errors import UserError
from gnnneg.generators.matched import seed
from gnnneg.generators.term import Term, between, positives
from gnnneg.interfaces import Counts, Generator, Scorer, SoftLabel
from gnnneg.records import Made, Mutation, Negatives, Query


class SelfPacedEMU(Counts, Generator):
    r"""Each negative is mutated to the share at which it beats the target with probability :math:`\Phi(-z)`,

    .. math::
        \rho_j = \frac{\Delta_j^2}{\Delta_j^2 + z^2 v_j} \quad (\Delta_j > 0) ,

    with margin and variance as in :class:`MatchedEMU`; one that beats it already is left alone. So hardness is one
    scalar, the same for every pair, step and scale of the embeddings, and a curriculum is a schedule on it: :math:`z`
    goes in equal steps from ``start`` to ``end``, one for each batch that is asked for while training, be it for scores
    or for vectors (:class:`~gnnneg.samplers.Projected`). At :math:`z = 3` one mutated negative in 740 wins, at 0.5
    three in ten. The share carries no gradient.

    Args:
        start (float): :math:`z` at first. (default: :obj:`3.0`)
        end (float): :math:`z` at last. (default: :obj:`0.5`)
        steps (int): Training steps on the way. (default: :obj:`10000`)
        label (float or SoftLabel): :math:`\beta`. (default: :obj:`0.0`)
        scale (float): Weight of the term. (default: :obj:`1.0`)
        mean (bool): Whether the term is divided by its number of negatives. (default: :obj:`True`)

    Raises:
        UserError: If :math:`z` is not above 0 or steps are below 1; when called, if scores are no function of one sum
            over coordinates (HAKE, TransH, TransD, NBFNet).
    """

    step: Tensor

    noise: int | None = None
    """The last step's seed: who records steps of training for replay sees by it that Python takes part."""

    def __init__(
        self,
        start: float = 3.0,
        end: float = 0.5,
        steps: int = 10000,
        label: float | SoftLabel = 0.0,
        scale: float = 1.0,
        mean: bool = True,
    ):
        super().__init__()
        if min(start, end) <= 0 or steps < 1:
            raise UserError(f"SelfPacedEMU(start={start}, end={end}, steps={steps}): z above 0, and at least 1 step.")
        positive("SelfPacedEMU", start=start, end=end)
        whole("SelfPacedEMU", 1, FOREVER, steps=steps)
        self.start, self.end, self.steps = start, end, steps
        self.register_buffer("step", torch.zeros((), dtype=torch.long))
        self.term = Term("SelfPacedEMU", label, scale, mean)

    @property
    def pace(self) -> float:
        """:math:`z` now."""
        done = min(1.0, int(self.step) / self.steps)
        return self.start + done * (self.end - self.start)

    def forward(
        self,
        scorer: Scorer,
        query: Query,
        target: Int[Tensor, "b"],
        negatives: Negatives,
        generator: torch.Generator | None = None,
    ) -> Made:
        positive = positives(scorer, target)
        self.noise = seed(generator, positive.device)
        mutation = Mutation(positive, positive.new_ones(len(target), 1), noise=self.noise, pace=self._stepped())
        return self.term(query, negatives, scorer.mutated(negatives.index, mutation))

    def vectors(
        self,
        scorer: Scorer,
        query: Query,
        target: Int[Tensor, "b"],
        negatives: Negatives,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b m d"]:
        own, other = positives(scorer, target)[:, None], scorer.embed(negatives.index)
        part = scorer.terms(own) - scorer.terms(other)
        square = part.sum(2).clamp(min=0).square()
        share = square / (square + self._stepped() ** 2 * part.square().sum(2)).clamp(min=torch.finfo(part.dtype).tiny)
        keep = torch.rand(part.shape, device=target.device, generator=generator) >= share[:, :, None]
        return between(own, other, keep)

    def _stepped(self) -> float:
        """:math:`z` now, which one more step has used."""
        pace = self.pace
        self.step += self.training
        return pace
