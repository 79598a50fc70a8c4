"""How fast negatives are drawn: ours by the name of a proposal, PyKEEN's by the names of its sampler and filter."""

from collections.abc import Callable

import torch
from measure import rate

BATCH, NEGATIVES = 1024, 64


def samplers(data, count: int = NEGATIVES):  # type: ignore[no-untyped-def]
    """Every sampler measured, by name, made when asked for."""
    from gnnneg.data.facts import Facts
    from gnnneg.data.known import KnownAnswers
    from gnnneg.data.statements import triplets
    from gnnneg.decoders import DistMult
    from gnnneg.encoders import Lookup
    from gnnneg.models import KGEModel
    from gnnneg.samplers import (
        KBGAN,
        MCNS,
        Cached,
        Corrected,
        Corrupt,
        Curriculum,
        Denied,
        Filtered,
        HardDraw,
        Hardest,
        InBatch,
        KHop,
        Mixture,
        Nearest,
        Padded,
        Popular,
        PreBatch,
        RandomWalk,
        Relational,
        SelfPaced,
        Typed,
        Uniform,
    )

    facts = Facts(data)
    n, r, known = facts.num_nodes, facts.num_relations, facts.known
    # no benchmark here has denied training statements: the validation statements stand in for them
    denied = KnownAnswers(triplets(data, split="valid"), n, r)
    uniform = Uniform(n, count)
    made: dict[str, Callable] = {
        "Uniform": lambda: uniform,
        "Uniform, filtered": lambda: Filtered(uniform, known),
        "Uniform, shared, filtered": lambda: Filtered(Uniform(n, count, shared=True), known),
        "Popular": lambda: Popular(known, count),
        "InBatch": lambda: InBatch(known),
        "PreBatch": lambda: PreBatch(4),
        "Corrupt": lambda: Corrupt(known, count),
        "Typed": lambda: Typed(facts.types, n, count),
        "Relational": lambda: Relational(known, count),
        "KHop": lambda: KHop(known, count),
        "RandomWalk": lambda: RandomWalk(known, count),
        "Nearest": lambda: Nearest(n, count),
        "Denied": lambda: Denied(denied, count),
        "Padded": lambda: Padded(Denied(denied, count), uniform),
        "Corrected": lambda: Corrected(Filtered(Popular(known, count), known)),
        "Mixture": lambda: Mixture([Uniform(n, count // 2), Corrupt(known, count - count // 2)]),
        "Curriculum": lambda: Curriculum([uniform, Corrupt(known, count)], [0, 1]),
        # these look at the model; of four times as many
        "Hardest": lambda: Hardest(Uniform(n, 4 * count), count),
        "Hardest, shared pool": lambda: Hardest(Filtered(Uniform(n, 4 * count, shared=True), known), count),
        "HardDraw": lambda: HardDraw(Uniform(n, 4 * count), count),
        "SelfPaced": lambda: SelfPaced(Uniform(n, 4 * count), count),
        "Cached": lambda: Cached(Uniform(n, 30), known, count),
        "Cached, every 4th": lambda: Cached(Uniform(n, 30), known, count, every=4),
        "KBGAN": lambda: KBGAN(Uniform(n, count), KGEModel(Lookup(n, 25), DistMult(r, 25)), count),
        "MCNS, burnt in": lambda: MCNS(known, count, burn_in=0),
    }
    return made


def ours(arguments, data) -> float:  # type: ignore[no-untyped-def]
    """Negatives a second, from the sampler alone."""
    from gnnneg.corruption import Either
    from gnnneg.data.statements import num_relations, triplets
    from gnnneg.decoders import DistMult
    from gnnneg.encoders import Lookup
    from gnnneg.models import KGEModel
    from gnnneg.records import Triplets

    torch.manual_seed(0)
    n, r = data["entity"].num_nodes, num_relations(data)
    sampler, draw = samplers(data)[arguments.model](), torch.Generator().manual_seed(0)
    model, train = KGEModel(Lookup(n, arguments.width), DistMult(r, arguments.width)), triplets(data, split="train")
    rows = [torch.randperm(train.rel_type.numel(), generator=draw)[:BATCH] for _ in range(10)]
    asking = [Either(r)(Triplets(*(column[row] for column in train)), draw) for row in rows]

    def work() -> int:
        offered = 0
        for query, target in asking:
            critic = model.scorer(model.encode(None), query)
            negatives = sampler(query, target, critic, draw)
            offered += BATCH * negatives.index.size(1)
        return offered

    return rate(work, 2)


def peer(arguments, data) -> float:  # type: ignore[no-untyped-def]
    """PyKEEN's sampler with its filter, ``basic``, ``basic+python-set`` and so on."""
    from pykeen.sampling import negative_sampler_resolver

    from gnnneg.data.statements import num_relations, triplets

    train = torch.stack(list(triplets(data, split="train")), dim=1)
    name, _, filterer = arguments.model.partition("+")
    sampler = negative_sampler_resolver.make(
        name,
        mapped_triples=train,
        num_entities=data["entity"].num_nodes,
        num_relations=num_relations(data),
        num_negs_per_pos=NEGATIVES,
        filtered=bool(filterer),
        **({"filterer": filterer} if filterer else {}),
    )
    draw = torch.Generator().manual_seed(0)
    batches = [train[torch.randperm(len(train), generator=draw)[:BATCH]] for _ in range(2)]

    def work() -> int:
        for batch in batches:
            sampler.sample(batch)
        return BATCH * NEGATIVES * len(batches)

    return rate(work, 2)
