"""One measurement of one library, alone in a process, so that its peak memory is its own.

``python benchmarks/cases.py ours train DistMult --shared`` prints one JSON object: the rate and the memory it took
beyond what data and imports took. Both sides get the same data, width, batch, number of negatives and loss.
"""

import argparse
import json
import sys
from collections.abc import Callable
from importlib import import_module

import peers
import torch
from measure import forget, peak_mib, rate

BATCH, NEGATIVES, STEPS = 1000, 256, 20
ELSEWHERE = {"draw": "sampling", "nbfnet": "bellman_ford", "rgcn": "relational"}  # what a file of its own measures


def graph(num_nodes: int | None):  # type: ignore[no-untyped-def]
    """FB15k-237 where it can be had, else (or for another size) a random graph of its density."""
    from gnnneg.data.statements import assemble
    from gnnneg.datasets import FB15k237
    from gnnneg.errors import UserError
    from gnnneg.records import Triplets

    if num_nodes is None:
        try:
            return FB15k237()[0]
        except (UserError, OSError) as error:
            print(f"FB15k-237 is not here, so a random graph of its size stands in: {error}", file=sys.stderr)
    size, relations = num_nodes or 14_541, 237
    draw = torch.Generator().manual_seed(0)
    edges = 310_116
    columns = (torch.randint(high, (edges,), generator=draw) for high in (size, relations, size))
    split = torch.zeros(edges, dtype=torch.long)
    split[272_115:289_650], split[289_650:] = 1, 2
    return assemble(Triplets(*columns), split, [str(i) for i in range(size)], [str(i) for i in range(relations)])


def ours(arguments: argparse.Namespace, data) -> float:  # type: ignore[no-untyped-def]
    import gnnneg.decoders
    from gnnneg.corruption import Either
    from gnnneg.data.known import KnownAnswers
    from gnnneg.data.statements import num_relations, triplets
    from gnnneg.encoders import Lookup
    from gnnneg.evaluation import ranks
    from gnnneg.generators import DANS, EMU, MatchedEMU
    from gnnneg.losses import InfoNCE, LogSigmoid
    from gnnneg.models import KGEModel
    from gnnneg.records import Triplets
    from gnnneg.samplers import Uniform
    from gnnneg.tasks import LinkPrediction
    from gnnneg.training import LazyAdam

    n, r = data["entity"].num_nodes, num_relations(data)
    width = arguments.width * (2 if arguments.model in ("ComplEx", "RotatE") else 1)
    torch.manual_seed(0)
    model = KGEModel(Lookup(n, width, sparse=arguments.sparse), getattr(gnnneg.decoders, arguments.model)(r, width))
    if arguments.what == "rank":
        known, test = KnownAnswers(triplets(data), n, r), triplets(data, split="test")
        return rate(lambda: len(ranks(model, None, test, known)) // 2, 3)
    train = triplets(data, split="train")
    forms = {"shared": EMU(0.61, 0.53), "matched": MatchedEMU(0.61, 0.53), "masks": EMU(0.61, 0.53, groups=None)}
    if arguments.sampler:
        from sampling import samplers

        sampler = samplers(data, arguments.negatives)[arguments.sampler]()
    else:
        sampler = Uniform(n, arguments.negatives, shared=arguments.shared)
    made = [DANS(KnownAnswers(train, n, r), width)] if arguments.dans else []
    task = LinkPrediction(
        model,
        Either(r),
        sampler,
        InfoNCE() if arguments.softmax else LogSigmoid(9.0, adversarial=1.0),
        generators=[forms[arguments.emu]] if arguments.emu else made,
    )
    if arguments.sparse:
        optimizer: torch.optim.Optimizer = LazyAdam(task.trained(), lr=1e-3)
    else:
        optimizer = torch.optim.Adam(task.trained(), lr=1e-3, fused=True)
    draw = torch.Generator().manual_seed(0)

    steps = 2 if arguments.emu == "masks" else STEPS  # vectors that are made take long enough

    def epoch() -> int:
        order = torch.randperm(BATCH * steps, generator=draw)
        for begin in range(0, BATCH * steps, BATCH):
            rows = order[begin : begin + BATCH]
            optimizer.zero_grad()
            task(Triplets(*(column[rows] for column in train)), draw).backward()
            optimizer.step()
        return BATCH * steps

    return rate(epoch, 3)


def denied(arguments: argparse.Namespace, data) -> float:  # type: ignore[no-untyped-def]
    """A step on a world with as many denied statements as stated ones: these unused, as labelled examples, or learnt by
    a second model while each chooses the other's negatives."""
    from gnnneg.corruption import Either
    from gnnneg.data.facts import Facts
    from gnnneg.data.statements import triplets
    from gnnneg.decoders import DistMult
    from gnnneg.encoders import Lookup
    from gnnneg.generators import DeniedStatements
    from gnnneg.losses import InfoNCE
    from gnnneg.models import KGEModel
    from gnnneg.records import Triplets
    from gnnneg.samplers import Filtered, Hardest, Uniform
    from gnnneg.tasks import Dual, LinkPrediction
    from gnnneg.training import LazyAdam

    facts, torch_draw = Facts(data), torch.Generator().manual_seed(0)
    torch.manual_seed(0)

    def side(facts: Facts, generators: list) -> LinkPrediction:  # type: ignore[type-arg]
        n, r = facts.num_nodes, facts.num_relations
        model = KGEModel(Lookup(n, arguments.width, sparse=arguments.sparse), DistMult(r, arguments.width))
        pool = Filtered(Uniform(n, 100, shared=True), facts.known)
        return LinkPrediction(model, Either(r), Hardest(pool, 10), InfoNCE(), generators=generators)

    if arguments.model == "dual":
        task: LinkPrediction | Dual = Dual(side(facts, []), side(facts.mirror, []), facts.denied)
    else:
        task = side(facts, [DeniedStatements(facts.denied, 4, grouped=False)] if arguments.model == "labelled" else [])
    train = task.examples(triplets(data, split="train"))
    optimizer = LazyAdam(list(task.trained()), lr=1e-3)

    def some() -> int:
        for _ in range(STEPS):
            rows = torch.randint(len(train[0]), (BATCH,), generator=torch_draw)
            optimizer.zero_grad()
            task(Triplets(*(column[rows] for column in train)), torch_draw).backward()
            optimizer.step()
        return BATCH * STEPS

    return rate(some, 3)


def released(arguments: argparse.Namespace, data) -> float:  # type: ignore[no-untyped-def]
    """A step of the published EMU code: private negatives for each of the two terms, numpy masks for every number of
    every negative, and vectors made."""
    import numpy as np
    from torch.nn import functional as F

    from gnnneg.data.statements import num_relations, triplets

    n, r = data["entity"].num_nodes, num_relations(data)
    torch.manual_seed(0)
    entity, relation = torch.nn.Embedding(n, arguments.width), torch.nn.Embedding(r, arguments.width)
    optimizer = torch.optim.Adagrad([*entity.parameters(), *relation.parameters()], lr=0.1)
    train, draw = triplets(data, split="train"), np.random.default_rng(0)
    shape = (BATCH, arguments.negatives + 1, arguments.width)

    def scores(query: torch.Tensor, target: torch.Tensor, mutate: bool) -> torch.Tensor:
        index = torch.cat([target[:, None], torch.randint(n, (BATCH, arguments.negatives))], dim=1)
        vectors = entity(index)
        if mutate:
            mask = torch.from_numpy(draw.choice([0.0, 1.0], size=shape, p=[0.61, 0.39])).float()
            mask[:, 0] = 1
            vectors = mask * vectors + (1 - mask) * vectors[:, :1]
        return (query[:, None] * vectors).sum(2)

    target = torch.full((BATCH, arguments.negatives + 1), 0.53)
    target[:, 0] = 1

    def step() -> int:
        rows = torch.randint(len(train.rel_type), (BATCH,))
        optimizer.zero_grad()
        query = entity(train.head_index[rows]) * relation(train.rel_type[rows])
        tail = train.tail_index[rows]
        loss = F.cross_entropy(scores(query, tail, mutate=False), torch.zeros(BATCH, dtype=torch.long))
        if not arguments.plain:
            mutated = F.cross_entropy(scores(query, tail, mutate=True), target) / arguments.negatives
            loss = 0.11 * loss + mutated
        loss.backward()
        optimizer.step()
        return BATCH

    return rate(step, 6)


def peer(arguments: argparse.Namespace, data) -> float:  # type: ignore[no-untyped-def]
    from gnnneg.data.statements import num_relations, triplets

    n, r = data["entity"].num_nodes, num_relations(data)
    split = {name: torch.stack(list(triplets(data, split=name)), dim=1) for name in ("train", "valid", "test")}
    mapped = split["train"][: BATCH * STEPS] if arguments.what == "train" else split["train"]
    model, factory = peers.made(arguments.model, mapped, n, r, arguments.width)
    if arguments.what == "rank":
        return rate(
            peers.ranking(model, split["test"][: arguments.some], list(split.values()), arguments.peer_batch), 1
        )
    laps = peers.epochs(model, factory, arguments.negatives, BATCH, arguments.epochs, wait=lambda: None)
    return BATCH * STEPS / min(laps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("who", choices=["ours", "released", "pykeen", "pyg"])
    parser.add_argument("what", choices=["train", "rank", "draw", "rgcn", "nbfnet", "denied"])
    parser.add_argument("model")
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--softmax", action="store_true", help="InfoNCE, not the self-adversarial loss")
    parser.add_argument("--emu", choices=["shared", "matched", "masks"], help="a mutated term besides")
    parser.add_argument("--dans", action="store_true", help="ten negatives made by DANS besides")
    parser.add_argument("--sampler", help="by its name in sampling.py, not uniform")
    parser.add_argument("--plain", action="store_true", help="no mutated term, in the released code's way")
    parser.add_argument("--sparse", action="store_true", help="row-sparse gradients and LazyAdam, not dense and Adam")
    parser.add_argument("--width", type=int, default=100)
    parser.add_argument("--negatives", type=int, default=NEGATIVES)
    parser.add_argument("--nodes", type=int)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--some", type=int, default=512)
    parser.add_argument("--peer-batch", type=int, default=64)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.what == "denied":
        from gnnneg.data.synthetic import world

        data = world(arguments.nodes).data
        forget()
    else:
        data = graph(arguments.nodes)
    if arguments.who == "pykeen":
        import pykeen.evaluation
        import pykeen.training  # noqa: F401
    before = peak_mib()
    work: dict[str, Callable] = {"ours": ours, "released": released, "pykeen": peer}
    if arguments.what == "denied":
        work = {"ours": denied}
    if arguments.what in ELSEWHERE:
        file = import_module(ELSEWHERE[arguments.what])
        work = {"ours": file.ours, "pykeen": file.peer, "pyg": file.peer}
    found = work[arguments.who](arguments, data)
    print(json.dumps({"per_second": found, "peak_mib": peak_mib() - before}))


if __name__ == "__main__":
    main()
