"""The answers of a model to one question."""

from collections.abc import Sequence

import torch

from gnnneg.checks import whole
from gnnneg.curation.queues.base import Item, Queue, listed
from gnnneg.curation.served import Served
from gnnneg.data import naming
from gnnneg.errors import UserError
from gnnneg.records import Query


class Question(Queue):
    """The best unknown answers of the first run to one question, the most plausible first.

    Args:
        served (Served): The runs; only the first one is used.
        head (str, optional): Name, label or synonym of the head; :obj:`None` asks for the head.
        relation (str): Name, label or synonym of the relation.
        tail (str, optional): The same for the tail.
        among (str or list[str], optional): Limits answers to the entities of a type, or to these entities.
        k (int): Largest number of answers. (default: :obj:`100`)

    Raises:
        UserError: If not exactly one of head and tail is given, or a name is unknown.

    Cost: one score for each entity.
    """

    title = "Answers"

    def __init__(
        self,
        served: Served,
        head: str | None = None,
        relation: str | None = None,
        tail: str | None = None,
        among: str | Sequence[str] | None = None,
        k: int = 100,
    ) -> None:
        super().__init__()
        whole("Question", k=k)
        if relation is None or (head is None) == (tail is None):
            raise UserError("A question has a relation and either a head or a tail: give these two.")
        data = served.data
        kind = naming.relation(data, relation)
        anchor = naming.entity(data, head if tail is None else tail)
        self.served, self.k = served, k
        self.among = None if among is None else naming.among(data, among)
        asks = kind + (served.num_relations if head is None else 0)
        self.query = Query(torch.tensor([anchor]), torch.tensor([asks]))
        given, said = data["entity"].names[anchor], data.relation_names[kind]
        asked = f"{given} {said} ?" if tail is None else f"? {said} {given}"
        of = f" of the type {among}" if isinstance(among, str) else ""
        self.name = "ask"
        self.meaning = f"What the model answers to: {asked}{of}"

    def _worked_out(self) -> list[Item]:
        asked = self.served.first
        found = asked.best(self.query, self.k, self.served.known, self.among)
        why = [f"It is answer number {place}." for place in range(1, len(found.rel_type) + 1)]
        return listed(self.served, found, asked.plausible(found), why)
