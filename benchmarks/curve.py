"""How far NBFNet comes on a graph that is too large for an epoch: MRR of some validation statements by the minute.

``python benchmarks/curve.py WN18RR --minutes 12 --every 4 --statements 50`` trains with the published settings (a free
table of relations in each layer for WN18RR, a query-dependent one and hidden pairs for FB15k-237), for so many minutes
of processor time on one thread, ranking aside, and prints a row of Markdown every so often: statements seen, filtered
MRR and Hits@10 among all entities of some statements, asked from both sides; and a last row of some test statements.

A large graph's states are tensors that glibc gives back to the system whenever they go;
``THP_MEM_ALLOC_ENABLE=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=20000000000`` before the command keeps them.
"""

import argparse
import time

import torch
from torch.optim import Adam

from gnnneg.corruption import Either
from gnnneg.data.facts import Facts
from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import triplets
from gnnneg.datasets import load
from gnnneg.evaluation import ranks
from gnnneg.evaluation.metrics import summary
from gnnneg.losses import LogSigmoid
from gnnneg.models import NBFNet
from gnnneg.records import Triplets
from gnnneg.samplers import Filtered, Uniform
from gnnneg.tasks import LinkPrediction


def some(statements: Triplets, count: int, draw: torch.Generator) -> Triplets:
    row = torch.randperm(statements.rel_type.numel(), generator=draw)[:count]
    return Triplets(*(column[row] for column in statements))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="such as WN18RR")
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument("--every", type=float, default=4.0, help="minutes between rankings (default: 4)")
    parser.add_argument("--statements", type=int, default=50, help="how many are ranked (default: 50)")
    parser.add_argument(
        "--test", type=int, default=0, help="how many test statements are ranked at the end (default: 0)"
    )
    parser.add_argument("--batch", type=int, default=16)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(0)
    data = load(arguments.data)
    facts = Facts(data)
    wordnet = arguments.data.startswith("WN")
    model = NBFNet(facts.num_relations, 32, 6, dependent=not wordnet)
    loss = LogSigmoid(margin=0.0, adversarial=1.0 if wordnet else 2.0)
    sampler = Filtered(Uniform(facts.num_nodes, 32), facts.known)
    corruption = Either(facts.num_relations)
    task = LinkPrediction(model, corruption, sampler, loss, graph=facts.graph, hide_between=not wordnet)
    optimizer = Adam(task.trained(), lr=0.005)
    stated = {split: triplets(data, split=split) for split in ("train", "valid", "test")}
    train, asked = stated["train"], some(stated["valid"], arguments.statements, draw)
    whole = Triplets(*(torch.cat(column) for column in zip(*stated.values())))
    known = KnownAnswers(whole, facts.num_nodes, facts.num_relations)
    print("| minutes | statements | MRR | Hits@10 |\n|---:|---:|---:|---:|", flush=True)
    task(some(train, 1, torch.Generator()), torch.Generator()).backward()  # compiles the kernels, which is not counted
    spent, seen, due = 0.0, 0, arguments.every

    def row(name: str, ranked: Triplets) -> None:
        model.eval()
        with torch.no_grad():
            found = summary(ranks(model, facts.graph, ranked, known))
        model.train()
        print(f"| {name} | {seen:,} | {found['mrr']:.4f} | {found['hits@10']:.4f} |", flush=True)

    while spent < 60 * arguments.minutes:
        start = time.process_time()
        optimizer.zero_grad()
        task(some(train, arguments.batch, draw), draw).backward()
        optimizer.step()
        spent, seen = spent + time.process_time() - start, seen + arguments.batch
        if spent >= 60 * due:
            row(f"{spent / 60:.1f}", asked)
            due += arguments.every
    if arguments.test:
        row(f"test, {arguments.test}", some(stated["test"], arguments.test, draw))


if __name__ == "__main__":
    main()
