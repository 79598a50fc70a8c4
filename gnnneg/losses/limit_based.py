"""A limit for each score, in place of a margin between two."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gnnneg.checks import finite, not_negative
from gnnneg.errors import UserError, echo
from gnnneg.interfaces import Loss
from gnnneg.records import Labels, Weights


class LimitBased(Loss):
    r"""The limit-based loss of `"Bootstrapping Entity Alignment with Knowledge Graph Embedding"
    <https://www.ijcai.org/proceedings/2018/611>`_ (BootEA), with distances :math:`d = -s`,

    .. math::
        \ell = \max(0, d_0 - \lambda_1) + \mu \sum_j w_j \max(0, \lambda_2 - d_j) .

    A margin loss limits only the difference of two distances. This one limits each distance: a positive's should be at
    most :math:`\lambda_1`, a negative's at least :math:`\lambda_2`. If both are met, there is no gradient. Decoders
    whose scores are no distances (DistMult, ComplEx) can take limits below 0.

    A soft label :math:`\beta` of a negative gives its term weight :math:`1 - \beta` and :math:`\max(0, d_j -
    \lambda_1)` weight :math:`\beta`.

    Cost: :math:`O(b k)`.

    Args:
        positive (float): :math:`\lambda_1`. (default: :obj:`0.01`)
        negative (float): :math:`\lambda_2`, above :math:`\lambda_1`. (default: :obj:`2.0`)
        balance (float): :math:`\mu`. The paper has ten negatives with the default. (default: :obj:`0.2`)

    Raises:
        UserError: If a number is out of range, or the negatives' limit is not above the positives'.
    """

    def __init__(self, positive: float = 0.01, negative: float = 2.0, balance: float = 0.2):
        super().__init__()
        finite("LimitBased", positive=positive, negative=negative)
        not_negative("LimitBased", balance=balance)
        if not positive < negative:
            raise UserError(
                f"LimitBased(positive={echo(positive)}, negative={echo(negative)}): the negatives' limit is a larger "
                "distance than the positives': give a larger number for negative."
            )
        self.positive, self.negative, self.balance = positive, negative, balance

    def forward(
        self, positive: Float[Tensor, "b 1"], negative: Float[Tensor, "b k"], weight: Weights, label: Labels = 0.0
    ) -> Float[Tensor, "b"]:
        wrong = F.relu(self.negative + negative)
        if isinstance(label, Tensor) or label:
            wrong = (1 - label) * wrong + label * F.relu(-negative - self.positive)
        return F.relu(-positive - self.positive).squeeze(1) + self.balance * (weight * wrong).sum(1)
