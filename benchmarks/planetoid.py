"""EMU on node classification: a GCN on Cora and Citeseer, with cross-entropy, dropout, and EMU's forms.

    GNNNEG_MIRROR=../shared/datasets python benchmarks/planetoid.py [--seeds 10]

Each variant trains 200 epochs of Adam (0.01, weight decay 5e-4) as in the GCN paper, and is judged at its best
validation accuracy. Prints a row of Markdown for each.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence

import torch
from torch_geometric.data import Data
from torch_geometric.nn import GCN
from torch_geometric.transforms import NormalizeFeatures

from gnnneg.datasets import Planetoid
from gnnneg.decoders import Inner
from gnnneg.encoders import GNN
from gnnneg.evaluation import accuracy
from gnnneg.generators import EMU, MatchedEMU
from gnnneg.interfaces import Generator
from gnnneg.losses import InfoNCE
from gnnneg.models import NodeClassifier
from gnnneg.samplers import All
from gnnneg.tasks import NodeClassification, labelled

WIDTH = 64
Makers = Callable[[], Sequence[Generator]]

# what varies: dropout of the state that classes are compared with, weight of the plain term, soft label, generators
VARIANTS: dict[str, tuple[float, float, float, Makers]] = {
    "cross-entropy": (0.0, 1.0, 0.0, lambda: ()),
    "dropout 0.5 of the state": (0.5, 1.0, 0.0, lambda: ()),
    "dropout 0.5, label smoothing": (0.5, 1.0, 0.02, lambda: ()),
    "ULS alone": (0.0, 0.1, 0.0, lambda: [EMU(0.0, soft_label=0.1)]),
    "EMU, shared mask": (0.0, 0.1, 0.0, lambda: [EMU(0.5, soft_label=0.1)]),
    "EMU, a mask for each class": (0.0, 0.1, 0.0, lambda: [EMU(0.5, soft_label=0.1, groups=None)]),
    "EMU, moment-matched": (0.0, 0.1, 0.0, lambda: [MatchedEMU(0.5, soft_label=0.1)]),
}


def run(data: Data, variant: str, seed: int) -> float:
    """Test accuracy of one variant."""
    dropout, scale, label, make = VARIANTS[variant]
    torch.manual_seed(seed)
    classes = int(data.y.max()) + 1
    encoder = GNN(GCN(data.num_features, WIDTH, num_layers=2, dropout=0.5), WIDTH)
    model = NodeClassifier(encoder, Inner(), classes, dropout)
    task = NodeClassification(model, All(classes), InfoNCE(), data, make(), label, scale)
    optimizer = torch.optim.Adam(task.trained(), lr=0.01, weight_decay=5e-4)
    train, valid, test = (labelled(data.y, data[mask]) for mask in ("train_mask", "val_mask", "test_mask"))
    draw, best, found = torch.Generator().manual_seed(seed), 0.0, 0.0
    for _ in range(200):
        optimizer.zero_grad()
        task(train, draw).backward()
        optimizer.step()
        reached = accuracy(model, data, valid, classes)
        if reached > best:
            best, found = reached, accuracy(model, data, test, classes)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    print("| | " + " | ".join(VARIANTS) + " |\n|---|" + "---|" * len(VARIANTS))
    for name in ("Planetoid-Cora", "Planetoid-Citeseer"):
        data = Planetoid(name, transform=NormalizeFeatures())[0]
        cells = []
        for variant in VARIANTS:
            found = [100 * run(data, variant, seed) for seed in range(seeds)]
            cells.append(f"{statistics.mean(found):.1f} ± {statistics.stdev(found) if seeds > 1 else 0:.1f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
