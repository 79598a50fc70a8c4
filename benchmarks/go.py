"""What denied statements are worth on the Gene Ontology: do two proteins interact, told from their vectors alone?

The experiment of `"Improving Knowledge Graph Embeddings through Contrastive Learning with Negative Statements"
<https://arxiv.org/abs/2510.11868>`_: embeddings of GO-NegStatements, the Hadamard product of a pair's vectors, a random
forest, five stratified folds, the median weighted F1 (the paper: 58.5 without, 67.3 with its method).

``python benchmarks/go.py controls`` needs no embedding: random vectors, counts of annotations, truncated SVDs.
``... paper`` is the paper's recipe for three decoders, with uniform negatives throughout and with the opponent's choice
in both directions. ``... choice`` asks where the gain comes from. ``... dual`` is the best found. Each row tells the
stated side alone, the denied side alone and both side by side, on all pairs and on pairs matched by degree.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adagrad
from torch_geometric.data import HeteroData

import gnnneg
from gnnneg.corruption import Both, Either
from gnnneg.data.facts import Facts
from gnnneg.data.ontology import inherited
from gnnneg.data.statements import PAIR, num_relations, triplets
from gnnneg.datasets import load
from gnnneg.decoders import ComplEx, DistMult, TransE
from gnnneg.encoders import Lookup
from gnnneg.evaluation.pairs import matched, pair_classification
from gnnneg.interfaces import Sampler
from gnnneg.losses import BCE, InfoNCE, MarginRanking
from gnnneg.models import KGEModel
from gnnneg.penalties import Lp
from gnnneg.samplers import Curriculum, Filtered, Hardest, Popular, Uniform
from gnnneg.tasks import Dual, LinkPrediction
from gnnneg.training import Fit, LazyAdam

WIDTH = 50
EPOCHS, WARM, STEPS = 400, 350, 100  # the paper's; steps an epoch

Choice = Callable[[Facts], Sampler]


@cache
def graph(closed: bool = False, denied: bool = False) -> HeteroData:
    """The Gene Ontology as it is, or with what is stated of a class stated of its superclasses, and what is ``denied``
    of a class denied of its subclasses.
    """
    data = load("GO-NegStatements")
    return inherited(data, "subClassOf", denied=denied) if closed else data


def annotations(data: HeteroData, polarity: str) -> tuple[Tensor, Tensor]:
    head_index, rel_type, tail_index = triplets(data, polarity)
    mine = rel_type == data.relation_names.index("hasAnnot")
    return head_index[mine], tail_index[mine]


def counts(data: HeteroData) -> Tensor:
    """How many annotations each entity has, stated and denied."""
    n = data["entity"].num_nodes
    return torch.stack([torch.bincount(annotations(data, p)[0], minlength=n) for p in ("stated", "denied")], 1)


def svd(data: HeteroData, polarity: str, rare: bool = False) -> Tensor:
    """Fifty columns of the truncated SVD of who is annotated with what; ``rare`` classes count more (tf-idf)."""
    import numpy as np
    from scipy.sparse import csr_matrix, diags
    from sklearn.decomposition import TruncatedSVD

    head_index, tail_index = annotations(data, polarity)
    n = data["entity"].num_nodes
    table = csr_matrix((np.ones(len(head_index)), (head_index.numpy(), tail_index.numpy())), shape=(n, n))
    if rare:
        often = np.asarray(table.sum(0)).ravel()
        table = table @ diags(np.log(len(head_index.unique()) / np.maximum(often, 1)))
    return torch.from_numpy(TruncatedSVD(WIDTH, random_state=0).fit_transform(table)).float()


def controls(_: int) -> dict[str, dict[str, Tensor]]:
    plain, closed = graph(), graph(True)
    n = plain["entity"].num_nodes
    return {
        "random": {"both": torch.randn(n, WIDTH)},
        "counts": {"both": counts(plain).float()},
        "SVD": {"stated": svd(plain, "stated"), "denied": svd(plain, "denied")},
        "SVD, inherited": {"stated": svd(closed, "stated"), "denied": svd(plain, "denied")},
        "SVD, inherited, tf-idf": {"stated": svd(closed, "stated", True), "denied": svd(plain, "denied", True)},
    }


def uniform(facts: Facts) -> Sampler:
    return Filtered(Uniform(facts.num_nodes, 1), facts.known)


def popular(facts: Facts) -> Sampler:
    """What a batch's own targets are: entities in proportion to how often they answer."""
    return Filtered(Popular(facts.known, 1, alpha=1.0), facts.known)


def best(likeliest: bool, pool: int = 1000) -> Choice:
    def make(facts: Facts) -> Sampler:
        offered = Filtered(Uniform(facts.num_nodes, pool, shared=True), facts.known)
        return Hardest(offered, 1, likeliest)

    return make


def recipe(decoder: type, choice: Choice, share: float, opponent: bool = True) -> Callable[[int], dict[str, Tensor]]:
    """The paper's recipe, or ``share`` of its epochs: one negative, the last eighth of training by ``choice``."""
    translation = decoder is TransE

    def make(seed: int) -> dict[str, Tensor]:
        torch.manual_seed(seed)
        data = graph()
        facts, epochs = Facts(data), max(1, round(share * EPOCHS))
        start = round(share * WARM) * STEPS

        def side(facts: Facts) -> LinkPrediction:
            r = num_relations(data)
            model = KGEModel(Lookup(facts.num_nodes, WIDTH, sparse=True), decoder(r, WIDTH))
            sampler = Curriculum([uniform(facts), choice(facts)], [0, start])
            loss = MarginRanking(margin=1.0) if translation else BCE()
            penalty = None if translation else Lp(0.05 / (3 * WIDTH), p=2)
            return LinkPrediction(model, Either(r), sampler, loss, penalty=penalty)

        task = Dual(side(facts), side(facts.mirror), facts.denied, weight=0.0, opponent=opponent)
        own = SGD(task.trained(), lr=0.001) if translation else LazyAdam(task.trained(), lr=0.001)
        size = triplets(data).rel_type.numel() // STEPS + 1
        return vectors(task, data, own, Fit(epochs=epochs, batch_size=size), seed)

    return make


def tuned(
    decoder: type,
    closed: bool,
    alpha: float = 0.0,
    choice: str | None = None,
    epochs: int = 10,
    negatives: int = 256,
    denied: bool = False,
) -> Callable[[int], dict[str, Tensor]]:
    """Softmax cross-entropy over shared negatives, on the graph as it is or with what is stated of superclasses too.

    ``alpha`` above 0 draws entities by how often they answer, to that power: what answers often says less, as in
    tf-idf. ``choice`` keeps, in the second half, a quarter of four times as many, by the opponent.
    """

    def make(seed: int) -> dict[str, Tensor]:
        torch.manual_seed(seed)
        data = graph(closed, denied)
        facts = Facts(data)

        def side(facts: Facts) -> LinkPrediction:
            r = num_relations(data)
            own = decoder(r, WIDTH) if decoder is TransE else decoder(r, WIDTH, reciprocal=True)
            model = KGEModel(Lookup(facts.num_nodes, WIDTH), own, dropout=0.0 if decoder is TransE else 0.4)

            def offered(count: int) -> Sampler:
                if alpha:
                    return Filtered(Popular(facts.known, count, alpha=alpha, shared=True), facts.known)
                return Filtered(Uniform(facts.num_nodes, count, shared=True), facts.known)

            sampler = offered(negatives)
            if choice is not None:
                hard = Hardest(offered(4 * negatives), negatives, choice == "likeliest")
                sampler = Curriculum([sampler, hard], [0, len(triplets(data).rel_type) // 1000 * epochs // 2])
            return LinkPrediction(model, Both(r), sampler, InfoNCE())

        task = Dual(side(facts), side(facts.mirror), facts.denied, weight=0.0)
        own = Adagrad(task.trained(), lr=0.1, fused=True)
        return vectors(task, data, own, Fit(epochs=epochs, batch_size=1000), seed)

    return make


def vectors(task: Dual, data: HeteroData, optimizer: Any, fit: Fit, seed: int) -> dict[str, Tensor]:
    """What both sides know of each entity."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that there is nothing to test
        gnnneg.train(task, data, optimizer, fit, seed=seed, progress=False)
    everyone = torch.arange(data["entity"].num_nodes)
    sides = {"stated": task.positive.model, "denied": task.negative.model}
    return {name: model.encode(None)[everyone].detach() for name, model in sides.items()}


def suite(name: str, share: float) -> dict[str, Callable[[int], dict[str, Tensor]]]:
    """What is made under each name, from a seed."""
    if name == "paper":
        return {
            f"{decoder.__name__}, {how}": recipe(decoder, choice, share)
            for decoder in (TransE, DistMult, ComplEx)
            for how, choice in (("uniform", uniform), ("opponent's likeliest", best(True)), ("least", best(False)))
        }
    if name == "choice":
        return {
            "uniform": recipe(DistMult, uniform, share),
            "in-batch": recipe(DistMult, popular, share),
            "own likeliest": recipe(DistMult, best(True), share, opponent=False),
            "opponent's likeliest": recipe(DistMult, best(True), share),
            "opponent's least": recipe(DistMult, best(False), share),
        }
    return {
        "TransE": tuned(TransE, False),
        "TransE, inherited": tuned(TransE, True),
        "DistMult, inherited, popular": tuned(DistMult, True, 0.75),
        "TransE, inherited, popular": tuned(TransE, True, 0.75),
        "TransE, both inherited, popular": tuned(TransE, True, 0.75, epochs=6, denied=True),
        "TransE, inherited, popular, opponent's likeliest": tuned(TransE, True, 0.75, "likeliest"),
        "TransE, inherited, popular, opponent's least": tuned(TransE, True, 0.75, "least"),
    }


def judged(found: dict[str, Tensor]) -> dict[str, float]:
    """The median weighted F1 of each side and of both, on all pairs and on those of equal degrees."""
    data = graph()
    pairs, label = data[PAIR].edge_label_index, data[PAIR].edge_label
    alike = matched(pairs, label, counts(data), torch.Generator().manual_seed(0))
    parts = dict(found)
    if "both" not in parts:
        parts["both"] = torch.cat(list(found.values()), 1)
    figures = {side: pair_classification(vector, pairs, label)[0]["f1"] for side, vector in parts.items()}
    figures["matched"] = pair_classification(parts["both"], pairs[:, alike], label[alike])[0]["f1"]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=["controls", "paper", "choice", "dual"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="of the paper's 400 epochs (suites paper and choice)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="those of the suite (default: all)")
    parser.add_argument("--out", default="runs/go", help="where figures are kept")
    arguments = parser.parse_args()
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    print("| vectors | seeds | stated side | denied side | both | both, matched pairs | minutes |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    made: dict[str, Callable[[int], dict[str, Tensor]]]
    if arguments.suite == "controls":
        every = controls(0)
        made = {name: (lambda seed, found=found: found) for name, found in every.items()}  # type: ignore[misc]
    else:
        made = suite(arguments.suite, arguments.share)
    for name in arguments.only or made:
        runs = []
        for seed in range(arguments.seeds):
            share = "" if arguments.share == 1 else f"-{arguments.share}"
            word = "".join(letter for letter in name.replace(" ", "-") if letter not in ",'")
            kept = out / f"{arguments.suite}{share}-{word}-{seed}.json"
            if not kept.exists():
                began = time.process_time()
                found = made[name](seed)
                seconds = time.process_time() - began
                kept.write_text(json.dumps({**judged(found), "seconds": seconds}))
            runs.append(json.loads(kept.read_text()))
        cells = []
        for side in ("stated", "denied", "both", "matched"):
            values = [run[side] for run in runs if side in run]
            spread = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
            cells.append(f"{mean(values):.3f}{spread}" if values else "")
        minutes = mean(run["seconds"] for run in runs) / 60
        print(f"| {name} | {len(runs)} | {' | '.join(cells)} | {minutes:.1f} |", flush=True)
        print(f"{name}: done", file=sys.stderr)


if __name__ == "__main__":
    main()
