"""The best weights wait in one file, which a checkpoint means by its checksum; nothing is held twice."""

import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from training.toy import assert_same_run, build, end, train

from gnnneg import memory
from gnnneg.errors import UserError
from gnnneg.training import Fit, LazyAdam, RowAdagrad, save_model
from gnnneg.training import best as best_module
from gnnneg.training import checkpoint as checkpoint_module
from gnnneg.training.best import Best, checksum
from gnnneg.training.checkpoint import Checkpoints, latest, load, names, save
from gnnneg.training.columns import Columns
from gnnneg.training.room import refuse_large
from gnnneg.training.state import TrainingState
from gnnneg.training.weights import snapshot

FIT = Fit(epochs=4, batch_size=20, evaluate_every=1, patience=None, checkpoint_seconds=0.0)
WEIGHTS = "model/model.safetensors"


class Killed(BaseException):
    pass


def killed_at(number: int):
    steps: list[int] = []

    def watch(task, batch):
        steps.append(1)
        if len(steps) == number:
            raise Killed

    return watch


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, train(folder, FIT)


def test_a_checkpoint_holds_no_weights_twice(whole):
    found = latest(whole[0] / "checkpoints")
    assert found is not None
    path, state = found
    assert state["best"] is None
    assert state["best_file"] == checksum(whole[0] / WEIGHTS)
    assert {piece.name for piece in path.parent.iterdir()} == {
        f"{one.stem}{end}" for one in names(path.parent) for end in (".pt", ".best")
    }
    assert path.with_suffix(".best").samefile(whole[0] / WEIGHTS)  # a second name, no copy


def test_killed_after_the_model_got_better_and_before_a_checkpoint_knew(tmp_path, whole, monkeypatch):
    """What is gone on with has the older best, which the checkpoint means, until the newer one is found again."""
    keep, count, back = Best.keep, [], []

    def struck(self, weights=None):
        keep(self, weights)
        count.append(1)
        if len(count) == 3:
            raise Killed

    monkeypatch.setattr(Best, "keep", struck)
    with pytest.raises(Killed):
        train(tmp_path, FIT)
    state = latest(tmp_path / "checkpoints")
    assert state is not None
    known = state[1]["best_file"]
    assert checksum(tmp_path / WEIGHTS) != known

    def watched(self, weights=None):
        back.append(checksum(tmp_path / WEIGHTS))
        keep(self, weights)

    monkeypatch.setattr(Best, "keep", watched)
    assert_same_run(whole, (tmp_path, train(tmp_path, FIT, resume=True)))
    assert back[0] == known


def test_where_the_budget_ends_sooner_the_older_best_is_kept(tmp_path, monkeypatch):
    """Killed after a newer best; what goes on ends before it would come to that again."""

    def go(values, resume=False, watch=None, **options):
        task, optimizer = build(watch=watch)
        script = iter(values)
        fit = Fit(epochs=4, batch_size=50, evaluate_every=1, patience=None, **options)
        given = {"evaluate": lambda: {"mrr": next(script)}, "folder": tmp_path, "progress": False, "resume": resume}
        from training.toy import toy_triplets

        return fit(task, toy_triplets(), optimizer, seed=0, **given)

    with pytest.raises(Killed):
        go([0.5], watch=killed_at(2), checkpoint_seconds=0.0)
    older = (tmp_path / WEIGHTS).read_bytes()
    with pytest.raises(Killed):  # no checkpoint but the first of this sitting
        go([0.9, 0.1], resume=True, watch=killed_at(3), checkpoint_seconds=3600.0)
    assert (tmp_path / WEIGHTS).read_bytes() != older
    history = go([0.1], resume=True, max_seconds=1e-9)
    assert (history.best_epoch, history.best) == (1, {"mrr": 0.5})
    assert (tmp_path / WEIGHTS).read_bytes() == older


def test_a_model_that_was_harmed_is_put_back(tmp_path, whole):
    shutil.copytree(whole[0], tmp_path / "run")  # whose files are no links any more
    (tmp_path / "run" / WEIGHTS).write_bytes(b"half")
    assert_same_run(whole, (tmp_path / "run", train(tmp_path / "run", FIT, resume=True)))


def test_best_weights_that_are_gone_make_a_checkpoint_damaged(tmp_path, whole):
    shutil.copytree(whole[0], tmp_path / "run")
    run, (older, newest) = tmp_path / "run", names(tmp_path / "run" / "checkpoints")
    (run / WEIGHTS).unlink()
    newest.with_suffix(".best").write_bytes(b"half")
    with pytest.warns(
        UserWarning, match=rf"the best weights of .*{newest.name}.*are damaged: going on from {older.name}"
    ):
        assert_same_run(whole, (run, train(run, FIT, resume=True)))
    for path in (run / WEIGHTS, *run.glob("checkpoints/*.best")):
        path.unlink()
    with pytest.raises(UserError, match=r"No checkpoint in .* is whole"):
        train(run, FIT, resume=True)


def test_a_disk_without_second_names_gets_copies(tmp_path, whole, monkeypatch):
    def refuse(*_):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(best_module.os, "link", refuse)
    with pytest.raises(Killed):
        train(tmp_path, FIT, watch=killed_at(11))
    assert_same_run(whole, (tmp_path, train(tmp_path, FIT, resume=True)))


def test_a_checkpoint_that_holds_the_best_weights_still_loads(tmp_path, whole):
    """As of the first format: the same state, with a copy of the weights in place of a checksum."""
    with pytest.raises(Killed):
        train(tmp_path, FIT, watch=killed_at(9))
    best = safetensors.torch.load_file(tmp_path / WEIGHTS)
    for path in names(tmp_path / "checkpoints"):
        state = load(path)
        del state["best_file"], state["format"]
        for name in ("passes", "seen", "begun"):
            del state["position"][name]
        torch.save({"format": 1, **state, "best": best}, path)
        path.with_suffix(".best").unlink()
    (tmp_path / WEIGHTS).unlink()
    again = train(tmp_path, FIT, resume=True)
    assert end(tmp_path)["position"] == end(whole[0])["position"]
    assert_same_run(whole, (tmp_path, again))


# what is written is not copied


class Largest(TorchDispatchMode):
    """The most numbers in one tensor that was made."""

    def __init__(self):
        super().__init__()
        self.most = 0

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        out = function(*arguments, **(named or {}))
        held = {one.untyped_storage().data_ptr() for one in arguments if isinstance(one, torch.Tensor)}
        if isinstance(out, torch.Tensor) and out.untyped_storage().data_ptr() not in held:
            self.most = max(self.most, out.numel())
        return out


def test_weights_and_checkpoints_are_written_without_a_copy(tmp_path):
    task, optimizer = build()
    task.model.large = nn.Parameter(torch.randn(1000, 100))
    state = TrainingState(
        task, optimizer, None, torch.amp.GradScaler("cpu", enabled=False), torch.Generator(), tmp_path
    )
    with Largest() as made:
        state.best.keep()
        Checkpoints(tmp_path / "checkpoints", 0.0, state.best).save(1, {**state.state_dict(), "lines": 0})
    assert made.most < 10_000


def test_the_file_is_as_safetensors_writes_it(tmp_path):
    model = nn.Module()
    model.table, model.b = nn.Parameter(torch.randn(7, 3)), nn.Parameter(torch.randn(3).double())
    model.register_buffer("a", torch.arange(5, dtype=torch.int32).view(5, 1))
    model.register_buffer("count", torch.tensor(3))
    model.register_buffer("none", torch.empty(0, 3))
    path = save_model(tmp_path, model)
    assert all(
        torch.equal(value, model.state_dict()[name]) for name, value in safetensors.torch.load_file(path).items()
    )
    same = {name: value for name, value in snapshot(model).items() if value.dtype == torch.float32}
    safetensors.torch.save_file(same, tmp_path / "theirs")
    assert save_model(tmp_path, same).read_bytes() == (tmp_path / "theirs").read_bytes()


def test_rows_are_written_piece_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr("gnnneg.training.weights.PIECE", 24)
    value = torch.randn(5, 7).t()  # rows that do not lie one after the other
    save_model(tmp_path, {"value": value, "number": torch.tensor(2.0)})
    found = safetensors.torch.load_file(tmp_path / "model.safetensors")
    assert torch.equal(found["value"], value)
    assert found["number"] == 2


def test_ten_times_its_cost_lies_between_two_checkpoints(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(checkpoint_module.time, "monotonic", lambda: now[0])

    def slow(path: Path, state):
        save(path, state)
        now[0] += cost

    monkeypatch.setattr(checkpoint_module, "save", slow)
    checkpoints, cost = Checkpoints(tmp_path, 5.0), 7.0
    checkpoints.save(0, {})
    now[0] = 7 + 69.9
    assert not checkpoints.due()
    now[0] = 7 + 70.0
    assert checkpoints.due()
    cost = 0.1
    checkpoints.save(1, {})
    now[0] += 5.0
    assert checkpoints.due()


# what a step leaves and takes


def test_gradients_are_gone_while_the_model_is_judged(tmp_path):
    task, optimizer = build()
    held = []

    def evaluate():
        held.append([weight.grad for weight in task.parameters()])
        return {"mrr": 0.5}

    from training.toy import toy_triplets

    Fit(epochs=2, evaluate_every=1)(task, toy_triplets(), optimizer, seed=0, evaluate=evaluate, progress=False)
    held.append([weight.grad for weight in task.parameters()])
    assert held == [[None, None]] * 3
    assert optimizer.state  # the caller may go on with it


def test_examples_take_half_the_memory_and_come_back_as_they_were():
    given = torch.arange(6), torch.tensor([0, 1, 2, 3, 4, 2**31]), torch.rand(6), torch.rand(6, 2) > 0.5
    columns = Columns(given, torch.device("cpu"))
    assert [kept.dtype for kept in columns._kept] == [torch.int32, torch.int64, torch.float32, torch.bool]
    rows = torch.tensor([5, 0], dtype=torch.int32)
    for found, column in zip(columns[rows], given, strict=True):
        assert found.dtype == column.dtype
        assert torch.equal(found, column[[5, 0]])
    with pytest.raises(ValueError, match="one length"):
        Columns((torch.arange(2), torch.arange(3)), torch.device("cpu"))


def test_an_order_in_half_the_memory_is_the_same_order():
    """On a CPU, where resuming must give the same bits as before."""
    orders = [
        torch.randperm(999, dtype=dtype, generator=torch.Generator().manual_seed(3))
        for dtype in (torch.int32, torch.int64)
    ]
    assert torch.equal(orders[0].long(), orders[1])


@pytest.mark.parametrize(
    ("make", "sparse", "tables"),
    [
        (torch.optim.Adam, False, 5),  # the gradient, two moments, and two that its step makes
        (torch.optim.SGD, False, 2),  # two gradients, which are added
        (torch.optim.RMSprop, False, 3),
        (torch.optim.Adagrad, False, 2),  # which has its table already
        (LazyAdam, True, 2),
        (RowAdagrad, True, 0),
        (torch.optim.SparseAdam, True, 0),  # of which nothing is known
    ],
)
def test_a_step_that_does_not_fit_is_refused_with_its_bytes(make, sparse, tables, monkeypatch):
    task, _ = build(sparse=sparse)
    task.model.relation.requires_grad_(False)
    table = 12 * 4 * 4
    optimizer = make([task.model.entity.weight], lr=0.1)
    rows = 4 * 12 if make is RowAdagrad else 0
    monkeypatch.setattr(memory, "SURE", 0)
    monkeypatch.setattr(memory, "free", lambda device: tables * table + rows)
    refuse_large(task, optimizer)
    monkeypatch.setattr(memory, "free", lambda device: tables * table + rows - 1)
    if not tables + rows:
        return
    said = (
        f"The first steps of {make.__name__}, with weights of {table} bytes and {(tables + 1) * table + rows:,} bytes"
    )
    with pytest.raises(UserError, match=said) as caught:
        refuse_large(task, optimizer)
    assert ("sparse: true" in str(caught.value)) is not sparse
    monkeypatch.setattr("gnnneg.distributed.neighbors", lambda: 2)
    monkeypatch.setattr(memory, "free", lambda device: 2 * (tables * table + rows) - 1)
    with pytest.raises(UserError, match="in each of 2 processes"):
        refuse_large(task, optimizer)
    assert "RowAdagrad" in str(caught.value)
