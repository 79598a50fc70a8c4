"""Two runs of two processes, the second of which is killed once, with -9, while it trains."""

import os
import signal
import sys
from pathlib import Path

import torch
from experiment.helpers import ring

from gnnneg import (
    ComplEx,
    Fit,
    InfoNCE,
    KGEModel,
    LinkPrediction,
    RowAdagrad,
    ShardedLookup,
    Tail,
    Uniform,
    distributed,
    train,
)


class Struck(RowAdagrad):
    """Kills the second process at its tenth step, unless it has done so before."""

    def step(self, closure=None):
        self.steps = getattr(self, "steps", 0) + 1
        mark = OUT / "struck"
        if self.steps == 10 and distributed.rank() == 1 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step(closure)


def trained(out: Path, optimizer: type[RowAdagrad]) -> None:
    """A run, made anew in each process."""
    data = ring()
    torch.manual_seed(0)
    task = LinkPrediction(KGEModel(ShardedLookup(20, 4), ComplEx(2, 4)), Tail(2), Uniform(20, 4), InfoNCE())
    fit = Fit(epochs=4, batch_size=8, evaluate_every=1, patience=None, checkpoint_seconds=0.0)
    train(task, data, optimizer(task.trained(), lr=0.1), fit, out=out, progress=False)


if __name__ == "__main__":
    OUT = Path(sys.argv[1])
    torch.set_num_threads(1)
    with distributed.together():
        trained(OUT / "whole", RowAdagrad)
        trained(OUT / "killed", Struck)
        (OUT / f"attempt {os.environ['TORCHELASTIC_RESTART_COUNT']} of {distributed.rank()}").touch()
