"""A trained model that answers many questions. Its graph is encoded once."""

from threading import RLock

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.curation.fitting import Fitting
from gnnneg.data.known import Answers
from gnnneg.evaluation import Calibration, Ranks, Testbed, representations
from gnnneg.evaluation.asking import at_once, device_of
from gnnneg.evaluation.best import best, refuse_nan
from gnnneg.evaluation.entity_ranking import ranked
from gnnneg.evaluation.predict import of_triplets
from gnnneg.interfaces import Encoding, Model
from gnnneg.kernels.everyone import everyone
from gnnneg.looking import judging
from gnnneg.records import Query, Triplets

QUERIES = 256  # queries that are scored at a time
CELLS = 1 << 28  # numbers that a model may hold at a time for the questions of a queue

turn = RLock()
"""Held while a model computes. Kernels have their own threads, and some of them must not be started from two
threads.
"""


class Predictor:
    """Scores, probabilities and ranks of one trained model, for use from any thread.

    Questions use the entity and relation indices of a shared data set. If the model has another order, ``entities`` and
    ``relations`` translate these indices.

    Args:
        name (str): The name of the model.
        model (Model): A trained model.
        testbed (Testbed): The graph that it encodes, and the statements that it is ranked on.
        calibration (Calibration, optional): Converts its scores to probabilities.
        entities (torch.Tensor, optional): The model's index of each entity. (default: the same)
        relations (torch.Tensor, optional): The model's index of each relation. (default: the same)
        encoding (Encoding, optional): The model's encoding of its graph, if it is already computed. (default: computed
            here)

    Raises:
        UserError: If a score is NaN (raised by the methods).

    Cost: one encoding when it is created, and one more for a separate test graph when that is first used.
    """

    def __init__(
        self,
        name: str,
        model: Model,
        testbed: Testbed,
        calibration: Calibration | None = None,
        entities: Int[Tensor, "n"] | None = None,
        relations: Int[Tensor, "r"] | None = None,
        encoding: Encoding | None = None,
    ):
        self.name, self.model, self.testbed, self.calibration = name, model, testbed, calibration
        self.entities, self.relations = entities, relations
        self.graph = testbed.graph_for(model)
        self._elsewhere: tuple[Testbed, Encoding] | None = None
        self.device, self.num_nodes, self.num_relations = device_of(model), testbed.num_nodes, testbed.num_relations
        with turn, judging(model):
            self.encoding = model.encode(self.graph) if encoding is None else encoding
            self.vectors = self._vectors() if model.has_vectors else None

    def score(self, triplets: Triplets, head: bool = False) -> Float[Tensor, "b"]:
        """The scores of the tails of some triplets, or of their heads, on the CPU."""
        with turn, judging(self.model):
            found = of_triplets(self.model, self.encoding, self.own(triplets), self.num_nodes, head=head)
        refuse_nan(found)
        return found

    def encoded(self, testbed: Testbed) -> Encoding:
        """The encoding of the graph of a testbed, which is its own graph or the test graph. Each is computed once."""
        if testbed is self.testbed:
            return self.encoding
        with turn, judging(self.model):
            if self._elsewhere is None or self._elsewhere[0] is not testbed:
                self._elsewhere = testbed, self.model.encode(testbed.graph_for(self.model))
            return self._elsewhere[1]

    def probability(self, score: Float[Tensor, "*s"]) -> Float[Tensor, "*s"] | None:
        """Probabilities by Platt scaling, in double precision; None without a calibration."""
        return None if self.calibration is None else self.calibration.platt(score)

    def plausible(self, triplets: Triplets) -> Float[Tensor, "b"]:
        """The probability of each triplet, or its score if there is no calibration, in double precision."""
        score = self.score(triplets)
        likely = self.probability(score)
        return score.double() if likely is None else likely

    def ranks(self, triplets: Triplets) -> Ranks:
        """The filtered ranks of some triplets, for heads and tails."""
        with turn:
            return ranked(self.model, self.testbed, self.own(triplets), encoding=self.encoding)

    def best(
        self,
        query: Query,
        k: int,
        gone: Answers | None = None,
        among: Int[Tensor, "m"] | None = None,
        fitting: Fitting | None = None,
    ) -> Triplets:
        """The ``k`` best answers to each query, as triplets. The answers to a query are adjacent, best first.

        Args:
            query (Query): The queries; inverse relations ask for heads.
            k (int): The largest number of answers to a query.
            gone (Answers, optional): Answers to leave out.
            among (torch.Tensor, optional): The candidates, in ascending order. (default: all entities)
            fitting (Fitting, optional): Keeps only entities that fit the slot; only without ``among``.
        """
        width = self.num_nodes if among is None else max(1, among.numel())
        cells = int(self.testbed.memory_mib * 2**18 / 4)  # a score, and the same amount of working memory
        step = max(1, min(at_once(self.model, self.num_nodes, QUERIES, self.testbed.memory_mib), cells // width))
        with turn, judging(self.model):
            parts = [
                self._best(Query(anchor, rel_type), k, gone, among, fitting)
                for anchor, rel_type in zip(query.anchor.split(step), query.rel_type.split(step))
            ]
        if not parts:
            none = torch.empty(0, dtype=torch.long)
            return Triplets(none, none, none)
        return Triplets(*(torch.cat(column) for column in zip(*parts)))

    def affordable(self, wanted: int) -> int:
        """The wanted number of questions, or as many as a model with a message passing for each can answer in a few
        seconds.
        """
        held = self.model.activations * self.num_nodes
        return wanted if not held else max(1, min(wanted, CELLS // held))

    def own(self, triplets: Triplets) -> Triplets:
        """Triplets in the model's own indices."""
        head, rel_type, tail = triplets
        return Triplets(_renumbered(self.entities, head), _renumbered(self.relations, rel_type), self._entity(tail))

    def _entity(self, index: Int[Tensor, "*s"]) -> Int[Tensor, "*s"]:
        return _renumbered(self.entities, index)

    def _vectors(self) -> Float[Tensor, "n d"]:
        found = representations(self.model, self.graph, self.encoding)
        return found if self.entities is None else found[self.entities]

    def _best(
        self, query: Query, k: int, gone: Answers | None, among: Tensor | None, fitting: Fitting | None
    ) -> Triplets:
        """The best answers to one batch of queries."""
        kind, inverse = query.rel_type % self.num_relations, query.rel_type >= self.num_relations
        asks = _renumbered(self.relations, kind) + self.num_relations * inverse
        own = Query(self._entity(query.anchor).to(self.device), asks.to(self.device))
        index = everyone(self.num_nodes, self.device) if among is None else self._entity(among)[None].to(self.device)
        score = self.model.scorer(self.encoding, own)(index).float().cpu()
        if among is None and self.entities is not None:
            score = score[:, self.entities]
        if fitting is not None:
            score = score.masked_fill(~fitting.mask(query.rel_type), -torch.inf)
        place, value, count = best(score, k, _left_out(query, gone, among))
        there = torch.arange(place.size(1)) < count[:, None]
        if fitting is not None:
            there &= value > -torch.inf
        answer = place[there] if among is None else among[place[there]]
        anchor, kind, inverse = (column[:, None].expand(there.shape)[there] for column in (query.anchor, kind, inverse))
        return Triplets(torch.where(inverse, answer, anchor), kind, torch.where(inverse, anchor, answer))


def _renumbered(number: Int[Tensor, "n"] | None, index: Int[Tensor, "*s"]) -> Int[Tensor, "*s"]:
    return index if number is None else number[index]


def _left_out(query: Query, gone: Answers | None, among: Int[Tensor, "m"] | None) -> tuple[Tensor, Tensor] | None:
    """The rows and columns of candidates that do not count."""
    if gone is None:
        return None
    row, entity = (part.cpu() for part in gone.answers(Query(*(part.to(gone.device) for part in query))))
    if among is None:
        return row, entity
    place = torch.searchsorted(among, entity).clamp(max=among.numel() - 1)
    inside = among[place] == entity
    return row[inside], place[inside]
