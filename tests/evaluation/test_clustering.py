"""Clusters that are there by construction, clusters that are not, and the two measures by hand."""

import sys

import pytest
import torch

from gnnneg.errors import MissingExtra, UserError
from gnnneg.evaluation import clustering


def blobs(types: int = 4, each: int = 30, apart: float = 50.0) -> tuple[torch.Tensor, torch.Tensor]:
    kind = torch.arange(types).repeat_interleave(each)
    centre = apart * torch.nn.functional.one_hot(torch.arange(types)).float()
    return centre[kind] + torch.randn(types * each, types), torch.nn.functional.one_hot(kind).bool()


def test_two_far_blobs_are_found():
    figures, table = clustering(*blobs(types=2))
    assert (figures["nmi"], figures["ari"], figures["nmi_std"]) == (1, 1, 0)
    assert (figures["types"], figures["entities"]) == (2, 60)
    assert table["seed"].tolist() == list(range(10))


def test_types_by_chance_are_not():
    """The adjusted Rand index of clusters that have nothing to do with types is 0 but for chance."""
    vector, _ = blobs()
    kind = torch.nn.functional.one_hot(torch.randint(4, (120,))).bool()
    assert abs(clustering(vector, kind)[0]["ari"]) < 0.03


def test_the_measures_by_hand():
    r"""Points 0, 1 | 10, 11 on a line, types a, a, a, b: clusters {a, a}, {a, b} whatever the seed.

    Mutual information :math:`\ln 2 - \frac12 \ln 2` = .3466 - ... : H(type) = .5623, H(cluster) = .6931, joint entropy
    1.0397, so MI = .2158 and NMI = .2158 / .6277 = .3437. Rand: of 6 pairs, 1 is together in both, 3 by type, 2 by
    cluster, expected 1; (1 - 1) / (2.5 - 1) = 0.
    """
    vector = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
    kind = torch.tensor([[1, 0], [1, 0], [1, 0], [0, 1]]).bool()
    figures, table = clustering(vector, kind, seeds=3)
    assert figures["nmi"] == pytest.approx(0.3437, abs=1e-4)
    assert figures["ari"] == pytest.approx(0)
    assert len(table) == 3


def test_mean_and_spread_over_seeds():
    """Blobs that touch: seeds differ, and the figures are those of the table."""
    figures, table = clustering(*blobs(types=8, each=15, apart=3.0))
    assert table["nmi"].nunique() > 1
    for name in ("nmi", "ari"):
        column = torch.tensor(table[name].tolist(), dtype=torch.double)
        assert figures[name] == pytest.approx(column.mean().item())
        assert figures[f"{name}_std"] == pytest.approx(column.std().item())


def test_who_is_left_out_is_counted():
    """The third type has only an entity of two types, so there are two clusters."""
    vector, kind = blobs(types=3)
    kind[60:] = False
    kind[60, [0, 2]] = True
    figures, _ = clustering(vector, kind)
    assert [figures[name] for name in ("types", "entities", "several_types", "no_type")] == [2, 60, 1, 29]
    assert figures["nmi"] == 1


def test_bad_types(monkeypatch):
    vector, kind = blobs()
    with pytest.raises(UserError, match="finds 120 such entities of 1 types"):
        clustering(vector, torch.ones(120, 1).bool())
    with pytest.raises(UserError, match="not finite"):
        clustering(vector / 0, kind)
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(MissingExtra, match=r"gnnneg\[plot\]"):
        clustering(vector, kind)
