"""Who judges a model while it is trained: the ranking of validation, and labelled pairs that are held back."""

from collections.abc import Sequence

from gnnneg.evaluation import PairClassification, Ranking, Testbed
from gnnneg.interfaces import Model

Judge = Ranking | PairClassification


def judges(testbed: Testbed, metric: str) -> list[Judge]:
    """Those whose figures are validation: the ranking, if there are validation statements, and the pairs that are held
    back, if ``metric`` is a figure of them.

    Args:
        testbed (Testbed): The data set and the policy.
        metric (str): ``fit.metric``.

    Raises:
        UserError: If the metric is of pairs, and none are held back.
    """
    found: list[Judge] = [Ranking("valid")] if testbed.has("valid") else []
    if metric in PairClassification.validated:
        found.append(PairClassification("valid"))
        found[-1].refuse(testbed)
    return found


def validated(judging: Sequence[Judge], model: Model, testbed: Testbed) -> dict[str, float]:
    """The figures of all of them."""
    return {name: value for one in judging for name, value in one.validate(model, testbed).items()}


def metrics(judging: Sequence[Judge], testbed: Testbed) -> list[str]:
    """The names of these figures, known without a model; if nobody judges, those of the ranking."""
    return [name for one in judging or [Ranking("valid")] for name in one.metrics(testbed)]
