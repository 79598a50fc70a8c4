"""Calibration: from scores to probabilities."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gnnneg.errors import UserError

BINS = 15
HUGE = 1e300  # stands for infinity, which has no place on a line
STEPS = 100


@dataclass(frozen=True)
class Platt:
    r"""Platt scaling, from `"Probabilistic Outputs for Support Vector Machines"
    <https://citeseerx.ist.psu.edu/document?repid=rep1&type=pdf&doi=42e5ed832d4310ce4378c44d05570439df28a393>`_:

    .. math::
        P(\mathrm{true} \mid s) = \sigma(a s + b)

    Args:
        slope (float): :math:`a`.
        intercept (float): :math:`b`.
    """

    slope: float
    intercept: float

    @classmethod
    def fit(cls, score: Float[Tensor, "b"], label: Bool[Tensor, "b"]) -> "Platt":
        r"""The most likely :math:`a, b`, by Newton's method with step halving.

        Targets are Platt's, :math:`(N_+ + 1) / (N_+ + 2)` and :math:`1 / (N_- + 2)` in place of 1 and 0, which keeps
        :math:`a` finite if scores separate the labels perfectly.

        Raises:
            UserError: If a label is missing.
        """
        _both(label)
        x, truth = score.double(), label.double()
        finite = x[x.isfinite()]  # what is infinite counts as the furthest that is not
        x = x.clamp(float(finite.min()), float(finite.max())) if finite.numel() else x.sign()
        centre, width = float(x.mean()), float(x.std(correction=0)) or 1.0
        z = torch.stack([(x - centre) / width, torch.ones_like(x)], 1)  # of one size, for the sake of the equations
        positive, negative = float(truth.sum()), float((1 - truth).sum())
        target = torch.where(label, (positive + 1) / (positive + 2), 1 / (negative + 2)).double()
        at = torch.tensor([0.0, math.log((positive + 1) / (negative + 1))], dtype=torch.double)

        def cost(at: Tensor) -> float:
            return float(torch.nn.functional.binary_cross_entropy_with_logits(z @ at, target, reduction="sum"))

        now = cost(at)
        for _ in range(STEPS):
            p = torch.sigmoid(z @ at)
            gradient = z.T @ (p - target)
            if float(gradient.abs().max()) < 1e-9 * len(x):
                break
            curvature = z.T @ (z * (p * (1 - p))[:, None]) + 1e-12 * torch.eye(2, dtype=torch.double)
            step = torch.linalg.solve(curvature, gradient)
            while (then := cost(at - step)) > now and float(step.abs().max()) > 1e-12:
                step = step / 2
            at, now = at - step, min(now, then)
        slope = float(at[0]) / width
        return cls(slope, float(at[1]) - slope * centre)

    def __call__(self, score: Float[Tensor, "*s"]) -> Float[Tensor, "*s"]:
        return torch.sigmoid(self.slope * _bounded(score) + self.intercept)


@dataclass(frozen=True)
class Isotonic:
    """Isotonic regression, from `"Transforming Classifier Scores into Accurate Multiclass Probability Estimates"
    <https://doi.org/10.1145/775047.775151>`_: the best curve that never falls.

    Args:
        score (list[float]): The scores at which the curve bends, ascending.
        probability (list[float]): Its height there. The curve is straight between them, and constant beyond the ends.
    """

    score: list[float]
    probability: list[float]

    @classmethod
    def fit(cls, score: Float[Tensor, "b"], label: Bool[Tensor, "b"]) -> "Isotonic":
        """The curve of least squares, by pooling neighbours that are out of order.

        Raises:
            UserError: If a label is missing.
        """
        _both(label)
        value, place, count = _bounded(score).unique(return_inverse=True, return_counts=True)
        stated = torch.zeros_like(value).index_add_(0, place, label.double())
        # blocks of means that ascend: how many are stated, how many there are, where the block began
        blocks: list[tuple[float, float, int]] = []
        for start, (hit, size) in enumerate(zip(stated.tolist(), count.double().tolist())):
            while blocks and blocks[-1][0] * size >= hit * blocks[-1][1]:
                before = blocks.pop()
                hit, size, start = hit + before[0], size + before[1], before[2]
            blocks.append((hit, size, start))
        ends = [start - 1 for _, _, start in blocks[1:]] + [value.numel() - 1]
        bends = [(row, hit / size) for (hit, size, start), end in zip(blocks, ends) for row in sorted({start, end})]
        return cls([float(value[row]) for row, _ in bends], [height for _, height in bends])

    def __call__(self, score: Float[Tensor, "*s"]) -> Float[Tensor, "*s"]:
        height = np.interp(_bounded(score).detach().cpu().numpy(), self.score, self.probability)
        return torch.as_tensor(height, dtype=torch.double)


@dataclass(frozen=True)
class Calibration:
    """The probability of a statement from its score, *among statements of the same mixture*. If validation has one
    denied for each stated statement, a statement about which nothing is known has probability one half.

    Args:
        platt (Platt): A sigmoid: smooth, and right with few statements.
        isotonic (Isotonic): A staircase: right with many statements, for any curve.
        stated (int): Stated validation triplets that it was fitted on.
        denied (int): Denied validation triplets, or those drawn in their place.
        drawn (bool): Whether these are random corruptions, because the data set denies nothing there. They are easier
            to tell from stated triplets than verified negatives are, so for verified negatives the probabilities are
            too extreme.
    """

    platt: Platt
    isotonic: Isotonic
    stated: int
    denied: int
    drawn: bool

    @classmethod
    def fit(cls, score: Float[Tensor, "b"], label: Bool[Tensor, "b"], drawn: bool = False) -> "Calibration":
        """Fits both.

        Raises:
            UserError: If a label is missing.
        """
        stated = int(label.sum())
        return cls(Platt.fit(score, label), Isotonic.fit(score, label), stated, label.numel() - stated, drawn)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "Calibration":
        """The inverse of :meth:`to_dict`.

        Raises:
            KeyError: If something is missing.
        """
        counts = int(plain["stated"]), int(plain["denied"]), bool(plain["drawn"])
        return cls(Platt(**plain["platt"]), Isotonic(**plain["isotonic"]), *counts)

    def judge(self, score: Float[Tensor, "b"], label: Bool[Tensor, "b"]) -> dict[str, dict[str, float]]:
        """The quality of probabilities from other scores: by the sigmoid of the ``score``, by ``platt`` and by
        ``isotonic``.

        Returns:
            For each the :func:`brier` score and the :func:`expected_calibration_error` as ``ece``.
        """
        made = {"score": torch.sigmoid(score.double()), "platt": self.platt(score), "isotonic": self.isotonic(score)}
        return {
            name: {"brier": brier(probability, label), "ece": expected_calibration_error(probability, label)}
            for name, probability in made.items()
        }


def brier(probability: Float[Tensor, "b"], label: Bool[Tensor, "b"]) -> float:
    r"""The mean squared error :math:`\frac{1}{N} \sum_i (p_i - y_i)^2`: 0 is perfect, 1/4 is that of a constant 1/2."""
    return float((probability - label.to(probability.dtype)).square().mean())


def expected_calibration_error(probability: Float[Tensor, "b"], label: Bool[Tensor, "b"], bins: int = BINS) -> float:
    r"""The distance of probabilities from frequencies, as in `"On Calibration of Modern Neural Networks"
    <https://arxiv.org/abs/1706.04599>`_:

    .. math::
        \mathrm{ECE} = \sum_b \frac{|B_b|}{N} \Bigl| \frac{1}{|B_b|} \sum_{i \in B_b} (y_i - p_i) \Bigr|

    over bins :math:`B_b` of equal width, closed to the right as there.
    """
    place = (probability * bins).ceil().long().clamp(1, bins) - 1
    gap = torch.zeros(bins, dtype=torch.double).index_add_(0, place, label.double() - probability.double())
    return float(gap.abs().sum() / label.numel())


def _bounded(score: Float[Tensor, "*s"]) -> Float[Tensor, "*s"]:
    return score.double().clamp(-HUGE, HUGE)


def _both(label: Bool[Tensor, "b"]) -> None:
    if not bool(label.any()) or bool(label.all()):
        kind = "denied" if bool(label.any()) else "stated"
        raise UserError(
            f"A probability needs stated and denied statements to be fitted on, and there are no {kind} ones."
        )
