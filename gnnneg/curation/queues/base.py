"""A queue: statements to judge, the most useful ones first."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from threading import Lock
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.curation.served import Served
from gnnneg.records import Triplets
from gnnneg.verdicts import Statement

LENGTH = 1000  # statements of a queue


@dataclass(frozen=True)
class Item:
    """One statement of a queue.

    Args:
        head, relation, tail (str): The statement, in names.
        value (float): The value by which the queue is sorted.
        why (str): Why it is in the queue, as one short sentence.
    """

    head: str
    relation: str
    tail: str
    value: float
    why: str

    @property
    def statement(self) -> Statement:
        """The statement alone."""
        return Statement(self.head, self.relation, self.tail)


class Queue(ABC):
    """Statements to judge. They are computed at the first use and do not change afterwards.

    A queue does not depend on verdicts: the same runs and seed give the same queue.
    """

    name: str
    """Its name in the address of its page."""
    title: str
    """Its title on the page."""
    meaning: str
    """What it contains, in one sentence."""
    random: ClassVar[bool] = False
    """Whether it is a random sample, which must be judged in its order."""

    def __init__(self) -> None:
        self._lock, self._items = Lock(), None  # type: tuple[Lock, list[Item] | None]

    def items(self) -> list[Item]:
        """The statements in their order.

        Raises:
            UserError: If the runs or their data lack something that the queue needs.
        """
        with self._lock:
            if self._items is None:
                self._items = self._worked_out()
            return self._items

    @abstractmethod
    def _worked_out(self) -> list[Item]:
        """The statements in their order, each once."""


def listed(served: Served, triplets: Triplets, value: Float[Tensor, "b"], why: list[str]) -> list[Item]:
    """Items of some triplets, in their order."""
    rows = zip(served.called(triplets), value.tolist(), why, strict=True)
    return [Item(*statement, number, reason) for statement, number, reason in rows]


def take(triplets: Triplets, row: Int[Tensor, "m"]) -> Triplets:
    """Some of the triplets."""
    return Triplets(*(column[row] for column in triplets))


def generator(seed: int) -> torch.Generator:
    """The random generator of a queue."""
    return torch.Generator().manual_seed(seed)
