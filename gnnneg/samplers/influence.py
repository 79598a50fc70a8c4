"""The candidates with the largest influence on the model."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import draws
from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query
from gnnneg.samplers.alignment import alignment


class Influence(Sampler):
    r"""The candidates on which a step would change the loss of the positive most,

    .. math::
        I_j = \langle \nabla \ell_0, \nabla \ell_j \rangle
        = - \sigma(-s_0) \, \sigma(s_j) \, \langle \nabla s_0, \nabla s_j \rangle ,

    for :math:`\ell_0 = - \log \sigma(s_0)` and :math:`\ell_j = - \log \sigma(-s_j)`: this is the influence function of
    training on :math:`j` to first order, with the identity as the Hessian, over the anchor and the relation. The
    :math:`k` candidates with the largest :math:`\lvert I_j \rvert` are kept. This is the principle of IF-NS (Cai, Deng,
    Xiong, 2025); we have not seen that paper's own estimate.

    Cost: for bilinear decoders one more matrix product than scoring the proposed candidates; for others one gradient a
    query and one derivative of its candidates' scores along it, which makes the candidates' vectors.

    Args:
        proposal (Sampler): Offers the candidates.
        num_negatives (int): Candidates kept per query; all, if fewer are offered.
    """

    def __init__(self, proposal: Sampler, num_negatives: int):
        super().__init__()
        draws("Influence", num_negatives=num_negatives)
        self.proposal, self.num_negatives = proposal, num_negatives

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        offered = self.proposal(query, target, critic, rng)
        with torch.no_grad():
            pull, *others = critic.by_decoder(
                lambda decoder, encoding: alignment(decoder, encoding, query, target, offered.index), "Influence"
            )
            if others:
                raise UserError("Influence asks one decoder, and a difference has two: leave it out.")
            chance = critic(offered.index).float().sigmoid()  # that of the target is the same for all
            size = (chance * pull.float()).abs().masked_fill(offered.weight == 0, -torch.inf)
        return offered.take(size.topk(min(self.num_negatives, size.size(1)), dim=1).indices)
