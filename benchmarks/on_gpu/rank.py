"""Exact filtered ranking, and PyKEEN's."""

import time
from typing import Any

import peers
import torch
from on_gpu.bench import Bench, Size, guarded
from on_gpu.made_up import facts, model


def rank(bench: Bench) -> None:
    """Exact filtered ranking of test statements, both sides, over all entities; and PyKEEN's."""
    from gnnneg.data.known import KnownAnswers
    from gnnneg.evaluation import ranks
    from gnnneg.records import Triplets

    size = bench.paper
    train = facts(size, bench.device)
    test = Triplets(*(column[: 50 if bench.toy else 20_000] for column in train))
    known = KnownAnswers(train, size.nodes, size.relations).to(bench.device)
    for name in ("DistMult", "ComplEx", "RotatE", "TransE"):
        with guarded(bench, "rank", name, who="ours"):
            made, _ = model(name, size)
            made = made.to(bench.device)
            found: dict[str, Any] = {}
            for memory in (256.0, 4096.0):
                lap = bench.milliseconds(
                    lambda made=made, memory=memory: ranks(made, None, test, known, memory_mib=memory), 1
                )
                found |= {"ms": lap["ms"], f"ms_{memory:.0f}_mib": lap["ms"]}
            bench.tell("rank", name, who="ours", **found, per_second=len(test[0]) / found["ms"] * 1e3)
        with guarded(bench, "rank", name, who="PyKEEN"):
            bench.tell("rank", name, who="PyKEEN", **pykeen_rank(bench, name, size, train))


def pykeen_rank(bench: Bench, name: str, size: Size, train) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    mapped = torch.stack([column.cpu() for column in train], dim=1)
    made, _ = peers.made(name, mapped, size.nodes, size.relations, size.width, bench.device)
    evaluate = peers.ranking(made, mapped[: 20 if bench.toy else 2048], [mapped], 256)
    evaluate()
    begin = time.perf_counter()
    count = evaluate()
    bench.wait()
    seconds = time.perf_counter() - begin
    return {"ms": seconds * 1e3, "per_second": count / seconds}
