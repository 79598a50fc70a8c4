"""What a batch of queries costs against its negatives, those that generators make of them included."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnnneg.interfaces import Label, Loss, Scorer
from gnnneg.records import Negatives, Query


def contrast(
    scorer: Scorer,
    query: Query,
    target: Int[Tensor, "b"],
    negatives: Negatives,
    loss: Loss,
    label: float | Label,
    scale: float,
    generators: nn.ModuleList,
    generator: torch.Generator | None,
) -> Float[Tensor, "b"]:
    """The loss of each query: ``scale`` times that of the sampled negatives, and one term for each generator."""
    score = scorer(target[:, None])
    soft = label(query, negatives.index) if isinstance(label, Label) else label
    total = scale * loss(score, scorer(negatives.index), negatives.weight, soft)
    for make in generators:
        made = make(scorer, query, target, negatives, generator)
        total = total + made.scale * loss(score, made.score, made.weight, made.label)
    return total
