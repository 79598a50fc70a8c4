"""Calibration against scikit-learn, and on scores whose true probabilities are known."""

import json

import numpy as np
import pytest
import torch
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss

from gnnneg.errors import UserError
from gnnneg.evaluation import Calibration, Isotonic, Platt, brier, expected_calibration_error


def scored(size: int, slope: float, intercept: float, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Scores, labels drawn with probability sigmoid(slope * score + intercept), and those probabilities."""
    draw = torch.Generator().manual_seed(seed)
    score = 4 * torch.randn(size, generator=draw)
    probability = torch.sigmoid(slope * score + intercept)
    return score, torch.rand(size, generator=draw) < probability, probability


@pytest.mark.parametrize(("slope", "intercept"), [(0.5, -1.0), (3.0, 2.0), (-0.2, 0.0)])
@pytest.mark.parametrize(("shift", "size"), [(0.0, 1.0), (1000.0, 1.0), (-3.0, 1e-4)])
def test_platt_is_scikit_learns(slope, intercept, shift, size):
    """The same function, wherever the scores lie."""
    score, label, _ = scored(500, slope, intercept)
    fitted = Platt.fit(score.double() * size + shift, label)
    theirs = _SigmoidCalibration().fit(score.double().numpy(), label.numpy())
    expected = torch.from_numpy(theirs.predict(score.double().numpy()))
    torch.testing.assert_close(fitted(score.double() * size + shift), expected, atol=1e-4, rtol=0)


def test_platt_finds_what_made_the_labels():
    fitted = Platt.fit(*scored(200_000, 0.7, -1.2)[:2])
    assert (fitted.slope, fitted.intercept) == (pytest.approx(0.7, abs=0.015), pytest.approx(-1.2, abs=0.03))


def test_platt_stays_finite_where_scores_part_the_labels():
    """Two of each, at -1 and 1: the curve goes through Platt's targets, 3/4 and 1/4, so its slope is ln 3."""
    fitted = Platt.fit(torch.tensor([-1.0, -1.0, 1.0, 1.0]), torch.tensor([False, False, True, True]))
    assert fitted.slope == pytest.approx(np.log(3))
    assert fitted.intercept == pytest.approx(0, abs=1e-9)


def test_infinite_scores_have_probabilities():
    """They count as the furthest finite one when a curve is fitted, and as beyond all others when it is asked."""
    score, label, _ = scored(300, 0.5, -1.0)
    far = score.clone()
    far[score.argmin()], far[score.argmax()] = -torch.inf, torch.inf
    second = score.sort().values
    fitted = Platt.fit(far, label)
    expected = Platt.fit(score.clamp(second[1], second[-2]), label)
    assert (fitted.slope, fitted.intercept) == pytest.approx((expected.slope, expected.intercept))
    ends = torch.tensor([-torch.inf, torch.inf])
    assert fitted(ends).tolist() == [0.0, 1.0]
    assert Platt(0.0, 1.0)(ends).tolist() == pytest.approx([1 / (1 + np.exp(-1))] * 2)
    only = Platt.fit(torch.tensor([-torch.inf, torch.inf]), torch.tensor([False, True]))
    assert only(ends).isfinite().all()
    bent = Isotonic.fit(far, label)
    asked = torch.cat([ends, score])
    assert bool(((bent(asked) >= 0) & (bent(asked) <= 1)).all())
    assert Calibration.from_dict(json.loads(json.dumps(Calibration.fit(far, label).to_dict(), allow_nan=False)))


def test_platt_of_one_score_is_the_base_rate():
    """Nothing to go by: the mean of Platt's targets, (3 * 4/5 + 1 * 1/3) / 4."""
    fitted = Platt.fit(torch.full((4,), 2.5), torch.tensor([True, True, True, False]))
    assert float(fitted(torch.tensor([2.5]))) == pytest.approx((3 * 4 / 5 + 1 / 3) / 4)


@pytest.mark.parametrize("levels", [3, 20, 100_000])
@pytest.mark.parametrize("seed", range(3))
def test_isotonic_is_scikit_learns(levels, seed):
    torch.manual_seed(seed)
    score = torch.randint(levels, (300,)).double() / levels
    label = torch.rand(300) < score**2
    fitted = Isotonic.fit(score, label)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(score.numpy(), label.double().numpy())
    asked = torch.cat([score, torch.rand(1000).double() * 1.4 - 0.2])
    np.testing.assert_allclose(fitted(asked).numpy(), theirs.predict(asked.numpy()), atol=1e-9)
    assert fitted.score == sorted(set(fitted.score))
    assert fitted.probability == sorted(fitted.probability)


def test_isotonic_by_hand():
    """Labels 0 1 0 1 at 1, 2, 3, 4: the middle two are pooled to one half."""
    fitted = Isotonic.fit(torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([False, True, False, True]))
    assert fitted == Isotonic([1.0, 2.0, 3.0, 4.0], [0.0, 0.5, 0.5, 1.0])
    assert fitted(torch.tensor([0.0, 1.5, 2.7, 9.0])).tolist() == [0, 0.25, 0.5, 1]


def test_brier_is_scikit_learns():
    _, label, probability = scored(100, 1.0, 0.0)
    assert brier(probability, label) == pytest.approx(brier_score_loss(label.numpy(), probability.numpy()))
    assert brier(torch.tensor([0.5, 0.5]), torch.tensor([True, False])) == 0.25


def test_expected_calibration_error_by_hand():
    """Two bins: .2 and .4 with no truth among them err by .3 on average, .9 and 1 with one by .45; half weigh each."""
    probability = torch.tensor([0.2, 0.4, 0.9, 1.0])
    label = torch.tensor([False, False, False, True])
    assert expected_calibration_error(probability, label, bins=2) == pytest.approx((0.3 + 0.45) / 2)
    assert expected_calibration_error(torch.tensor([0.0, 1.0]), torch.tensor([False, True])) == 0
    # a bin is closed to the right: 1/2 is in the first of two, where it and 1 - 1/2 even out
    half = torch.tensor([0.5, 0.5])
    assert expected_calibration_error(half, torch.tensor([True, False]), bins=2) == 0


def test_probabilities_come_true():
    """Scores three times too bold: both curves mend it, on other scores than they were fitted on."""
    score, label, truth = scored(20_000, 0.33, 0.5)
    fitted = Calibration.fit(score, label)
    score, label, truth = scored(20_000, 0.33, 0.5, seed=1)
    figures = fitted.judge(score, label)
    floor = brier(truth, label)  # nobody can do better than the truth
    assert figures["score"]["ece"] > 0.1
    assert figures["score"]["brier"] > floor + 0.02
    for name in ("platt", "isotonic"):
        assert figures[name]["ece"] < 0.02
        assert floor - 0.001 < figures[name]["brier"] < floor + 0.002
    assert float((fitted.platt(score) - truth).abs().max()) < 0.02


def test_a_curve_that_no_sigmoid_is():
    """True with probability 1/10 below and 9/10 above, but for a plateau at 1/2 in between: isotonic follows."""
    torch.manual_seed(3)
    score = torch.rand(30_000) * 20 - 10
    truth = torch.where(score < -8, 0.1, torch.where(score < 8, 0.5, 0.9))
    fitted = Calibration.fit(score, torch.rand(30_000) < truth)
    off = [(curve(score) - truth).abs().mean().item() for curve in (fitted.isotonic, fitted.platt)]
    assert off[0] < 0.02
    assert off[1] > 0.05


def test_json_and_back():
    score, label, _ = scored(50, 1.0, 0.0)
    fitted = Calibration.fit(score, label, drawn=True)
    assert Calibration.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted
    assert (fitted.stated, fitted.denied, fitted.drawn) == (int(label.sum()), 50 - int(label.sum()), True)
    with pytest.raises(KeyError):
        Calibration.from_dict({"platt": {}})


@pytest.mark.parametrize("kind", [Platt, Isotonic])
def test_one_label_is_not_enough(kind):
    with pytest.raises(UserError, match="no denied ones"):
        kind.fit(torch.randn(3), torch.ones(3).bool())
    with pytest.raises(UserError, match="no stated ones"):
        kind.fit(torch.randn(3), torch.zeros(3).bool())
