"""Exact filtered ranking, and PyKEEN's."""

import time
from functools import partial
from typing import Any

import peers
import torch
from on_gpu.bench import Bench
from on_gpu.made_up import facts, model


def rank(bench: Bench) -> None:
    """Exact filtered ranking of test statements, both sides, over all entities; and PyKEEN's of the same statements.

    What is known is looked up in an index; it is made once, outside of what is timed, on both sides.
    """
    from gnnneg.data.known import KnownAnswers
    from gnnneg.records import Triplets

    size = bench.paper
    train = facts(size, bench.device)
    test = Triplets(*(column[: 50 if bench.toy else 2048] for column in train))
    known = KnownAnswers(train, size.nodes, size.relations).to(bench.device)
    for name in ("DistMult", "ComplEx", "RotatE", "TransE"):
        bench.case("rank", name, partial(ours, bench, name, test, known), who="ours")
        bench.case("rank", name, partial(pykeen, bench, name, test, train), who="PyKEEN")


def ours(bench: Bench, name: str, test, known) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    from gnnneg.evaluation import ranks

    made = model(name, bench.paper)[0].to(bench.device)
    found: dict[str, Any] = {}
    for memory in (256.0, 4096.0):
        lap = bench.milliseconds(partial(ranks, made, None, test, known, memory_mib=memory), 1)
        found |= {"ms": lap["ms"], f"ms_{memory:.0f}_mib": lap["ms"]}
    return found | {"per_second": len(test[0]) / found["ms"] * 1e3}


def pykeen(bench: Bench, name: str, test, train) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    size = bench.paper
    asked, known = (torch.stack([column.cpu() for column in columns], dim=1) for columns in (test, train))
    made, _ = peers.made(name, known, size.nodes, size.relations, size.width, bench.device)
    evaluate = peers.ranking(made, asked, [known], 256)
    evaluate()
    begin = time.perf_counter()
    count = evaluate()
    bench.wait()
    seconds = time.perf_counter() - begin
    return {"ms": seconds * 1e3, "per_second": count / seconds}
