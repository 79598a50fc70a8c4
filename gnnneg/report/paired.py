"""The difference of paired values, and how probable such a difference is by chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist, fmean

import numpy as np

EXACT = 14  # up to so many pairs, all 16,384 sign combinations are tried
DRAWS = 10_000  # sign combinations that are drawn for more pairs
MANY = 2000  # degrees of freedom above which the quantile of Student's distribution is approximated
AT_ONCE = 1 << 22  # signs in memory at a time
NODES = 256  # of the quadrature of Student's distribution, to ten decimals up to MANY degrees of freedom


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


@dataclass(frozen=True)
class Stratified:
    """The statistics of paired differences in several strata.

    Args:
        n (int): Number of pairs.
        strata (int): Number of strata.
        difference (float): The mean over strata of the mean difference in each.
        low (float): Lower end of its 95 % interval.
        high (float): Upper end of the interval.
        up (int): Number of pairs with a positive difference.
        p (float): The probability of a mean at least as far from 0, if the true one is 0.
    """

    n: int
    strata: int
    difference: float
    low: float
    high: float
    up: int
    p: float


def stratified(differences: Sequence[Sequence[float]]) -> Stratified:
    r"""The statistics of paired differences in several strata, each with the same weight.

    With :math:`n_g` pairs of mean :math:`\bar d_g` and variance :math:`s_g^2` in the stratum :math:`g` of :math:`G`,

    .. math::
        \bar d = \frac{1}{G} \sum_g \bar d_g , \qquad
        \mathrm{SE}^2 = \frac{1}{G^2} \sum_g \frac{s_g^2}{n_g} , \qquad
        \nu = \frac{\bigl( \sum_g s_g^2 / n_g \bigr)^2}{\sum_g (s_g^2 / n_g)^2 / (n_g - 1)} ,

    interval and :math:`p` are those of Student's distribution with :math:`\nu` degrees of freedom, as in `"The
    Generalization of 'Student's' Problem when Several Different Population Variances are Involved"
    <https://doi.org/10.1093/biomet/34.1-2.28>`_. With one stratum this is the paired t-test. Strata may have any
    variances. Differences are assumed to be normal. The claim is about the mean over these strata, and no others.

    Args:
        differences (list[list[float]]): The differences of each stratum, at least two in each.
    """
    groups = [np.asarray(group, dtype=np.float64) for group in differences]
    mean = fmean(float(group.mean()) for group in groups)
    share = [float(group.var(ddof=1)) / len(group) for group in groups]  # of the variance of the mean, times G^2
    error = math.sqrt(sum(share)) / len(groups)
    if error > 1e-12 * abs(mean):
        freedom = sum(share) ** 2 / sum(one**2 / (len(group) - 1) for one, group in zip(share, groups))
        half, p = quantile(0.975, freedom) * error, 1 - within(abs(mean) / error, freedom)
    else:  # all pairs of a stratum have the same difference
        half, p = 0.0, float(mean == 0)
    return Stratified(
        n=sum(map(len, groups)),
        strata=len(groups),
        difference=mean,
        low=mean - half,
        high=mean + half,
        up=sum(int((group > 0).sum()) for group in groups),
        p=p,
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


def within(t: float, freedom: float | int) -> float:
    r"""The probability of :math:`[-t, t]` under Student's distribution with :math:`\nu` degrees of freedom, which need
    not be whole:

    .. math::
        1 - \frac{2 \, \Gamma(\frac{\nu + 1}{2})}{\sqrt{\pi} \, \Gamma(\frac{\nu}{2})}
        \int_0^{\arctan(\sqrt{\nu} / t)} \sin^{\nu - 1} \varphi \, d\varphi .
    """
    node, weight = _quadrature()
    end = math.atan2(math.sqrt(freedom), t)
    # squares of nodes, because a power that is not whole is not smooth at 0
    area = 2 * end * float(weight @ (node * np.sin(end * node**2) ** (freedom - 1)))
    scale = 2 / math.sqrt(math.pi) * math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    return max(0.0, 1 - scale * area)  # rounding alone is below 0


@cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Gauss and Legendre's nodes and weights on [0, 1]."""
    node, weight = np.polynomial.legendre.leggauss(NODES)
    return (node + 1) / 2, weight / 2


@cache
def quantile(share: float, freedom: float | int) -> float:
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
