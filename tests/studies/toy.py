"""A study that takes a second, and records of one that was never run."""

import copy
import json
from pathlib import Path

from gnnneg.studies.definition import Definition, digest, read
from gnnneg.studies.standing import asked, plainly, written

CONFIG = """
data: {name: synthetic}
task:
  class_path: LinkPrediction
  init_args:
    model: {class_path: KGEModel, init_args: {encoder: {class_path: Lookup, init_args: {hidden_channels: 4}}, decoder: DistMult}}
    corruption: Both
    sampler: {class_path: Uniform, init_args: {num_negatives: 4, shared: true}}
    loss: InfoNCE
optimizer: {class_path: Adagrad, init_args: {lr: 0.1}}
fit: {epochs: 3, batch_size: 512, evaluate_every: 1, checkpoint_seconds: 0.0}
device: cpu
"""  # noqa: E501
STUDY = """
question: Do more negatives help? Two numbers of them.
config: base.yaml
data: [synthetic]
variants:
  few: {}
  many: {task.sampler.num_negatives: 16}
seeds: 2
budget: {training: 60}
metrics: [mrr, hits@10]
tests: {against: few}
"""
TUNED = STUDY + "tune: {trials: 2, startup: 1, space: {optimizer.lr: {low: 0.01, high: 1.0, log: true}}}\n"
MARK = [{"entities": {"count": 3, "digest": "a"}}]


def written_to(folder: Path, study: str = STUDY, name: str = "toy") -> Path:
    """The study and its config in a folder."""
    (folder / "base.yaml").write_text(CONFIG)
    path = folder / f"{name}.yaml"
    path.write_text(study)
    return path


def made(path: Path, results: Path, figures: dict[tuple[str, int], float]) -> Definition:
    """Records of a study, as runs would have made them, with these figures of a variant and a seed."""
    study = read(path)
    results.mkdir(exist_ok=True)
    with (results / f"{study.name}.jsonl").open("a") as file:
        for cell in study.cells:
            for seed in cell.seeds:
                if (cell.variant, seed) in figures:
                    file.write(json.dumps(record(study, cell, seed, figures[cell.variant, seed])) + "\n")
    return study


def record(study: Definition, cell, seed: int, figure: float) -> dict:
    """One of them."""
    config = plainly(asked(cell, seed, None))
    return {
        "kind": "training",
        "study": study.name,
        "data": cell.data,
        "model": cell.model,
        "variant": cell.variant,
        "definition": written(study, cell),
        "config": config,
        "config_hash": digest(config),
        "fingerprint": copy.deepcopy(MARK),
        "seed": seed,
        "seconds": {"wall": 10.0, "processor": 8.0},
        "ended": "seconds" if seed == 0 else "epochs",
        "metrics": {"valid": {"mrr": 0.9}, "test": {"mrr": figure, "hits@10": figure / 2}},
    }
