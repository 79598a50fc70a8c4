"""Everything known about one statement or one entity, for one screen."""

from dataclasses import dataclass

import torch
from torch_geometric.data import HeteroData

from gnnneg.curation.drawn import answers
from gnnneg.curation.predictor import Predictor, turn
from gnnneg.curation.said_of import Told, told_near
from gnnneg.curation.search import Found
from gnnneg.curation.served import Served
from gnnneg.data import naming
from gnnneg.data.attributes import CALLED
from gnnneg.data.statements import POLARITIES
from gnnneg.evaluation import nearest
from gnnneg.interfaces import Model
from gnnneg.records import Query, Triplets
from gnnneg.verdicts import Statement

NEAREST = 3  # statements of each polarity
PATHS = 5
SHOWN = 20  # statements of an entity
PREDICTED = 20


@dataclass(frozen=True)
class Named:
    """An entity or a relation with all its names.

    Args:
        name (str): Its name in the data.
        label (str): Its label; empty if the data have none.
        synonyms (tuple[str, ...]): Its synonyms.
        types (tuple[str, ...]): The types of an entity.
        definition (str): Its definition; empty if the data have none.
    """

    name: str
    label: str = ""
    synonyms: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    definition: str = ""

    @property
    def said(self) -> str:
        """The label followed by the name, or the name alone."""
        return naming.said(self.name, self.label)


@dataclass(frozen=True)
class WeighedPath:
    """A path through the graph, as text, and its weight for the statement."""

    weight: float
    path: str


@dataclass(frozen=True)
class Opinion:
    """The opinion of one run about a statement.

    Args:
        run (str): The run.
        score (float): Score of the tail.
        head_score (float): Score of the head; the same as ``score`` for models that do not distinguish the two.
        probability (float, optional): Probability of ``score`` by Platt scaling; None without validation statements.
        calibrated (str): How the probabilities were fitted, or why there are none.
        tail_rank, head_rank (float): Filtered realistic ranks among ``tail_candidates`` and ``head_candidates``
            entities.
        nearest (tuple[Told, ...]): The nearest stated and denied statements of the same relation, by
            :func:`gnnneg.evaluation.nearest`; empty for a model without vectors.
        paths (tuple[WeighedPath, ...]): Paths, largest weight first; empty for a model that does not use paths.
    """

    run: str
    score: float
    head_score: float
    probability: float | None
    calibrated: str
    tail_rank: float
    tail_candidates: int
    head_rank: float
    head_candidates: int
    nearest: tuple[Told, ...]
    paths: tuple[WeighedPath, ...]


@dataclass(frozen=True)
class Around:
    """Other statements about an entity: some of each polarity, and their number."""

    stated: tuple[Told, ...]
    stated_total: int
    denied: tuple[Told, ...]
    denied_total: int


@dataclass(frozen=True)
class View:
    """One statement on one screen.

    Args:
        head, relation, tail (Named): The statement.
        sentence (str): The statement as labels, or names.
        told (tuple[Told, ...]): The statement in the data, stated or denied; empty if the data do not have it.
        opinions (tuple[Opinion, ...]): The opinion of each run.
        about_head, about_tail (Around): Other statements about both entities.
    """

    head: Named
    relation: Named
    tail: Named
    sentence: str
    told: tuple[Told, ...]
    opinions: tuple[Opinion, ...]
    about_head: Around
    about_tail: Around


@dataclass(frozen=True)
class Predicted:
    """An answer that is not in the data. Without a calibration, ``probability`` is None and only ``score`` is set."""

    head: str
    relation: str
    tail: str
    head_label: str
    relation_label: str
    tail_label: str
    score: float
    probability: float | None


@dataclass(frozen=True)
class EntityView:
    """One entity on one screen.

    Args:
        entity (Named): The entity.
        around (Around): Statements about it.
        predicted (tuple[Predicted, ...]): New statements, most plausible first. They are the first run's best answers
            to questions about this entity that the data already answer, among entities that fit (see
            :class:`~gnnneg.curation.fitting.Fitting`).
    """

    entity: Named
    around: Around
    predicted: tuple[Predicted, ...]


def about(served: Served, statement: Statement) -> View:
    """Everything known about a statement, given by names. The view is cached.

    Raises:
        UserError: If a name is unknown.
    """
    return served.kept(("statement", *statement), lambda: _about(served, statement))


def entity(served: Served, name: str) -> EntityView:
    """Everything known about an entity, given by name, label or synonym.

    Raises:
        UserError: If the name is unknown or ambiguous.
    """
    return served.kept(("entity", name), lambda: _entity(served, name))


def search(served: Served, text: str, limit: int = 20) -> list[Found]:
    """The entities that a typed text may mean: see :class:`~gnnneg.curation.search.Index`."""
    return served.index(text, limit)


def named(data: HeteroData, entity: int) -> Named:
    """All names of an entity."""
    store = data["entity"]
    labels, synonyms, definitions = (store.get(key) for key in CALLED)
    kinds: tuple[str, ...] = ()
    if "type" in store:
        row = store.type[entity]
        of = row.coalesce().indices()[0] if row.is_sparse else row.nonzero()[:, 0]
        given = store.get("type_names")
        kinds = tuple(str(kind) if given is None else str(given[kind]) for kind in of.tolist())
    return Named(
        store.names[entity],
        "" if labels is None else labels[entity] or "",
        () if synonyms is None else tuple(synonyms[entity] or ()),
        kinds,
        "" if definitions is None else definitions[entity] or "",
    )


def named_relation(data: HeteroData, relation: int) -> Named:
    """All names of a relation."""
    labels, synonyms, definitions = (data.get(f"relation_{key}") for key in CALLED)
    return Named(
        data.relation_names[relation],
        "" if labels is None else labels[relation] or "",
        () if synonyms is None else tuple(synonyms[relation] or ()),
        definition="" if definitions is None else definitions[relation] or "",
    )


def calibrated(predictor: Predictor) -> str:
    """A sentence about how a model's probabilities were fitted."""
    fitted = predictor.calibration
    if fitted is None:
        return "There are no validation statements to fit probabilities on."
    kind = "random" if fitted.drawn else "denied"
    return f"Fitted on {fitted.stated:,} stated and {fitted.denied:,} {kind} validation statements."


def _about(served: Served, statement: Statement) -> View:
    data = served.data
    triplet = served.places([statement])
    head, relation, tail = (int(column) for column in triplet)
    ends = named(data, head), named_relation(data, relation), named(data, tail)
    said = served.said_of
    told = [said.told(polarity, said.statement(polarity, head, relation, tail)) for polarity in POLARITIES]
    opinions = tuple(_opinion(served, place, triplet, statement) for place in range(len(served.predictors)))
    sentence = " ".join(one.label or one.name for one in ends)
    return View(*ends, sentence, (*told[0], *told[1]), opinions, _around(served, head), _around(served, tail))


def _opinion(served: Served, place: int, triplet: Triplets, statement: Statement) -> Opinion:
    predictor, run = served.predictors[place], served.runs[place]
    score = predictor.score(triplet)
    likely = predictor.probability(score)
    ranks = predictor.ranks(triplet)
    tail, head = ranks.of("tail"), ranks.of("head")
    near: tuple[Told, ...] = ()
    if predictor.vectors is not None:
        near = told_near(nearest(predictor.vectors, served.data, triplet, NEAREST))
    paths: tuple[WeighedPath, ...] = ()
    if type(predictor.model).paths is not Model.paths:
        with turn:
            found = run.paths(*served.called(triplet)[0], PATHS)
        paths = tuple(WeighedPath(weight, path) for weight, path in zip(found["weight"], found["path"]))
    return Opinion(
        predictor.name,
        float(score),
        float(predictor.score(triplet, head=True)),
        None if likely is None else float(likely),
        calibrated(predictor),
        float(tail.realistic),
        int(tail.candidates),
        float(head.realistic),
        int(head.candidates),
        near,
        paths,
    )


def _around(served: Served, entity: int, shown: int = SHOWN) -> Around:
    said = served.said_of
    stated, denied = (said.entity(polarity, entity) for polarity in POLARITIES)
    return Around(said.told("stated", stated[:shown]), len(stated), said.told("denied", denied[:shown]), len(denied))


def _entity(served: Served, name: str) -> EntityView:
    data = served.data
    place = served.entity(name)
    return EntityView(named(data, place), _around(served, place), _predicted(served, place))


def _predicted(served: Served, entity: int) -> tuple[Predicted, ...]:
    asked = served.first
    row = served.said_of.entity("stated", entity)
    store = served.data["entity", "stated", "entity"]
    head, kind = store.edge_index[0, row] == entity, store.edge_type[row]
    # both ends are checked, so that the tail question of a statement about itself is not lost
    tail = store.edge_index[1, row] == entity
    rel_type, often = torch.cat([kind[head], kind[tail] + served.num_relations]).unique(return_counts=True)
    rel_type = rel_type[often.argsort(descending=True, stable=True)[: asked.affordable(PREDICTED)]]
    found = answers(asked, Query(torch.full_like(rel_type, entity), rel_type), PREDICTED, served.known, served.fitting)
    plausible = asked.plausible(found)
    order = plausible.argsort(descending=True, stable=True)[:PREDICTED]
    best = Triplets(*(column[order] for column in found))
    score = asked.score(best)
    likely = asked.probability(score)
    labels, kinds = naming.called(served.data, torch.arange(0)), naming.relations_called(served.data, best.rel_type)
    empty = [""] * len(order)
    heads, tails = (
        empty if labels is None else naming.called(served.data, end) for end in (best.head_index, best.tail_index)
    )
    numbers = [None] * len(order) if likely is None else likely.tolist()
    rows = zip(served.called(best), heads or empty, kinds or empty, tails or empty, score.tolist(), numbers)
    return tuple(Predicted(*statement, *rest) for statement, *rest in rows)
