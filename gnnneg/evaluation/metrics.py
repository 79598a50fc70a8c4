r"""Metrics of ranks. Every metric is a function of the *realistic* rank (including half ranks), unless it says
otherwise.

The number of candidates :math:`n_i` of a rank allows a comparison with chance, following `"On the Ambiguity of
Rank-Based Evaluation of Entity Alignment or Link Prediction Methods" <https://arxiv.org/abs/2002.06914>`_ and `"A
Unified Framework for Rank-based Evaluation Metrics for Link Prediction" <https://arxiv.org/abs/2203.07544>`_: a random
scorer's rank is uniform on :math:`1, \dots, n_i`.
"""

import math
import warnings
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.errors import UserError
from gnnneg.evaluation.record import Ranks

TIED_TOO_OFTEN = 0.001


def mrr(rank: Float[Tensor, "b"]) -> float:
    r"""The mean reciprocal rank :math:`\frac{1}{N} \sum_i 1 / r_i`."""
    return float((1 / rank).mean())


def standard_error(ranks: Ranks) -> float:
    r"""The standard error of the MRR of randomly drawn statements:

    .. math::
        \sqrt{\frac{1}{n (n - 1)} \sum_i (m_i - \bar{m})^2} , \quad
        m_i = \tfrac{1}{2} \left( 1 / r_i^{\mathrm{tail}} + 1 / r_i^{\mathrm{head}} \right) .

    Statements are drawn, not questions. The two ranks of a statement are correlated, so they are one term of the sum.
    For a single statement it is 0. Where only tails are ranked, :math:`m_i` is the tail's term.

    Args:
        ranks (Ranks): Tail questions, then the head questions of the same statements in their order.
    """
    each = (1 / ranks.realistic).view(len(ranks.side.unique()), -1).mean(0)
    return float(each.std() / len(each) ** 0.5) if len(each) > 1 else 0.0


def mr(rank: Float[Tensor, "b"]) -> float:
    """The mean rank."""
    return float(rank.mean())


def hits(rank: Float[Tensor, "b"], k: int) -> float:
    """The share of ranks that are at most ``k``; a tie across the limit (rank ``k + 1/2``) is a miss."""
    return float((rank <= k).double().mean())


def ndcg(rank: Float[Tensor, "b"], k: int = 5) -> float:
    r"""Normalised discounted cumulative gain: :math:`1 / \log_2(1 + r_i)` where :math:`r_i \le k`, else 0.

    The filter leaves one right answer a query, so the ideal gain is 1. Half ranks are put into the formula as they are.
    """
    return float(torch.where(rank <= k, 1 / torch.log2(1 + rank), 0.0).mean())


def expected_mr(candidates: Int[Tensor, "b"]) -> float:
    r"""A random scorer's mean rank, :math:`\frac{1}{N} \sum_i (n_i + 1) / 2`."""
    return float((candidates.double() + 1).mean() / 2)


def expected_mrr(candidates: Int[Tensor, "b"]) -> float:
    r"""A random scorer's mean reciprocal rank, :math:`\frac{1}{N} \sum_i H(n_i) / n_i`."""
    n = candidates.double()
    return float((_harmonic(n) / n).mean())


def variance_mrr(candidates: Int[Tensor, "b"]) -> float:
    r"""The variance of a random scorer's MRR, :math:`\frac{1}{N^2} \sum_i (n_i H_2(n_i) - H(n_i)^2) / n_i^2`."""
    n = candidates.double()
    squares = math.pi**2 / 6 - torch.polygamma(1, n + 1)
    return float(((n * squares - _harmonic(n) ** 2) / n**2).clamp(min=0).sum() / n.numel() ** 2)


def amr(rank: Float[Tensor, "b"], candidates: Int[Tensor, "b"]) -> float:
    r"""The adjusted mean rank :math:`\mathrm{MR} / E[\mathrm{MR}]`: near 0 is perfect, 1 is chance."""
    return mr(rank) / expected_mr(candidates)


def amri(rank: Float[Tensor, "b"], candidates: Int[Tensor, "b"]) -> float:
    r"""The adjusted mean rank index :math:`1 - (\mathrm{MR} - 1) / (E[\mathrm{MR}] - 1)`: 1 is perfect, 0 is chance."""
    worst = expected_mr(candidates) - 1
    return 1 - (mr(rank) - 1) / worst if worst else 0.0


def amrr(rank: Float[Tensor, "b"], candidates: Int[Tensor, "b"]) -> float:
    r"""The adjusted mean reciprocal rank :math:`(\mathrm{MRR} - E) / (1 - E)`: 1 is perfect, 0 is chance."""
    chance = expected_mrr(candidates)
    return (mrr(rank) - chance) / (1 - chance) if chance < 1 - 1e-12 else 0.0  # one candidate leaves no chance


def z_mrr(rank: Float[Tensor, "b"], candidates: Int[Tensor, "b"]) -> float:
    """The MRR's distance from a random scorer's, in standard deviations; comparable between data sets."""
    deviation = math.sqrt(variance_mrr(candidates))
    return (mrr(rank) - expected_mrr(candidates)) / deviation if deviation else 0.0


def expected_sampled_hits(rank: Float[Tensor, "b"], candidates: Int[Tensor, "b"], k: int, num_negatives: int) -> float:
    r"""Hits@k against ``num_negatives`` random candidates (drawn with replacement), exactly and without drawing any.

    .. math::
        \frac{1}{N} \sum_i \sum_{j < k} \binom{m}{j} p_i^j (1 - p_i)^{m - j}, \quad p_i = \frac{r_i - 1}{n_i - 1},

    with :math:`m` negatives. Papers with a sampled protocol report this. It is far above the full metric and not
    comparable with it: rank 100 of 1,000 is among the first ten in 98 of 100 draws of 50.
    """
    rivals = (candidates.double() - 1).clamp(min=1)
    p = (rank - 1) / rivals
    m = num_negatives
    total = torch.zeros_like(p)
    for j in range(min(k, m + 1)):
        ways = math.lgamma(m + 1) - math.lgamma(j + 1) - math.lgamma(m - j + 1)
        below = torch.tensor(float(j), dtype=p.dtype, device=p.device)
        total += (ways + torch.xlogy(below, p) + torch.special.xlog1py(m - below, -p)).exp()
    return float(total.clamp(max=1).mean())  # sums of probabilities end a little above


def summary(ranks: Ranks, sampled: int | None = None) -> dict[str, Any]:
    """All metrics, for both sides together and for each alone, as in a run's ``result.json``.

    Warns if, because of ties, the optimistic and the pessimistic MRR differ by more than 0.001. Such a model can look
    good only because of the way ties are broken.

    Args:
        ranks (Ranks): The ranks.
        sampled (int, optional): Adds ``hits@10_<sampled>``, Hits@10 against so many random candidates: see
            :func:`expected_sampled_hits`. (default: :obj:`None`)

    Raises:
        UserError: If there are no ranks, or no candidates would be drawn.
    """
    if not len(ranks):
        raise UserError("There are no ranks to sum up: the split has no statements.")
    if sampled is not None and sampled < 1:
        raise UserError(f"Hits among {sampled} random negatives say nothing: ask for at least 1.")
    result: dict[str, Any] = _metrics(ranks, sampled)
    sides = {side: ranks.of(side) for side in ("head", "tail")}
    result.update((side, _metrics(part, sampled)) for side, part in sides.items() if len(part))
    gap = result["mrr_optimistic"] - result["mrr_pessimistic"]
    if gap > TIED_TOO_OFTEN:
        warnings.warn(
            f"Ties decide {gap:.3f} of MRR (optimistic {result['mrr_optimistic']:.3f}, pessimistic "
            f"{result['mrr_pessimistic']:.3f}): the realistic figure is the one to quote.",
            stacklevel=2,
        )
    return result


def _metrics(ranks: Ranks, sampled: int | None) -> dict[str, float]:
    rank, candidates = ranks.realistic, ranks.candidates
    among = {} if sampled is None else {f"hits@10_{sampled}": expected_sampled_hits(rank, candidates, 10, sampled)}
    return {
        "mrr": mrr(rank),
        "mr": mr(rank),
        "hits@1": hits(rank, 1),
        "hits@3": hits(rank, 3),
        "hits@10": hits(rank, 10),
        "ndcg@5": ndcg(rank, 5),
        "amr": amr(rank, candidates),
        "amri": amri(rank, candidates),
        "amrr": amrr(rank, candidates),
        "z_mrr": z_mrr(rank, candidates),
        "mrr_optimistic": mrr(ranks.optimistic.double()),
        "mrr_pessimistic": mrr(ranks.pessimistic.double()),
        **among,
    }


def _harmonic(n: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
    return torch.digamma(n + 1) + 0.57721566490153286061
