"""Isotropy of entity vectors: by hand, by brute force, and in a run."""

import math
import sys

import numpy as np
import pytest
import torch
from experiment.helpers import ring, trained

from gnnneg.errors import UserError
from gnnneg.evaluation import Isotropy, Testbed, isotropy
from gnnneg.experiment import Evaluation
from gnnneg.models import NBFNet


def test_four_vectors_by_hand():
    """On two axes, of length 2 and 1: the partition functions are e^2 + e^-2 + 2 and e + 1/e + 2."""
    found = isotropy(torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
    assert found["partition"] == pytest.approx((2 * math.cosh(1) + 2) / (2 * math.cosh(2) + 2))
    assert found["partition_unit"] == pytest.approx(1)
    assert found["cosine"] == pytest.approx(-1 / 3)  # two pairs are opposite, four at right angles
    entropy = -0.8 * math.log(0.8) - 0.2 * math.log(0.2)
    assert found["rank"] == pytest.approx(math.exp(entropy) / 2, rel=1e-6)


def test_one_direction_is_not_isotropic():
    found = isotropy(torch.tensor([1.0, 2.0, 3.0])[:, None] * torch.tensor([[0.6, 0.8]]))
    assert found["cosine"] == pytest.approx(1)
    assert found["rank"] == pytest.approx(1 / 2)
    assert found["partition_unit"] == pytest.approx(math.exp(-2))  # along it and against it


@pytest.mark.parametrize("rows", [3, 1 << 16])
def test_against_brute_force(monkeypatch, rows):
    """Each direction and each pair, in numpy, with vectors in parts and whole."""
    monkeypatch.setattr(sys.modules["gnnneg.evaluation.isotropy"], "ROWS", rows)
    torch.manual_seed(0)
    vector = torch.randn(10, 4) + torch.tensor([1.0, 0.0, -0.5, 0.0])
    found = isotropy(vector)
    for name, cloud in (("partition", vector.numpy()), ("partition_unit", unit(vector.numpy()))):
        cloud = cloud.astype(float)
        _, axes = np.linalg.eig(cloud.T @ cloud)
        sums = [np.exp(sign * cloud @ axis).sum() for axis in axes.T for sign in (1, -1)]
        assert found[name] == pytest.approx(min(sums) / max(sums), rel=1e-5)
    rows = unit(vector.numpy())
    pairs = [rows[i] @ rows[j] for i in range(10) for j in range(10) if i != j]
    assert found["cosine"] == pytest.approx(np.mean(pairs), abs=1e-6)


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector, axis=1, keepdims=True)


def test_long_vectors_do_not_overflow():
    assert isotropy(torch.randn(10, 3) * 1e4)["partition"] == pytest.approx(0, abs=1e-9)


def test_what_has_no_isotropy_is_refused():
    with pytest.raises(UserError, match="Isotropy compares entities, and there are 1"):
        isotropy(torch.ones(1, 3))
    with pytest.raises(UserError, match="is not finite: the model has diverged"):
        isotropy(torch.tensor([[1.0], [math.nan]]))


def test_a_model_without_vectors_is_refused():
    with pytest.raises(UserError, match="NBFNet has no entity vectors"):
        Isotropy()(NBFNet(2, 4, 1), Testbed(ring()))


def test_a_run_keeps_the_figures():
    """Of the encoder's table, beside the metrics of the split."""
    run = trained(ring(), None, 1)
    figures = run.evaluate(Isotropy()).figures
    assert figures == isotropy(run.model.encoder.weight.detach())
    settings = Evaluation(evaluators=[Isotropy()])
    assert set(trained(ring(), None, 1, evaluation=settings).result["metrics"]["test"]["isotropy"]) == set(figures)
