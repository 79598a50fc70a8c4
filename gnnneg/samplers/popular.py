"""Entities in proportion to a power of their frequency."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import draws, finite, not_negative
from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.kernels.alias import Alias, alias
from gnnneg.records import Negatives, Query, ones


class Popular(Sampler):
    r"""Entities drawn in proportion to a power of their frequency in the training facts,

    .. math::
        q(u) \propto (c_u + \epsilon)^{\alpha} .

    The ¾ of `"Distributed Representations of Words and Phrases" <https://arxiv.org/abs/1310.4546>`_ is one choice. For
    the error averaged over the data to the power :math:`w`, the minimum is at :math:`\alpha = w / 2`. So 0 (uniform) is
    best if every query counts the same, and ½ if queries count as often as they occur. Cost: two numbers and a look-up
    a candidate.

    Args:
        known (KnownAnswers): Training facts.
        num_negatives (int): Candidates per query, or per batch if shared.
        alpha (float): :math:`\alpha`. (default: :obj:`0.75`)
        smoothing (float): :math:`\epsilon`, so that entities without facts are drawn too. (default: :obj:`1.0`)
        shared (bool): Whether one draw serves the whole batch. (default: :obj:`False`)
    """

    keep: Tensor
    other: Tensor
    log_share: Tensor

    def __init__(
        self,
        known: KnownAnswers,
        num_negatives: int,
        alpha: float = 0.75,
        smoothing: float = 1.0,
        shared: bool = False,
    ):
        super().__init__()
        draws("Popular", num_negatives=num_negatives)
        finite("Popular", alpha=alpha)
        not_negative("Popular", smoothing=smoothing)
        self.num_negatives, self.shared = num_negatives, shared
        count = torch.bincount(known.answer, minlength=known.num_nodes)
        share = (count.double() + smoothing) ** alpha
        if not (share.sum().isfinite() and share.sum() > 0):
            raise UserError(
                f"Popular(alpha={alpha}, smoothing={smoothing}) gives entities no finite weight: give an alpha "
                "nearer to 0, or more smoothing."
            )
        for name, buffer in zip(("keep", "other"), alias(share)):
            self.register_buffer(name, buffer, persistent=False)
        self.register_buffer("log_share", (share / share.sum()).log().float(), persistent=False)

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        size = (1 if self.shared else target.size(0), self.num_negatives)
        index = Alias(self.keep, self.other).draw(size, rng)
        return Negatives(index, ones(index))

    def log_prob(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, index: Int[Tensor, "c k"]
    ) -> Float[Tensor, "w l"]:
        return self.log_share[index]
