"""The evaluators during training: the ranking of validation, and the one that has the metric of the best epoch."""

from collections.abc import Sequence

from gnnneg.errors import UserError
from gnnneg.evaluation import Evaluator, PairClassification, Ranking, Testbed, TripleClassification
from gnnneg.interfaces import Model


def judges(testbed: Testbed, metric: str, given: Sequence[Evaluator] | None = None) -> list[Evaluator]:
    """The evaluators of validation: the ranking, if there are validation statements, and the first other one that has
    the metric among its validation metrics.

    Args:
        testbed (Testbed): The data set and the policy.
        metric (str): ``fit.metric``.
        given (list[Evaluator], optional): ``evaluation.evaluators``, which are asked after :class:`PairClassification`
            and :class:`TripleClassification`. (default: :obj:`None`)

    Raises:
        UserError: If the data lack what this evaluator needs, or the metric falls as a model gets better.
    """
    found: list[Evaluator] = [Ranking("valid")] if testbed.has("valid") else []
    for one in (one for one in _unranked(given) if metric in one.validated):
        if metric in one.falling:
            raise UserError(
                f"fit.metric is {metric!r}, which falls as a model gets better by {type(one).__name__}: watch one that "
                "grows."
            )
        one.refuse_validation(testbed)
        return [*found, one]
    return found


def offered(given: Sequence[Evaluator] | None) -> list[str]:
    """The names of all metrics that :func:`judges` finds beside those of the ranking."""
    return [name for one in _unranked(given) for name in one.validated]


def _unranked(given: Sequence[Evaluator] | None) -> Sequence[Evaluator]:
    return PairClassification("valid"), TripleClassification(), *(given or ())


def validated(judging: Sequence[Evaluator], model: Model, testbed: Testbed) -> dict[str, float]:
    """The metrics of all of them."""
    return {name: value for one in judging for name, value in one.validate(model, testbed).items()}


def metrics(judging: Sequence[Evaluator], testbed: Testbed) -> list[str]:
    """The names of these metrics, known without a model; those of the ranking if there is no evaluator."""
    return [name for one in judging or [Ranking("valid")] for name in one.metrics(testbed)]
