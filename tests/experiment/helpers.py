"""Small runs, and the means to compare them."""

import json
from pathlib import Path

import torch
from torch.optim import Adagrad

from gnnneg import Both, ComplEx, Fit, InfoNCE, KGEModel, LinkPrediction, Lookup, Run, Uniform, train
from gnnneg.data.statements import assemble
from gnnneg.records import Triplets

CONFIG = Path(__file__).parents[2] / "configs" / "synthetic" / "shared.yaml"
QUICK = ["--fit.epochs", "2", "--fit.evaluate_every", "1", "--task.model.encoder.hidden_channels", "4"]
QUICK += ["--device", "cpu"]
TINY = """data: {name: %s}
task:
  class_path: LinkPrediction
  init_args:
    model: {class_path: KGEModel, init_args: {encoder: {class_path: Lookup, init_args: {hidden_channels: 8}}, decoder: ComplEx}}
    corruption: Both
    sampler: {class_path: Uniform, init_args: {num_negatives: 4}}
    loss: InfoNCE
optimizer: {class_path: Adagrad, init_args: {lr: 0.1}}
fit: {epochs: 3, batch_size: 16}
device: cpu
"""  # noqa: E501
SMALL = """data: {name: %s}
task:
  class_path: LinkPrediction
  init_args:
    model:
      class_path: KGEModel
      init_args: {encoder: {class_path: Lookup, init_args: {hidden_channels: 4}}, decoder: DistMult}
    corruption: Tail
    sampler: {class_path: Uniform, init_args: {num_negatives: 2}}
    loss: InfoNCE
optimizer: {class_path: SGD, init_args: {lr: 0.1}}
fit: {epochs: 2, batch_size: 4, patience: null, evaluate_every: 1}
device: cpu
"""


def ring(size: int = 20):
    """A graph of two relations round a ring, a few statements in each split, some denied."""
    one = torch.arange(size)
    head, tail = torch.cat([one, one]), torch.cat([(one + 1) % size, (one + 2) % size])
    stated = Triplets(head, torch.tensor([0, 1]).repeat_interleave(size), tail)
    split = torch.tensor([0] * 8 + [1, 2]).repeat(2 * size // 10)
    denied = Triplets(one[:6], torch.zeros(6, dtype=torch.long), (one[:6] + 5) % size)
    names = [f"e{i}" for i in range(size)]
    return assemble(stated, split, names, ["next", "after"], denied, torch.tensor([0, 0, 1, 1, 2, 2]))


def linked(data, sampler=None, width: int = 4, **options) -> LinkPrediction:
    n, r = data["entity"].num_nodes, len(data.relation_names)
    model = KGEModel(Lookup(n, width), ComplEx(r, width))
    return LinkPrediction(model, Both(r), sampler or Uniform(n, 4), InfoNCE(), **options)


def trained(data, out: Path | None, epochs: int = 2, sampler=None, **options) -> Run:
    torch.manual_seed(0)
    task = linked(data, sampler)
    fit = Fit(epochs=epochs, batch_size=8, evaluate_every=1, patience=None, checkpoint_seconds=0.0)
    return train(task, data, Adagrad(task.trained(), lr=0.1), fit, out=out, progress=False, **options)


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


def everything(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def log(run: Path) -> list[dict]:
    """The lines of the log, without their times."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in ("seconds", "triples_per_s")} for line in lines]
