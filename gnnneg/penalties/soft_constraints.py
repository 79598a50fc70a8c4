"""The constraints of translating decoders, as soft penalties."""

from functools import reduce
from operator import add
from typing import Protocol, runtime_checkable

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import fraction, not_negative
from gnnneg.errors import UserError
from gnnneg.interfaces import Decoder, Encoding, Penalty, Scorer
from gnnneg.records import Query


@runtime_checkable
class Constrained(Protocol):
    """A decoder whose paper constrains its vectors."""

    def limits(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b x"], Float[Tensor, "b y"]]:
        """The constrained values: squared lengths (at most 1), and squared cosines (near 0)."""


class SoftConstraints(Penalty):
    r"""The constraints on vectors in the papers of TransE, TransH and TransD, as the soft constraints of `"Knowledge
    Graph Embedding by Translating on Hyperplanes" <https://ojs.aaai.org/index.php/AAAI/article/view/8870>`_,

    .. math::
        \lambda \Bigl( \sum_{\mathbf{x}} \bigl[ \lVert \mathbf{x} \rVert_2^2 - 1 \bigr]_+
        + \Bigl[ \frac{(\mathbf{w}_r^{\top} \mathbf{d}_r)^2}{\lVert \mathbf{d}_r \rVert_2^2} - \epsilon^2 \Bigr]_+
        \Bigr) ,

    where :math:`[\cdot]_+` is :math:`\max(0, \cdot)`, and :math:`\mathbf{x}` are

    * under TransE and TransH the anchor and the target,
    * under TransD anchor, target and relation, without their projection vectors, and both entities as the relation
      moves them.

    Only TransH has the second term: its translation :math:`\mathbf{d}_r` should lie in the hyperplane with normal
    :math:`\mathbf{w}_r`, which always has length 1. A vector that meets its constraint has penalty 0 and no gradient.

    Two things differ from the papers. The papers of TransE and TransD set lengths after each step instead: TransE to 1,
    TransD to 1 at most. TransH's paper sums over all entities and relations; this penalty takes those of the answered
    queries, like all penalties. Without a constraint, longer vectors alone can reduce a margin loss.

    Cost: :math:`O(b d)`.

    Args:
        weight (float): :math:`\lambda`.
        epsilon (float): :math:`\epsilon`, the allowed cosine, from 0 to 1. (default: :obj:`0.001`)

    Raises:
        UserError: If a number is out of range; in training, if the decoder is none of the three.
    """

    def __init__(self, weight: float, epsilon: float = 0.001):
        super().__init__()
        not_negative("SoftConstraints", weight=weight)
        fraction("SoftConstraints", epsilon=epsilon)
        self.weight, self.epsilon = weight, epsilon

    def forward(self, scorer: Scorer, query: Query, target: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        def beyond(decoder: Decoder, encoding: Encoding) -> Tensor:
            if not isinstance(decoder, Constrained):
                name = type(decoder).__name__
                raise UserError(
                    f"{name} has no constraints: use SoftConstraints with TransE, TransH or TransD, else Lp."
                )
            length, slant = decoder.limits(encoding[query.anchor], query.rel_type, encoding[target])
            return F.relu(length - 1).sum(1) + F.relu(slant - self.epsilon**2).sum(1)

        return self.weight * reduce(add, scorer.by_decoder(beyond, "SoftConstraints"))
