"""The work of one training step, computed from the config alone, without the data set."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.nn import Parameter
from torch.optim import SGD, Adagrad, Adam, AdamW

from gnnneg import corruption, samplers
from gnnneg.checks import draws, positive, whole, widths
from gnnneg.config import Plan
from gnnneg.decoders import Distance, Inner, Modulus
from gnnneg.encoders import Lookup, ShardedLookup
from gnnneg.errors import UserError
from gnnneg.interfaces import Part, Similarity
from gnnneg.models import KGEModel
from gnnneg.tasks import KvsAll, LinkPrediction
from gnnneg.training import LazyAdam, RowAdagrad

TABLES = {
    SGD: 0.0,
    RowAdagrad: 0.0,
    Adagrad: 1.0,
    Adam: 2.0,
    AdamW: 2.0,
    LazyAdam: 2.0,
}  # tables of moments, each as large as the weights
DENSE = Adam, AdamW  # those that refuse row-sparse gradients
DRAWN = "num_negatives", "size"  # candidates of a query, among the arguments of samplers
BELOW = "size", "num_neighbors"  # numbers of distinct entities
COUNTED = "every", "queries", "chains", "batches"  # and what else they count


@dataclass(frozen=True)
class Graph:
    """The size of a graph."""

    entities: int
    statements: int
    relations: int


@dataclass(frozen=True)
class Negatives:
    """The candidates that a sampler gives to a query, and the work to find them."""

    count: int
    """Candidates of each query, or of the batch if they are shared."""
    shared: bool = False
    everyone: bool = False
    """Whether they are all entities."""
    targets: int = 0
    """How many of them are targets of batches, which several machines divide among them."""
    drawn: int | float = 0
    """Drawn candidates of each query."""
    filtered: int | float = 0
    """Candidates of each query that are looked up among the known answers."""
    looked: int | float = 0
    """Private candidates of each query that are scored to choose among them."""
    looked_shared: int | float = 0
    """Shared ones."""
    looked_targets: int = 0
    """How many of these are targets of batches."""
    per_query: int = 0
    """Bytes of state of each distinct query."""
    per_entity: int = 0
    """Bytes of state of each entity."""
    slots: int | None = None
    """The largest number of queries with a state."""


@dataclass(frozen=True)
class Work:
    """The work of one step of a config.

    Each of ``notes`` is a sentence about something that is not counted.
    """

    task: str
    width: int
    batch: int
    sides: int
    similarity: str
    per_relation: int
    """Components of a relation, inverses included."""
    fixed: int
    """Parameters of the decoder that belong to no relation or entity."""
    sparse: bool
    sharded: bool
    optimizer: str
    moments: float
    """Tables of moments, each as large as the weights."""
    loss: str
    negatives: Negatives
    memory_mib: float
    """Bytes for the scores of a ranking."""
    notes: tuple[str, ...] = ()
    alone: str | None = None
    """The reason why one of the parts works in one process only."""

    def with_negatives(self, shared: bool, count: int) -> "Work":
        """The same with so many uniform negatives, shared by the batch or private."""
        drawn = 0 if shared else count
        looked_up = drawn if self.negatives.filtered else 0
        return replace(self, negatives=Negatives(count, shared, drawn=drawn, filtered=looked_up))

    def parted(self) -> "Work":
        """The same with the table partitioned among several machines, as in ``ShardedLookup``."""
        if self.task == "KvsAll":
            raise UserError("KvsAll needs every row of the table, which no single machine holds: use LinkPrediction.")
        if self.alone:
            raise UserError(f"{self.alone}, and several machines cannot share that: plan for one.")
        notes = self.notes
        if not self.sharded:
            notes += ("Of several machines each holds a part of the table: the encoder is taken to be ShardedLookup.",)
        if self.optimizer.startswith("Adam"):
            notes += ("Adam takes no row-sparse gradients, so LazyAdam is counted.",)
        optimizer = "LazyAdam" if self.optimizer.startswith("Adam") else self.optimizer
        return replace(self, sparse=True, sharded=True, optimizer=optimizer, notes=notes)


def work(plan: Plan, graph: Graph) -> Work:
    """The work of one step of a plan on a graph of this size.

    Raises:
        UserError: If the cost of a part of the config is unknown, or a number is out of range.
    """
    settings = plan.arguments
    task = settings["task"]
    if task.cls not in (LinkPrediction, KvsAll):
        raise _unknown("task", task, "LinkPrediction or KvsAll")
    model = task.arguments["model"]
    if model.cls is not KGEModel:
        raise _unknown("model", model, "KGEModel")
    encoder = model.arguments["encoder"]
    if encoder.cls not in (Lookup, ShardedLookup):
        raise _unknown("encoder", encoder, "Lookup or ShardedLookup, since messages are not counted")
    widths(f"{encoder.key}: {encoder.cls.__name__}", hidden_channels=encoder.arguments["hidden_channels"])
    _refuse(settings)
    width, notes = encoder.arguments["hidden_channels"], []
    one, two = (_decoder(model.arguments["decoder"], count, width) for count in (1, 2))
    numbers = [sum(weight.numel() for weight in part.parameters()) for part in (one, two)]
    kind = _kind(one.similarity)
    if kind is None:
        notes.append(f"{type(one).__name__}'s scores are counted as RotatE's.")
    if task.arguments.get("generators"):
        notes.append("Generators are not counted.")
    if settings["fit"].arguments["amp"]:
        notes.append("Full precision is counted, not fit.amp.")
    examples = graph.statements * (2 if task.cls is KvsAll else 1)
    batch = min(settings["fit"].arguments["batch_size"], examples)
    if task.cls is KvsAll:
        sides, negatives, loss = 1, Negatives(graph.entities, True, everyone=True), "BCE"
    else:
        sides = 2 if task.arguments["corruption"].cls is corruption.Both else 1
        negatives, loss = drawn(task.arguments["sampler"], graph, batch * sides), task.arguments["loss"].cls.__name__
    optimizer = settings["optimizer"]
    family = next((one for one in optimizer.cls.__mro__ if one in TABLES), None)
    if family is None:
        raise _unknown("optimizer", optimizer, ", ".join(one.__name__ for one in TABLES))
    sparse = encoder.cls is ShardedLookup or bool(encoder.arguments["sparse"])
    if sparse and family in DENSE:
        raise UserError(
            f"{optimizer.key}: {optimizer.cls.__name__} takes no row-sparse gradients, which {encoder.cls.__name__} "
            "gives it: use LazyAdam, or RowAdagrad, which keeps one number a row."
        )
    given = optimizer.arguments
    moments = 1.0 if family is SGD and given.get("momentum") else TABLES[family]
    name = "Adam" if family is AdamW else family.__name__
    name = "Adam, fused" if name == "Adam" and given.get("fused") else name
    return Work(
        task=task.cls.__name__,
        width=width,
        batch=batch,
        sides=sides,
        similarity=kind or "modulus",
        per_relation=numbers[1] - numbers[0],
        fixed=2 * numbers[0] - numbers[1],
        sparse=sparse,
        sharded=encoder.cls is ShardedLookup,
        optimizer=name,
        moments=moments,
        loss=loss,
        negatives=negatives,
        memory_mib=settings["evaluation"].arguments["memory_mib"],
        notes=tuple(notes),
        alone=next((f"{part.__name__} {why}" for part in _parts(task) if (why := _alone(part))), None),
    )


def drawn(sampler: Plan, graph: Graph, queries: int) -> Negatives:
    """The candidates that a sampler gives to each query of a batch.

    Raises:
        UserError: If the cost of the sampler is unknown, or a number is out of range.
    """
    cls, given = sampler.cls, sampler.arguments
    named = f"{sampler.key}: {cls.__name__}"
    draws(named, **{name: given[name] for name in DRAWN if name in given})
    whole(named, **{name: given[name] for name in COUNTED if name in given})
    positive(named, num_neighbors=given.get("num_neighbors"))
    if cls is samplers.Uniform:
        sampler.build({"num_nodes": graph.entities})  # refuses more candidates than there are entities
    for name in BELOW:
        if isinstance(given.get(name), int) and given[name] >= graph.entities:
            raise UserError(f"{named}({name}={given[name]}) on a graph of {graph.entities} entities: give fewer.")

    def inner(name: str = "proposal") -> Negatives:
        return drawn(given[name], graph, queries)

    if cls in (samplers.Uniform, samplers.Popular):
        state = 16 if cls is samplers.Popular else 0
        count, shared = given["num_negatives"], given["shared"]
        return Negatives(count, shared, drawn=0 if shared else count * (1 + state // 8), per_entity=state)
    if cls is samplers.All:
        return Negatives(graph.entities, True, everyone=True)
    if cls is samplers.InBatch:
        return Negatives(queries, True, targets=queries, per_entity=16)
    if cls is samplers.PreBatch:
        many = (1 + given["batches"]) * queries
        return Negatives(many, True, targets=many)
    if cls in (samplers.Corrupt, samplers.Typed, samplers.Relational, samplers.RandomWalk, samplers.Denied):
        return Negatives(given["num_negatives"], drawn=4 * given["num_negatives"])
    if cls is samplers.Nearest:
        near = given["num_neighbors"]
        near = near if isinstance(near, int) else int(near * graph.entities)
        return Negatives(given["num_negatives"], drawn=4 * given["num_negatives"], per_entity=4 * near)
    if cls is samplers.MCNS:
        count = given["num_negatives"]
        chains = min(given["chains"], count)
        return Negatives(count, drawn=8 * count, looked=count + chains, per_query=4 * chains)
    if cls is samplers.Cached:
        offered, size, every = inner(), given["size"], given["every"]
        looked = (size + offered.count + offered.looked) / every
        return replace(
            offered,
            count=given["num_negatives"],
            shared=False,
            everyone=False,
            targets=0,
            drawn=(offered.drawn + 4 * size) / every + size + given["num_negatives"],
            filtered=offered.filtered + (looked if given["purge"] else 0) + given["num_negatives"],
            looked=looked,
            per_query=4 * size,
            slots=given["queries"],
        )
    if cls is samplers.Filtered:
        offered = inner()
        return replace(offered, filtered=offered.filtered + (0 if offered.shared else offered.count))
    if cls in (samplers.Corrected, samplers.NoiseContrastive, samplers.Discounted):
        return inner()
    if cls in (samplers.Hardest, samplers.HardDraw, samplers.SelfPaced):
        offered = inner()
        both = offered.looked, offered.looked_shared
        more = (0, offered.count) if offered.shared else (offered.count, 0)
        return replace(
            offered,
            count=min(given["num_negatives"], offered.count),
            shared=False,
            everyone=False,
            targets=0,
            looked=both[0] + more[0],
            looked_shared=both[1] + more[1],
            looked_targets=offered.looked_targets + offered.targets,
        )
    if cls is samplers.Padded:
        first = inner("first")
        return replace(_side_by_side([first, inner("rest")], first.count), targets=first.targets)
    if cls is samplers.Mixture:
        parts = [drawn(one, graph, queries) for one in given["samplers"]]
        return _side_by_side(parts, sum(part.count for part in parts))
    raise _unknown(
        "sampler", sampler, "Uniform, Popular, InBatch, Cached, MCNS, Denied or a Hardest, Filtered or Mixture of such"
    )


def _side_by_side(parts: list[Negatives], count: int) -> Negatives:
    """The joint cost of several samplers."""
    names = ("targets", "drawn", "filtered", "looked", "looked_shared", "looked_targets", "per_query", "per_entity")
    sums: dict[str, Any] = {name: sum(getattr(part, name) for part in parts) for name in names}
    return Negatives(count, all(part.shared for part in parts), any(part.everyone for part in parts), **sums)


def _refuse(settings: dict[str, Any]) -> None:
    """Makes all that needs no data, since constructors refuse what is out of range. The optimiser gets one number."""
    for part in _plans([settings["task"], settings["fit"], settings["evaluation"]]):
        if not any(one.linked for one in _plans(part)):
            part.build({})
    optimizer = settings["optimizer"].build({"params": [Parameter(torch.zeros(1))]})
    if settings["scheduler"] is not None:
        settings["scheduler"].build({"optimizer": optimizer})


def _alone(part: type[Part]) -> str | None:
    """Why a part works on one machine only. Its processes could share one table, but machines hold parts of it."""
    return "asks for every entity's vector at once" if part is samplers.All else part.one_process


def _parts(value: Any) -> Iterator[type[Part]]:
    """The classes of all parts of a plan."""
    return (plan.cls for plan in _plans(value) if issubclass(plan.cls, Part))


def _plans(value: Any) -> Iterator[Plan]:
    """A plan and all plans inside."""
    if isinstance(value, Plan):
        yield value
        value = list(value.arguments.values())
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from _plans(inner)


def _decoder(plan: Plan, relations: int, width: int) -> Any:
    return plan.build({"num_relations": relations, "hidden_channels": width})


def _kind(similarity: Similarity) -> str | None:
    if isinstance(similarity, Distance):
        return f"L{similarity.p}"
    return {Inner: "inner", Modulus: "modulus"}.get(type(similarity))


def _unknown(key: str, plan: Plan, known: str) -> UserError:
    return UserError(f"gnnneg plan does not know what the {key} {plan.cls.__name__} costs: give {known}.")
