"""A training step starts no more kernels than the table in docs/gpu.md says."""

import re
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import gnnneg.decoders
from gnnneg.corruption import Either
from gnnneg.encoders import Lookup
from gnnneg.losses import LogSigmoid
from gnnneg.models import KGEModel
from gnnneg.records import Triplets
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gpu.md"
NODES, RELATIONS, WIDTH, BATCH, NEGATIVES = 50, 4, 8, 16, 6
TOLD = {
    (name, kind): int(launches)
    for name, kind, launches in re.findall(
        r"\| (\w+), 256 (shared|private) \| [\d.]+ \| [\d.]+ \| (\d+) \|", PAGE.read_text()
    )
}


class Counted(TorchDispatchMode):
    """Counts operators that compute: views and empty memory start no kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        empty = str(func).startswith(("aten.empty", "aten.new_empty", "aten.detach", "aten._to_copy"))
        self.count += not (func.is_view or empty)
        return made


@pytest.mark.parametrize("kind", ["shared", "private"])
@pytest.mark.parametrize("name", ["DistMult", "ComplEx", "RotatE", "TransE"])
def test_no_more_launches_than_the_page_says(name, kind):
    """Loss and gradients. The table counts the optimiser and the batch too; our operators may be two launches."""
    width = WIDTH * (2 if name in ("ComplEx", "RotatE") else 1)
    model = KGEModel(Lookup(NODES, width), getattr(gnnneg.decoders, name)(RELATIONS, width))
    sampler = Uniform(NODES, NEGATIVES, shared=kind == "shared")
    task = LinkPrediction(model, Either(RELATIONS), sampler, LogSigmoid(9.0, adversarial=1.0))
    batch = Triplets(*(torch.randint(high, (BATCH,)) for high in (NODES, RELATIONS, NODES)))
    task(batch, torch.Generator()).backward()
    with Counted() as counted:
        task(batch, torch.Generator()).backward()
    assert 20 < counted.count <= TOLD[name, kind]
