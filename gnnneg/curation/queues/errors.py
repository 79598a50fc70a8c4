"""Statements of the data that a model, or other statements, contradict."""

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
    """The statements that contradict each other, each with its reason."""
    denied = Statement(found.head, found.relation, found.tail)
    if not found.chain:
        return [(denied, f"In the data it is {found.kind}.")]
    below, way = found.chain[0], " < ".join(found.chain)
    return [
        (denied, f"It is denied, but stated for {below}, which is below {found.tail}: {way}."),
        (denied._replace(tail=below), f"It is stated, but denied for {found.tail}, which is above {below}: {way}."),
    ]


class SuspectedErrors(Queue):
    """First the contradictions that ``gnnneg data check`` finds. These are statements that the data both state and
    deny. With a hierarchy, they are also statements denied for a class but stated for a class below it; both are in
    the queue, because either may be wrong. Then the stated statements, of all splits, to which the first run gives the
    lowest probability. The leaks that ``check`` also finds are not in the queue, because they concern the splits.

    If there are more than 500,000 statements, a random sample of this size is scored.

    Cost: one score for each statement, and the sorts of :func:`gnnneg.data.check.check`.

    Args:
        served (Served): The runs; only the first one is used.
        length (int): Largest number of statements. (default: :obj:`1000`)
        hierarchy (str, optional): The relation from a class to the class above it, such as ``subClassOf``.
            (default: :obj:`None`)
        seed (int): Random seed of the sample. (default: :obj:`0`)

    Raises:
        UserError: If the relation does not exist.
    """

    name = "errors"
    title = "Suspected errors"
    meaning = "Statements of the data that the model, or other statements, contradict."

    def __init__(self, served: Served, length: int = LENGTH, hierarchy: str | None = None, seed: int = 0) -> None:
        super().__init__()
        whole("SuspectedErrors", length=length)
        if hierarchy is not None:
            relation_of(served.data, hierarchy)  # fails before the queue is computed
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
