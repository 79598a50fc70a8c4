"""The difference of paired values, and how probable such a difference is by chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

EXACT = 14  # up to so many pairs, all 16,384 sign combinations are tried
DRAWS = 10_000  # sign combinations that are drawn for more pairs
MANY = 2000  # degrees of freedom above which the quantile of Student's distribution is approximated
AT_ONCE = 1 << 22  # signs in memory at a time


@dataclass(frozen=True)
class Paired:
    """The statistics of paired differences.

    Args:
        n (int): Number of pairs.
        difference (float): The mean difference.
        low (float, optional): Lower end of its 95 % interval; None for a single pair.
        high (float, optional): Upper end of the interval.
        effect (float, optional): The mean difference divided by the standard deviation of the differences (Cohen's
            :math:`d_z`); None if all pairs have the same difference.
        up (int): Number of pairs with a positive difference.
        down (int): Number of pairs with a negative difference.
        p (float): See :func:`chance`.
        least (float): The smallest possible :math:`p` for this number of pairs.
    """

    n: int
    difference: float
    low: float | None
    high: float | None
    effect: float | None
    up: int
    down: int
    p: float
    least: float


def paired(differences: Sequence[float], sizes: Sequence[int] | None = None) -> Paired:
    r"""The statistics of paired differences: their mean, its interval, and its p-value.

    The interval is Student's, :math:`\bar d \pm t_{n-1, 0.975} \, s / \sqrt n`.

    Args:
        differences (list[float]): The difference of each pair. If a pair has several values, the sum of their
            differences.
        sizes (list[int], optional): The number of values of each pair. (default: one each)
    """
    total = np.asarray(differences, dtype=np.float64)
    count = np.ones(len(total)) if sizes is None else np.asarray(sizes, dtype=np.float64)
    n, mean = len(total), float(total.sum() / count.sum())
    # with sums of different sizes the mean is a ratio: its deviation is that of the residuals
    left = (total - mean * count) / count.mean()
    deviation = float(np.sqrt((left**2).sum() / (n - 1))) if n > 1 else 0.0
    half = quantile(0.975, n - 1) * deviation / math.sqrt(n) if n > 1 else None
    return Paired(
        n=n,
        difference=mean,
        low=None if half is None else mean - half,
        high=None if half is None else mean + half,
        effect=mean / deviation if deviation > 1e-12 * abs(mean) else None,
        up=int((total > 0).sum()),
        down=int((total < 0).sum()),
        p=chance(total),
        least=2.0 ** (1 - n) if n <= EXACT else 1 / (1 + DRAWS),
    )


def chance(differences: Sequence[float] | np.ndarray) -> float:
    r"""The p-value of the two-sided sign-flip permutation test: how probable a sum at least as far from 0 is, if both
    signs of each difference are equally probable.

    .. math::
        p = \frac{1}{2^n} \, \# \Big\{ s \in \{-1, 1\}^n :
        \Big| \sum_i s_i d_i \Big| \geq \Big| \sum_i d_i \Big| \Big\}

    Nothing else is assumed about the distribution of the differences. Up to :data:`EXACT` pairs, all sign combinations
    are tried. For more pairs, :data:`DRAWS` combinations are drawn, always the same ones, and the observed combination
    counts as one more.
    """
    given = np.asarray(differences, dtype=np.float64)
    given = given[given != 0]  # the sign of 0 changes nothing
    n = len(given)
    seen = abs(given.sum()) - 1e-12 * np.abs(given).sum()
    if n <= EXACT:
        bits = (np.arange(1 << n)[:, None] >> np.arange(n)) & 1
        return float((np.abs((1 - 2 * bits) @ given) >= seen).mean())
    rng, extreme = np.random.default_rng(0), 0
    for begin in range(0, DRAWS, rows := max(1, AT_ONCE // n)):
        size = min(rows, DRAWS - begin)
        turned = np.unpackbits(np.frombuffer(rng.bytes(size * (-(-n // 8))), np.uint8).reshape(size, -1), axis=1)
        extreme += int((np.abs(given.sum() - 2 * (turned[:, :n] @ given)) >= seen).sum())
    return (1 + extreme) / (1 + DRAWS)


def holm(p: Sequence[float]) -> list[float]:
    r"""Several p-values, corrected by the method of `"A Simple Sequentially Rejective Multiple Test Procedure"
    <https://www.jstor.org/stable/4615733>`_: for :math:`m` p-values in ascending order,
    :math:`\tilde p_{(i)} = \max_{j \leq i} \min(1, (m - j + 1) \, p_{(j)})`.
    """
    found, largest = [0.0] * len(p), 0.0
    for place, index in enumerate(sorted(range(len(p)), key=lambda index: p[index])):
        largest = max(largest, min(1.0, (len(p) - place) * p[index]))
        found[index] = largest
    return found


def within(t: float, freedom: int) -> float:
    r"""The probability of :math:`[-t, t]` under Student's distribution, from a finite series."""
    angle = math.atan(t / math.sqrt(freedom))
    square = math.cos(angle) ** 2
    odd = freedom % 2
    term, series = math.sin(angle) * (math.cos(angle) if odd else 1.0), 0.0
    for step in range(1 + odd, freedom, 2):
        series += term
        term *= square * step / (step + 1)
    return (2 / math.pi) * (angle + series) if odd else series


def quantile(share: float, freedom: int) -> float:
    """A quantile of Student's distribution, for a share of at least one half."""
    if freedom > MANY:  # the next term is under 1e-6
        normal = NormalDist().inv_cdf(share)
        return normal + (normal**3 + normal) / (4 * freedom)
    low, high = 0.0, 1.0
    while within(high, freedom) < 2 * share - 1:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle, freedom) < 2 * share - 1 else (low, middle)
    return high
