"""The uncertainty of a proportion that was estimated from a sample."""

import numpy as np

from gnnneg.errors import UserError

HALVINGS = 60  # of an interval of length 1; the result is then finer than float precision for most proportions


def clopper_pearson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    r"""The exact confidence interval of a proportion, from `"The Use of Confidence or Fiducial Limits Illustrated in
    the Case of the Binomial" <https://doi.org/10.1093/biomet/26.4.404>`_.

    With :math:`\alpha = 1 - \text{level}`, the lower end is the :math:`p` with
    :math:`P(X \ge k \mid n, p) = \alpha / 2`, or 0 if there is no success. The upper end is the :math:`p` with
    :math:`P(X \le k \mid n, p) = \alpha / 2`, or 1 if there is no failure. The interval covers the true proportion at
    least as often as ``level`` says.

    Cost: sixty sums of ``trials`` numbers for each end.

    Args:
        successes (int): The number of successes.
        trials (int): The number of trials.
        level (float): How often such an interval covers the true proportion. (default: :obj:`0.95`)

    Raises:
        UserError: If there are no trials, more successes than trials, or the level is not between 0 and 1.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise UserError(f"{successes} of {trials} is no share: give at least one trial, and at most as many successes.")
    if not 0 < level < 1:
        raise UserError(f"level is {level}: give a number between 0 and 1.")
    return 1 - _upper(trials - successes, trials, level), _upper(successes, trials, level)


def _upper(successes: int, trials: int, level: float) -> float:
    """The largest proportion for which so few successes are not too unlikely. The lower end follows from the
    failures.
    """
    if successes == trials:
        return 1.0
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])  # logarithms of the factorials
    k = np.arange(successes + 1)
    ways = logs[trials] - logs[k] - logs[trials - k]
    low, high = successes / trials, 1.0
    for _ in range(HALVINGS):
        share = (low + high) / 2
        if share >= 1:
            break
        seldom = np.exp(ways + k * np.log(share) + (trials - k) * np.log1p(-share)).sum() < (1 - level) / 2
        low, high = (low, share) if seldom else (share, high)
    return (low + high) / 2
