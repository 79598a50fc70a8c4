"""No gradient depends on which thread comes first: of an indexed tensor, torch adds its parts atomically."""

import dataclasses
import warnings

import fuzz
import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, examples, messages, name, sparse, toy
from torch.utils._python_dispatch import TorchDispatchMode

from gnnneg.corruption import Both
from gnnneg.decoders import DistMult
from gnnneg.decoders.relations import Relations
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoder, Task
from gnnneg.looked_up import looked_up
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction

CASES = 120  # each sampler, generator, decoder and loss comes at least once


class Racing(TorchDispatchMode):
    """Counts sums of floats by an index that comes more than once."""

    def __init__(self):
        super().__init__()
        self.found = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        adds = args[3] if len(args) > 3 else (kwargs or {}).get("accumulate", False)
        if "index_put" in func.overloadpacket.__name__ and adds and args[0].is_floating_point():
            there = [one for one in args[1] if one is not None]
            if not any(one.dtype == torch.bool for one in there):  # a mask has each place once
                index = torch.stack(torch.broadcast_tensors(*there)).flatten(1)
                self.found += index.unique(dim=1).size(1) < index.size(1)
        return func(*args, **(kwargs or {}))


def test_it_finds_what_torch_does():
    table = torch.rand(4, 3, requires_grad=True)
    with Racing() as found:
        table[torch.tensor([0, 1, 2])].sum().backward()
        assert found.found == 0
        table[torch.tensor([0, 1, 1])].sum().backward()
        assert found.found == 1
        looked_up(table, torch.tensor([0, 1, 1])).sum().backward()
        assert found.found == 1


@pytest.mark.parametrize("shape", [(6,), (6, 3), (6, 3, 2)])
def test_it_is_an_index(shape):
    table = torch.rand(shape, dtype=torch.float64, requires_grad=True)
    index = torch.tensor([[0, 5, 5], [2, 0, 0]])
    weight = torch.rand(2, 3, *shape[1:], dtype=torch.float64)
    assert looked_up(table, index).equal(table[index])
    (mine,) = torch.autograd.grad((looked_up(table, index) * weight).sum(), table)
    (theirs,) = torch.autograd.grad((table[index] * weight).sum(), table)
    torch.testing.assert_close(mine, theirs)


def test_no_part_races():
    """Of each kind all have their turn, with settings drawn by name."""
    racing = []
    for case in fuzz.sample(CASES, seed=3):
        now = dataclasses.replace(fuzz.Setting.drawn(case), bfloat16=False)
        with warnings.catch_warnings(), Racing() as found:
            warnings.simplefilter("ignore")
            try:
                fuzz.steps(case, now)
            except UserError:
                continue
        if found.found:
            racing.append(case)
    assert not racing


@pytest.mark.parametrize("make", examples(Task), ids=name)
def test_no_task_races(make):
    task = make()
    with Racing() as found:
        task(task.examples(toy()), torch.Generator().manual_seed(0)).backward()
    assert not found.found


@pytest.mark.parametrize("make", examples(Encoder), ids=name)
def test_no_encoder_races(make):
    graph = messages()
    graph.x = torch.randn(NODES, CHANNELS)
    model = KGEModel(make(), DistMult(RELATIONS, CHANNELS, reciprocal=True))
    task = LinkPrediction(model, Both(RELATIONS), Uniform(NODES, 5), InfoNCE(), graph=graph)
    with Racing() as found:
        task(sparse(), torch.Generator().manual_seed(0)).backward()
    assert not found.found


def test_two_threads_give_the_same_bits_again_and_again():
    """1,024 rows of 128 numbers, of 40 relations: enough for torch to share out."""
    relation, draw = Relations(20, 128, reciprocal=True), torch.Generator().manual_seed(0)
    torch.nn.init.ones_(relation.weight)
    index = torch.randint(40, (1024,), generator=draw)
    weight = torch.randn(1024, 128, generator=draw)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        found = [torch.autograd.grad((relation(index)[0] * weight).sum(), relation.weight)[0] for _ in range(20)]
    finally:
        torch.set_num_threads(threads)
    assert all(one.equal(found[0]) for one in found)
