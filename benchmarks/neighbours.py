"""Neighbour sampling on a graph of a million made-up triples: what a step costs there, and that it learns.

``python benchmarks/neighbours.py`` trains ``configs/synthetic/neighbours.yaml``'s model for a minute and prints a JSON
line: milliseconds a step, nodes and messages a step beside those of the graph, peak memory, and the filtered MRR of
some validation triples against all entities before and after. ``--whole`` passes messages over the whole graph
instead; ``--triples 100000`` is a smaller graph.
"""

import argparse
import json
import time

import torch
from measure import peak_mib

from gnnneg.corruption import Both
from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import message_graph, triplets
from gnnneg.data.synthetic import RELATIONS, world
from gnnneg.decoders import DistMult
from gnnneg.encoders import RGCN, SampledNeighbors
from gnnneg.evaluation.metrics import summary
from gnnneg.evaluation.ranking import ranks
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.records import Triplets
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction

A_NODE = 4.46  # training triples of such a world, for each of its entities


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--triples", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--neighbors", type=int, nargs="+", default=[10, 5])
    parser.add_argument("--judged", type=int, default=500, help="validation triples that are ranked")
    parser.add_argument("--whole", action="store_true")
    arguments = parser.parse_args()

    torch.manual_seed(0)
    data = world(round(arguments.triples / A_NODE), denied=0.0).data
    num_nodes, r = data["entity"].num_nodes, len(RELATIONS)
    graph, train, valid = message_graph(data), triplets(data, "stated", "train"), triplets(data, "stated", "valid")
    encoder = RGCN(num_nodes, r, 64, len(arguments.neighbors), num_bases=8)
    sampled = SampledNeighbors(encoder, arguments.neighbors)
    model = KGEModel(encoder if arguments.whole else sampled, DistMult(r, 64))
    sampler = Uniform(num_nodes, 64, shared=True)
    task = LinkPrediction(model, Both(r), sampler, InfoNCE(), graph=graph)
    optimizer = torch.optim.Adam(task.trained(), lr=0.01, fused=True)
    known = KnownAnswers(triplets(data, "stated", None), num_nodes, r)
    few = Triplets(*(column[torch.randperm(len(valid.rel_type))[: arguments.judged]] for column in valid))

    seen: list[tuple[int, int]] = []
    encoder.register_forward_pre_hook(lambda _, given: seen.append((given[0].num_nodes, given[0].num_edges)))

    def mrr() -> float:
        model.eval()
        found = summary(ranks(model, graph, few, known))["mrr"]
        model.train()
        return float(found)

    before, begun, spent = mrr(), time.perf_counter(), []
    seen.clear()
    while time.perf_counter() - begun < arguments.seconds:
        start = time.perf_counter()
        rows = torch.randint(len(train.rel_type), (arguments.batch,))
        optimizer.zero_grad()
        task(Triplets(*(column[rows] for column in train))).backward()
        optimizer.step()
        spent.append(time.perf_counter() - start)
    steps = len(spent)
    nodes, edges = (sum(counts) / steps for counts in zip(*seen))
    line = {
        "triples": len(train.rel_type),
        "entities": num_nodes,
        "steps": steps,
        "ms_a_step": 1000 * sorted(spent)[steps // 2],
        "nodes_a_step": nodes,
        "messages_a_step": edges,
        "messages_of_the_graph": graph.num_edges,
        "peak_mib": peak_mib(),
        "mrr_before": before,
        "mrr": mrr(),
    }
    print(json.dumps({name: round(value, 4) for name, value in line.items()}))


if __name__ == "__main__":
    main()
