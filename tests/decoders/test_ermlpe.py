"""ER-MLP (E) by hand, and as the policy of IGAN."""

import torch
from examples import NODES, RELATIONS, known, toy
from torch.testing import assert_close

from gnnneg.decoders import ERMLPE
from gnnneg.encoders import Dense, Lookup
from gnnneg.models import KGEModel
from gnnneg.models.kge import KGEScorer
from gnnneg.records import Query, asked
from gnnneg.samplers import KBGAN, All, Filtered


def test_by_hand():
    """One hidden unit sees anchor minus relation, the other is below zero; the output weighs what is left."""
    decoder = ERMLPE(1, 2, width=2)
    weights = {
        "relation.weight": [[1.0, 2.0], [0.0, 4.0]],
        "hidden.weight": [[1.0, 1.0, -1.0, 0.0], [-9.0, 0.0, 0.0, 0.0]],
        "hidden.bias": [0.5, 0.0],
        "output.weight": [[2.0, 7.0], [-1.0, 7.0]],
        "output.bias": [0.0, 1.0],
    }
    decoder.load_state_dict({name: torch.tensor(weight) for name, weight in weights.items()})
    table = torch.tensor([[2.0, 3.0], [1.0, -1.0]])
    scorer = KGEScorer(Dense(table), decoder, Query(torch.tensor([0, 0]), torch.tensor([0, 1])), 0.0)
    # asked for the tail: hidden 2 + 3 - 1 + .5 = 4.5, query (9, -3.5); for the head, its own relation: 5.5, (11, -4.5)
    assert_close(scorer(torch.tensor([[0, 1]])), torch.tensor([[7.5, 12.5], [8.5, 15.5]]))


def test_a_policy_over_all_entities_learns_what_is_hard():
    """IGAN: a perceptron with a softmax over all entities comes to draw what the critic likes."""
    torch.manual_seed(0)
    query, target = asked(toy(), RELATIONS)
    critic = KGEModel(Lookup(NODES, 8, bound=1.0), ERMLPE(RELATIONS, 8, bound=1.0))
    scorer = critic.scorer(critic.encode(None), query)
    policy = KGEModel(Lookup(NODES, 8, bound=0.5), ERMLPE(RELATIONS, 8))
    sampler, draw = KBGAN(Filtered(All(NODES), known()), policy, 4, lr=0.02), torch.Generator().manual_seed(0)
    reward = [float(scorer(sampler(query, target, scorer, draw).index).detach().mean()) for _ in range(300)]
    wrong = scorer(torch.arange(NODES)[None]).detach()
    wrong = wrong.masked_fill(known().contains(query, torch.arange(NODES)[None]), -torch.inf)
    best, mean = float(wrong.amax(1).mean()), sum(reward[:20]) / 20
    assert sum(reward[-20:]) / 20 > mean + 0.5 * (best - mean)
