"""What a sampler draws: how wrong, how hard and how varied its negatives are, and how fast they come."""

import time
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.data import Data

from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.evaluation.mode import judging
from gnnneg.interfaces import Corruption, Model, Sampler
from gnnneg.records import Query, Triplets

CELLS = 2**23  # scores held at once for hardness


def diagnose(
    sampler: Sampler,
    model: Model,
    graph: Data | None,
    triplets: Triplets,
    truth: KnownAnswers,
    corruption: Corruption,
    generator: torch.Generator | None = None,
    *,
    batch_size: int = 1024,
    scored: int = 512,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    r"""Draws negatives for every triplet once and looks at those that are there (weight above 0).

    Args:
        sampler (Sampler): Whose draws; in evaluation mode, so that one that learns does not learn from being looked at.
        model (Model): The critic, and the measure of hardness.
        graph (torch_geometric.data.Data, optional): What the model may look at.
        triplets (Triplets): What to draw negatives for.
        truth (KnownAnswers): What is true; give more than the training facts, which a sampler may filter by itself.
        corruption (Corruption): Which side is asked.
        generator (torch.Generator, optional): Draws.
        batch_size (int): Triplets a draw. (default: :obj:`1024`)
        scored (int): Queries for hardness, which scores all entities; spread over the batches. (default: :obj:`512`)
        progress (Callable, optional): Called with the triplets done and the triplets in all.

    Returns:
        * ``false_negative_rate``: the share of drawn candidates that are true (the target itself included).
        * ``hardness``: the mean percentile of a negative's score among all entities, ties counting half: 0.5 for
          uniform draws, near 1 for the hardest.
        * ``margin``: the mean of the target's score less the negative's.
        * ``above_target``: the share of negatives that score above the target.
        * ``perplexity``: :math:`\exp(-\sum_e p_e \ln p_e)` with :math:`p_e` the share of draws that are entity
          :math:`e`: how many entities the sampler might as well choose from evenly.
        * ``coverage``: the share of all entities drawn at least once.
        * ``absent``: the share of candidates with weight 0, filtered or never there.
        * ``drawn``: candidates that are there; ``per_second``: how many are offered a second, by the sampler alone.

    Raises:
        UserError: If there are no triplets, or the sampler offers nothing at all.
    """
    size = triplets.head_index.numel()
    if not size:
        raise UserError("There are no statements to draw negatives for: choose a split that has some.")
    device, nodes = truth.key.device, truth.num_nodes
    batches = -(-size // batch_size)
    drawn = torch.zeros(nodes, dtype=torch.double, device=device)
    wrong, offered, timed, seconds = 0, 0, 0, 0.0
    hard: list[Tensor] = []
    with judging(model, sampler, corruption):
        encoding = model.encode(graph)
        for begin in range(0, size, batch_size):
            part = Triplets(*(t[begin : begin + batch_size].to(device) for t in triplets))
            query, target = corruption(part, generator)
            critic = model.scorer(encoding, query)
            _settle(device)
            clock = time.perf_counter()
            negatives = sampler(query, target, critic, generator)
            _settle(device)
            if begin or batches == 1:  # the first draw may still be compiling
                seconds += time.perf_counter() - clock
                timed += target.numel() * negatives.index.size(1)
            rows, columns = target.numel(), negatives.index.size(1)
            index = negatives.index.expand(rows, -1)
            there = (negatives.weight > 0).expand(rows, columns)
            offered += there.numel()
            if negatives.index.size(0) == 1:
                drawn.index_add_(0, negatives.index[0], there.sum(0).double())
            else:
                drawn += index[there].bincount(minlength=nodes)
            wrong += int(((truth.contains(query, negatives.index) | (index == target[:, None])) & there).sum())
            count = max(1, min(rows, -(-scored // batches), CELLS // nodes))
            some = torch.arange(count, device=device) * rows // count  # evenly, as one side may follow the other
            judged = model.scorer(encoding, Query(query.anchor[some], query.rel_type[some]))
            score = judged(torch.arange(nodes, device=device)[None])
            hard.append(_hardness(score, target[some], index[some])[:, there[some]])
            if progress is not None:
                progress(min(begin + batch_size, size), size)
    total = float(drawn.sum())
    if not total:
        raise UserError("The sampler offers no negatives at all: every candidate has weight 0, so relax its filter.")
    share = drawn[drawn > 0] / total
    percentile, margin = torch.cat(hard, dim=1)
    return {
        "false_negative_rate": wrong / total,
        "hardness": float(percentile.mean()),
        "margin": float(margin.mean()),
        "above_target": float((margin < 0).double().mean()),
        "perplexity": float((-(share * share.log()).sum()).exp()),
        "coverage": float((drawn > 0).double().mean()),
        "absent": 1 - total / offered,
        "drawn": int(total),
        "per_second": timed / seconds if seconds else 0.0,
    }


def _hardness(
    score: Float[Tensor, "s n"], target: Int[Tensor, "s"], index: Int[Tensor, "s k"]
) -> Float[Tensor, "2 s k"]:
    """The percentile of each candidate among all entities, and by how much the target outscores it."""
    mine = score.gather(1, index)
    ordered = score.sort(dim=1).values
    below = torch.searchsorted(ordered, mine) + torch.searchsorted(ordered, mine, right=True)
    percentile = below.double() / (2 * score.size(1))
    return torch.stack([percentile, (score.gather(1, target[:, None]) - mine).double()])


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # the sampler's work, not the queue before it, is timed
