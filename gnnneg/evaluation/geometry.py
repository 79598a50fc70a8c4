"""Where negatives lie around their positives, sampled and made: how near, and whether on all sides."""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnneg.errors import UserError
from gnnneg.evaluation.mode import judging
from gnnneg.interfaces import Corruption, Generator, Model, Sampler
from gnnneg.kernels.spectrum import effective_rank
from gnnneg.records import Negatives, Query, Triplets

BINS = 50  # of cosines between -1 and 1
MOST = 256  # negatives of a query that are looked at


def geometry(
    sampler: Sampler,
    generators: Iterable[nn.Module],
    model: Model,
    graph: Data | None,
    triplets: Triplets,
    corruption: Corruption,
    generator: torch.Generator | None = None,
    *,
    queries: int = 64,
) -> dict[str, Any]:
    r"""The vectors of sampled negatives, and of what generators make of the same ones.

    Figures 3 and 4 of `"EMU" <https://arxiv.org/abs/2504.03327>`_, as numbers to print and to draw.

    Args:
        sampler (Sampler): Whose draws; in evaluation mode.
        generators (list[Generator]): What mutates them.
        model (Model): Whose vectors.
        graph (torch_geometric.data.Data, optional): What the model may look at.
        triplets (Triplets): What to draw negatives for.
        corruption (Corruption): Which side is asked.
        generator (torch.Generator, optional): Draws.
        queries (int): How many queries to look at. (default: :obj:`64`)

    Returns:
        For ``sampled`` and for each generator by its name:

        * ``cosine``: mean cosine similarity of negatives to their positive, and ``histogram``, the share of them in
          each of 50 bins from -1 to 1;
        * ``isotropy``: :math:`e^{H(\lambda)} / \min(k, d)`, where :math:`\lambda` is the spectrum, scaled to sum 1,
          of the negatives of one query seen from its positive, as a mean over queries (the effective rank of `Roy and
          Vetterli <https://ieeexplore.ieee.org/document/7098875>`_, as a share): 1 where they lie on all sides alike;
        * ``points``: the first query's negatives seen from its positive, on their two principal axes, which all share.

    Raises:
        UserError: If there are no triplets, or no query has negatives; one that has none is left out.
    """
    if not triplets.head_index.numel():
        raise UserError("There are no statements to draw negatives for: choose a split that has some.")
    clouds: dict[str, list[Tensor]] = {}
    cosines: dict[str, Tensor] = {}
    with judging(model, sampler, corruption, *generators):
        some = Triplets(*(column[:queries] for column in triplets))
        query, target = corruption(some, generator)
        query, target = Query(*(column[:queries] for column in query)), target[:queries]
        scorer = model.scorer(model.encode(graph), query)
        offered = sampler(query, target, scorer, generator)
        negatives = Negatives(offered.index[:, :MOST], offered.weight[:, :MOST])
        there = (negatives.weight > 0).expand(len(target), negatives.index.size(1))
        some_there = there.any(1)
        if not some_there.any():
            raise UserError("No query has any negatives: every candidate has weight 0, so relax the filter.")
        positive = scorer.embed(target[:, None])
        found = {"sampled": scorer.embed(negatives.index).expand(len(target), -1, -1)}
        for make in generators:
            assert isinstance(make, Generator)
            found[_name(make, found)] = make.vectors(scorer, query, target, negatives, generator)
        for name, vectors in found.items():
            # what a generator makes of each negative is there as it is; what it makes of none is, wherever any is
            seen = there if vectors.size(1) == there.size(1) else some_there[:, None].expand(vectors.shape[:2])
            cosines[name] = torch.cosine_similarity(vectors, positive, dim=2)[seen].float().cpu()
            rows = [(one[mask] - own).float().cpu() for one, own, mask in zip(vectors, positive, seen)]
            clouds[name] = [row for row in rows if len(row)]
    axes = _axes(torch.cat([cloud[0] for cloud in clouds.values()]))
    return {
        name: {
            "cosine": float(cosines[name].mean()),
            "isotropy": sum(_isotropy(cloud) for cloud in clouds[name]) / len(clouds[name]),
            "histogram": (torch.histc(cosines[name], BINS, -1, 1) / len(cosines[name])).tolist(),
            "points": (clouds[name][0] @ axes).tolist(),
        }
        for name in clouds
    }


def _name(make: nn.Module, taken: Iterable[str]) -> str:
    """The class, with a number from the second on."""
    name, number = type(make).__name__, 2
    while name in taken:
        name, number = f"{type(make).__name__} {number}", number + 1
    return name


def _isotropy(cloud: Float[Tensor, "k d"]) -> float:
    """The effective rank as a share of what it could be."""
    return float(effective_rank(cloud)) / min(cloud.shape)


def _axes(cloud: Float[Tensor, "k d"]) -> Float[Tensor, "d 2"]:
    """The two principal axes, the larger part of each positive, so that the same vectors give the same picture."""
    axes = torch.linalg.svd(cloud - cloud.mean(0), full_matrices=False).Vh[:2].T
    if axes.size(1) < 2:
        axes = torch.nn.functional.pad(axes, (0, 2 - axes.size(1)))
    return axes * torch.where(axes.sum(0) < 0, -1.0, 1.0)
