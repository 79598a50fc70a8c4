"""What every model and task promises."""

import pytest
import torch
from examples import NODES, RELATIONS, examples, messages, name, toy
from torch.testing import assert_close

from gnnneg.interfaces import Model, Task
from gnnneg.models import NodeClassifier
from gnnneg.records import Query

GRAPH = messages()
models = pytest.mark.parametrize("make", examples(Model), ids=name)
tasks = pytest.mark.parametrize("make", examples(Task), ids=name)


def visible(model):
    """What messages pass over, where they do."""
    return GRAPH if model.uses_graph else None


@models
def test_forward_is_scorer_is_decode_of_embed(make):
    model = make().eval()
    head_index, rel_type, tail_index = toy()
    encoding = model.encode(visible(model))
    scorer = model.scorer(encoding, Query(head_index, rel_type))
    direct = model(visible(model), head_index, rel_type, tail_index)
    assert_close(direct, scorer(tail_index[:, None])[:, 0])
    everyone = scorer(torch.arange(NODES)[None])
    assert_close(direct, everyone.gather(1, tail_index[:, None])[:, 0])
    assert_close(everyone, scorer.decode(scorer.embed(torch.arange(NODES)[None])))


@models
@pytest.mark.parametrize("shape", [(1, 5), (40, 5), (40, 1)], ids=["shared", "private", "targets"])
def test_a_look_without_gradients_spoils_none(make, shape):
    """A critic may be asked first, without gradients, for the very candidates that are trained on."""
    model = make().eval()
    head_index, rel_type, _ = toy()
    scorer, index = model.scorer(model.encode(visible(model)), Query(head_index, rel_type)), torch.randint(NODES, shape)
    with torch.no_grad():
        looked = scorer(index)
    score = scorer(index)
    assert score.requires_grad
    assert_close(score, looked)
    score.sum().backward()
    assert sum(weight.grad.abs().sum() for weight in model.parameters() if weight.grad is not None) > 0


@models
def test_encode_once_is_encode_each_time(make):
    model = make().eval()
    head_index, rel_type, tail_index = toy()
    once = model.scorer(model.encode(visible(model)), Query(head_index, rel_type))(tail_index[:, None])
    for i in range(3):
        row = Query(head_index[i : i + 1], rel_type[i : i + 1])
        assert_close(once[i : i + 1], model.scorer(model.encode(visible(model)), row)(tail_index[i : i + 1, None]))


@models
def test_candidates_move_with_their_ids(make):
    model = make().eval()
    head_index, rel_type, _ = toy()
    scorer = model.scorer(model.encode(visible(model)), Query(head_index, rel_type))
    order = torch.randperm(NODES)
    assert_close(scorer(torch.arange(NODES)[None])[:, order], scorer(order[None]))


@tasks
def test_loss_falls_in_fifty_steps(make):
    task, draw = make(), torch.Generator().manual_seed(0)
    batch = task.examples(toy())
    optimizer = torch.optim.Adam(task.trained(), lr=0.1)
    value = []
    for _ in range(50):
        optimizer.zero_grad()
        loss = task(batch, draw)
        loss.backward()
        optimizer.step()
        value.append(loss.item())
    assert sum(value[-5:]) / 5 < 0.8 * value[0]


@tasks
def test_same_seed_same_loss(make):
    task = make()
    batch = task.examples(toy())
    values = []
    for _ in range(2):
        torch.manual_seed(0)
        values.append(task(batch, torch.Generator().manual_seed(3)))
    assert torch.equal(*values)


def test_relation_count_is_the_decoders():
    for model in (make() for make in examples(Model)):
        assert model.num_relations == (1 if isinstance(model, NodeClassifier) else RELATIONS)
