"""What no figure of training shows: whose rate is written, whose share counts, who waits, what a CPU ignores."""

import pytest
import torch
from torch.optim import SGD, Adam
from training.toy import Toy, build, same_bits, toy_triplets

from gnnneg.errors import UserError
from gnnneg.training import Fit, checkpoint, parted
from gnnneg.training import fit as fitting
from gnnneg.training.checkpoint import Checkpoints, glance, latest, part
from gnnneg.training.state import Position, TrainingState


def trained(fit: Fit, optimizer=None, task=None, **options):
    torch.manual_seed(0)
    task = task or Toy()
    optimizer = optimizer(task) if optimizer else SGD(task.trained(), lr=0.1)
    return task, fit(task, toy_triplets(), optimizer, seed=3, progress=False, **options)


def test_the_rate_is_that_of_the_first_group():
    def two(task):
        first, *rest = task.trained()
        return SGD([{"params": [first], "lr": 0.25}, {"params": rest, "lr": 0.5}])

    _, history = trained(Fit(epochs=2, batch_size=50), two)
    assert [line["lr"] for line in history.records] == [0.25, 0.25]


def test_a_share_of_a_batch_counts_as_much(monkeypatch):
    """Where several processes each have a part of it, the loss of a part is weighed by its size."""
    torch.manual_seed(0)
    half = Toy(watch=lambda *_: 0.5)
    trained(Fit(epochs=2, batch_size=20), task=half)
    monkeypatch.setattr(fitting.distributed, "share", lambda rows: (rows, 0.5))
    torch.manual_seed(0)
    weighed = Toy()
    trained(Fit(epochs=2, batch_size=20), task=weighed)
    assert same_bits(half.state_dict(), weighed.state_dict())


def test_what_is_for_a_gpu_changes_nothing_on_a_cpu():
    seen = set()
    for name in ("tf32", "cuda_graph"):
        torch.manual_seed(0)
        task = Toy(watch=lambda *_: seen.add(torch.get_float32_matmul_precision()))
        with pytest.warns(UserWarning, match=f"fit.{name} is for CUDA devices: it changes nothing on cpu"):
            trained(Fit(epochs=1, **{name: True}), task=task)
    assert seen == {"highest"}


def test_a_fused_form_that_is_not_there_is_not_used(monkeypatch):
    monkeypatch.setattr("gnnneg.training.optimizers._has_fused", lambda *_: False)
    with pytest.warns(UserWarning, match="Adam has no fused form on cpu"):
        trained(Fit(epochs=1), lambda task: Adam(task.trained(), fused=True))


class Shown:
    """What is shown of training."""

    def __init__(self):
        self.share, self.value, self.rate, self.told = [], [], [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def say(self, words):
        raise AssertionError(words)

    def show(self, at, share, rate, value, told):
        for name, one in (("share", share), ("value", value), ("rate", rate), ("told", told)):
            getattr(self, name).append(one)


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [(None, [0.4, 0.8, 1.0, 1.0, 1.0] * 2), (2, [0.5, 1.0, 1.0, 1.0] * 2)],
)
def test_how_far_training_is(monkeypatch, steps, wanted):
    """Of 50 examples 20 a step, looked at after each and at the end of an epoch or round, and once more validated."""
    shown, given = Shown(), []
    monkeypatch.setattr(fitting, "GLANCE", -1.0)
    monkeypatch.setattr(fitting, "display", lambda *options: given.append(options) or shown)
    fit = Fit(epochs=2, batch_size=20, evaluate_every=1, steps=steps)
    trained(fit, evaluate=lambda: {"mrr": 0.25})
    assert shown.share == pytest.approx(wanted)
    assert given == [(False, 2, "mrr", "epoch" if steps is None else "round")]
    each = len(wanted) // 2
    assert shown.value[: each - 1] == [None] * (each - 1)
    assert shown.value[each - 1 :] == [0.25] * (each + 1)
    assert all(rate > 0 for rate in shown.rate)
    assert shown.told[0] == {}
    assert shown.told[each - 1].keys() == {"drawn"}


def test_a_metric_that_validation_lacks_is_refused_before(monkeypatch):
    task, optimizer = build()
    with pytest.raises(UserError, match=r"Validation gives no metric 'mrr' \(fit.metric\)"):
        Fit(epochs=1)(task, toy_triplets(), optimizer, seed=0, metrics=["hits@10"], progress=False)
    assert task.seen == []
    with pytest.raises(UserError, match="There is nothing to resume without a run folder"):
        Fit(epochs=1)(task, toy_triplets(), optimizer, seed=0, resume=True, progress=False)


def test_a_folder_that_has_no_checkpoint_is_begun(tmp_path):
    """What a run wrote before its first is gone."""
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 9}\n', encoding="utf-8")
    _, history = trained(Fit(epochs=1), folder=tmp_path, resume=True)
    assert [line["epoch"] for line in history.records] == [1]
    assert len((tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()) == 1


def test_nobody_looks_before_all_are_there(tmp_path, monkeypatch):
    """What another process writes until all wait is seen."""
    monkeypatch.setattr(fitting.distributed, "wait", lambda: (tmp_path / "metrics.jsonl").touch())
    with pytest.raises(UserError, match="already holds a run"):
        trained(Fit(epochs=1), folder=tmp_path)


def test_a_model_is_judged_by_the_buffers_of_the_first_process(monkeypatch):
    """Before each validation and at the end, also where nothing is validated."""
    done = []
    monkeypatch.setattr(fitting, "settle", lambda model: done.append(type(model).__name__))
    trained(Fit(epochs=2, evaluate_every=1), evaluate=lambda: done.append("judged") or {"mrr": 0.5})
    name = done[0]
    assert done == [name, "judged", name, "judged", name]
    done.clear()
    trained(Fit(epochs=1))
    assert done == [name]


def test_buffers_are_sent_and_weights_are_not(monkeypatch):
    model, sent = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)), []
    model.register_buffer("facts", torch.zeros(9), persistent=False)  # of the data set, as large as it is
    monkeypatch.setattr(parted.distributed, "sent", lambda value: sent.append(value.fill_(7)))
    parted.settle(model)
    assert len(sent) == 3
    assert all(bool((buffer == 7).all()) for buffer in model[1].buffers())


# parts of a checkpoint


@pytest.mark.parametrize(("rank", "wanted"), [(0, ["wait", "000000003.pt"]), (1, ["000000003.1of2.part", "wait"])])
def test_the_first_process_writes_last(tmp_path, monkeypatch, rank, wanted):
    done = []
    monkeypatch.setattr(checkpoint.distributed, "rank", lambda: rank)
    monkeypatch.setattr(checkpoint.distributed, "size", lambda: 2)
    monkeypatch.setattr(checkpoint.distributed, "wait", lambda: done.append("wait"))
    monkeypatch.setattr(checkpoint, "save", lambda path, state: done.append(path.name))
    monkeypatch.setattr(checkpoint, "load", lambda path, mapped: {})
    for name in ("000000001.pt", "000000002.pt", "000000004.pt", "000000000.1of2.part", "000000004.1of2.part"):
        (tmp_path / name).touch()
    Checkpoints(tmp_path, 0.0).save(3, {})
    assert done == wanted
    left = {path.name for path in tmp_path.iterdir()}
    assert ("000000001.pt" in left) is bool(rank)
    assert ("000000000.1of2.part" in left) is bool(rank)
    assert {"000000002.pt", "000000004.pt", "000000004.1of2.part"} <= left


@pytest.mark.parametrize(("rank", "wanted"), [(0, 7), (1, 8)])
def test_each_process_reads_its_part(tmp_path, monkeypatch, rank, wanted):
    path = tmp_path / "000000001.pt"
    checkpoint.save(path, {"number": 7, "processes": 2})
    checkpoint.save(part(path, 1, 2), {"number": 8, "processes": 2})
    monkeypatch.setattr(checkpoint.distributed, "rank", lambda: rank)
    monkeypatch.setattr(checkpoint.distributed, "size", lambda: 2)
    assert latest(tmp_path)[1]["number"] == wanted


@pytest.fixture
def divided(tmp_path):
    """Three checkpoints of two processes, each of which has two of a table's four rows, and all of a vector."""
    for step in (1, 2, 3):
        path = tmp_path / f"00000000{step}.pt"
        for rank in (0, 1):
            rows = torch.arange(4.0).view(4, 1)[2 * rank : 2 * rank + 2] + 10 * step
            state = {"task": {"table": rows, "vector": torch.ones(3) * step}, "best": None, "optimizer": {"state": {}}}
            shared = {"processes": 2, "tables": {"table": [4, -1]}, "position": {"step": step}}
            checkpoint.save(part(path, rank, 2), state | shared)
    return tmp_path


def harmed(path):
    """One bit of a tensor is flipped."""
    content = bytearray(path.read_bytes())
    at = content.find(torch.tensor([32.0, 33.0]).numpy().tobytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [harmed, lambda path: path.unlink()], ids=["a bit", "lost"])
@pytest.mark.parametrize("rank", [0, 1])
def test_all_processes_go_on_from_the_newest_step_that_all_have(divided, monkeypatch, recwarn, rank, harm):
    """The newest part of the second is harmed, which only the second sees: both take the one before, the first says so,
    and removes what is newer.
    """
    lost, answers = [], iter([[None, "3.1of2 is damaged"], [None, None]])

    def of_all(mine):
        told = next(answers)
        lost.append(mine)
        return [mine if place == rank else other or "" for place, other in enumerate(told)]

    harm(divided / "000000003.1of2.part")
    monkeypatch.setattr(checkpoint.distributed, "size", lambda: 2)
    monkeypatch.setattr(checkpoint.distributed, "rank", lambda: rank)
    monkeypatch.setattr(checkpoint.distributed, "agreed", lambda value: value)
    monkeypatch.setattr(checkpoint.distributed, "of_all", of_all)
    path, state = Checkpoints(divided, 0.0).resume()
    assert path.name == "000000002.pt"
    assert state["task"]["table"].tolist() == [[20.0 + 2 * rank], [21.0 + 2 * rank]]
    assert [bool(one) for one in lost] == [rank == 1, False]  # each complains of its own part alone
    assert [str(one.message) for one in recwarn] == ["3.1of2 is damaged: going on from 000000002.pt."] * (rank == 0)
    assert (divided / "000000003.pt").exists() is (rank == 1)


@pytest.mark.parametrize(("size", "rank", "rows"), [(1, 0, [30, 31, 32, 33]), (4, 2, [32]), (3, 1, [32, 33])])
def test_another_number_of_processes_reads_its_rows_out_of_the_files(divided, monkeypatch, size, rank, rows):
    """No part is read into memory whole, and what is given does not lie in a file."""
    load, mapped = torch.load, []

    def loaded(*given, **options):
        mapped.append(options["mmap"])
        return load(*given, **options)

    monkeypatch.setattr(torch, "load", loaded)
    monkeypatch.setattr(checkpoint.distributed, "size", lambda: size)
    monkeypatch.setattr(checkpoint.distributed, "rank", lambda: rank)
    _, state = latest(divided)
    assert state["task"]["table"].flatten().tolist() == rows
    assert state["task"]["table"].untyped_storage().nbytes() == 4 * len(rows)
    assert len(mapped) == 3
    assert all(mapped)
    for path in divided.iterdir():
        path.write_bytes(bytes(path.stat().st_size))
    assert state["task"]["vector"].tolist() == [3.0, 3.0, 3.0]


def test_a_glance_reads_no_table(divided):
    """What is lost or cut off is seen, but not a bit within a tensor."""
    harmed(divided / "000000003.1of2.part")
    assert glance(divided)[1]["position"] == {"step": 3}
    (divided / "000000003.1of2.part").unlink()
    with pytest.warns(UserWarning, match=r"3\.1of2\.part is cut off or no checkpoint: going on from 000000002\.pt"):
        assert glance(divided)[1]["position"] == {"step": 2}


def test_the_clock_of_the_first_process_counts(tmp_path, monkeypatch):
    """Another one has waited for nobody, so that its checkpoints look cheap."""
    for rank, due in ((0, True), (1, False)):
        monkeypatch.setattr(checkpoint.distributed, "rank", lambda rank=rank: rank)
        assert Checkpoints(tmp_path, 0.0).due() is due


@pytest.mark.parametrize(("cost", "interval"), [(0.9, 3.0), (1.0, 10.0), (2.0, 20.0), (0.0, 3.0)])
def test_checkpoints_that_take_long_come_seldom(tmp_path, monkeypatch, cost, interval):
    now = [100.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(checkpoint, "save", lambda *_: now.__setitem__(0, now[0] + cost))
    monkeypatch.setattr(checkpoint, "load", lambda *_, **__: {})
    some = Checkpoints(tmp_path, 3.0)
    some.save(1, {})
    assert some.interval == pytest.approx(interval)
    assert not some.due()
    now[0] += interval + 1e-6
    assert some.due()


# where training stands


def state_of(task, optimizer):
    return TrainingState(task, optimizer, None, torch.amp.GradScaler("cpu", enabled=False), torch.Generator())


def test_a_checkpoint_of_another_run(tmp_path):
    path = tmp_path / "some.pt"
    mine, sgd = state_of(*build()), state_of(*build(adam=False))
    with pytest.raises(UserError, match=r"some.pt lacks a part of a checkpoint \('position'\): train again"):
        mine.load_state_dict({}, path)
    with pytest.raises(UserError, match="its optimiser and scheduler are Adagrad and none, not Adam and none"):
        mine.load_state_dict(sgd.state_dict(), path)
    with pytest.warns(UserWarning, match="was written by 2 processes and is read by 1"):
        mine.load_state_dict({**mine.state_dict(), "processes": 2}, path)


def test_weights_that_are_sound():
    task, optimizer = build()
    some = state_of(task, optimizer)
    assert some.sound()
    for bad in (torch.nan, torch.inf, -torch.inf):
        weight = task.model.relation.weight.data
        kept = weight[1, 1].item()
        weight[1, 1] = bad
        assert not some.sound()
        weight[1, 1] = kept
    task.none, task.count = torch.nn.Parameter(torch.empty(0)), torch.nn.Parameter(torch.ones(1).long(), False)
    assert some.sound()


def test_an_order_that_is_gone_on_with():
    """The same until the pass is over, and chance as it was; a new one after it."""
    some = state_of(*build())
    first = some.shuffled(50)
    assert first.sort().values.tolist() == list(range(50))
    before = some.rng.get_state()
    assert torch.equal(some.shuffled(50), first)
    assert torch.equal(some.rng.get_state(), before)
    some.at.seen, some.at.passes = 50, 2
    some.passed()
    assert (some.at.seen, some.at.passes) == (0, 3)
    assert not torch.equal(some.shuffled(50), first)


def test_an_epoch_is_closed():
    some = state_of(*build())
    some.at = Position(epoch=2, step=9, done=5, loss=1.5, seconds=2.0, train_s=10.0, begun=4)
    some.turn()
    assert some.at == Position(epoch=3, step=9, train_s=12.0, begun=9)
    assert Position.of({"epoch": 4, "done": 3, "step": 8}) == Position(4, 8, 3, passes=4, seen=3, begun=8)
    assert Position.of({"epoch": 4, "done": 3, "step": 8, "passes": 1}).passes == 1
