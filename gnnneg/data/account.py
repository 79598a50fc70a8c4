"""Records what became of each column, file, qualifier and statement: used, left out or refused.

A reader fills an account while it reads and passes it on as ``Statements.left_out``. An import prints the account and
stores it in the card of the data set. Anything refused raises a :class:`~gnnneg.errors.UserError`, so no account lists
it::

    account = Account()
    account.used("column 4 (label)", 120)
    account.left_out("column 5 ('score')", 120, "no option names it")
    account.left_out("literals", 3)  # or account["literals"] += 3
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any


class Account(Counter[str]):
    """A counter of what was left out, by kind and reason. It also records what was used.

    Args:
        left_out (dict, optional): How much was left out, by kind and reason.
        taken (dict, optional): How much was used, by kind. (default: that of ``left_out``, if it is an account)
    """

    def __init__(self, left_out: Mapping[str, int] | None = None, taken: Mapping[str, int] | None = None) -> None:
        super().__init__()
        self.taken: Counter[str] = Counter(taken if taken is not None else getattr(left_out, "taken", None))
        super().update(left_out or {})

    def used(self, what: str, number: int = 1) -> None:
        """Counts something used, such as ``column 4 (label)`` or ``val.txt (valid, stated)``."""
        self.taken[what] += number

    def left_out(self, what: str, number: int = 1, why: str = "") -> None:
        """Counts something left out. A number of zero is not recorded."""
        if number:
            self[f"{what}: {why}" if why else what] += number

    def add(self, other: Mapping[str, int]) -> None:
        """Adds the account of another file."""
        self.taken.update(getattr(other, "taken", {}))
        self.update(other)

    def as_dict(self, most: int | None = None) -> dict[str, Any]:
        """A dictionary for JSON and cards: ``used`` and ``left_out``, each with counts.

        Args:
            most (int, optional): The most entries of each to list; the others are summed up in one entry. (default:
                all)
        """
        return {"used": _shortened(self.taken, most), "left_out": _shortened(self, most)}


def _shortened(counted: Counter[str], most: int | None) -> dict[str, int]:
    listed = [(what, number) for what, number in counted.items() if number]
    rest = listed[most:] if most is not None else []
    result = dict(listed[:most])
    return {**result, f"{len(rest):,} more entries": sum(number for _, number in rest)} if rest else result
