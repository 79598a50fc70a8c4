"""The verdicts that people agree on, and how well they agree."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from gnnneg.errors import UserError, nearest
from gnnneg.verdicts.statement import Statement

if TYPE_CHECKING:
    import pandas as pd

CONFLICT = "conflict"
ROLES = list(Statement._fields)
LAST = ("when", "score", "probability", "run")  # columns of the last verdict
SAID = ("accept", "deny", "unsure")  # a skip is not a judgement


def agreed(standing: "pd.DataFrame", whose: Sequence[str] = ()) -> "pd.DataFrame":
    """One row for each judged statement, in the order in which they were first judged.

    Args:
        standing (DataFrame): The valid verdicts, from :meth:`~gnnneg.verdicts.Verdicts.standing`.
        whose (list of str): People whose verdict decides if people differ; the first of them with a verdict counts.
            (default: nobody)

    Returns:
        The columns ``head``, ``relation`` and ``tail``; ``verdict``, which is ``"conflict"`` if people differ, even if
        one of them is only unsure; ``people``, their number; ``confidence``, the fraction of people with this verdict;
        ``who`` and ``why``, their names and comments, separated by semicolons; and ``when``, ``score``, ``probability``
        and ``run`` of the last of these verdicts.

    Raises:
        UserError: If somebody in ``whose`` has judged nothing.
    """
    import pandas as pd

    groups = _by_statement(standing)
    people = {row["who"] for group in groups.values() for row in group}
    for name in whose:
        if name not in people:
            raise UserError(f"{name!r} has judged nothing: {nearest(name, people)}")
    columns = [*ROLES, "verdict", "people", "confidence", "who", "why", *LAST]
    rows = []
    for statement, group in groups.items():
        counted = _counted(group, whose)
        verdict = CONFLICT if _differ(counted) else counted[0]["verdict"]
        words = ("; ".join(row[key] for row in counted if row[key]) for key in ("who", "why"))
        share = sum(row["verdict"] == verdict for row in group) / len(group)
        rows.append([*statement, verdict, len(group), share, *words, *(counted[-1][key] for key in LAST)])
    frame = pd.DataFrame(rows, columns=columns).astype(object)
    return frame.astype({"people": "int64", **dict.fromkeys(["confidence", "score", "probability"], "float64")})


def _counted(group: list[dict[str, Any]], whose: Sequence[str]) -> list[dict[str, Any]]:
    """The verdicts on one statement that count: if people differ, that of the first person in ``whose`` who has one."""
    if not _differ(group):
        return group
    return next((mine for name in whose if (mine := [row for row in group if row["who"] == name])), group)


def _differ(group: list[dict[str, Any]]) -> bool:
    return len({row["verdict"] for row in group}) > 1


def kappa(standing: "pd.DataFrame") -> "pd.DataFrame":
    r"""Pairwise agreement of people on the statements that both have judged, by Cohen's kappa, from `"A Coefficient of
    Agreement for Nominal Scales" <https://doi.org/10.1177/001316446002000104>`_:

    .. math::
        \kappa = \frac{p_o - p_e}{1 - p_e}, \qquad p_e = \sum_v p_v^{(1)} p_v^{(2)} ,

    where :math:`p_o` is the fraction of statements with equal verdicts, and :math:`p_v^{(i)}` the fraction with verdict
    :math:`v` (accept, deny or unsure) by person :math:`i`. Kappa is 1 for full agreement and 0 for the agreement
    expected by chance. It is missing if both people give one and the same verdict to everything.

    Args:
        standing (DataFrame): The valid verdicts, from :meth:`~gnnneg.verdicts.Verdicts.standing`.

    Returns:
        The columns ``first``, ``second``, ``shared`` (the number of statements), ``same`` and ``kappa``.
    """
    import pandas as pd

    pairs: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for group in _by_statement(standing).values():
        said = sorted((row["who"], row["verdict"]) for row in group)
        for (first, one), (second, other) in combinations(said, 2):
            pairs.setdefault((first, second), Counter())[one, other] += 1
    rows = [
        [*people, said.total(), sum(said[word, word] for word in SAID), _kappa(said)] for people, said in pairs.items()
    ]
    columns = ["first", "second", "shared", "same", "kappa"]
    return pd.DataFrame(sorted(rows), columns=columns).astype({"shared": "int64", "same": "int64", "kappa": "float64"})


def _kappa(said: Counter[tuple[str, str]]) -> float | None:
    """Cohen's kappa from the counts of pairs of verdicts."""
    total = said.total()
    same = sum(said[word, word] for word in SAID) / total
    first, second = Counter[str](), Counter[str]()
    for (one, other), count in said.items():
        first[one] += count
        second[other] += count
    chance = sum(first[word] * second[word] for word in SAID) / total**2
    return (same - chance) / (1 - chance) if chance < 1 else None


def _by_statement(standing: "pd.DataFrame") -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """The rows with a judgement, grouped by statement, in their order."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in standing[standing["verdict"].isin(SAID)].to_dict("records"):
        groups.setdefault(tuple(row[role] for role in ROLES), []).append({str(key): row[key] for key in row})
    return groups
