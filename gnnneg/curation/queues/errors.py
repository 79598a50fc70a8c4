"""What the data state and a model, or the data themselves, speak against."""

import torch

from gnnneg.checks import whole
from gnnneg.curation.queues.base import LENGTH, Item, Queue, generator, listed, take
from gnnneg.curation.served import Served
from gnnneg.data.check import Finding, contradictions
from gnnneg.data.ontology import relation_of
from gnnneg.data.statements import distinct, triplets
from gnnneg.verdicts import Statement

MOST = 500_000  # statements that are scored


def _sides(found: Finding) -> list[tuple[Statement, str]]:
    """The statements that contradict each other, each with why it is asked about."""
    denied = Statement(found.head, found.relation, found.tail)
    if not found.chain:
        return [(denied, f"In the data it is {found.kind}.")]
    below, way = found.chain[0], " < ".join(found.chain)
    return [
        (denied, f"It is denied, and stated of {below}, which is below {found.tail}: {way}."),
        (denied._replace(tail=below), f"It is stated, and denied of {found.tail}, which is above {below}: {way}."),
    ]


class SuspectedErrors(Queue):
    """First the contradictions that ``gnnneg data check`` finds: statements that the data both state and deny, and with
    a hierarchy what is denied of a class and stated of one below it, both of the two, since either may be wrong. Then
    the stated ones of any split to which the first run gives the lowest probability. Leaks, which ``check`` finds
    besides, are about splits: nobody can judge them.

    Of more than 500,000 statements so many, chosen by chance, are looked at.

    Cost: a score of each statement, and the sorts of :func:`gnnneg.data.check.check`.

    Args:
        served (Served): The runs; the first one is asked.
        length (int): How many statements at most. (default: :obj:`1000`)
        hierarchy (str, optional): The relation that makes the hierarchy of classes, such as ``subClassOf``.
            (default: :obj:`None`)
        seed (int): Of the choice. (default: :obj:`0`)

    Raises:
        UserError: If there is no such relation.
    """

    name = "errors"
    title = "Suspected errors"
    meaning = "Statements that the data make, and something speaks against."

    def __init__(self, served: Served, length: int = LENGTH, hierarchy: str | None = None, seed: int = 0) -> None:
        super().__init__()
        whole("SuspectedErrors", length=length)
        if hierarchy is not None:
            relation_of(served.data, hierarchy)  # refused before anybody waits
        self.served, self.length, self.hierarchy, self.seed = served, length, hierarchy, seed

    def _worked_out(self) -> list[Item]:
        served, asked = self.served, self.served.first
        said: dict[Statement, str] = {}
        for one in contradictions(served.data, self.hierarchy):
            said |= {statement: why for statement, why in _sides(one) if statement not in said}
        first = dict(list(said.items())[: self.length])
        places = served.places(list(first))
        items = listed(served, places, asked.plausible(places), list(first.values()))
        every, _ = distinct(triplets(served.data))
        if len(every.rel_type) > MOST or asked.model.activations:
            count = asked.affordable(MOST)
            order = torch.randperm(len(every.rel_type), generator=generator(self.seed))
            every = take(every, order[:count].sort().values)
        likely = asked.plausible(every)
        order = likely.argsort(stable=True)[: self.length]
        why = [f"It is stated; the model gives it {p:.3f}." for p in likely[order].tolist()]
        others = [one for one in listed(served, take(every, order), likely[order], why) if one.statement not in first]
        return [*items, *others][: self.length]
