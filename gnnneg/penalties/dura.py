"""The duality-induced norm of tensor factorisations."""

from functools import reduce
from operator import add
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import not_negative
from gnnneg.errors import UserError
from gnnneg.interfaces import Decoder, Encoding, Penalty, Scorer
from gnnneg.records import Query


@runtime_checkable
class Bilinear(Protocol):
    r"""A decoder whose scores are :math:`\mathbf{a}^{\top} \mathbf{W}_r \mathbf{c}`."""

    def images(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
        r"""The vectors :math:`\mathbf{W}_r^{\top} \mathbf{a}` and :math:`\mathbf{W}_r \mathbf{c}`."""


class DURA(Penalty):
    r"""The regulariser of `"Duality-Induced Regularizer for Tensor Factorization Based Knowledge Graph Completion"
    <https://arxiv.org/abs/2011.05816>`_ for scores :math:`\mathbf{a}^{\top} \mathbf{W}_r \mathbf{t}`,

    .. math::
        \lambda \left( \lambda_1 (\lVert \mathbf{a} \rVert^2 + \lVert \mathbf{t} \rVert^2)
        + \lambda_2 (\lVert \mathbf{W}_r^{\top} \mathbf{a} \rVert^2 + \lVert \mathbf{W}_r \mathbf{t} \rVert^2) \right) .

    It bounds the distance between the transformed anchor and the target. It has no term for the size of the relation
    itself, unlike :class:`~gnnneg.penalties.Lp`, whose term is far too strong for full matrices. A relation adds to the
    penalty only if it stretches the entities' vectors. Cost: one more image a query than the score needs.

    Args:
        weight (float): :math:`\lambda`.
        norm (float): :math:`\lambda_1`. (default: :obj:`1.0`)
        image (float): :math:`\lambda_2`. (default: :obj:`1.0`)

    Raises:
        UserError: In training, if the decoder is not bilinear (DistMult, ComplEx and RESCAL are).
    """

    def __init__(self, weight: float, norm: float = 1.0, image: float = 1.0):
        super().__init__()
        not_negative("DURA", weight=weight, norm=norm, image=image)
        self.weight, self.norm, self.image = weight, norm, image

    def forward(self, scorer: Scorer, query: Query, target: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        anchor, *_, candidate = scorer.factors(target)
        norm = anchor.square().sum(1) + candidate.square().sum(1)

        def image(decoder: Decoder, encoding: Encoding) -> Tensor:
            if not isinstance(decoder, Bilinear):
                raise UserError(f"{type(decoder).__name__} is not bilinear in anchor and target: use the penalty Lp.")
            forth, back = decoder.images(encoding[query.anchor], query.rel_type, encoding[target])
            return forth.square().sum(1) + back.square().sum(1)

        return self.weight * (self.norm * norm + self.image * reduce(add, scorer.by_decoder(image, "DURA")))
