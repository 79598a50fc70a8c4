"""What the data state and a model, or the data themselves, speak against."""

import torch

from gnnneg.checks import whole
from gnnneg.curation.queues.base import LENGTH, Item, Queue, generator, listed, take
from gnnneg.curation.served import Served
from gnnneg.data.check import contradictions
from gnnneg.data.ontology import relation_of
from gnnneg.data.statements import distinct, triplets
from gnnneg.verdicts import Statement

MOST = 500_000  # statements that are scored


class SuspectedErrors(Queue):
    """First the statements that the data both state and deny, as ``gnnneg data check`` finds them, or that a denied
    class above a stated one contradicts; then the stated ones of any split to which the first run gives the lowest
    probability.

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
        found = contradictions(served.data, self.hierarchy)
        said = {Statement(one.head, one.relation, one.tail): f"In the data it is {one.kind}." for one in found}
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
