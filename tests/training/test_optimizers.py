"""LazyAdam against torch's Adam and SparseAdam."""

import pytest
import torch
from torch import nn
from torch.optim import Adam, SparseAdam
from training.toy import build, same_bits, toy_triplets

from gnnneg.errors import UserError
from gnnneg.training import Fit, LazyAdam
from gnnneg.training.optimizers import fused_where_it_can


def steps(optimiser, sparse: bool, looked_up: list[list[int]], **options) -> torch.Tensor:
    torch.manual_seed(0)
    table = nn.Embedding(6, 3, sparse=sparse)
    optimizer = optimiser(table.parameters(), lr=0.1, **options)
    for time, rows in enumerate(looked_up):
        optimizer.zero_grad()
        (table(torch.tensor(rows)) - time).square().sum().backward()
        optimizer.step()
    return table.weight.detach()


EVERY = [[0, 1, 2, 3, 4, 5, 5, 0], [5, 4, 3, 2, 1, 0], [0, 1, 2, 3, 3, 4, 5]]
SOME = [[0, 1, 1], [1, 3], [0, 3, 3], [5], [1, 0]]


@pytest.mark.parametrize("options", [{}, {"betas": (0.5, 0.7)}, {"eps": 0.1}])
def test_dense_is_adam(options):
    torch.testing.assert_close(steps(LazyAdam, False, SOME, **options), steps(Adam, False, SOME, **options))


@pytest.mark.parametrize("options", [{}, {"betas": (0.5, 0.7)}, {"eps": 0.1}])
def test_sparse_is_adam_where_every_row_is_touched(options):
    torch.testing.assert_close(steps(LazyAdam, True, EVERY, **options), steps(Adam, False, EVERY, **options))


def test_sparse_is_sparse_adam():
    """Which divides before it adds a small number: alike where that number is nothing."""
    ours, theirs = (steps(optimiser, True, SOME, eps=1e-12) for optimiser in (LazyAdam, SparseAdam))
    torch.testing.assert_close(ours, theirs)
    assert not torch.allclose(ours, steps(Adam, False, SOME, eps=1e-12), atol=1e-2)


def test_untouched_rows_do_not_move():
    start, end = steps(LazyAdam, True, []), steps(LazyAdam, True, SOME)
    moved = (start != end).any(1)
    assert moved.tolist() == [True, True, False, True, False, True]


def test_both_kinds_train_in_one_task_and_state_comes_back(tmp_path):
    """A sparse table beside a dense one, which neither Adam nor SparseAdam takes."""

    def go(folder, epochs, resume=False):
        task, _ = build(sparse=True)
        optimizer = LazyAdam(task.trained(), lr=0.05)
        fit = Fit(epochs=epochs, batch_size=20, clip_norm=1.0)
        fit(task, toy_triplets(), optimizer, seed=0, folder=folder, progress=False, resume=resume)
        return task, optimizer

    task, optimizer = go(tmp_path / "a", 4)
    go(tmp_path / "b", 2)
    again, reoptimizer = go(tmp_path / "b", 4, resume=True)
    assert same_bits(task.state_dict(), again.state_dict())
    assert same_bits(optimizer.state_dict(), reoptimizer.state_dict())
    assert not same_bits(task.model.relation.state_dict(), build(sparse=True)[0].model.relation.state_dict())


@pytest.mark.parametrize("options", [{"lr": -1.0}, {"betas": (0.9, 1.0)}, {"eps": -1.0}])
def test_numbers_out_of_range_are_sentences(options):
    with pytest.raises(UserError, match=r"LazyAdam\(lr="):
        LazyAdam([nn.Parameter(torch.ones(1))], **options)


def test_a_closure_is_called():
    weight = nn.Parameter(torch.ones(1))
    optimizer = LazyAdam([weight], lr=0.1)

    def closure():
        loss = weight.square().sum()
        loss.backward()
        return loss.item()

    assert optimizer.step(closure) == 1.0
    assert weight.item() == pytest.approx(0.9)


class Unfused(torch.optim.Adagrad):
    """As Adagrad on CUDA, which torch lets one make fused but not take a step with."""

    def step(self, closure=None):
        if any(group["fused"] for group in self.param_groups):
            raise RuntimeError("`fused=True` requires all the params to be floating point Tensors of supported devices")
        super().step(closure)


def test_a_fused_form_that_torch_has_not_is_taken_back_aloud():
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.full((3,), 2.0)
    optimizer = Unfused([weight], lr=0.5, fused=True)
    with pytest.warns(UserWarning, match="Unfused has no fused form on cpu in torch"):
        fused_where_it_can(optimizer, torch.device("cpu"))
    optimizer.step()
    assert weight.tolist() == pytest.approx([0.5] * 3)  # 1 - 0.5 * 2 / sqrt(2 * 2)


@pytest.mark.filterwarnings("error")
def test_a_fused_form_that_there_is_stays():
    weight = torch.nn.Parameter(torch.ones(3))
    for optimizer in (torch.optim.Adagrad([weight], fused=True), torch.optim.SGD([weight], lr=0.1)):
        before = optimizer.param_groups[0].get("fused")
        fused_where_it_can(optimizer, torch.device("cpu"))
        assert optimizer.param_groups[0].get("fused") is before
