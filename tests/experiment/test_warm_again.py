"""A warm start holds for runs that are begun in other ways: trials of a study, and a run that was stopped early."""

import shutil
from pathlib import Path

import pytest
import torch
from experiment.helpers import TINY
from safetensors.torch import load_file, save_file

from gnnneg import UserError, train_config, tune
from gnnneg.documents import parse_yaml
from gnnneg.experiment import resume

CONFIG = TINY % "synthetic"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("warm")
    (home / "config.yaml").write_text(CONFIG)
    train_config(home / "config.yaml", ["--fit.epochs", "4"], home / "first", progress=False)
    words = ["--fit.epochs", "2", "--warm", str(home / "first")]
    train_config(home / "config.yaml", words, home / "second", progress=False)
    return home


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def as_after_its_first_second(run: Path, out: Path) -> Path:
    """What a kill before the first checkpoint leaves."""
    shutil.copytree(
        run,
        out,
        ignore=shutil.ignore_patterns("checkpoints", "*.safetensors", "metrics.jsonl", "result.json", "ranks.parquet"),
    )
    return out


def test_a_trial_begins_with_what_its_config_says(home, tmp_path, monkeypatch):
    """Trials of no epochs have the weights of the run that they begin with, or those of chance."""
    monkeypatch.chdir(home)
    tree = parse_yaml(CONFIG, "")
    tree["fit"]["epochs"] = 0
    tree["tune"] = {"warm": [None, "first"]}
    study = tune(tree, 5, seeds=1, out=tmp_path / "study", progress=False)
    assert set(study.trials["warm"]) == {None, str(home / "first")}
    for trial, warm in enumerate(study.trials["warm"]):
        begun, learnt = weights(study.path / "trials" / f"{trial:04d}"), weights(home / "first")
        assert (warm is not None) == all(torch.equal(begun[name], learnt[name]) for name in learnt)
    with pytest.raises(UserError, match=r"^There is nothing at nowhere \(--warm\)"):
        tune({**tree, "tune": {"warm": [None, "nowhere"]}}, 2, out=tmp_path / "none", progress=False)
    assert not (tmp_path / "none").exists()


def test_a_run_that_was_stopped_before_its_first_checkpoint_is_warm_again(home, tmp_path):
    run = as_after_its_first_second(home / "second", tmp_path / "again")
    resume(run, progress=False)
    whole, again = weights(home / "second"), weights(run)
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_what_a_run_would_begin_with_must_be_what_it_began_with(home, tmp_path):
    run = as_after_its_first_second(home / "second", tmp_path / "again")
    file = home / "first" / "model" / "model.safetensors"
    kept = weights(home / "first")
    save_file({name: weight + 1 for name, weight in kept.items()}, file)
    try:
        with pytest.raises(UserError, match=r"first is no longer what .*again began with \(warm\)"):
            resume(run, progress=False)
    finally:
        save_file(kept, file)
