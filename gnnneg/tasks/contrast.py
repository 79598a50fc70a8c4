"""What a batch of queries costs against its negatives, those that generators make of them included."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnnneg.checks import fraction, not_negative
from gnnneg.errors import UserError
from gnnneg.interfaces import Generator, Label, Loss, Sampler, Scorer
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
    one_term: bool = False,
) -> Float[Tensor, "b"]:
    r"""The loss of each query.

    It is ``scale`` times that of the sampled negatives, and one term for each generator: a positive takes part in each
    of them. With ``one_term`` it is one loss of the positive against all negatives, whose weights are multiplied by the
    scale of their term. If the negatives say so, :math:`\log k q` is taken off all scores first.
    """
    score, negative = scorer(target[:, None]), scorer(negatives.index)
    if negatives.noise is not None:
        score, negative = score - negatives.noise.target, negative - negatives.noise.negatives
    soft = label(query, negatives.index) if isinstance(label, Label) else label
    if one_term:
        terms = [(negative, negatives.weight, soft, scale)]
        for make in generators:
            made = make(scorer, query, target, negatives, generator)
            terms.append((made.score, made.weight, made.label, made.scale))
        return loss(score, *_side_by_side(terms))
    total = scale * loss(score, negative, negatives.weight, soft)
    for make in generators:
        made = make(scorer, query, target, negatives, generator)
        total = total + made.scale * loss(score, made.score, made.weight, made.label)
    return total


def _side_by_side(
    terms: Sequence[tuple[Tensor, Tensor, float | Tensor, float | Tensor]],
) -> tuple[Tensor, Tensor, Tensor]:
    """The scores, weights and labels of all terms, each as wide as all negatives together."""
    scores, weights, labels = [], [], []
    for score, weight, label, scale in terms:
        each = scale[:, None] if isinstance(scale, Tensor) else scale
        scores.append(score)
        weights.append((weight * each).expand_as(score))
        labels.append(torch.as_tensor(label, dtype=weight.dtype, device=score.device).expand_as(score))
    return torch.cat(scores, 1), torch.cat(weights, 1), torch.cat(labels, 1)


def check(
    task: str,
    sampler: Sampler,
    loss: Loss,
    generators: Sequence[Generator],
    label: float | Label,
    scale: float,
    one_term: bool,
) -> None:
    """Refuses what does not fit together, or would change nothing.

    Raises:
        UserError: If a number is out of range, an option needs generators and there are none, or what carries
            :math:`\\log k q` is not the outermost sampler, or goes with a loss or a generator that cannot have it, or a
            loss of the user's own does not read the soft labels that are given.
    """
    if not isinstance(label, Label):
        fraction(task, label=label)
    not_negative(task, scale=scale)
    made = (part for generator in generators for part in generator.modules())
    soft = [one for one in (label, *(getattr(part, "label", 0.0) for part in made)) if isinstance(one, Label) or one]
    if soft and not type(loss).__module__.startswith("gnnneg.") and not _reads_labels(loss):
        raise UserError(
            f"{type(loss).__name__} does not read soft labels, and {task} gives it some: use label in its forward, or "
            "leave all labels at 0."
        )
    if not generators and scale != 1:
        raise UserError(f"{task}(scale={scale}) weighs the sampled term against those of generators: leave it out.")
    if not generators and one_term:
        raise UserError(f"{task}(one_term=True) joins the terms of generators to the sampled one: leave it out.")
    noisy = [part for part in sampler.modules() if isinstance(part, Sampler) and part.gives_noise]
    if not noisy:
        return
    name = type(noisy[0]).__name__
    if noisy[-1] is not sampler:
        raise UserError(f"{name} stands around all other samplers: write {name}(Filtered(...)), for example.")
    if not loss.takes_noise:
        raise UserError(f"{name} does not go with this {type(loss).__name__}: use BCE, or InfoNCE at temperature 1.")
    if generators:
        raise UserError(
            f"{name} does not know how probable made negatives are: leave generators out, or use Corrected."
        )


def _reads_labels(loss: Loss) -> bool:
    """Whether a label of one half changes what some scores cost."""
    weight = next(loss.parameters(), torch.empty(0))
    score = torch.tensor([[0.0, -3.0, -1.0, 1.0, 4.0]], device=weight.device)
    here = torch.ones(1, 1, device=weight.device)
    with torch.no_grad():
        one, other = (loss(score[:, :1], score[:, 1:], here, label) for label in (0.0, 0.5))
    return not torch.equal(one, other)
