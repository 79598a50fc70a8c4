"""The evaluators during training: the ranking of validation, and the one that has the metric of the best epoch."""

from collections.abc import Sequence

from gnnneg.errors import UserError, echo
from gnnneg.evaluation import Evaluator, PairClassification, Ranking, Testbed, TripleClassification
from gnnneg.interfaces import Model


def judges(testbed: Testbed, metric: str, given: Sequence[Evaluator] | None = None) -> list[Evaluator]:
    """The evaluators of validation: the ranking, if there are validation statements, and the other one that has the
    metric among its validation metrics.

    Args:
        testbed (Testbed): The data set and the policy.
        metric (str): ``fit.metric``.
        given (list[Evaluator], optional): ``evaluation.evaluators``, which are asked beside :class:`PairClassification`
            and :class:`TripleClassification`. (default: :obj:`None`)

    Raises:
        UserError: If the data lack what this evaluator needs, several have the metric, or it falls as a model gets
            better.
    """
    ranking: Evaluator = Ranking("valid")
    found = [ranking] if testbed.has("valid") else []
    able = [one for one in _unranked(given) if metric in one.validated]
    if not able:
        return found
    one = able[0]
    has = dict.fromkeys(ranking.metrics(testbed), ranking)
    has |= {metric: able[1]} if able[1:] else {}
    if twice := [name for name in one.validated if name in has]:
        raise UserError(
            f"fit.metric is {metric!r}: the validation metric {echo(twice[0])} of {type(one).__name__} is one of "
            f"{type(has[twice[0]]).__name__} too, so give it another name."
        )
    if metric in one.falling:
        raise UserError(
            f"fit.metric is {metric!r}, which falls as a model gets better by {type(one).__name__}: watch one that "
            "grows."
        )
    try:
        one.refuse_validation(testbed)
    except UserError as error:
        raise UserError(f"fit.metric is {metric!r}, which cannot be computed: {error}") from None
    return [*found, one]


def offered(given: Sequence[Evaluator] | None) -> list[str]:
    """The names of all metrics that :func:`judges` finds beside those of the ranking."""
    return [name for one in _unranked(given) for name in one.validated]


def validated(judging: Sequence[Evaluator], model: Model, testbed: Testbed) -> dict[str, float]:
    """The metrics of all of them.

    Raises:
        UserError: If one has other names than it says, or what is no number.
    """
    found: dict[str, float] = {}
    for one in judging:
        figures, names = one.validate(model, testbed), one.metrics(testbed)
        if not isinstance(figures, dict) or set(figures) != set(names):
            told = ", ".join(map(echo, figures)) if isinstance(figures, dict) else echo(figures)
            raise UserError(
                f"{type(one).__name__}.validate gives {told or 'nothing'}: it has to return a dict of "
                f"{', '.join(map(echo, names))} (validated)."
            )
        found |= {name: _number(type(one).__name__, name, value) for name, value in figures.items()}
    return found


def metrics(judging: Sequence[Evaluator], testbed: Testbed) -> list[str]:
    """The names of these metrics, known without a model; those of the ranking if there is no evaluator."""
    return [name for one in judging or [Ranking("valid")] for name in one.metrics(testbed)]


def _unranked(given: Sequence[Evaluator] | None) -> list[Evaluator]:
    usual = PairClassification("valid"), TripleClassification()
    return [*usual, *(one for one in given or () if type(one) not in map(type, usual))]


def _number(name: str, figure: str, value: object) -> float:
    """A plain number of what an evaluator found, such as a tensor of one element."""
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        raise UserError(f"{name}.validate gives {echo(value)} for {figure}: return a number.") from None
