"""Files that a kill, a full disk or an attacker can spoil no further than the newest."""

import contextlib
import os
import pickle
import resource
import signal
from pathlib import Path

import pytest
import torch
from torch import nn
from training.toy import assert_same_run, build, end, toy_triplets, train

from gnnneg.errors import UserError
from gnnneg.training import Fit, load_model, save_model
from gnnneg.training import atomic as atomic_module
from gnnneg.training.atomic import replacing, sweep
from gnnneg.training.checkpoint import Checkpoints, latest, load, names, save

FIT = Fit(epochs=4, batch_size=20, evaluate_every=2, patience=None, checkpoint_seconds=0.0)


@pytest.fixture
def two(tmp_path) -> Path:
    """A folder with checkpoints 1 and 2."""
    for number in (1, 2):
        save(tmp_path / f"00000000{number}.pt", {"number": number, "table": torch.arange(1000.0)})
    return tmp_path


def number(folder: Path) -> int:
    found = latest(folder)
    assert found is not None
    return found[1]["number"]


def test_what_was_saved_comes_back(two):
    state = load(two / "000000002.pt")
    assert state["number"] == 2
    assert torch.equal(state["table"], torch.arange(1000.0))
    assert number(two) == 2
    assert latest(two / "nowhere") is None


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_cut_newest_falls_back(two, share):
    newest = two / "000000002.pt"
    whole = newest.read_bytes()
    newest.write_bytes(whole[: int(len(whole) * share)])
    with pytest.warns(UserWarning, match=r"000000002.pt is cut off.*going on from 000000001.pt"):
        assert number(two) == 1


def test_no_flipped_bit_passes_for_a_checkpoint(two):
    """torch.load alone would hand out changed weights, without a word, in three cases of four."""
    newest = two / "000000002.pt"
    whole = newest.read_bytes()
    outcomes = {"same": 0, "damaged": 0}
    for place in range(0, len(whole), 11):
        content = bytearray(whole)
        content[place] ^= 0x10
        newest.write_bytes(content)
        try:
            state = load(newest)
        except OSError:
            outcomes["damaged"] += 1
        else:  # the bit lay in the padding between the parts
            assert state["number"] == 2
            assert torch.equal(state["table"], torch.arange(1000.0))
            outcomes["same"] += 1
    assert outcomes["damaged"] > 3 * outcomes["same"] > 0
    content = bytearray(whole)
    content[len(whole) // 2] ^= 0x10
    newest.write_bytes(content)
    with pytest.warns(UserWarning, match=r"000000002.pt is damaged in .*going on from 000000001.pt"):
        assert number(two) == 1


def test_no_whole_checkpoint_is_a_sentence(two):
    for path in names(two):
        path.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"No checkpoint in .* is whole .*000000002.*000000001"):
        latest(two)


def test_another_format_is_a_sentence(two):
    torch.save({"format": 99}, two / "000000002.pt")
    with pytest.raises(UserError, match="checkpoint format 99 and this version reads formats 1 and 2"):
        latest(two)
    torch.save([1, 2], two / "000000002.pt")
    with pytest.raises(UserError, match="checkpoint format None"):
        latest(two)


class Malice:
    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self):
        return (os.system, (f"touch {self.target}",))


@pytest.mark.parametrize("form", ["torch", "legacy", "pickle"])
def test_a_tampered_checkpoint_runs_nothing(two, form):
    struck = two / "struck"
    newest = two / "000000002.pt"
    if form == "pickle":
        newest.write_bytes(pickle.dumps(Malice(struck)))
    else:
        torch.save({"format": 1, "x": Malice(struck)}, newest, _use_new_zipfile_serialization=form == "torch")
    if form == "torch":
        with pytest.raises(UserError, match=r"holds more than numbers.*was not opened: somebody has changed it"):
            latest(two)
    else:  # no checkpoint of ours at all
        with pytest.warns(UserWarning, match="no checkpoint"):
            assert number(two) == 1
    assert not struck.exists()
    with contextlib.suppress(RuntimeError):
        torch.load(newest, weights_only=False)  # the trap works, were it stepped into
    assert struck.exists()


def test_only_two_are_kept_and_the_first_is_due_at_once(tmp_path):
    checkpoints = Checkpoints(tmp_path, 3600.0)
    assert checkpoints.due()
    for step in (5, 40, 300):
        checkpoints.save(step, {})
        assert not checkpoints.due()
    assert [path.name for path in names(tmp_path)] == ["000000040.pt", "000000300.pt"]
    assert not Checkpoints(None, 0.0).due()


def test_seconds_between_checkpoints(tmp_path, monkeypatch):
    from gnnneg.training import checkpoint

    now = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    checkpoints = Checkpoints(tmp_path, 60.0)
    checkpoints.save(0, {})
    now[0] = 59.9
    assert not checkpoints.due()
    now[0] = 60.0
    assert checkpoints.due()


@pytest.mark.parametrize(("seconds", "count"), [(0.0, 14), (3600.0, 2)])
def test_checkpoint_seconds_sets_how_many_are_written(tmp_path, monkeypatch, seconds, count):
    """At nought one before each of the 12 steps, one before the only validation and one at the end."""
    saved = []
    whole = Checkpoints.save
    monkeypatch.setattr(Checkpoints, "save", lambda self, step, state: (saved.append(step), whole(self, step, state)))
    train(tmp_path, Fit(epochs=4, batch_size=20, evaluate_every=4, checkpoint_seconds=seconds))
    assert saved[0] == 0
    assert saved[-1] == 12
    assert len(saved) == count


def test_resume_removes_what_came_after(two):
    (two / "000000003.pt").write_bytes(b"half")
    (two / "000000004.pt.tmp").write_bytes(b"half")
    with pytest.warns(UserWarning, match="going on from 000000002"):
        found = Checkpoints(two, 0.0).resume()
    assert found is not None
    assert sorted(path.name for path in two.iterdir()) == ["000000001.pt", "000000002.pt"]


def test_a_run_whose_newest_checkpoint_is_cut_goes_on_from_the_one_before(tmp_path):
    uncut = train(tmp_path / "a", FIT)

    def watch(task, batch):
        steps.append(1)
        if len(steps) == 10:
            raise RuntimeError("power cut")

    steps: list[int] = []
    with pytest.raises(RuntimeError, match="power cut"):
        train(tmp_path / "b", FIT, watch=watch)
    newest = names(tmp_path / "b" / "checkpoints")[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="cut off"):
        resumed = train(tmp_path / "b", FIT, resume=True)
    assert_same_run((tmp_path / "a", uncut), (tmp_path / "b", resumed))


# a full disk


@pytest.fixture
def small_files():
    """Files beyond 20,000 bytes cannot be written, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("size", [10, 3000, 20_000])
def test_a_full_disk_costs_only_the_newest_checkpoint(two, small_files, size):
    small_files(size)
    with pytest.raises(
        UserError, match=r"000000003.pt could not be written \(File too large\); what was saved before is whole"
    ):
        save(two / "000000003.pt", {"table": torch.zeros(100_000)})
    small_files(resource.RLIM_INFINITY)
    assert sorted(path.name for path in two.iterdir()) == ["000000001.pt", "000000002.pt"]
    assert number(two) == 2


def test_a_full_disk_costs_only_the_newest_model(tmp_path, small_files):
    model = nn.Linear(300, 300)
    save_model(tmp_path, model)
    before = (tmp_path / "model.safetensors").read_bytes()
    small_files(20_000)
    with pytest.raises(UserError, match=r"model.safetensors could not be written"):
        save_model(tmp_path, nn.Linear(300, 300))
    small_files(resource.RLIM_INFINITY)
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_a_disk_that_fills_up_while_training_leaves_a_run_to_go_on_with(tmp_path, monkeypatch):
    """Every way of writing fails from the eighth checkpoint on; with room again the run ends as if nothing happened."""
    uncut = train(tmp_path / "a", FIT)
    whole, count = torch.save, []

    def full(state, file):
        count.append(1)
        if len(count) >= 8:
            file.write(b"some")
            raise OSError(28, "No space left on device")
        return whole(state, file)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match="No space left on device"):
        train(tmp_path / "b", FIT)
    monkeypatch.setattr(torch, "save", whole)
    assert not list((tmp_path / "b").rglob("*.tmp"))
    assert_same_run((tmp_path / "a", uncut), (tmp_path / "b", train(tmp_path / "b", FIT, resume=True)))


# atomic files


def test_replacing_is_all_or_nothing(tmp_path):
    path = tmp_path / "deep" / "file"
    with replacing(path) as temporary:
        temporary.write_text("one")
        assert not path.exists()
    assert path.read_text() == "one"

    def half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("tw")
            assert path.read_text() == "one"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]


def test_the_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    """Flushed, then renamed, then the folder flushed."""
    order = []
    sync = os.fsync
    monkeypatch.setattr(atomic_module.os, "fsync", lambda handle: (order.append("sync"), sync(handle)))
    rename = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: (order.append("rename"), rename(self, to))[1])
    with replacing(tmp_path / "file") as temporary:
        temporary.write_text("x")
    assert order == ["sync", "rename", "sync"]


def test_sweep_removes_only_what_is_temporary(tmp_path):
    (tmp_path / "a.pt").touch()
    (tmp_path / "b.pt.tmp").touch()
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


# models


def test_a_model_comes_back(tmp_path):
    torch.manual_seed(0)
    saved, read = nn.Linear(3, 2), nn.Linear(3, 2)
    save_model(tmp_path, saved)
    assert not torch.equal(saved.weight, read.weight)
    load_model(tmp_path, read)
    assert torch.equal(saved.weight, read.weight)
    assert torch.equal(saved.bias, read.bias)


def test_tied_and_strided_weights_come_back(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Parameter(torch.randn(4, 3).t())
            self.b = self.a

    saved, read = Tied(), Tied()
    save_model(tmp_path, saved)
    load_model(tmp_path, read)
    assert torch.equal(saved.a, read.a)
    assert read.a is read.b


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda: nn.Linear(4, 2), r"'weight' is \(2, 3\) in the file and \(2, 4\) in the model"),
        (lambda: nn.Linear(3, 2, bias=False), "'bias' is in the file but not in the model"),
        (lambda: nn.Sequential(nn.Linear(3, 2)), r"'0\.weight' is in the model but not in the file"),
    ],
    ids=["shape", "less", "more"],
)
def test_another_model_is_a_sentence(tmp_path, other, words):
    save_model(tmp_path, nn.Linear(3, 2))
    with pytest.raises(UserError, match=f"holds another model: {words}; build"):
        load_model(tmp_path, other())


def test_no_model_and_half_a_model_are_sentences(tmp_path):
    with pytest.raises(UserError, match="no trained weights at"):
        load_model(tmp_path, nn.Linear(3, 2))
    path = save_model(tmp_path, nn.Linear(3, 2))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UserError, match=r"model\.safetensors is damaged"):
        load_model(tmp_path, nn.Linear(3, 2))


def test_a_run_leaves_its_best_model(tmp_path):
    task, _, history = train(tmp_path, FIT)
    fresh, _ = build(seed=5)
    load_model(tmp_path / "model", fresh.model)
    assert fresh.evaluate()["mrr"] == task.evaluate()["mrr"] == history.best["mrr"]


def test_without_validation_the_last_model_is_left(tmp_path):
    task, optimizer = build()
    Fit(epochs=2)(task, toy_triplets(), optimizer, seed=0, folder=tmp_path, progress=False)
    fresh, _ = build(seed=5)
    load_model(tmp_path / "model", fresh.model)
    assert torch.equal(fresh.model.entity.weight, task.model.entity.weight)
    assert end(tmp_path)["position"]["epoch"] == 2


def test_a_file_has_the_mode_that_the_users_umask_gives(tmp_path):
    """Whatever its writer made of it: safetensors, for one, takes reading from the group."""
    path, before = tmp_path / "file", os.umask(0o027)
    try:
        with replacing(path) as temporary:
            temporary.write_text("text")
            temporary.chmod(0o600)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_of_a_file_whose_writer_fails(tmp_path, error):
    path = tmp_path / "file"
    path.write_text("old")

    def written() -> None:
        with replacing(path) as temporary:
            temporary.write_text("new")
            raise error

    with pytest.raises(error):
        written()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_weights_are_sound_with_empty_and_whole_numbers_among_them():
    """An empty table and whole numbers cannot be unsound, and are not asked."""
    from gnnneg.training.state import TrainingState

    task, optimizer = build()
    run = TrainingState(task, optimizer, None, torch.amp.GradScaler("cpu", enabled=False), torch.Generator())
    task.model.empty = nn.Parameter(torch.empty(0, 3))
    task.model.whole = nn.Parameter(torch.tensor([1, 2]), requires_grad=False)
    assert run.sound()
    with torch.no_grad():
        task.model.entity.weight[1, 2] = float("inf")
    assert not run.sound()
