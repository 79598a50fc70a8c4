"""The runs that people use for questions and judgements. All have the same entities and relations."""

import copy
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar, cast

import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.curation.fitting import Fitting
from gnnneg.curation.predictor import Predictor, turn
from gnnneg.curation.said_of import SaidOf
from gnnneg.curation.search import Index
from gnnneg.data import naming
from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import triplets
from gnnneg.errors import UserError, echo
from gnnneg.evaluation.probability_calibration import ProbabilityCalibration
from gnnneg.evaluation.said import Said
from gnnneg.experiment.run import Run
from gnnneg.interfaces import Encoding, Model
from gnnneg.looking import judging
from gnnneg.models import Difference
from gnnneg.models.difference import Pair
from gnnneg.records import Triplets
from gnnneg.verdicts import Statement

KEPT = 128  # views kept: enough for twenty people with a few pages each
T = TypeVar("T")


class Served:
    """Runs with everything that is used repeatedly: encodings, calibrations and indices of the data.

    Stated and denied statements, names and labels come from the data set of the first run.

    Args:
        runs (list[Run]): One or more runs with the same entities and relations.

    Raises:
        UserError: If there is no run, or one has other entities or relations than the first.

    Cost: for each run one encoding, and its calibration if it was never fitted; one sort of the statements.
    """

    def __init__(self, runs: Sequence[Run]):
        if not runs:
            raise UserError("There is no run to serve: give at least one run folder.")
        self.runs = list(runs)
        first = runs[0].testbed
        self.data: HeteroData = first.data
        self.num_nodes, self.num_relations = first.num_nodes, first.num_relations
        self.said = Said(self.data)
        stated, denied = (triplets(self.data, polarity) for polarity in ("stated", "denied"))
        self.known: KnownAnswers = first.answers(stated, denied).cpu()
        self.entity, self.relation = naming.Finder.entities(self.data), naming.Finder.relations(self.data)
        self.said_of = SaidOf(self.data)
        self._views: OrderedDict[tuple[str, ...], Any] = OrderedDict()
        self._making: dict[tuple[str, ...], Lock] = {}
        self._lock = Lock()
        self.predictors = [self._predictor(run, name) for run, name in zip(self.runs, names(self.runs))]

    @property
    def first(self) -> Predictor:
        """The predictor of the first run, which queues of one model use."""
        return self.predictors[0]

    @cached_property
    def sides(self) -> list[Predictor]:
        """The two sides of the first run's dual model, each with its own calibration; none for other models."""
        run, whole = self.runs[0], self.first
        if not isinstance(run.model, Difference):
            return []
        found = []
        pair = whole.encoding
        assert isinstance(pair, Pair)
        for side, model, graph, encoding in (
            ("stated", run.model.positive, None, pair.positive),
            ("denied", run.model.negative, run.model.graph, pair.negative),
        ):
            testbed = copy.copy(run.testbed)
            if graph is not None and model.uses_graph:  # its messages pass over the denied statements
                testbed.graph = graph.to(str(testbed.device))
            fitted = ProbabilityCalibration().fit(model, testbed) if testbed.has("valid") else None
            found.append(Predictor(f"{whole.name}, {side} side", model, testbed, fitted, encoding=encoding))
        return found

    def encoding(self, model: Model) -> Encoding:
        """The encoding of the first run's model, or of the stated side of its dual model. Other models are encoded
        now.
        """
        whole = self.first
        if model is whole.model:
            return whole.encoding
        if isinstance(whole.model, Difference) and isinstance(whole.encoding, Pair) and model is whole.model.positive:
            return whole.encoding.positive
        with turn, judging(model):
            return model.encode(self.runs[0].testbed.graph_for(model))

    @cached_property
    def fitting(self) -> Fitting:
        """The entities that can answer a question at all."""
        return Fitting(self.data)

    @cached_property
    def index(self) -> Index:
        """Finds entities by what people type."""
        return Index(self.data)

    def kept(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """Returns the value of a key if it is one of the last :obj:`KEPT` values; otherwise computes it. Threads that
        need the same value at the same time wait for one computation.
        """
        with self._lock:
            making = self._making.setdefault(key, Lock())
        with making:
            with self._lock:
                if key in self._views:
                    self._views.move_to_end(key)
                    self._making.pop(key, None)
                    return cast(T, self._views[key])
            try:
                found = make()
                with self._lock:
                    self._views[key] = found
                    while len(self._views) > KEPT:
                        self._views.popitem(last=False)
                return found
            finally:
                with self._lock:
                    self._making.pop(key, None)

    def places(self, statements: Sequence[Statement]) -> Triplets:
        """Statements as indices.

        Raises:
            UserError: If a name is unknown.
        """
        rows = [(self.entity(head), self.relation(kind), self.entity(tail)) for head, kind, tail in statements]
        columns = torch.tensor(rows, dtype=torch.long).view(-1, 3).T
        return Triplets(*(column.contiguous() for column in columns))

    def called(self, triplets: Triplets) -> list[Statement]:
        """Statements as names."""
        entities, relations = self.data["entity"].names, self.data.relation_names
        rows = zip(*(column.tolist() for column in triplets))
        return [Statement(entities[head], relations[kind], entities[tail]) for head, kind, tail in rows]

    def _predictor(self, run: Run, name: str) -> Predictor:
        testbed = run.testbed
        maps: tuple[Tensor | None, Tensor | None] = None, None
        if run is not self.runs[0]:
            node, other = self.data["entity"].names, testbed.data["entity"].names
            maps = (
                _order(node, other, "entities", name),
                _order(self.data.relation_names, testbed.data.relation_names, "relations", name),
            )
        fitted = run.calibration if run.calibrates else None
        return Predictor(name, run.model, testbed, fitted, *maps)


def names(runs: Sequence[Run]) -> list[str]:
    """The names of runs: their folders, with enough of the path to distinguish them."""
    paths = [Path(f"run-{place}") if run.path is None else run.path.resolve() for place, run in enumerate(runs, 1)]
    for length in range(1, max(len(path.parts) for path in paths) + 1):
        found = ["/".join(path.parts[-length:]) for path in paths]
        if len(set(found)) == len(found):
            return found
    twice = next(path for path in paths if paths.count(path) > 1)
    raise UserError(f"The run {echo(str(twice))} is given twice: name each run once.")


def _order(names: Sequence[str], other: Sequence[str], what: str, run: str) -> Int[Tensor, "n"] | None:
    """The index that another run has for each name; None if the order is the same."""
    if names == other:
        return None
    place = {name: row for row, name in enumerate(other)}
    lacking = next((name for name in names if name not in place), None)
    if lacking is None and len(other) == len(names):
        return torch.tensor([place[name] for name in names])
    odd = lacking if lacking is not None else next(name for name in other if name not in set(names))
    raise UserError(
        f"The run {run} is about other {what} than the first one ({echo(odd)} is known to only one of them): serve "
        "runs of one data set together."
    )
