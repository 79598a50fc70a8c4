"""The runs, queues and verdicts of one server."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

from gnnneg.curation.page.background import Background
from gnnneg.curation.page.links import question_of
from gnnneg.curation.queues import Item, Question, Queue
from gnnneg.curation.served import Served
from gnnneg.curation.view import View, about
from gnnneg.data import naming
from gnnneg.errors import UserError, echo, nearest
from gnnneg.verdicts import Statement, Verdicts

NOTE = "note"
NOWHERE = Statement("", "", "")


@dataclass(frozen=True)
class Worded:
    """A statement with its labels; missing labels are empty."""

    head: str
    relation: str
    tail: str
    head_label: str
    relation_label: str
    tail_label: str


class Line:
    """A queue of the server. Its items are computed once, for everybody.

    Args:
        key (str): Its name in addresses and in the record.
        queue (Queue): The source of its items.
    """

    def __init__(self, key: str, queue: Queue):
        self.key, self.queue = key, queue
        self.title, self.meaning = queue.title, queue.meaning
        self.trouble = ""
        self._lock = Lock()
        self._items: list[Item] | None = None
        self._place: dict[Statement, int] = {}

    @property
    def ready(self) -> bool:
        """Whether its items are computed, or ``trouble`` says why they cannot be."""
        return self._items is not None or bool(self.trouble)

    @property
    def items(self) -> list[Item]:
        """The statements to judge, in their order.

        Raises:
            UserError: If the queue cannot be computed.
        """
        with self._lock:
            if self.trouble:
                raise UserError(self.trouble)
            if self._items is None:
                try:
                    found = self.queue.items()
                except UserError as error:
                    self.trouble = str(error)
                    raise
                self._place = {item.statement: place for place, item in enumerate(found)}
                self._items = found
            return self._items

    def place(self, asked: Statement) -> int | None:
        """The position of a statement, from 0; None if it is not in the queue."""
        return self._place.get(asked) if self.items else None

    def beside(self, place: int, step: int) -> Item | None:
        """The item ``step`` positions after a position; None outside the queue."""
        there = place + step
        return self.items[there] if 0 <= there < len(self.items) else None

    def next(self, judged: set[Statement], after: int = -1) -> Item | None:
        """The first item after a position that is not judged yet."""
        return next((item for item in self.items[after + 1 :] if item.statement not in judged), None)

    def done(self, judged: set[Statement]) -> int:
        """How many of its items are judged."""
        return len(judged & self._place.keys()) if self._items is not None else 0


class Desk:
    """The runs, queues and verdicts of one server. Several threads may call every method at the same time.

    Args:
        served (Served): The runs.
        queues (list[Queue]): The queues, in the order of their tabs.
        verdicts (Verdicts): The record.
        absent (dict): The titles of missing queues, each with the reason.
    """

    def __init__(self, served: Served, queues: Sequence[Queue], verdicts: Verdicts, absent: Mapping[str, str]):
        self.served, self.verdicts, self.absent = served, verdicts, absent
        self.lines = {queue.name: Line(queue.name, queue) for queue in queues}

    def prepare(self) -> Background:
        """Computes the queues in the background, one after the other."""

        def work() -> None:
            for line in self.lines.values():
                with suppress(UserError):  # the page of the queue shows it
                    line.place(NOWHERE)

        thread = Background(work)
        thread.start()
        return thread

    def worded(self, asked: Statement) -> Worded:
        """A statement with its labels. The record may contain names that are not in the data."""
        finders = self.served.entity, self.served.relation, self.served.entity
        return Worded(*asked, *(_label(finder, name) for finder, name in zip(finders, asked)))

    def view(self, asked: Statement) -> View:
        """Everything known about a statement.

        Raises:
            UserError: If a name is unknown.
        """
        return about(self.served, asked)

    def line(self, key: str) -> Line:
        """The queue with this key, or the question that the key describes.

        Raises:
            UserError: If there is none.
        """
        if key in self.lines:
            return self.lines[key]
        asked: dict[str, Any] | None = question_of(key)
        if asked is None:
            raise UserError(f"There is no queue {echo(key)}: {nearest(key, self.lines)}")
        return self.served.kept(("question", key), lambda: Line(key, Question(self.served, **asked)))

    def served_key(self, key: str) -> str:
        """The key if its queue is served, else an empty text. The record may name queues of other runs."""
        try:
            self.line(key)
        except UserError:
            return ""
        return key

    def judge(self, asked: Statement, verdict: str, who: str, why: str = "", queue: str = "") -> int:
        """Records a verdict with the current score of the first run, and returns the number of its row.

        Raises:
            UserError: If a name is unknown, or as :meth:`Verdicts.record` does.
        """
        if queue:
            self.line(queue)
        view = self.view(asked)
        asked = Statement(view.head.name, view.relation.name, view.tail.name)
        if verdict == NOTE:
            return self.verdicts.note(asked, who, why)
        first = view.opinions[0]
        said: dict[str, Any] = {"run": first.run, "score": first.score, "probability": first.probability}
        return self.verdicts.record(asked, verdict, who, why=why, queue=queue, **said)


def _label(finder: naming.Finder, name: str) -> str:
    if finder.labels is None:
        return ""
    found = finder.candidates(name)
    return (finder.labels[found[0]] or "") if len(found) == 1 else ""
