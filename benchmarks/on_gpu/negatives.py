"""Training steps with negatives of all kinds, beside the plain step."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from on_gpu.bench import Bench
from on_gpu.made_up import facts, model
from on_gpu.steps import recorded, stepper


def made(bench: Bench) -> None:
    """Steps with made negatives and with samplers that look at the model, beside the plain step."""
    from gnnneg.data.known import KnownAnswers
    from gnnneg.generators import DANS, EMU, MatchedEMU
    from gnnneg.samplers import (
        KBGAN,
        MCNS,
        All,
        Cached,
        Filtered,
        HardDraw,
        Hardest,
        InBatch,
        SelfPaced,
        Uniform,
    )

    size = bench.paper
    train = facts(size, bench.device)
    n = size.nodes
    known = KnownAnswers(train, n, size.relations)
    few = size.negatives // 4
    pool = lambda: Filtered(Uniform(n, size.negatives), known)  # noqa: E731
    cases: dict[str, Callable[[], dict[str, Any]]] = {
        "plain, shared": lambda: {"sampler": Uniform(n, size.negatives, shared=True)},
        "plain, private": lambda: {"sampler": Uniform(n, size.negatives)},
        "EMU, one mask": lambda: {"sampler": Uniform(n, size.negatives, shared=True), "generators": [EMU(0.61, 0.53)]},
        "EMU, matched": lambda: {
            "sampler": Uniform(n, size.negatives, shared=True),
            "generators": [MatchedEMU(0.61, 0.53)],
        },
        "DANS": lambda: {"sampler": Uniform(n, few), "generators": [DANS(known, size.width)]},
        "all entities": lambda: {"sampler": All(n)},
        "all entities, filtered": lambda: {"sampler": Filtered(All(n), known)},
        "uniform, filtered": lambda: {"sampler": pool()},
        "in-batch, filtered": lambda: {"sampler": Filtered(InBatch(known), known)},
        "hardest": lambda: {"sampler": Hardest(pool(), few)},
        "hard draw": lambda: {"sampler": HardDraw(pool(), few)},
        "NSCaching": lambda: {"sampler": Cached(Uniform(n, 30), known, few, size=30)},
        "KBGAN": lambda: {"sampler": KBGAN(pool(), model("DistMult", size._replace(width=24))[0], few)},
        "MCNS": lambda: {"sampler": MCNS(known, few)},
        "self-paced": lambda: {"sampler": SelfPaced(pool(), few)},
    }
    for case, parts in cases.items():
        for how in ("eager", "graph"):
            bench.case("made", case, partial(one_step, bench, parts, how, train), who=how)


def one_step(bench: Bench, parts: Callable[[], dict[str, Any]], how: str, train) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    from gnnneg.corruption import Either
    from gnnneg.losses import InfoNCE
    from gnnneg.tasks import LinkPrediction

    size = bench.paper
    torch.manual_seed(0)
    task = LinkPrediction(model("DistMult", size)[0], Either(size.relations), loss=InfoNCE(), **parts())
    task = task.to(bench.device)
    optimizer = torch.optim.Adam(task.trained(), lr=1e-3, fused=True)
    step, learn = stepper(bench, task, train, optimizer, size, how == "graph" and bench.cuda)
    return bench.measured(step, size.batch) | recorded(learn) | {"loss": float(step())}
