"""The position of sampled and generated negatives relative to their positives: how near, and whether on all sides."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnneg.errors import UserError
from gnnneg.evaluation.asking import at_once
from gnnneg.interfaces import Corruption, Drawn, Generator, Model, Sampler
from gnnneg.looking import judging
from gnnneg.records import Negatives, Query, Triplets
from gnnneg.spectrum import effective_rank

BINS = 50  # of cosines between -1 and 1
MOST = 256  # negatives of a query that are looked at


def geometry(
    sampler: Sampler,
    generators: Iterable[nn.Module],
    model: Model,
    graph: Data | None,
    triplets: Triplets,
    corruption: Corruption,
    rng: torch.Generator | None = None,
    *,
    queries: int = 64,
) -> dict[str, Any]:
    r"""Statistics of the vectors of sampled negatives, and of generated ones from the same draw.

    Figures 3 and 4 of `"EMU" <https://arxiv.org/abs/2504.03327>`_, as numbers to print and to draw.

    Args:
        sampler (Sampler): Draws the negatives, in evaluation mode.
        generators (list[Generator]): Change them, or make their own.
        model (Model): Gives the vectors.
        graph (torch_geometric.data.Data, optional): The graph for the model's messages.
        triplets (Triplets): The triplets to draw negatives for.
        corruption (Corruption): The side to predict.
        rng (torch.Generator, optional): Draws.
        queries (int): Number of queries; fewer, if the model cannot hold so many. (default: :obj:`64`)

    Returns:
        For ``sampled``, for each generator by its name, and, if it makes several kinds, for each kind (``DANS:
        entity``):

        * ``cosine``: mean cosine similarity of negatives to their positive, and ``histogram``, the share of them in
          each of 50 bins from -1 to 1;
        * ``isotropy``: :math:`e^{H(\lambda)} / \min(k, d)`, where :math:`\lambda` is the spectrum, scaled to sum 1, of
          one query's negatives relative to its positive, as a mean over queries (the effective rank of `Roy and
          Vetterli <https://ieeexplore.ieee.org/document/7098875>`_, as a share): 1 if they lie evenly on all sides;
        * ``rank``: the effective rank of all of them together, from the origin; ``likeness``, the mean cosine of two
          negatives of one query (None if a query has only one), and ``pairs``, the share of such pairs in each of 50
          bins from -1 to 1;
        * ``points``: the first query's negatives relative to its positive, on two principal axes, the same for all.

    Raises:
        UserError: If there are no triplets, or no query has negatives. A query without negatives is left out.
    """
    if not triplets.head_index.numel():
        raise UserError("There are no statements to draw negatives for: choose a split that has some.")
    clouds: dict[str, list[Tensor]] = {}
    cosines: dict[str, Tensor] = {}
    diversity: dict[str, dict[str, Any]] = {}
    queries = at_once(model, graph.num_nodes if graph is not None else 0, queries)
    with judging(model, sampler, corruption, *generators):
        some = Triplets(*(column[:queries] for column in triplets))
        query, target = corruption(some, rng)
        query, target = Query(*(column[:queries] for column in query)), target[:queries]
        scorer = model.scorer(model.encode(graph), query)
        offered = sampler(query, target, scorer, rng)
        negatives = Negatives(offered.index[:, :MOST], offered.weight[:, :MOST])
        there = (negatives.weight > 0).expand(len(target), negatives.index.size(1))
        some_there = there.any(1)
        if not some_there.any():
            raise UserError("No query has any negatives: every candidate has weight 0, so relax the filter.")
        positive = scorer.embed(target[:, None])
        drawn = scorer.embed(negatives.index).expand(len(target), -1, -1)
        found = {"sampled": Cloud(drawn, True, True)} | made(generators, Drawn(scorer, query, target, negatives, rng))
        for name, (vectors, changed, _) in found.items():
            # what a generator makes of each negative is there as it is; what it makes of none is, wherever any is
            seen = there if changed else some_there[:, None].expand(vectors.shape[:2])
            cosines[name] = torch.cosine_similarity(vectors, positive, dim=2)[seen].float().cpu()
            rows = [(one[mask] - own).float().cpu() for one, own, mask in zip(vectors, positive, seen)]
            clouds[name] = [row for row in rows if len(row)]
            diversity[name] = _diversity([one[mask].float().cpu() for one, mask in zip(vectors, seen) if mask.any()])
    axes = _axes(torch.cat([cloud[0] for cloud in clouds.values()]))
    return {
        name: {
            "cosine": float(cosines[name].mean()),
            "isotropy": sum(_isotropy(cloud) for cloud in clouds[name]) / len(clouds[name]),
            "histogram": (torch.histc(cosines[name], BINS, -1, 1) / len(cosines[name])).tolist(),
            **diversity[name],
            "points": (clouds[name][0] @ axes).tolist(),
        }
        for name in clouds
    }


class Cloud(NamedTuple):
    """The vectors of a generator, or one kind of them."""

    vectors: Float[Tensor, "b m d"]
    changed: bool
    """Whether they are changed sampled negatives, absent where those are."""
    kind: bool
    """Whether they are one kind, and not all kinds together."""


def made(generators: Iterable[nn.Module], drawn: Drawn) -> dict[str, Cloud]:
    """The vectors of generators, all and, if there are several kinds, by kind."""
    found: dict[str, Cloud] = {}
    for make in generators:
        assert isinstance(make, Generator)
        name, kinds = _name(make, found), make.kinds()
        vectors = make.vectors(drawn)
        changed = not kinds and not make.draws_entities and vectors.size(1) == drawn.negatives.index.size(1)
        found[name] = Cloud(vectors, changed, len(kinds) < 2)
        if len(kinds) > 1:
            parts = vectors.split(list(kinds.values()), dim=1)
            found |= {f"{name}: {kind}": Cloud(part, False, True) for kind, part in zip(kinds, parts)}
    return found


def _diversity(clouds: list[Tensor]) -> dict[str, Any]:
    """The diversity of each query's vectors, and of all vectors."""
    unit = [torch.nn.functional.normalize(cloud, dim=1) for cloud in clouds]
    pairs = torch.cat([(cloud @ cloud.T)[torch.ones(len(cloud), len(cloud)).triu(1) > 0] for cloud in unit])
    return {
        "rank": float(effective_rank(torch.cat(clouds))),
        "likeness": float(pairs.mean()) if len(pairs) else None,
        "pairs": (torch.histc(pairs.clamp(-1, 1), BINS, -1, 1) / max(1, len(pairs))).tolist(),
    }


def _name(make: nn.Module, taken: Iterable[str]) -> str:
    """The class, with a number from the second on."""
    name, number = type(make).__name__, 2
    while name in taken:
        name, number = f"{type(make).__name__} {number}", number + 1
    return name


def _isotropy(cloud: Float[Tensor, "k d"]) -> float:
    """The effective rank as a share of its maximum."""
    return float(effective_rank(cloud)) / min(cloud.shape)


def _axes(cloud: Float[Tensor, "k d"]) -> Float[Tensor, "d 2"]:
    """The two principal axes. The largest coordinate of each is positive, so that the same vectors give the same
    picture.
    """
    axes = torch.linalg.svd(cloud - cloud.mean(0), full_matrices=False).Vh[:2].T
    if axes.size(1) < 2:
        axes = torch.nn.functional.pad(axes, (0, 2 - axes.size(1)))
    return axes * torch.where(axes.sum(0) < 0, -1.0, 1.0)
