"""By how much paired figures differ, and how often chance alone would make them differ as much."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

EXACT = 14  # pairs, of which all 16,384 ways to turn signs are looked at
DRAWS = 10_000  # ways that are drawn of more pairs
MANY = 2000  # degrees of freedom from which the series of Student's distribution is cut short
AT_ONCE = 1 << 22  # signs


@dataclass(frozen=True)
class Paired:
    """What pairs of figures say of two.

    Args:
        n (int): How many pairs.
        difference (float): The mean of second less first.
        low (float, optional): Where its 95 % interval begins; None of a single pair.
        high (float, optional): Where it ends.
        effect (float, optional): The difference in standard deviations of the pairs' differences (Cohen's
            :math:`d_z`); None where all pairs differ by the same.
        up (int): Pairs whose second is larger.
        down (int): Pairs whose second is smaller.
        p (float): See :func:`chance`.
        least (float): The smallest that :math:`p` can be with so many pairs.
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
    r"""What the differences of pairs say: their mean, its interval, and how probable one as large is by chance.

    The interval is Student's, :math:`\bar d \pm t_{n-1, 0.975} \, s / \sqrt n`.

    Args:
        differences (list[float]): Of each pair the second less the first; of one of several figures their sum.
        sizes (list[int], optional): Of how many figures each is. (default: one each)
    """
    total = np.asarray(differences, dtype=np.float64)
    count = np.ones(len(total)) if sizes is None else np.asarray(sizes, dtype=np.float64)
    n, mean = len(total), float(total.sum() / count.sum())
    # of sums of unlike sizes the mean is a ratio: its deviation is that of what is left of each
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
    r"""How probable a sum at least as far from 0 is if each difference might as well have had the other sign.

    .. math::
        p = \frac{1}{2^n} \, \# \Big\{ s \in \{-1, 1\}^n :
        \Big| \sum_i s_i d_i \Big| \geq \Big| \sum_i d_i \Big| \Big\}

    the sign-flip permutation test, two-sided. Nothing is supposed of how differences are distributed but that, were
    there none, both signs would be as probable. All signs are looked at up to :data:`EXACT` pairs; of more,
    :data:`DRAWS` are drawn, always the same, and the one seen counts as drawn too.
    """
    given = np.asarray(differences, dtype=np.float64)
    given = given[given != 0]  # whose signs change nothing
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
    r"""Probabilities corrected for being several, from `"A Simple Sequentially Rejective Multiple Test Procedure"
    <https://www.jstor.org/stable/4615733>`_: of :math:`m` in ascending order,
    :math:`\tilde p_{(i)} = \max_{j \leq i} \min(1, (m - j + 1) \, p_{(j)})`.
    """
    found, largest = [0.0] * len(p), 0.0
    for place, index in enumerate(sorted(range(len(p)), key=lambda index: p[index])):
        largest = max(largest, min(1.0, (len(p) - place) * p[index]))
        found[index] = largest
    return found


def within(t: float, freedom: int) -> float:
    r"""The probability that a number of Student's distribution is within :math:`[-t, t]`; a finite series."""
    angle = math.atan(t / math.sqrt(freedom))
    square = math.cos(angle) ** 2
    odd = freedom % 2
    term, series = math.sin(angle) * (math.cos(angle) if odd else 1.0), 0.0
    for step in range(1 + odd, freedom, 2):
        series += term
        term *= square * step / (step + 1)
    return (2 / math.pi) * (angle + series) if odd else series


def quantile(share: float, freedom: int) -> float:
    """The number below which a share, of at least a half, of Student's distribution lies."""
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
