"""Candidates drawn by how hard they are."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import draws, positive
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.kernels.choice import choose
from gnnneg.records import Negatives, Query


class HardDraw(Sampler):
    r"""Draws with replacement from the softmax of the proposed candidates' scores,

    .. math::
        p_j \propto w_j e^{s_j / T} , \qquad w'_j = \frac{w_j}{K p_j} .

    With the weights :math:`w'_j` a weighted sum over the :math:`k` drawn candidates has the same expectation as one
    over :math:`k` of the :math:`K` proposed, drawn evenly. Hard draws then reduce the variance and do not change the
    objective. Without weights, each drawn candidate counts the same, as in most of the literature. Cost: the scores of
    the proposed candidates.

    Args:
        proposal (Sampler): Offers the candidates.
        num_negatives (int): Candidates drawn per query.
        temperature (float): :math:`T`; near 0 it draws the hardest only, large values draw evenly.
            (default: :obj:`1.0`)
        weighted (bool): Whether weights undo the preference. (default: :obj:`True`)
    """

    def __init__(self, proposal: Sampler, num_negatives: int, temperature: float = 1.0, weighted: bool = True):
        super().__init__()
        draws("HardDraw", num_negatives=num_negatives)
        positive("HardDraw", temperature=temperature)
        self.proposal, self.num_negatives = proposal, num_negatives
        self.temperature, self.weighted = temperature, weighted

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        offered = self.proposal(query, target, critic, rng)
        with torch.no_grad():
            logit = critic(offered.index).float() / self.temperature + offered.weight.log()
        empty = (offered.weight == 0).all(1, keepdim=True)
        share = torch.where(empty, 0.0, logit).softmax(1)  # a row without candidates is drawn from, at weight 0
        column = choose(share, self.num_negatives, rng)
        drawn = offered.take(column)
        if not self.weighted:
            return Negatives(drawn.index, (drawn.weight > 0).float())
        return Negatives(drawn.index, drawn.weight / (share.size(1) * share.gather(1, column)))
