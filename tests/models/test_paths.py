"""Which paths count, against all walks listed one by one."""

import itertools

import pytest
import torch
from examples import NODES, RELATIONS, kge, messages

from gnnneg.errors import UserError
from gnnneg.models import NBFNet
from gnnneg.models.paths import heaviest
from gnnneg.records import Query

STEPS = 3


def walks(source, edge_type, target, weight, begin, end):
    """Every walk of at most so many steps, with its mean weight."""
    edges = list(zip(source.tolist(), edge_type.tolist(), target.tolist()))
    found = []
    for length in range(1, len(weight) + 1):
        for chosen in itertools.product(range(len(edges)), repeat=length):
            nodes = [begin, *(edges[e][2] for e in chosen)]
            if nodes[-1] == end and all(edges[e][0] == node for e, node in zip(chosen, nodes)):
                mean = sum(float(weight[i, e]) for i, e in enumerate(chosen)) / length
                found.append((mean, [edges[e] for e in chosen]))
    return sorted(found, key=lambda walk: -walk[0])


@pytest.mark.parametrize("count", [1, 3, 50])
def test_the_heaviest_of_all_walks(count):
    """Among four nodes and twelve edges, some of them parallel."""
    draw = torch.Generator().manual_seed(1)
    source, target = torch.randint(4, (2, 12), generator=draw)
    edge_type, weight = torch.randint(3, (12,), generator=draw), torch.randn(STEPS, 12, generator=draw)
    every = walks(source, edge_type, target, weight, 0, 2)
    found = heaviest(source, edge_type, target, weight, 4, 0, 2, count)
    assert len(every) > 3
    assert [path.steps for path in found] == [steps for _, steps in every[:count]]
    assert [path.weight for path in found] == pytest.approx([mean for mean, _ in every[:count]], abs=1e-6)


def test_nobody_comes_there():
    """No path, no paths."""
    assert not heaviest(*torch.tensor([[0], [0], [1]]), torch.ones(2, 1), 3, 0, 2, 5)


def test_a_step_counts_what_the_score_loses_without_it():
    """The derivative by the weight of an edge in one layer, by a small difference."""
    torch.manual_seed(0)
    model, graph = NBFNet(RELATIONS, 8, 2).double().eval(), messages()
    source = int(graph.edge_index[0, 0])
    query, target = Query(torch.tensor([source]), graph.edge_type[:1]), graph.edge_index[1, :1]
    best = model.paths(graph, query, target, 100)
    direct = next(path for path in best if path.steps == [(source, int(query.rel_type), int(target))])
    seen = model.encode(graph)
    weight = seen.weight.double().expand(2, -1).clone()
    ends = torch.repeat_interleave(torch.arange(NODES), seen.edges.offset.diff())
    same = (seen.edges.source == source) & (seen.edges.edge_type == query.rel_type) & (ends == target)

    def score(step: float) -> float:
        moved = weight.clone()
        moved[0, same.nonzero()[0, 0]] += step
        return float(model.scorer(type(seen)(seen.edges, moved, seen.num_nodes), query)(target[:, None]).detach())

    assert direct.weight == pytest.approx((score(1e-5) - score(-1e-5)) / 2e-5, rel=1e-4)


def test_others_do_not_go_by_paths():
    with pytest.raises(UserError, match="KGEModel does not use paths"):
        kge().paths(messages(), Query(torch.tensor([0]), torch.tensor([0])), torch.tensor([1]), 3)
