"""A queue: statements to judge, what is most worth a person's time first."""

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
        value (float): What the queue is ordered by.
        why (str): Why it is asked about, as one short sentence.
    """

    head: str
    relation: str
    tail: str
    value: float
    why: str

    @property
    def statement(self) -> Statement:
        """What is judged."""
        return Statement(self.head, self.relation, self.tail)


class Queue(ABC):
    """Statements to judge. They are worked out when somebody first asks, and stay as they are.

    A queue knows nothing of verdicts: the same runs and seed make the same queue, whatever was judged.
    """

    name: str
    """What stands in the address of its page."""
    title: str
    """What people call it."""
    meaning: str
    """What it holds, in one sentence."""
    random: ClassVar[bool] = False
    """Whether it is a random sample, which is to be judged in its order."""

    def __init__(self) -> None:
        self._lock, self._items = Lock(), None  # type: tuple[Lock, list[Item] | None]

    def items(self) -> list[Item]:
        """The statements in their order.

        Raises:
            UserError: If the runs, or their data, cannot answer.
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
    """What a queue draws from."""
    return torch.Generator().manual_seed(seed)
