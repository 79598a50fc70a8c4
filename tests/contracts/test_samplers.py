"""What every sampler and corruption promises."""

import copy

import pytest
import torch
from examples import NODES, RELATIONS, examples, kge, name, toy
from torch.testing import assert_close

from gnnneg.interfaces import Corruption, Sampler
from gnnneg.records import asked

samplers = pytest.mark.parametrize("make", examples(Sampler), ids=name)
corruptions = pytest.mark.parametrize("make", examples(Corruption), ids=name)


def draw(sampler, seed: int = 0):
    """With one and the same critic."""
    query, target = asked(toy(), RELATIONS)
    torch.manual_seed(0)
    model = kge()
    critic = model.scorer(model.encode(None), query)
    return query, target, sampler(query, target, critic, torch.Generator().manual_seed(seed))


def made(make):
    """A sampler that has a model starts with the same one each time."""
    torch.manual_seed(1)
    return make()


@samplers
def test_entities_and_shapes(make):
    _, target, negatives = draw(make())
    b = len(target)
    assert negatives.index.dtype == torch.long
    assert negatives.index.min() >= 0
    assert negatives.index.max() < NODES
    assert negatives.index.size(0) in (1, b)
    assert negatives.weight.size(0) in (1, b)
    assert negatives.weight.size(1) in (1, negatives.index.size(1))
    assert negatives.weight.min() >= 0


@samplers
def test_same_seed_same_draw(make):
    first, second = draw(made(make), 7)[2], draw(made(make), 7)[2]
    assert torch.equal(first.index, second.index)
    assert torch.equal(first.weight, second.weight)


@samplers
def test_global_randomness_is_left_alone(make):
    """Every draw takes the generator it is handed."""
    torch.manual_seed(1)
    query, target = asked(toy(), RELATIONS)
    sampler, model = make(), kge()
    critic = model.scorer(model.encode(None), query)
    before = torch.random.get_rng_state()
    sampler(query, target, critic, torch.Generator().manual_seed(0))
    assert torch.equal(before, torch.random.get_rng_state())


@samplers
def test_eval_changes_no_state(make):
    sampler = make().eval()
    before = copy.deepcopy(sampler.state_dict())
    draw(sampler)
    assert_close(sampler.state_dict(), before)


@samplers
def test_state_dict_round_trip(make):
    sampler, other = made(make), make()
    draw(sampler)
    other.load_state_dict(sampler.state_dict())
    assert torch.equal(draw(sampler, 3)[2].index, draw(other, 3)[2].index)


@corruptions
def test_queries_are_the_triplets(make):
    """Whatever side is asked, query and target together are the statement."""
    triplets = toy()
    query, target = make()(triplets, torch.Generator().manual_seed(0))
    head = query.rel_type >= RELATIONS
    times = len(target) // len(triplets.rel_type)
    for column, found in zip(
        triplets,
        (
            torch.where(head, target, query.anchor),
            query.rel_type - RELATIONS * head,
            torch.where(head, query.anchor, target),
        ),
    ):
        assert torch.equal(column.repeat(times), found)
