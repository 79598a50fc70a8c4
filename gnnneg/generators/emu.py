"""Embedding mutation."""

import math
from collections.abc import Iterator
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.checks import draws, ratio
from gnnneg.generators.mutation import Term, exchange, exchanged
from gnnneg.interfaces import Drawn, Generator, SoftLabel
from gnnneg.records import Made, Mutation

ROUNDED = 1e-3  # by how much of itself a ratio, or what it leaves, may be another for the sake of fewer draws


class EMU(Generator):
    r"""Embedding mutation from `"EMU: Embedding Mutation and Unbounded Label Smoothing for Knowledge Graph Embedding"
    <https://arxiv.org/abs/2504.03327>`_: some coordinates of each sampled negative are replaced by the target's,

    .. math::
        \hat{\mathbf{z}}_j = \mathbf{m}_j \odot \mathbf{z}^+ + (1 - \mathbf{m}_j) \odot \mathbf{z}_j , \qquad
        P(m_{jl} = 1) = \rho ,

    which makes it hard, and it gets a soft label :math:`\beta`. Under :class:`~gnnneg.losses.InfoNCE` the term is

    .. math::
        - \frac{1}{N} \Bigl( \log p_0 + \beta \sum_j \log p_j \Bigr) , \qquad
        p = \mathrm{softmax}(s_0, \hat{s}_1, \ldots, \hat{s}_N) .

    The paper adds :math:`\alpha` times the plain cross-entropy of the same negatives; :math:`\alpha` is the task's own
    ``scale``. The released code draws new uniform negatives for this term, as :class:`Redrawn` does.

    **Which way round.** ``mutation_ratio`` is :math:`\rho`, the fraction taken *from the positive*. The released code's
    ``if_EMU`` is the fraction kept from the negative, :math:`1 - \rho`: its 0.39 is ``mutation_ratio=0.61``. Paper and
    code contradict each other, so both ends of the ratio are worth a try.

    **Forms.** One mask for all negatives of a query (``groups=1``) has a closed form with every decoder, except TransH
    and TransD with :math:`p = 1`, for which vectors are made. For inner products the result is the masked query plus a
    constant. A softmax does not see the constant, so this is dropout of the query without rescaling. ``groups=G`` gives
    each of :math:`G` parts of the negatives a mask of its own, at the same cost. ``groups=None`` is the paper's form: a
    mask for each negative. It has to make the vectors, ``(b, k, d)`` numbers in chunks, twice. :class:`MatchedEMU` has
    the same mean and variance without making vectors.

    With ``mutation_ratio=0`` nothing is mutated: the paper's ablation, unbounded label smoothing alone.

    Cost: one more matrix product than a plain step with ``groups``; without, vectors are made.

    Args:
        mutation_ratio (float): :math:`\rho`, the fraction taken from the positive.
        soft_label (float or SoftLabel): :math:`\beta`, one number, or one for each negative. (default: :obj:`0.0`)
        scale (float): Weight of the term. (default: :obj:`1.0`)
        groups (int, optional): Number of masks of a query; :obj:`None` is one for each negative. (default: :obj:`1`)
        joint (bool): Whether the real and imaginary parts of RotatE's coordinates, and both vectors of TransD, are
            exchanged together. If not, as in the released code, scores have no closed form and vectors are made. Other
            decoders have single numbers as coordinates, so there it changes nothing. (default: :obj:`True`)
        fixed (bool): Whether exactly :math:`\rho d` coordinates are exchanged, as in the paper's text, instead of each
            with probability :math:`\rho`, as in its code. (default: :obj:`False`)
        detach (bool): Whether the target gets no gradient from its coordinates in negatives; for ablations.
            (default: :obj:`False`)
        mean (bool): Whether the term is divided by its number of negatives, as in the paper: right for losses that sum
            over them (InfoNCE, BCE), wrong for those that average. (default: :obj:`True`)

    Raises:
        UserError: If ratio or label is no fraction, scale is negative or groups is below 1; when called, if a ``fixed``
            ratio gives none or all of the coordinates.
    """

    renamed: ClassVar = {"share": "mutation_ratio", "label": "soft_label"}

    def __init__(
        self,
        mutation_ratio: float,
        soft_label: float | SoftLabel = 0.0,
        scale: float = 1.0,
        groups: int | None = 1,
        joint: bool = True,
        fixed: bool = False,
        detach: bool = False,
        mean: bool = True,
    ):
        super().__init__()
        ratio("EMU", mutation_ratio=mutation_ratio)
        draws("EMU", groups=groups)
        self.mutation_ratio, self.groups = mutation_ratio, groups
        self.joint, self.fixed, self.detach = joint, fixed, detach
        self.term = Term("EMU", soft_label, scale, mean)

    def forward(self, drawn: Drawn) -> Made:
        positive = drawn.positive.detach() if self.detach else drawn.positive
        parts = self._parts(drawn, positive)
        score = [drawn.scorer.mutated(part, Mutation(positive, keep)) for part, keep in parts]
        return self.term(drawn, torch.cat(score, 1) if len(score) > 1 else score[0])

    def vectors(self, drawn: Drawn) -> Float[Tensor, "b m d"]:
        parts = self._parts(drawn, drawn.positive)
        keep = [mask[:, None].expand(-1, part.size(1), -1) if mask.dim() == 2 else mask for part, mask in parts]
        return exchanged(drawn, torch.cat(keep, 1))

    def _parts(self, drawn: Drawn, positive: Float[Tensor, "b d"]) -> Iterator[tuple[Tensor, Tensor]]:
        """The negatives in groups, each with its masks."""
        rows, width = len(positive), positive.size(1) // (drawn.scorer.parts if self.joint else 1)
        index, groups = drawn.negatives.index, self.groups or 1
        for part in index.tensor_split(groups, 1) if groups > 1 else [index]:
            if self.groups:
                yield part, self.masks((rows, width), positive.device, drawn.rng).to(positive.dtype)
            else:  # bits, since they are many
                yield part, self.masks((rows, part.size(1), width), positive.device, drawn.rng)

    def masks(self, size: tuple[int, ...], device: torch.device, rng: torch.Generator | None) -> Tensor:
        """The coordinates that stay the negative's, along the last dimension of ``size``."""
        if self.fixed:
            rank = torch.rand(size, device=device, generator=rng).argsort(-1).argsort(-1)
            return rank >= exchange("EMU", self.mutation_ratio, size[-1])
        # four draws of 16 bits from one of 64, or two of 32: a uniform float each would cost as much as the scores
        share, count, bits, dtype = self.mutation_ratio, math.prod(size), 16, torch.int16
        if abs(round(share * 2**bits) / 2**bits - share) > ROUNDED * min(share, 1 - share):
            bits, dtype = 32, torch.int32
        whole = -(-count // (64 // bits))
        drawn = torch.randint(-(1 << 63), (1 << 63) - 1, (whole,), device=device, generator=rng)
        least = -(1 << bits - 1)
        last = round(share * 2**bits) + least - 1  # of the draws that exchange; none where it is below all
        return drawn.view(dtype)[:count].view(size) > last if last >= least else drawn.new_ones(size).bool()
