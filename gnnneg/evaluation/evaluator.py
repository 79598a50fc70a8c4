"""An evaluation is a part: found by its name, built with arguments, and called with a model."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pandas as pd

from gnnneg.data.statements import POLARITIES
from gnnneg.errors import UserError, echo
from gnnneg.evaluation.testbed import Testbed
from gnnneg.interfaces import Model, Part
from gnnneg.plain import records


@dataclass(frozen=True)
class Findings:
    """The results of an evaluation.

    Args:
        figures (dict): Numbers by name; a dict within it holds the numbers of one part, such as a side.
        table (DataFrame, optional): The same in parts, one a row.
        rows (str): The meaning of the table's rows. (default: :obj:`"rows"`)
        counts (dict): The number of items behind the figures, if no figure has it. Tables print no more digits than it
            justifies.
        remarks (tuple[str, ...]): Sentences for people.
    """

    figures: dict[str, Any]
    table: pd.DataFrame | None = None
    rows: str = "rows"
    counts: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        wrong = [(name, value) for name, value in _leaves(self.figures) if not isinstance(value, int | float | None)]
        if wrong:
            name, value = wrong[0]
            raise UserError(f"Findings: {name} is {echo(value)}: figures are numbers, None, or dicts of these.")

    def plain(self) -> Any:
        """Everything for JSON: the figures with the table's rows, or the rows alone if there are no figures."""
        if self.table is None:
            return self.figures
        rows = records(self.table)
        return self.figures | {self.rows: rows} if self.figures else rows

    def kept(self) -> dict[str, Any]:
        """Its numbers, as in a run's ``result.json``: the figures, or the rows by name if there are none. True and
        false become 1 and 0.
        """
        if self.figures or self.table is None:
            return _numbers(self.figures)
        rows = records(self.table)
        names = [" ".join(value for value in row.values() if isinstance(value, str)) for row in rows]
        return {
            name: _numbers({k: v for k, v in row.items() if not isinstance(v, str)}) for name, row in zip(names, rows)
        }


class Evaluator(Part, ABC):
    """Evaluates models. A config, the command line and :meth:`gnnneg.Run.evaluate` find it by its name."""

    split: str = "test"
    """The split that it evaluates on. If the user can choose it, the constructor takes ``split``."""
    key: str
    """The name of its figures in a run's ``result.json``, beside those of the split. (default: its class's)"""
    no_split: ClassVar[str] = "It chooses its splits itself"
    """If there is no split to choose, the reason."""
    falling: ClassVar[tuple[str, ...]] = ()
    """Its figures that fall as a model gets better, by their last names. ``gnnneg compare`` reads this."""
    validated: ClassVar[tuple[str, ...]] = ()
    """The names of its validation metrics. If ``fit.metric`` is one of them, they are computed during training."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.key = vars(cls).get("key", cls.__name__)
        if not isinstance(cls.validated, tuple | list):
            raise TypeError(f"{cls.__name__}.validated is {cls.validated!r}: give a tuple of names.")
        if cls.validated and cls.validate is Evaluator.validate:
            raise TypeError(f"{cls.__name__} names validation metrics (validated): give it a method validate.")

    def refuse(self, testbed: Testbed) -> None:
        """Refuses data that it cannot evaluate on. It is called before training too, so that nobody trains in vain.

        Raises:
            UserError: If the data lack something; in this class, if its split has no stated statements.
        """
        if not testbed.has(self.split):
            raise UserError(f"The data set has no {self.split} statements to rank: choose another split.")

    def refuse_validation(self, testbed: Testbed) -> None:
        """Refuses data that it cannot validate on; in this class, those that it cannot evaluate on.

        Raises:
            UserError: If the data lack something.
        """
        self.refuse(testbed)

    def validate(self, model: Model, testbed: Testbed) -> dict[str, float]:
        """The figures of :attr:`validated` by their names, from anything but test statements. A class that names some
        has a method of its own.
        """
        return {}

    def metrics(self, testbed: Testbed) -> list[str]:
        """The names of its validation metrics, known without a model."""
        return list(self.validated)

    def __call__(self, model: Model, testbed: Testbed) -> Findings:
        self.refuse(testbed)
        found: Findings = super().__call__(model, testbed)
        return found

    @abstractmethod
    def forward(self, model: Model, testbed: Testbed) -> Findings:
        """The findings; the model's training or evaluation mode does not change.

        Raises:
            UserError: If the data lack something, or a score is NaN.
        """


def refuse_undenied(testbed: Testbed, splits: tuple[str, ...], what: str) -> None:
    """Refuses splits that lack stated or denied statements.

    Raises:
        UserError: If one does; ``what`` begins the sentence.
    """
    for split in splits:
        for polarity in POLARITIES:
            if not testbed.has(split, polarity):
                raise UserError(
                    f"{what} needs denied statements beside stated ones, and the {split} split has no {polarity} ones: "
                    "use a data set with verified negatives, such as CoDEx-S or CoDEx-M."
                )


def _leaves(tree: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        yield from _leaves(value) if isinstance(value, dict) else [(name, value)]


def _numbers(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree without truth values."""
    plain = {name: int(value) if isinstance(value, bool) else value for name, value in tree.items()}
    return {name: _numbers(value) if isinstance(value, dict) else value for name, value in plain.items()}
