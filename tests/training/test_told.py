"""What a run says where it ends early, and what stands in its folder then."""

import math

import pytest
import torch
from training.toy import build, toy_triplets, train

from gnnneg.errors import UserError
from gnnneg.training import Fit
from gnnneg.training.atomic import TEMPORARY, Unwritable, replacing, sweep
from gnnneg.training.checkpoint import Checkpoints, latest, names, save


def test_a_loss_that_is_none_at_the_first_step_names_no_checkpoint(tmp_path):
    """That of step 0 holds nothing learnt."""
    fit = Fit(epochs=2, batch_size=20, checkpoint_seconds=0.0)
    with pytest.raises(UserError, match=r"loss is nan at epoch 1, step 1: lower the learning rate") as caught:
        train(tmp_path, fit, watch=lambda *_: math.nan)
    assert "checkpoint" not in str(caught.value)
    assert [path.name for path in names(tmp_path / "checkpoints")] == ["000000000.pt"]


def test_a_loss_that_is_none_without_a_folder():
    with pytest.raises(UserError, match=r"loss is inf at epoch 1, step 1: .* or leave fit.amp out\."):
        train(None, Fit(epochs=1), watch=lambda *_: math.inf)


def test_a_folder_that_has_either_is_a_run(tmp_path):
    """A log alone, or checkpoints alone; an empty one is none."""
    task, optimizer = build()
    for name in ("metrics.jsonl", "checkpoints/000000001.pt"):
        folder = tmp_path / name[:7]
        (folder / name).parent.mkdir(parents=True)
        (folder / name).touch()
        with pytest.raises(UserError, match="already holds a run: go on with it"):
            Fit(epochs=1)(task, toy_triplets(), optimizer, seed=0, folder=folder, progress=False)
    empty = tmp_path / "empty"
    (empty / "checkpoints").mkdir(parents=True)
    Fit(epochs=1)(task, toy_triplets(), optimizer, seed=0, folder=empty, progress=False)
    assert (empty / "model").is_dir()


def test_no_folder_no_checkpoint():
    none = Checkpoints(None, 0.0)
    assert not none.due()
    none.save(1, {})
    assert none.resume() is None


def test_a_checkpoint_is_due_when_its_time_has_come(tmp_path, monkeypatch):
    """The first at once; the next as many seconds after the last was written, to the second."""
    now = [100.0]
    monkeypatch.setattr("gnnneg.training.checkpoint.time.monotonic", lambda: now[0])
    some = Checkpoints(tmp_path, 10.0)
    assert some.due()
    some.save(7, {"number": 1})
    assert [path.name for path in names(tmp_path)] == ["000000007.pt"]
    for later, due in ((9.9, False), (10.0, True)):
        now[0] = 100.0 + later
        assert some.due() is due


def test_what_was_read_is_not_written_again_at_once(tmp_path, monkeypatch):
    """A run that goes on from a checkpoint of gigabytes trains first; one that finds none writes one."""
    now = [100.0]
    monkeypatch.setattr("gnnneg.training.checkpoint.time.monotonic", lambda: now[0])
    new = Checkpoints(tmp_path, 10.0)
    assert new.resume() is None
    assert new.due()
    new.save(7, {"number": 1})
    again = Checkpoints(tmp_path, 10.0)
    assert again.resume()[1]["number"] == 1
    for later, due in ((9.9, False), (10.0, True)):
        now[0] = 100.0 + later
        assert again.due() is due


def test_what_is_newer_than_the_newest_whole_one_goes(tmp_path):
    """One that is damaged and one half written; what is older stays."""
    for number in (1, 2, 3):
        save(tmp_path / f"00000000{number}.pt", {"number": number})
    (tmp_path / "000000003.pt").write_bytes(b"half")
    (tmp_path / f"000000004.pt.1{TEMPORARY}").touch()
    with pytest.warns(UserWarning, match=r"000000003\.pt is cut off or no checkpoint: going on from 000000002\.pt"):
        path, state = Checkpoints(tmp_path, 0.0).resume()
    assert (path.name, state["number"]) == ("000000002.pt", 2)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["000000001.pt", "000000002.pt"]
    assert latest(tmp_path)[0] == path


def test_a_writer_that_fails_leaves_nothing_and_says_what_is_whole(tmp_path):
    path = tmp_path / "deep" / "file"
    with replacing(path) as temporary:
        temporary.write_text("one", encoding="utf-8")
        assert temporary.name.startswith("file.")
        assert temporary.name.endswith(TEMPORARY)
    said = r"file could not be written \(full\); what was saved before is whole"
    with pytest.raises(Unwritable, match=said), replacing(path):
        raise OSError(28, "full")
    assert [each.name for each in path.parent.iterdir()] == ["file"]
    assert path.read_text(encoding="utf-8") == "one"
    with pytest.raises(Unwritable, match=r"\(no words\)"), replacing(path):
        raise OSError("no words")
    other, own = (path.parent / f"{name}.9{TEMPORARY}" for name in ("other", "file"))
    other.touch()
    own.touch()
    sweep(path.parent, "file*")
    assert other.exists()
    assert not own.exists()
    sweep(path.parent)
    assert sorted(path.parent.iterdir()) == [path]


def test_the_rate_is_of_the_whole_epochs(monkeypatch):
    """Nothing per second where no epoch took any time."""
    task, optimizer = build()
    history = Fit(epochs=0)(task, toy_triplets(), optimizer, seed=0, progress=False)
    assert (history.triples_per_s, history.epochs, history.best_epoch) == (0.0, 0, 0)
    assert torch.is_grad_enabled()
