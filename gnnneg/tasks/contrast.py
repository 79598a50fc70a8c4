"""The loss of a batch of queries against its negatives, including those that generators make."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import Parameter

from gnnneg.checks import fraction, not_negative
from gnnneg.errors import UserError
from gnnneg.former import Former
from gnnneg.interfaces import Drawn, Loss, Sampler, SoftLabel, Task
from gnnneg.records import Made, Triplets


class Contrastive(Task):
    """A task that tells targets from negatives: its loss, and the parameters that learn from it."""

    renamed: ClassVar = {"label": "soft_label"}
    label = Former("soft_label")
    sampler: Sampler
    loss: Loss
    generators: nn.ModuleList
    soft_label: float | SoftLabel
    scale: float
    one_term: bool

    def contrast(self, drawn: Drawn) -> Float[Tensor, "b"]:
        r"""The loss of each query.

        It is ``scale`` times the loss of the sampled negatives, plus one term for each generator. The positive is in
        each of these terms. With ``one_term`` it is one loss of the positive against all negatives, whose weights are
        multiplied by the scale of their term. If the negatives carry noise, :math:`\log k q` is first subtracted from
        all scores.
        """
        negatives = drawn.negatives
        score = drawn.scorer(drawn.target[:, None])
        whole = self._at_once(drawn, score)
        if whole is not None:
            return whole
        negative = drawn.scorer(negatives.index)
        if negatives.noise is not None:
            score, negative = score - negatives.noise.target, negative - negatives.noise.negatives
        label = self.soft_label
        label = label(drawn.query, negatives.index) if isinstance(label, SoftLabel) else label
        sampled = Made(negative, negatives.weight, label, self.scale)
        terms = chain([sampled], (make(drawn) for make in self.generators))
        if self.one_term:
            return self.loss(score, *_side_by_side(terms))
        costs = (term.scale * self.loss(score, term.score, term.weight, term.label) for term in terms)
        return sum(costs, next(costs))

    def _at_once(self, drawn: Drawn, score: Float[Tensor, "b 1"]) -> Float[Tensor, "b"] | None:
        """The loss without a matrix of scores, if nothing else needs the matrix and the loss has such a form."""
        negatives, label = drawn.negatives, self.soft_label
        if self.generators or negatives.noise is not None or isinstance(label, SoftLabel) or label:
            return None
        vectors = drawn.scorer.as_product(negatives.index)
        return None if vectors is None else self.loss.of_product(score, *vectors, negatives.weight)

    def examples(self, triplets: Triplets) -> Triplets:
        return triplets

    def trained(self) -> Iterator[Parameter]:
        yield from self.model.parameters()
        yield from self.loss.parameters()
        for made in self.generators:
            yield from made.trained()  # type: ignore[operator]


def refuse(task: Contrastive) -> None:
    """Refuses options that do not fit together, or that would change nothing.

    Raises:
        UserError: If a number is out of range; if an option needs generators and there are none; if the sampler that
            carries :math:`\\log k q` is not the outermost one, or the loss or a generator cannot use it; if a loss of
            the user's own does not read the given soft labels.
    """
    name, loss, made = type(task).__name__, task.loss, task.generators
    if not isinstance(task.soft_label, SoftLabel):
        fraction(name, soft_label=task.soft_label)
    not_negative(name, scale=task.scale)
    soft = [task.soft_label, *(getattr(part, "soft_label", 0.0) for part in made.modules())]
    given = any(isinstance(one, SoftLabel) or one for one in soft)
    if given and not type(loss).__module__.startswith("gnnneg.") and not _reads_labels(loss):
        raise UserError(
            f"{type(loss).__name__} does not read soft labels, and {name} gives it some: use label in its forward, or "
            "leave all labels at 0."
        )
    if not made and task.scale != 1:
        raise UserError(
            f"{name}(scale={task.scale}) weighs the sampled term against generators, and there are none: leave it out."
        )
    if not made and task.one_term:
        raise UserError(
            f"{name}(one_term=True) joins the generators' terms to the sampled one, and there are none: leave it out."
        )
    noisy = [part for part in task.sampler.modules() if isinstance(part, Sampler) and part.gives_noise]
    if not noisy:
        return
    name = type(noisy[0]).__name__
    if noisy[-1] is not task.sampler:
        raise UserError(f"{name} must be the outermost sampler: write {name}(Filtered(...)), for example.")
    if not loss.takes_noise:
        raise UserError(f"{name} does not go with this {type(loss).__name__}: use BCE, or InfoNCE at temperature 1.")
    if made:
        raise UserError(
            f"{name} does not know how probable made negatives are: leave generators out, or use Corrected."
        )


def _side_by_side(terms: Iterable[Made]) -> tuple[Tensor, Tensor, Tensor]:
    """The scores, weights and labels of all terms, each as wide as all negatives together."""
    each = []
    for term in terms:
        scale = term.scale[:, None] if isinstance(term.scale, Tensor) else term.scale
        label = torch.as_tensor(term.label, dtype=term.weight.dtype, device=term.score.device)
        each.append((term.score, (term.weight * scale).expand_as(term.score), label.expand_as(term.score)))
    score, weight, label = (torch.cat(columns, 1) for columns in zip(*each))
    return score, weight, label


def _reads_labels(loss: Loss) -> bool:
    """Whether a label of one half changes the loss of some scores."""
    weight = next(loss.parameters(), torch.empty(0))
    score = torch.tensor([[0.0, -3.0, -1.0, 1.0, 4.0]], device=weight.device)
    here = torch.ones(1, 1, device=weight.device)
    with torch.no_grad():
        one, other = (loss(score[:, :1], score[:, 1:], here, label) for label in (0.0, 0.5))
    return not torch.equal(one, other)
