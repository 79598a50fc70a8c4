"""Forecasts training: bytes of each machine, seconds of a step, bytes sent, and the bottleneck."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

from gnnneg.memory import spoken
from gnnneg.planning.constants import FEW, INDEXING, MANY, NAMES, PROGRAM, STATEMENT, Constants
from gnnneg.planning.machines import Machines
from gnnneg.planning.work import Graph, Work

FLOAT = 4  # bytes
BOTH_WAYS = 3  # products for a score, forward and backward; one of them is forward
MEASURED = 128  # width of the measured rows
ROUNDS = 4  # network rounds of a fetch: numbers of rows, row numbers, rows and gradients
LOOP = 2  # those of the training loop
USUAL = "LogSigmoid"  # the loss that stands for those that were not measured
LATENCY = 6e-4  # seconds of processor time that each takes: two idle processes took 8.5 ms a step of 14 more than one
CHECKPOINTS = 2  # number of checkpoints that are kept
MOST = 1 << 20  # largest number of machines considered

WORTH = 1.5  # shared negatives are advised if they are at least this many times as fast
NARROWER = "lower hidden_channels"
LARGER = "take machines with more memory"
REMEDIES = {
    **dict.fromkeys(("statements", "index, while it is made", "names", "program"), LARGER),
    "optimizer": "use RowAdagrad with sparse: true, which keeps four bytes a row",
    "gradient": "set the encoder's sparse: true",
    "scores": "lower fit.batch_size or num_negatives, or share negatives",
    "sampler's state": "bound it (queries of Cached, chains of MCNS)",
    "ranking": "lower evaluation.memory_mib",
}

PRODUCTS, BANDWIDTH, NETWORK, PROGRAM_TIME = "products", "memory bandwidth", "network", "the program"


@dataclass(frozen=True)
class Forecast:
    """What a config needs on a graph and machines.

    Args:
        work (Work): What a step does.
        graph (Graph): The size of the graph.
        machines (Machines): The machines to train on.
        constants (Constants): The speed of the machines.
    """

    work: Work
    graph: Graph
    machines: Machines
    constants: Constants

    @property
    def rows(self) -> int:
        """Rows of the table on each machine; all rows if one table is not partitioned."""
        return -(-self.graph.entities // self.machines.count)

    @property
    def batch(self) -> float:
        """Examples of a step on each machine."""
        return self.work.batch / self.machines.count

    @property
    def queries(self) -> float:
        return self.batch * self.work.sides

    @property
    def candidates(self) -> float:
        """Candidates of each query, or of a machine's queries together. Each machine has targets of its own."""
        negatives = self.work.negatives
        return negatives.count - negatives.targets * (1 - 1 / self.machines.count)

    @property
    def looked_shared(self) -> float:
        """The same of the shared ones that are scored to choose among them."""
        negatives = self.work.negatives
        return negatives.looked_shared - negatives.looked_targets * (1 - 1 / self.machines.count)

    @cached_property
    def touched(self) -> float:
        """Distinct rows that a step touches on each machine. Heads and tails follow Zipf's law, also those of former
        batches; other negatives are uniform.
        """
        negatives, size = self.work.negatives, self.graph.entities
        if negatives.everyone and self.work.sparse:
            return float(size)
        looked = negatives.looked + negatives.looked_shared
        if looked:  # only chosen rows have gradients
            among = self.queries * negatives.count * (1 - negatives.looked_targets / looked)
        else:
            among = (negatives.count - negatives.targets) * (1 if negatives.shared else self.queries)
        targets = (negatives.targets + negatives.looked_targets) / self.machines.count
        ends = 2 * self.batch + max(0.0, targets - self.queries)  # the batch's own targets are among its ends
        return min(_zipf(ends, size) + _even(among, size), float(size))

    @cached_property
    def pool(self) -> float:
        """Distinct rows that a step looks at on each machine to choose among them, without targets."""
        negatives = self.work.negatives
        drawn = self.queries * negatives.looked + negatives.looked_shared - negatives.looked_targets
        return _even(drawn, self.graph.entities)

    @cached_property
    def memory(self) -> dict[str, int]:
        """Bytes of each machine, by their use."""
        work, graph = self.work, self.graph
        table, relations = self.rows * work.width, work.per_relation * graph.relations + work.fixed
        by_row = self.rows if work.optimizer == "RowAdagrad" else 0
        # a dense gradient is summed in two tables, and Adam's step creates two in turn: see gnnneg.training.room
        whole = (3 if work.optimizer == "Adam" else 2) * table
        gradient = 2 * self.touched * work.width if work.sparse else whole
        if self.machines.count > 1:  # what is sent and what has come, and the same of a pool
            gradient += 2 * (self.touched + self.pool) * work.width
        negatives = work.negatives
        distinct = 2 * graph.statements
        if negatives.slots is not None:
            distinct = min(distinct, negatives.slots)
        state = distinct * negatives.per_query + graph.entities * negatives.per_entity
        cells = self.queries * (self.candidates + negatives.looked + self.looked_shared)
        kept = graph.statements * sum(STATEMENT.values())
        meanwhile = graph.statements * max(0, INDEXING - STATEMENT["known answers"])
        training = {
            "table": table * FLOAT,
            "optimizer": int(work.moments * table * FLOAT + by_row * FLOAT),
            "gradient": int(gradient * FLOAT),
            "relations": int(relations * FLOAT * (2 + work.moments)),
            "sampler's state": int(state),
            "scores": int(3 * cells * FLOAT + self.touched * work.width * FLOAT),
            "ranking": int(work.memory_mib * (1 << 20)),
        }
        later = sum(training.values()) - training["table"]
        return {
            **training,
            "statements": kept,
            "index, while it is made": max(0, meanwhile - later),
            "names": graph.entities * NAMES,
            "program": PROGRAM,
        }

    @property
    def total(self) -> int:
        """Bytes of each machine in total."""
        return sum(self.memory.values())

    @property
    def fits(self) -> bool:
        return self.total <= self.machines.memory

    @property
    def checkpoint(self) -> int:
        """Bytes of one checkpoint of all machines together."""
        work = self.work
        by_row = self.graph.entities if work.optimizer == "RowAdagrad" else 0
        return int(self.graph.entities * work.width * FLOAT * (1 + work.moments) + by_row * FLOAT)

    @property
    def sent(self) -> float:
        """Bytes that each machine sends in a step; it receives as many. These are rows, their gradients, and the
        gradients of relations. Anchors, targets and negatives are fetched together, each row once. A pool that is
        looked at is fetched with anchors and targets, without gradients, and the chosen rows after that.
        """
        others = 1 - 1 / self.machines.count
        seen = self.touched + self.pool / 2
        relations = self.work.per_relation * self.graph.relations + self.work.fixed
        return others * (2 * seen * self.work.width + 2 * relations) * FLOAT

    @property
    def rounds(self) -> int:
        """Network rounds of a step: one fetch, or two if the model looks at a pool to choose among it."""
        looks = self.work.negatives.looked or self.work.negatives.looked_shared
        return ROUNDS * (2 if looks else 1) + LOOP

    @cached_property
    def seconds(self) -> dict[str, float]:
        """Seconds of a step, by their use."""
        work, cost, negatives = self.work, self.constants, self.work.negatives
        width, kind, queries = work.width, work.similarity, self.queries
        pairs = queries * self.candidates
        both_ways = cost.shared if negatives.shared else cost.private
        tiled = negatives.shared and kind == "inner" and work.loss == "InfoNCE"
        scored = pairs * width * (cost.tiled if tiled else both_ways[kind])
        seen = negatives.looked * cost.looked[kind] + self.looked_shared * cost.shared[kind] / BOTH_WAYS
        looked = queries * width * seen
        alone = self.machines.count == 1  # then rows are read where they lie
        fetched = 0.0 if alone else (self.touched + self.pool) * width * cost.fetched
        loss = 0.0 if tiled else pairs * cost.loss.get(work.loss, cost.loss[USUAL])
        drawn = queries * (negatives.drawn * cost.draw + negatives.filtered * cost.filtered)
        drawn += queries * (negatives.looked + self.looked_shared) * cost.chosen
        asked = queries * width * cost.query
        whole = cost.dense[work.optimizer]
        relations = (work.per_relation * self.graph.relations + work.fixed) * whole
        table = self.touched * width * self._row() if work.sparse else self.rows * width * whole
        private = 0.0 if negatives.shared else scored + looked
        cores = self.machines.cores
        return {
            PRODUCTS: (scored + looked - private + loss) / cores,
            BANDWIDTH: (private + fetched + drawn + asked + relations + table) / cores,
            NETWORK: 0.0 if alone else self.sent / self.machines.network + self.rounds * LATENCY,
            PROGRAM_TIME: cost.step,
        }

    def _row(self) -> float:
        """Seconds for one component of a row, interpolated between few and many rows by their total size."""
        name = self.work.optimizer if self.work.optimizer in self.constants.rows else "LazyAdam"
        size = self.touched * self.work.width / MEASURED
        share = (size - FEW) / (MANY - FEW)
        few, many = self.constants.rows[name], self.constants.many_rows[name]
        return few + min(max(share, 0.0), 1.0) * (many - few)

    @property
    def step(self) -> float:
        """Seconds of a step."""
        return sum(self.seconds.values())

    @property
    def steps(self) -> int:
        """Steps of an epoch. For K-vs-all this is the maximum, reached if no two statements share a query."""
        examples = self.graph.statements * (2 if self.work.task == "KvsAll" else 1)
        return -(-examples // self.work.batch)

    @property
    def epoch(self) -> float:
        """Seconds of an epoch."""
        return self.steps * self.step

    @property
    def bound(self) -> str:
        """The bottleneck: memory if the config does not fit, otherwise the part that takes the most time."""
        return max(self.seconds, key=lambda name: self.seconds[name]) if self.fits else "memory"

    def on(self, count: int) -> "Forecast":
        """The same forecast for another number of machines."""
        work = self.work if count == 1 else self.work.parted()
        return Forecast(work, self.graph, replace(self.machines, count=count), self.constants)

    def needed(self) -> int | None:
        """The smallest number of machines on which the config fits. None if it never fits, because the unpartitioned
        memory of each machine is too large.
        """
        if self.on(1).fits:
            return 1
        alone = self.work.task == "KvsAll" or self.work.alone is not None
        most = 1 if alone else min(MOST, self.graph.entities)
        if not self.on(most).fits:
            return None
        least = 1
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (least, middle) if self.on(middle).fits else (middle, most)
        return most

    def compared(self) -> dict[str, "Forecast"]:
        """The same with as many uniform negatives, shared by the batch and private."""
        if self.work.task == "KvsAll":
            return {}
        names = {"uniform, shared": True, "uniform, private": False}
        count = max(1, round(self.candidates))
        return {name: replace(self, work=self.work.with_negatives(shared, count)) for name, shared in names.items()}

    def advice(self) -> str:
        """One sentence."""
        enough = self.needed()
        if not self.fits:
            name = max(self.memory, key=lambda one: self.memory[one])
            if enough is None:
                return (
                    f"It fits on no number of such machines: {name} alone would take {spoken(self.memory[name])} of "
                    f"each, so {REMEDIES.get(name, NARROWER)}."
                )
            more = f"take {enough:,} machines" if enough > 1 else "take one machine"
            return f"It does not fit, most of all for its {name}: {more}, or {REMEDIES.get(name, NARROWER)}."
        rate = f"{self.work.batch / self.step:,.0f} statements a second, bound by {self.bound}"
        both = self.compared()
        if not both:
            return f"It fits, at {rate}."
        shared, private = both.values()
        times = private.step / shared.step
        if self.work.negatives.shared:
            return f"It fits, at {rate}; private negatives would take {times:.1f} times as long."
        if times >= WORTH:
            return f"It fits, at {rate}; shared negatives would be {self.step / shared.step:.1f} times as fast."
        return f"It fits, at {rate}; shared negatives would be no faster to speak of, so stay with private ones."


def forecast(work: Work, graph: Graph, machines: Machines, constants: Constants) -> Forecast:
    """Forecasts what a config needs. On several machines, the table is partitioned.

    Raises:
        UserError: If the config needs the whole table on each of several machines.
    """
    if work.loss not in constants.loss:
        work = replace(work, notes=(*work.notes, f"The loss {work.loss} is counted as {USUAL}."))
    return Forecast(work.parted() if machines.count > 1 else work, graph, machines, constants)


def _even(draws: int | float, size: int) -> float:
    """Expected number of distinct items in this many uniform draws."""
    return -size * math.expm1(draws * math.log1p(-1 / size)) if size > 1 else 1.0


def _zipf(draws: int | float, size: int) -> float:
    """The same if the item of rank r is drawn with probability proportional to 1 / r. The sum over ranks is computed in
    blocks of equal ratio.
    """
    total = math.log(size) + 0.5772
    found, first = 0.0, 1.0
    while first <= size:
        last = min(size, max(first, math.floor(first * 1.05)))
        middle = math.sqrt(first * last)
        found += (last - first + 1) * -math.expm1(draws * math.log1p(-min(1 / (middle * total), 0.999999)))
        first = last + 1
    return min(found, float(draws))
