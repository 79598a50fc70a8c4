"""Embedding mutation without masks."""

import zlib

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import refuse_share
from gnnneg.generators.term import Term, exchanged, positives
from gnnneg.interfaces import Generator, Scorer, SoftLabel
from gnnneg.records import Made, Mutation, Negatives, Query


class MatchedEMU(Generator):
    r"""The mean and the variance of :class:`EMU` with a mask for each negative, as Gaussian noise on its margin.

    For scores that are sums over coordinates, whose margins :math:`\Delta_j = s_0 - s_j` have the parts
    :math:`c_{jl}`,

    .. math::
        \hat\Delta_j = (1 - \rho) \Delta_j + \sqrt{\rho (1 - \rho) v_j} \, \xi_j , \qquad
        v_j = \sum_l c_{jl}^2 , \qquad \xi_j \sim \mathcal{N}(0, 1) .

    No mask is drawn and no vector made: :math:`v_j` expands into products of the size of a plain pass, two more for
    inner products. Under a root (TransE and TransH with :math:`p = 2`, HAKE's moduli) it is what stands there that is
    matched.

    Args:
        share (float): :math:`\rho`, the fraction taken from the positive.
        label (float or SoftLabel): :math:`\beta`. (default: :obj:`0.0`)
        scale (float): Weight of the term. (default: :obj:`1.0`)
        mean (bool): Whether the term is divided by its number of negatives. (default: :obj:`True`)

    Raises:
        UserError: If share or label is no fraction, or scale negative; when called, if the model has no closed form
            (NBFNet, TransD, TransH with :math:`p = 1`).
    """

    noise: int | None = None
    """The last step's seed: who records steps of training for replay sees by it that Python takes part."""

    def __init__(self, share: float, label: float | SoftLabel = 0.0, scale: float = 1.0, mean: bool = True):
        super().__init__()
        refuse_share("MatchedEMU", share)
        self.share = share
        self.term = Term("MatchedEMU", label, scale, mean)

    def forward(
        self,
        scorer: Scorer,
        query: Query,
        target: Int[Tensor, "b"],
        negatives: Negatives,
        generator: torch.Generator | None = None,
    ) -> Made:
        positive = positives(scorer, target)
        keep = positive.new_full((len(target), 1), 1 - self.share)
        self.noise = seed(generator, positive.device)
        mutation = Mutation(positive, keep, noise=self.noise)
        return self.term(query, negatives, scorer.mutated(negatives.index, mutation))

    def vectors(
        self,
        scorer: Scorer,
        query: Query,
        target: Int[Tensor, "b"],
        negatives: Negatives,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b m d"]:
        size = len(target), negatives.index.size(1), positives(scorer, target).size(1) // scorer.parts
        keep = torch.rand(size, device=target.device, generator=generator) >= self.share
        return exchanged(scorer, target, negatives, keep)


def seed(generator: torch.Generator | None, device: torch.device) -> int:
    """A seed, drawn. Of a device's generator it is made of seed and place, which the host knows, instead of a number
    for which it would have to wait.
    """
    if (device if generator is None else generator.device).type == "cpu":
        return int(torch.randint(1 << 32, (), generator=generator))
    if generator is None:
        generator = torch.cuda.default_generators[torch.cuda.current_device() if device.index is None else device.index]
    place = generator.get_state()
    torch.rand((), device=device, generator=generator)  # so that the next place is another
    return zlib.crc32(bytes(place.tolist()))
