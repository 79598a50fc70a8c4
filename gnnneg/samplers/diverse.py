"""Hard candidates that are unlike each other."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import draws, positive
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query


class Diverse(Sampler):
    r"""Takes proposed candidates that are hard and differ from each other: a greedy determinantal point process.

    With the kernel :math:`L_{ij} = e^{(s_i + s_j) / 2T} \cos(\mathbf{z}_i, \mathbf{z}_j)`, each step takes the
    candidate that gives the largest :math:`\det L` of all taken ones, as in `"Fast Greedy MAP Inference for
    Determinantal Point Process" <https://arxiv.org/abs/1709.05135>`_. With a low temperature hardness counts more and
    diversity less.

    Cost: the scores and vectors of the :math:`K` proposed candidates, and :math:`b K k (k + d)` operations.

    Args:
        proposal (Sampler): Offers the candidates.
        num_negatives (int): :math:`k`; all, if fewer are offered.
        temperature (float): :math:`T`. (default: :obj:`1.0`)
    """

    def __init__(self, proposal: Sampler, num_negatives: int, temperature: float = 1.0):
        super().__init__()
        draws("Diverse", num_negatives=num_negatives)
        positive("Diverse", temperature=temperature)
        self.proposal, self.num_negatives, self.temperature = proposal, num_negatives, temperature

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        offered = self.proposal(query, target, critic, rng)
        with torch.no_grad():
            score = critic(offered.index).float() / self.temperature
            score = score.masked_fill(offered.weight == 0, -torch.inf)
            vector = F.normalize(critic.embed(offered.index).float(), dim=-1)
            return offered.take(greedy(score, vector, min(self.num_negatives, score.size(1))))


def greedy(score: Float[Tensor, "b n"], vector: Float[Tensor, "c n d"], size: int) -> Int[Tensor, "b k"]:
    """The columns in the order in which they are taken; absent ones, with score minus infinity, come last.

    A candidate's gain is its log-score, plus the part of its unit vector that the others do not span.
    """
    rows = torch.arange(len(score), device=score.device)
    vector = vector.expand(len(score), -1, -1)
    left = torch.ones_like(score)  # the squared length of what is not spanned
    parts = score.new_zeros(len(score), score.size(1), size)  # rows of the Cholesky factor
    taken: list[Tensor] = []
    gone = torch.zeros_like(score, dtype=torch.bool)
    for step in range(size):
        gain = (score + left.clamp(min=torch.finfo(left.dtype).tiny).log()).masked_fill(gone, -torch.inf)
        # where nothing is there any more, what has not been taken
        gain = torch.where(gain.isneginf(), -1e30 * (1 + score.isneginf().float()), gain).masked_fill(gone, -torch.inf)
        best = gain.argmax(1)
        taken.append(best)
        gone.scatter_(1, best[:, None], True)
        like = (vector @ vector[rows, best][:, :, None])[:, :, 0]
        spanned = (parts[:, :, :step] @ parts[rows, best][:, :step, None])[:, :, 0]
        part = (like - spanned) / left[rows, best].clamp(min=1e-6).sqrt()[:, None]
        parts[:, :, step] = part
        left = left - part.square()
    return torch.stack(taken, dim=1)
