"""A run's seed is all that it takes to repeat it, from a config or from Python, and its caller's generators stay."""

import numpy as np
import pytest
import torch
from experiment.helpers import CONFIG, QUICK, linked, ring, weights
from torch.optim import Adagrad

import gnnneg
from gnnneg import Fit
from gnnneg.experiment import resume, train_config, untrained


@pytest.fixture
def elsewhere():
    """Seeds what is the user's, and says what it is asked whether that is as it was left."""
    kept = []

    def state():
        return [torch.get_rng_state(), torch.from_numpy(np.random.get_state()[1].astype(np.int64))]

    def seed(number):
        torch.manual_seed(number)
        np.random.seed(number)
        kept[:] = state()

    return seed, lambda: all(torch.equal(now, then) for now, then in zip(state(), kept))


def test_a_config_is_repeated_by_its_seed_alone(tmp_path, elsewhere):
    seed, is_left = elsewhere
    dropping = [*QUICK, "--fit.epochs", "1", "--task.model.dropout", "0.3"]
    for number in (1, 2):
        seed(number)
        train_config(CONFIG, dropping, tmp_path / str(number), progress=False)
        assert is_left()
    assert weights(tmp_path / "1") == weights(tmp_path / "2")
    resume(tmp_path / "1", progress=False)
    assert is_left()
    run = untrained(CONFIG, [*dropping, "--seed", "7"])
    assert is_left()
    torch.manual_seed(7)
    drawn = torch.empty_like(run.model.encoder.weight).uniform_(-run.model.encoder.bound, run.model.encoder.bound)
    assert torch.equal(run.model.encoder.weight, drawn)


def test_from_python_nothing_but_the_initial_weights_is_the_callers_to_seed(tmp_path, elsewhere):
    seed, is_left = elsewhere
    data, found = ring(), []
    for number, out in ((1, None), (2, tmp_path / "run")):
        torch.manual_seed(0)
        task = linked(data)
        task.model.dropout = 0.3
        seed(number)
        gnnneg.train(task, data, Adagrad(task.trained(), lr=0.1), Fit(epochs=2), seed=4, out=out, progress=False)
        assert is_left()
        found.append(task.state_dict())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
