"""What several samplers stand on, each by itself: noise, pools, corrections, models that were trained before."""

import pytest
import torch
from examples import NODES, RELATIONS, Scores, kge, messages
from safetensors.torch import save_file
from torch import nn
from torch.testing import assert_close

from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import Pools
from gnnneg.decoders import DistMult
from gnnneg.encoders import RGCN
from gnnneg.errors import UserError
from gnnneg.models import KGEModel
from gnnneg.records import Query, Triplets
from gnnneg.samplers import Corrected, Corrupt, Curriculum, Filtered, InBatch, KHop, PreBatch, Typed, Uniform
from gnnneg.samplers.composed import Composed
from gnnneg.samplers.gumbel import perturbed
from gnnneg.samplers.pooled import Pooled
from gnnneg.samplers.pretrained import pretrained


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_noise_is_gumbels():
    """Minus log minus log of what is drawn, so that the largest is a draw by the softmax."""
    score = torch.tensor([[0.0, 1.0, -torch.inf]])
    drawn = torch.rand((1, 3), generator=chance())
    assert_close(perturbed(score, chance()), score - (-drawn.log()).log())
    score = torch.tensor([0.0, 1.0, 2.0]).expand(20_000, -1)
    share = perturbed(score, chance()).argmax(1).bincount() / 20_000
    assert_close(share, score[0].softmax(0), atol=0.015, rtol=0)


class Own(Pooled):
    """The pool of the anchor."""

    def __init__(self, pools, num_negatives):
        super().__init__()
        self.pools, self.num_negatives = pools, num_negatives

    def row(self, query, target):
        return query.anchor


def test_pools_are_drawn_from_evenly():
    """Pools {1, 3}, {} and {2}: an empty one gives weight 0 and nobody a chance."""
    sampler = Own(Pools(torch.tensor([0, 0, 2]), torch.tensor([1, 3, 2]), 3), 400)
    query = Query(torch.arange(3), torch.zeros(3, dtype=torch.long))
    target, critic = torch.zeros(3, dtype=torch.long), Scores(torch.zeros(3, 5))
    found = sampler(query, target, critic, chance())
    assert found.weight.tolist() == [[1.0], [0.0], [1.0]]
    assert found.index[0].bincount().tolist()[1::2] == pytest.approx([200, 200], abs=50)
    assert found.index[0].unique().tolist() == [1, 3]
    assert found.index[2].unique().tolist() == [2]
    log = sampler.log_prob(query, target, critic, torch.tensor([[1, 2, 4]]))
    assert log.exp().tolist() == [[0.5, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_pools_by_relation_and_by_anchor():
    """0 -> 1 -> 2 -> 3 by relation 0: who fills its slots, and where as many steps from 0 end, or one fewer."""
    facts = KnownAnswers(Triplets(*torch.tensor([[0, 1, 2], [0, 0, 0], [1, 2, 3]])), 5, 2)
    query = Query(torch.tensor([0, 0, 0]), torch.tensor([0, 2, 1]))
    target, critic = torch.zeros(3, dtype=torch.long), Scores(torch.zeros(3, 5))
    every = torch.arange(5)[None]
    slots = Corrupt(facts, 2).log_prob(query, target, critic, every).exp()
    third = 1 / 3
    assert_close(slots, torch.tensor([[0, third, third, third, 0], [third, third, third, 0, 0], [0.0] * 5]))
    near = {hops: KHop(facts, 2, hops).log_prob(query, target, critic, every)[0].exp() for hops in (1, 2, 3)}
    assert near[1].tolist() == [0.5, 0.5, 0, 0, 0]
    assert_close(near[2], torch.tensor([third, third, third, 0, 0]))
    assert near[3].tolist() == [0.25, 0.25, 0.25, 0.25, 0]


def test_types_by_hand():
    """Types {0, 1, 2} and {2, 3}: of 2's types one is drawn and then one of its own; 4 has none."""
    sampler = Typed(Pools(torch.tensor([0, 0, 0, 1, 1]), torch.tensor([0, 1, 2, 2, 3]), 2), 5, 3000)
    query, target = Query(torch.zeros(3).long(), torch.zeros(3).long()), torch.tensor([2, 3, 4])
    critic, every = Scores(torch.zeros(3, 5)), torch.arange(5)[None]
    wanted = torch.tensor([[1 / 6, 1 / 6, 1 / 6 + 1 / 4, 1 / 4, 0], [0, 0, 1 / 2, 1 / 2, 0], [0.0] * 5])
    assert_close(sampler.log_prob(query, target, critic, every).exp(), wanted)
    found = sampler(query, target, critic, chance())
    share = torch.stack([row.bincount(minlength=5) / 3000 for row in found.index])
    assert_close(share[:2], wanted[:2], atol=0.03, rtol=0)
    assert found.weight.tolist() == [[1.0], [1.0], [0.0]]


class Two(Composed):
    def __init__(self, *parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, query, target, critic, rng=None):
        raise NotImplementedError


def test_made_of_corrected_ones():
    plain, corrected = Uniform(5, 2), Corrected(Uniform(5, 2))
    facts = KnownAnswers(Triplets(*torch.tensor([[0], [0], [1]])), 5, 1)
    assert (plain.is_corrected, corrected.is_corrected) == (False, True)
    assert Filtered(corrected, facts).is_corrected is True
    assert Filtered(plain, facts).is_corrected is False
    assert Two(corrected, Corrected(plain)).is_corrected is True
    assert Two(plain, plain).is_corrected is False
    assert Two(plain, corrected).is_corrected is None
    assert Curriculum([plain, corrected], [0, 1]).is_corrected is None


def test_a_model_that_was_trained_before(tmp_path):
    model, path = kge(), tmp_path / "model.safetensors"
    other = kge()
    save_file(other.state_dict(), path)
    assert pretrained("Part", "teacher", model, None) is model
    loaded = pretrained("Part", "teacher", model, str(path))
    assert loaded is model
    assert_close(dict(loaded.state_dict()), dict(other.state_dict()))
    passing = KGEModel(RGCN(NODES, RELATIONS, 8, signed=True), DistMult(RELATIONS, 8))
    with pytest.raises(UserError, match=r"^Part: a teacher that passes messages is not supported"):
        pretrained("Part", "teacher", passing, None)
    assert pretrained("Part", "teacher", passing, None, messages()) is passing
    with pytest.raises(UserError, match=r"^Part: the weights .* are not the teacher's"):
        pretrained("Part", "teacher", passing, str(path), messages())
    with pytest.raises(UserError, match=r"^Part: the weights .* cannot be read"):
        pretrained("Part", "teacher", model, str(tmp_path / "no.safetensors"))


def test_in_batch_odds_of_both_sides():
    """Three statements, tails 1, 1, 2 and heads 0, 3, 3: of a batch half of whose questions ask for heads, the mean."""
    facts = KnownAnswers(Triplets(*torch.tensor([[0, 3, 3], [0, 0, 0], [1, 1, 2]])), 4, 1)
    target, critic = torch.tensor([1, 3]), Scores(torch.zeros(2, 4))
    every = torch.arange(4)[None]

    def odds(rel_type):
        found = InBatch(facts).log_prob(Query(torch.zeros(2).long(), torch.tensor(rel_type)), target, critic, every)
        return found.exp()[0]

    tails, heads = torch.tensor([0, 2 / 3, 1 / 3, 0]), torch.tensor([1 / 3, 0, 0, 2 / 3])
    assert_close(odds([0, 0]), tails)
    assert_close(odds([1, 1]), heads)
    assert_close(odds([0, 1]), (tails + heads) / 2)
    none = torch.empty(0, dtype=torch.long)
    nobody = InBatch(KnownAnswers(Triplets(none, none, none), 4, 1))
    with pytest.raises(UserError, match=r"^InBatch knows no statements"):
        nobody.log_prob(Query(torch.zeros(2).long(), torch.zeros(2).long()), target, critic, every)


def test_pre_batch_is_kept_in_checkpoints_and_stands_still_when_asked():
    query, critic = Query(torch.zeros(2).long(), torch.zeros(2).long()), Scores(torch.zeros(2, 9))
    sampler = PreBatch(1)
    sampler(query, torch.tensor([1, 2]), critic)
    sampler.eval()
    for _ in range(2):
        assert sampler(query, torch.tensor([3, 4]), critic).index.tolist() == [[3, 4, 1, 2]]
    other = PreBatch(1)
    other.load_state_dict(sampler.state_dict())
    found = other(query, torch.tensor([3, 1]), critic)
    assert found.index.tolist() == [[3, 1, 1, 2]]
    assert found.weight.tolist() == [[0, 1, 1, 1], [1, 0, 0, 1]]
    assert other(query, torch.tensor([5, 6]), critic).index.tolist() == [[5, 6, 3, 1]]
