"""HAKE against its formula, written out triple by triple."""

import math

import pytest
import torch
from examples import NODES, RELATIONS
from torch.testing import assert_close

from gnnneg.decoders import HAKE
from gnnneg.encoders import Lookup
from gnnneg.encodings import Dense
from gnnneg.models import KGEModel
from gnnneg.models.kge import KGEScorer
from gnnneg.records import Query

RANK, BOUND = 3, 0.4


def model(**options) -> KGEModel:
    made = KGEModel(Lookup(NODES, 2 * RANK, bound=BOUND), HAKE(RELATIONS, 2 * RANK, bound=BOUND, **options))
    made.decoder.relation.weight.data.uniform_(-2, 2)  # moduli and biases beyond what they are held to
    return made


def by_formula(made: KGEModel, h: int, r: int, t: int) -> float:
    """The paper's formula, with plain numbers."""
    head, tail = (made.encoder.weight[i].tolist() for i in (h, t))
    relation = made.decoder.relation.weight[r].tolist()
    square = chord = 0.0
    for k in range(RANK):
        modulus = abs(relation[k])
        bias = max(min(relation[2 * RANK + k], 1.0), -modulus)
        square += (head[k] * (modulus + bias) - tail[k] * (1 - bias)) ** 2
        angle = (head[RANK + k] + relation[RANK + k] - tail[RANK + k]) * math.pi / BOUND
        chord += abs(math.sin(angle / 2))
    weights = made.decoder.similarity
    return -weights.modulus_weight.item() * math.sqrt(square) - weights.phase_weight.item() * chord


def test_formula():
    made = model(modulus_weight=3.5, phase_weight=1.0)
    h, r, t = torch.randint(NODES, (30,)), torch.randint(RELATIONS, (30,)), torch.randint(NODES, (30,))
    wanted = torch.tensor([by_formula(made, *triple) for triple in zip(h.tolist(), r.tolist(), t.tolist())])
    assert_close(made(None, h, r, t), wanted, rtol=1e-4, atol=1e-4)
    head_asked = made(None, t, r + RELATIONS, h)
    assert_close(head_asked, wanted, rtol=1e-4, atol=1e-4)


def test_weights_start_as_in_the_code_of_the_paper():
    similarity = model(modulus_weight=3.5, phase_weight=1.0).decoder.similarity
    assert similarity.modulus_weight.item() == 3.5
    assert similarity.phase_weight.item() == pytest.approx(BOUND)


def test_without_bias_and_with_equal_moduli_only_phases_tell_apart():
    """Entities on one level of the hierarchy: the moduli agree, and the score is that of the phases."""
    made = model(modulus_weight=5.0, phase_weight=2.0)
    made.decoder.reset_parameters()
    made.encoder.weight.data[:, :RANK] = 0.3
    scorer = made.scorer(made.encode(None), Query(torch.arange(4), torch.zeros(4, dtype=torch.long)))
    phase = made.encoder.weight[:, RANK:] * math.pi / BOUND
    turn = made.decoder.relation.weight[0, RANK : 2 * RANK] * math.pi / BOUND
    wanted = -2.0 * BOUND * ((phase[:4, None] + turn - phase[None]) / 2).sin().abs().sum(2)
    assert_close(scorer(torch.arange(NODES)[None]), wanted, rtol=1e-3, atol=2e-3)


def test_an_encoder_may_hand_over_halves():
    """Under autocast a network's vectors are in half precision, HAKE's parameters are not."""
    made = model().eval()
    table, query = made.encoder.weight.detach().bfloat16(), Query(torch.arange(4), torch.arange(4) % RELATIONS)
    exact = KGEScorer(Dense(table.float()), made.decoder, query, 0.0)(torch.arange(NODES)[None])
    for index in (torch.arange(NODES)[None], torch.arange(NODES).expand(4, -1)):
        with torch.autocast("cpu", torch.bfloat16):
            assert_close(KGEScorer(Dense(table), made.decoder, query, 0.0)(index), exact, rtol=2e-2, atol=2e-2)


def test_the_bound_is_a_half_turn():
    with pytest.raises(ValueError, match="above 0"):
        HAKE(2, 4, bound=0.0)
