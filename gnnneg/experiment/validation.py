"""The evaluators during training: the ranking of validation, and labelled pairs that are held back."""

from collections.abc import Sequence

from gnnneg.evaluation import PairClassification, Ranking, Testbed
from gnnneg.interfaces import Model

Judge = Ranking | PairClassification


def judges(testbed: Testbed, metric: str) -> list[Judge]:
    """The evaluators of validation: the ranking, if there are validation statements, and the held-back pairs, if
    ``metric`` is one of their metrics.

    Args:
        testbed (Testbed): The data set and the policy.
        metric (str): ``fit.metric``.

    Raises:
        UserError: If the metric needs held-back pairs, and there are none.
    """
    found: list[Judge] = [Ranking("valid")] if testbed.has("valid") else []
    if metric in PairClassification.validated:
        found.append(PairClassification("valid"))
        found[-1].refuse(testbed)
    return found


def validated(judging: Sequence[Judge], model: Model, testbed: Testbed) -> dict[str, float]:
    """The metrics of all of them."""
    return {name: value for one in judging for name, value in one.validate(model, testbed).items()}


def metrics(judging: Sequence[Judge], testbed: Testbed) -> list[str]:
    """The names of these metrics, known without a model; those of the ranking if there is no evaluator."""
    return [name for one in judging or [Ranking("valid")] for name in one.metrics(testbed)]
