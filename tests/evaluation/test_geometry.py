"""Where negatives lie, against vectors whose place is known."""

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, kge, toy
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.errors import UserError
from gnnneg.evaluation import geometry
from gnnneg.evaluation.geometry import _isotropy
from gnnneg.generators import EMU, HardestEMU, Mixup
from gnnneg.records import Triplets
from gnnneg.samplers import All, Uniform


def look(generators=(), sampler=None, seed: int = 0) -> dict:
    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(seed)
    return geometry(sampler or Uniform(NODES, 8), generators, kge(), None, toy(), Both(RELATIONS), draw)


def test_cosines_by_hand():
    torch.manual_seed(0)
    model, triplets = kge(), toy(1)
    found = geometry(All(NODES), [], model, None, triplets, Both(RELATIONS))["sampled"]
    table = torch.nn.functional.normalize(model.encoder.weight.detach(), dim=1)
    tail, head = triplets.tail_index.item(), triplets.head_index.item()
    cosine = torch.cat([table @ table[place] for place in (tail, head)])
    others = torch.cat([torch.arange(NODES) != place for place in (tail, head)])
    assert found["cosine"] == pytest.approx(cosine[others].mean().item(), abs=1e-6)
    assert sum(found["histogram"]) == pytest.approx(1)
    place = torch.histc(cosine[others], 50, -1, 1) / others.sum()
    assert_close(torch.tensor(found["histogram"]), place)


def test_isotropy_of_known_clouds():
    """All of space: nearly 1; a line: 1 / d; two axes alike: 2 / d."""
    assert _isotropy(torch.randn(5000, 6)) > 0.99
    assert _isotropy(torch.randn(50, 1) * torch.ones(1, 6)) == pytest.approx(1 / 6, abs=1e-4)
    axes = torch.zeros(4, 6)
    axes[[0, 1, 2, 3], [0, 0, 1, 1]] = torch.tensor([1.0, -1.0, 1.0, -1.0])
    assert _isotropy(axes) == pytest.approx(2 / 4)
    assert _isotropy(torch.zeros(5, 6)) == 0


def test_mutation_brings_negatives_nearer():
    """The more is taken from the positive the nearer; taken whole, it is the positive itself."""
    cosines = [look([EMU(share, groups=None)])["EMU"]["cosine"] for share in (0.0, 0.3, 0.6, 1.0)]
    assert cosines == sorted(cosines)
    assert cosines[0] == pytest.approx(look()["sampled"]["cosine"], abs=1e-6)
    assert cosines[-1] == pytest.approx(1)


def test_one_mask_a_query_flattens_the_cloud():
    """Exchanged coordinates lie at the positive's for all: fewer sides are left than with a mask each."""
    shared, each = (look([EMU(0.6, groups=groups)])["EMU"]["isotropy"] for groups in (1, None))
    assert shared < each - 0.05


def test_names_and_points():
    found = look([EMU(0.5), EMU(0.9), Mixup(), HardestEMU(0.5)])
    assert list(found) == ["sampled", "EMU", "EMU 2", "Mixup", "HardestEMU"]
    assert all(len(cloud["points"]) == 8 for cloud in found.values())
    assert look([EMU(0.5)]) == look([EMU(0.5)])
    assert look([EMU(0.5)]) != look([EMU(0.5)], seed=1)


def test_axes_are_principal():
    """The distances in the plane are those in space for a cloud of two dimensions."""
    torch.manual_seed(0)
    model = kge()
    model.encoder.weight.data[:, 2:] = 0
    found = geometry(All(NODES), [], model, None, toy(1), Both(RELATIONS))["sampled"]
    points = torch.tensor(found["points"])
    table = model.encoder.weight.detach()
    own = toy(1).tail_index.item()
    cloud = table[torch.arange(NODES) != own] - table[own]
    assert CHANNELS > 2
    assert_close(points.norm(dim=1), cloud.norm(dim=1), rtol=1e-4, atol=1e-5)


def test_nothing_to_look_at():
    empty = Triplets(*(torch.zeros(0, dtype=torch.long) for _ in range(3)))
    with pytest.raises(UserError, match="no statements"):
        geometry(All(NODES), [], kge(), None, empty, Both(RELATIONS))
