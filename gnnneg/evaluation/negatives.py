"""Diagnosis of a sampler: how often its negatives are true, how hard and varied they are, and how fast it draws."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch_geometric.data import Data

from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import Pools, slots
from gnnneg.errors import UserError
from gnnneg.evaluation.asking import at_once
from gnnneg.interfaces import Corruption, Model, Sampler
from gnnneg.kernels.everyone import everyone
from gnnneg.looking import judging
from gnnneg.records import Query, Triplets

CELLS = 2**23  # scores held at once for hardness


def diagnose(
    sampler: Sampler,
    model: Model,
    graph: Data | None,
    triplets: Triplets,
    truth: KnownAnswers,
    corruption: Corruption,
    rng: torch.Generator | None = None,
    *,
    known: KnownAnswers | None = None,
    denied: KnownAnswers | None = None,
    types: Pools | None = None,
    batch_size: int = 1024,
    scored: int = 512,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    r"""Draws negatives for every triplet once and examines those with weight above 0.

    Args:
        sampler (Sampler): The sampler, in evaluation mode, so that it does not learn from this.
        model (Model): The critic, and the measure of hardness.
        graph (torch_geometric.data.Data, optional): The graph for the model's messages.
        triplets (Triplets): The triplets to draw negatives for.
        truth (KnownAnswers): True answers. Give more than the training facts, which a sampler may filter itself.
        corruption (Corruption): The side to predict.
        rng (torch.Generator, optional): Draws.
        known (KnownAnswers, optional): Training facts, for degrees and for the entities on each side of a relation.
            (default: :obj:`None`)
        denied (KnownAnswers, optional): Denied answers. (default: :obj:`None`)
        types (Pools, optional): The entities of each type, if the data have types. (default: :obj:`None`)
        batch_size (int): Triplets a draw. (default: :obj:`1024`)
        scored (int): Number of queries for hardness, for which all entities are scored; spread over the batches.
            (default: :obj:`512`)
        progress (Callable, optional): Called with the triplets done and the triplets in all.

    Returns:
        * ``false_negative_rate``: the share of drawn candidates that are true (including the target itself).
        * ``hardness``: the mean percentile of a negative's score among all entities; ties count half. It is 0.5 for
          uniform draws and near 1 for the hardest.
        * ``margin``: the mean difference of the target's score and the negative's.
        * ``above_target``: the share of negatives that score above the target.
        * ``perplexity``: :math:`\exp(-\sum_e p_e \ln p_e)` with :math:`p_e` the share of draws that are entity
          :math:`e`. A uniform draw from this many entities is equally diverse.
        * ``coverage``: the share of all entities drawn at least once.
        * ``absent``: the share of candidates with weight 0, filtered or missing.
        * ``type_consistency``: the share with a type of the target or, without ``types``, the share that occurs on the
          target's side of the relation in some training fact. Needs ``known`` or ``types``.
        * ``degree_ratio``: the geometric mean degree of negatives over that of targets (each plus one): 1 if they are
          equally popular. Needs ``known``.
        * ``denied``: the share that is explicitly denied; left out if nothing is denied.
        * ``percentiles``: the distribution of the percentiles behind ``hardness``, as the shares of twenty equal bins.
        * ``drawn``: the number of candidates with weight above 0; ``per_second``: all candidates a second, for the
          sampler alone.

    Raises:
        UserError: If there are no triplets, or the sampler offers no candidates.
    """
    size = triplets.head_index.numel()
    if not size:
        raise UserError("There are no statements to draw negatives for: choose a split that has some.")
    device, nodes = truth.key.device, truth.num_nodes
    batch_size = at_once(model, nodes, batch_size)
    batches = -(-size // batch_size)
    drawn = torch.zeros(nodes, dtype=torch.double, device=device)
    wrong, offered, timed, seconds = 0, 0, 0, 0.0
    hard: list[Tensor] = []
    fill = None if known is None or types is not None else slots(known)
    of = None if types is None else types.transpose(nodes)
    degree = None if known is None else torch.bincount(known.answer, minlength=nodes).double().add(1).log()
    typed, agreed, popular = 0, 0, 0.0
    with judging(model, sampler, corruption):
        encoding = model.encode(graph)
        for begin in range(0, size, batch_size):
            part = Triplets(*(t[begin : begin + batch_size].to(device) for t in triplets))
            query, target = corruption(part, rng)
            critic = model.scorer(encoding, query)
            _settle(device)
            clock = time.perf_counter()
            negatives = sampler(query, target, critic, rng)
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
            if types is not None and of is not None:
                typed += int((_of_one_type(types, of, target, negatives.index) & there).sum())
            elif fill is not None:
                typed += int((fill.contains(query.rel_type, negatives.index) & there).sum())
            if degree is not None:
                popular += float(((degree[index] - degree[target][:, None]) * there).sum())
            if denied is not None:
                agreed += int((denied.contains(query, negatives.index) & there).sum())
            wrong += int(((truth.contains(query, negatives.index) | (index == target[:, None])) & there).sum())
            count = max(1, min(rows, -(-scored // batches), CELLS // nodes))
            some = torch.arange(count, device=device) * rows // count  # evenly, as one side may follow the other
            judged = model.scorer(encoding, Query(query.anchor[some], query.rel_type[some]))
            score = judged(everyone(nodes, device))
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
        **({} if types is None and fill is None else {"type_consistency": typed / total}),
        **({} if degree is None else {"degree_ratio": math.exp(popular / total)}),
        **({} if denied is None or not denied.answer.numel() else {"denied": agreed / total}),
        "percentiles": (torch.histc(percentile, 20, 0, 1) / percentile.numel()).tolist(),
        "drawn": int(total),
        "per_second": timed / seconds if seconds else 0.0,
    }


def shown(
    sampler: Sampler,
    model: Model,
    graph: Data | None,
    triplets: Triplets,
    truth: KnownAnswers,
    corruption: Corruption,
    names: Sequence[str],
    relation_names: Sequence[str],
    rng: torch.Generator | None = None,
    *,
    labels: Sequence[str | None] | None = None,
    relation_labels: Sequence[str | None] | None = None,
) -> list[dict[str, Any]]:
    """The negatives of some triplets by name: one record a query.

    Returns:
        ``anchor``, ``relation`` and ``side`` give the query, ``target`` the answer, and ``negatives`` the candidates
        with weight above 0. Each has its ``name``, its ``percentile`` among all entities, and whether it is ``true``.
        If there are labels, also ``anchor_label``, ``target_label``, ``relation_label``, and a candidate's ``label``.
    """
    device, size = truth.key.device, truth.num_relations
    with judging(model, sampler, corruption):
        query, target = corruption(Triplets(*(column.to(device) for column in triplets)), rng)
        critic = model.scorer(model.encode(graph), query)
        negatives = sampler(query, target, critic, rng)
        index = negatives.index.expand(len(target), -1)
        there = (negatives.weight > 0).expand_as(index)
        percentile = _hardness(critic(everyone(truth.num_nodes, device)), target, index)[0]
        true = truth.contains(query, index) | (index == target[:, None])
    records = []
    for row, (anchor, rel_type, answer) in enumerate(zip(*(part.tolist() for part in (*query, target)))):
        drawn = [
            {
                "name": names[entity],
                "percentile": share,
                "true": wrong,
                **({} if labels is None else {"label": labels[entity] or ""}),
            }
            for entity, share, wrong, here in zip(*(part[row].tolist() for part in (index, percentile, true, there)))
            if here
        ]
        records.append(
            {
                "anchor": names[anchor],
                "relation": relation_names[rel_type % size],
                "side": "tail" if rel_type < size else "head",
                "target": names[answer],
                "negatives": drawn,
            }
        )
        if labels is not None:
            records[-1] |= {"anchor_label": labels[anchor] or "", "target_label": labels[answer] or ""}
        if relation_labels is not None:
            records[-1]["relation_label"] = relation_labels[rel_type % size] or ""
    return records


def _of_one_type(types: Pools, of: Pools, target: Int[Tensor, "b"], index: Int[Tensor, "c k"]) -> Bool[Tensor, "b k"]:
    """Whether candidates share a type with the target."""
    found = torch.zeros(len(target), index.size(1), dtype=torch.bool, device=target.device)
    count = of.length(target)
    for place in range(int(count.max()) if len(target) else 0):  # the target's first type, its second, ...
        here = place < count
        kind = of.member[torch.where(here, of.offset[target] + place, 0)]
        found |= here[:, None] & types.contains(kind, index)
    return found


def _hardness(
    score: Float[Tensor, "s n"], target: Int[Tensor, "s"], index: Int[Tensor, "s k"]
) -> Float[Tensor, "2 s k"]:
    """The percentile of each candidate among all entities, and the difference of the target's score and its own."""
    mine = score.gather(1, index)
    ordered = score.sort(dim=1).values
    below = torch.searchsorted(ordered, mine) + torch.searchsorted(ordered, mine, right=True)
    percentile = below.double() / (2 * score.size(1))
    return torch.stack([percentile, (score.gather(1, target[:, None]) - mine).double()])


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # the sampler's work, not the queue before it, is timed
