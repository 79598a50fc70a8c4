"""The vectors of one relation's answers and negatives in the plane, to see whether they mix."""

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnneg.errors import UserError
from gnnneg.evaluation.asking import at_once
from gnnneg.evaluation.geometry import made
from gnnneg.interfaces import Corruption, Drawn, Model, Sampler
from gnnneg.looking import judging
from gnnneg.records import Query, Triplets

EACH = 2  # negatives of a query and of a kind


def plane(
    sampler: Sampler,
    generators: Iterable[nn.Module],
    model: Model,
    graph: Data | None,
    triplets: Triplets,
    corruption: Corruption,
    rng: torch.Generator | None = None,
    *,
    queries: int = 60,
) -> dict[str, Any]:
    r"""Positives, sampled and generated negatives of the most frequent relation, on a plane.

    Args:
        sampler (Sampler): Draws the negatives, in evaluation mode.
        generators (list[Generator]): Make vectors.
        model (Model): Gives the vectors.
        graph (torch_geometric.data.Data, optional): The graph for the model's messages.
        triplets (Triplets): The triplets to draw negatives for.
        corruption (Corruption): The side to predict.
        rng (torch.Generator, optional): Draws.
        queries (int): Number of queries; fewer, if the model cannot hold so many. (default: :obj:`60`)

    Returns:
        * ``rel_type``: the relation, an inverse one for head queries;
        * ``pca``: the points on the two principal axes of all, for ``positive``, ``sampled`` and each kind of generated
          vectors, by the names of :func:`geometry`;
        * ``tsne``: the same by t-SNE, of `"Visualizing Data using t-SNE"
          <https://www.jmlr.org/papers/v9/vandermaaten08a.html>`_; empty without scikit-learn, or for vectors of one
          number.

    Raises:
        UserError: If there are no triplets.
    """
    if not triplets.head_index.numel():
        raise UserError("There are no statements to draw negatives for: choose a split that has some.")
    queries = at_once(model, graph.num_nodes if graph is not None else 0, queries)
    with judging(model, sampler, corruption, *generators):
        query, target = corruption(triplets, rng)
        rel_type = query.rel_type.mode().values
        row = (query.rel_type == rel_type).nonzero()[:queries, 0]
        query, target = Query(query.anchor[row], query.rel_type[row]), target[row]
        scorer = model.scorer(model.encode(graph), query)
        offered = sampler(query, target, scorer, rng)
        there = (offered.weight > 0).expand(len(target), offered.index.size(1))[:, :EACH]
        found = {"positive": scorer.embed(target[:, None])[:, 0]}
        found["sampled"] = scorer.embed(offered.index[:, :EACH]).expand(len(target), -1, -1)[there]
        questions = Drawn(scorer, query, target, offered, rng)
        for name, (vectors, changed, kind) in made(generators, questions).items():
            if kind:
                few = vectors[:, :EACH]
                found[name] = few[there] if changed else few.flatten(0, 1)
    cloud = torch.cat(list(found.values())).float().cpu()
    size = [len(vectors) for vectors in found.values()]

    def parted(points: Float[Tensor, "k 2"]) -> dict[str, list[list[float]]]:
        return {name: part.tolist() for name, part in zip(found, points.split(size))}

    spread = _tsne(cloud, rng)
    flat = torch.linalg.svd(cloud - cloud.mean(0), full_matrices=False)
    axes = F.pad((flat.U * flat.S)[:, :2], (0, max(0, 2 - len(flat.S))))  # vectors of one number have one axis
    return {
        "rel_type": int(rel_type),
        "pca": parted(axes),
        "tsne": {} if spread is None else parted(spread),
    }


def _tsne(cloud: Float[Tensor, "k d"], rng: torch.Generator | None) -> Float[Tensor, "k 2"] | None:
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        return None
    if min(cloud.shape) < 2:  # nothing to lay out
        return None
    seed = int(torch.randint(1 << 31, (), generator=rng, device=None if rng is None else rng.device))
    means = TSNE(perplexity=min(30.0, (len(cloud) - 1) / 3), init="pca", random_state=seed)
    return torch.from_numpy(means.fit_transform(cloud.numpy()))
