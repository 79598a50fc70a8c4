"""A run that is asked for more: the same numbers as if all had been asked for at first, or one sentence why not."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from experiment.helpers import TINY, everything, log, weights

from gnnneg import Fit, UserError
from gnnneg.cli import main
from gnnneg.experiment import Run, plan, resume, train_config
from gnnneg.experiment.prolonged import refuse_schedule
from gnnneg.training.checkpoint import latest

DECAY = "{class_path: StepLR, init_args: {step_size: 2, gamma: 0.5}}"
CACHED = (
    "Cached, init_args: {proposal: {class_path: Uniform, init_args: {num_negatives: 3}}, num_negatives: 2, size: 4}"
)
OFTEN = ["--fit.evaluate_every", "1", "--fit.checkpoint_seconds", "0"]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder with a data set, a config whose sampler, optimiser and scheduler all remember, and runs of it."""
    home = tmp_path_factory.mktemp("prolonged")
    lines = {f"d{i}\ttreats\tx{i * j % 5}\n" for i in range(1, 10) for j in (1, 2, 3)}
    (home / "t.tsv").write_text("".join(sorted(lines)))
    assert main(["data", "import", str(home / "t.tsv"), "--out", str(home / "graph")]) == 0
    text = TINY % (home / "graph")
    text = text.replace("Uniform, init_args: {num_negatives: 4}", CACHED)
    text = text.replace("Adagrad, init_args: {lr: 0.1}", "Adam, init_args: {lr: 0.01}")
    (home / "small.yaml").write_text(f"{text}scheduler: {DECAY}\n")
    for epochs in (2, 5):
        train_config(home / "small.yaml", ["--fit.epochs", str(epochs), *OFTEN], home / f"of-{epochs}", progress=False)
    return home


@pytest.fixture
def run(home, tmp_path) -> Path:
    shutil.copytree(home / "of-2", tmp_path / "run")
    return tmp_path / "run"


def told(run: Path) -> dict:
    """What a run came to, without its times."""
    result = json.loads((run / "result.json").read_text())
    return {name: value for name, value in result.items() if name not in ("time", "memory")}


def same(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_two_epochs_and_three_more_are_five(run, home, capsys):
    """Weights, log, ranks, result, config, and all that a further resume would start from: sampler, optimiser, rng."""
    whole = home / "of-5"
    assert weights(run) != weights(whole)
    for name in ("calibration.json", "negatives.json"):
        (run / name).write_text("{}")  # of the weights before
    assert main(["resume", str(run), "--fit.epochs", "5", "--quiet"]) == 0
    assert not any((run / name).exists() for name in ("calibration.json", "negatives.json"))
    assert capsys.readouterr().err == ""
    assert log(run) == log(whole)
    for name in ("model/model.safetensors", "ranks.parquet", "config.yaml"):
        assert (run / name).read_bytes() == (whole / name).read_bytes()
    assert told(run) == told(whole)
    ours, theirs = latest(run / "checkpoints")[1], latest(whole / "checkpoints")[1]
    timed = {"train_s", "evaluate_s", "seconds"}
    for state in (ours, theirs):
        state["position"] = {name: value for name, value in state["position"].items() if name not in timed}
        state["chance"].pop("python")  # from which beartype draws under pytest
    assert ours.keys() == theirs.keys()
    assert [key for key in ours if not same(ours[key], theirs[key])] == []
    before = everything(run)
    assert main(["resume", str(run), "--fit.epochs", "5"]) == 0  # the same command again changes nothing
    assert "finished, and stays as it is" in capsys.readouterr().err
    assert everything(run) == before


def test_what_ended_by_patience_goes_on_with_more(home, tmp_path, capsys):
    """Weights that do not move get no better: the first validation, and as many more as there is patience."""
    still = ["--optimizer.lr", "0", *OFTEN, "--fit.epochs", "9"]
    run, whole = tmp_path / "run", tmp_path / "whole"
    train_config(home / "small.yaml", [*still, "--fit.patience", "2"], run, progress=False)
    assert log(run)[-1]["epoch"] == 3
    before = everything(run)
    assert main(["resume", str(run), "--fit.epochs", "20"]) == 2
    assert "has had 2 validations without an improvement (give --fit.patience more" in capsys.readouterr().err
    assert everything(run) == before
    resume(run, progress=False, overrides=["--fit.patience", "4"])
    assert log(run)[-1]["epoch"] == 5
    train_config(home / "small.yaml", [*still, "--fit.patience", "4"], whole, progress=False)
    assert (log(run), weights(run)) == (log(whole), weights(whole))
    assert (run / "config.yaml").read_text() == (whole / "config.yaml").read_text()


def test_what_ended_by_its_time_goes_on_with_more(home, tmp_path):
    run = tmp_path / "run"
    train_config(home / "small.yaml", ["--fit.max_seconds", "1e-9", *OFTEN], run, progress=False)
    assert log(run)[-1]["epoch"] == 1
    with pytest.raises(UserError, match=r"has taken .* seconds \(give --fit.max_seconds more than that, or null\)"):
        resume(run, progress=False, overrides=["--fit.max_seconds=2e-9"])
    resume(run, progress=False, overrides=["--fit.max_seconds", "null"])
    assert log(run)[-1]["epoch"] == 3
    assert yaml.safe_load((run / "config.yaml").read_text())["fit"]["max_seconds"] is None


def test_how_often_is_changed_too(run):
    resume(run, progress=False, overrides=["--fit.epochs", "4", "--fit.evaluate_every", "4"])
    assert [line["epoch"] for line in log(run) if "valid" in line] == [1, 2, 4]
    resume(run, progress=False, overrides=["--fit.epochs", "5", "--fit.checkpoint_seconds", "7"])
    assert yaml.safe_load((run / "config.yaml").read_text())["fit"]["checkpoint_seconds"] == 7.0


OTHER = {
    "task.sampler.num_negatives": ["--task.sampler.num_negatives", "3"],
    "task.model.decoder": ["--task.model.decoder", "DistMult"],
    "task.model.encoder.hidden_channels": ["--task.model.encoder.hidden_channels", "16"],
    "fit.batch_size": ["--fit.batch_size=8"],
    "optimizer.lr": ["--optimizer.lr", "0.5"],
    "scheduler": ["--scheduler", "null"],
    "seed": ["--seed", "5"],
    "evaluation.filter": ["--evaluation.filter", "[train]"],
    "data.denied_kept": ["--data.denied_kept", "0.5"],
    "fit.batch_size and fit.clip_norm": ["--fit.batch_size", "8", "--fit.clip_norm", "1.0"],
}


@pytest.mark.parametrize("key", OTHER)
def test_what_would_make_another_run_is_refused_by_name(run, capsys, key):
    before = everything(run)
    assert main(["resume", str(run), "--fit.epochs", "5", *OTHER[key]]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"{key} cannot be changed when {run} is resumed, only fit.epochs, ")
    assert err.count("\n") == 1
    assert everything(run) == before


WRONG = {
    "more than that": ["--fit.epochs", "1"],
    "give at least 0": ["--fit.epochs", "-1"],
    "Did you mean 'epochs'": ["--fit.epoch", "5"],
    "needs a value": ["--fit.epochs"],
    "fit.epochs should be": ["--fit.epochs", "many"],
    "There is no device 'mars'": ["--fit.epochs", "5", "--device", "mars"],
    "is no folder": ["--fit.epochs", "5", "--data.name", "./nowhere"],
    "Unrecognized arguments: --epochs": ["--epochs", "5"],
}


@pytest.mark.parametrize("sentence", WRONG)
def test_bad_words_are_one_sentence(run, capsys, sentence):
    before = everything(run)
    assert main(["resume", str(run), *WRONG[sentence]]) == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1
    assert everything(run) == before


def test_fewer_epochs_than_there_have_been_are_refused(run):
    (run / "result.json").unlink()  # as after a kill, which left its checkpoints
    with pytest.raises(UserError, match="is already in epoch 2: give"):
        resume(run, progress=False, overrides=["--fit.epochs", "1"])
    assert resume(run, progress=False, overrides=["--fit.epochs", "2"]).result["best_epoch"] <= 2


def test_without_checkpoints_the_way_is_told(run, capsys):
    shutil.rmtree(run / "checkpoints")
    assert main(["resume", str(run), "--fit.epochs", "5"]) == 2
    assert f"its checkpoints are missing: start a new run, with its weights by 'gnnneg train CONFIG --warm {run}'" in (
        capsys.readouterr().err
    )


LINEAR = "{class_path: LinearLR, init_args: {start_factor: %s, end_factor: %s, total_iters: 2}}"
COSINE = "{class_path: CosineAnnealingLR, init_args: {T_max: %d}}"
LATER = "{class_path: SequentialLR, init_args: {schedulers: [%s, %s], milestones: [1]}}"
ENDING = {
    "scheduler.T_max": COSINE % 2,
    "scheduler.total_steps": "{class_path: OneCycleLR, init_args: {max_lr: 0.1, total_steps: 2}}",
    "scheduler.total_iters": LINEAR % (1.0, 0.1),
    "scheduler.schedulers.1.T_max": LATER % (LINEAR % (0.1, 1.0), COSINE % 1),
}


@pytest.mark.parametrize("key", ENDING)
def test_where_a_schedule_ends(home, key):
    tree = {**yaml.safe_load((home / "small.yaml").read_text()), "scheduler": yaml.safe_load(ENDING[key])}
    scheduler = plan(tree).arguments["scheduler"]
    with pytest.raises(UserError, match=rf"{key} ends the schedule of its learning rate after 2; start a new run"):
        refuse_schedule(home, scheduler, {2}, Fit(epochs=5))
    refuse_schedule(home, scheduler, {3}, Fit(epochs=5))  # it was not made for these
    refuse_schedule(home, scheduler, {2}, Fit(epochs=2))


def test_a_schedule_that_was_made_for_the_epochs_is_not_gone_beyond(home, tmp_path):
    """Also where somebody has written more into the config by hand."""
    run = tmp_path / "run"
    words = ["--scheduler", COSINE % 2, "--fit.epochs", "2", *OFTEN]
    train_config(home / "small.yaml", words, run, progress=False)
    before = everything(run)
    with pytest.raises(UserError, match=r"scheduler\.T_max ends .* with its weights by 'gnnneg train CONFIG --warm"):
        resume(run, progress=False, overrides=["--fit.epochs", "5"])
    assert everything(run) == before
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("epochs: 2", "epochs: 5"))
    with pytest.raises(UserError, match=r"scheduler\.T_max ends the schedule of its learning rate after 2"):
        resume(run, progress=False)


@pytest.mark.parametrize(
    ("was", "now", "key"),
    [
        ("lr: 0.1", "lr: 0.2", "optimizer.lr"),
        ("batch_size: ", "batch_size: 1", "fit.batch_size"),
        ("seed: 0", "seed: 7", "seed"),
    ],
)
def test_a_config_that_was_edited_by_hand_is_refused(home, tmp_path, was, now, key):
    """The optimizer goes on from the checkpoint: a step size in the file would not be heard."""
    run = tmp_path / "run"
    train_config(home / "small.yaml", ["--fit.epochs", "2", "--optimizer.lr", "0.1", *OFTEN], run, progress=False)
    text = (run / "config.yaml").read_text()
    assert was in text
    (run / "config.yaml").write_text(text.replace(was, now).replace("epochs: 2", "epochs: 3"))
    before = everything(run)
    with pytest.raises(UserError, match=rf"another {key} than when training began.* --warm"):
        resume(run, progress=False)
    assert everything(run) == before
    with pytest.warns(
        UserWarning, match=f"another {key} than when training began: the weights were trained with other"
    ):
        Run.load(run)  # it answers, and says of what
    (run / "config.yaml").write_text(text.replace("epochs: 2", "epochs: 3"))  # more may be asked for by hand
    Run.load(run)
    assert len(resume(run, progress=False).metrics) == 2


PLATEAU = "{class_path: ReduceLROnPlateau, init_args: {mode: max, patience: 0}}"
GOING = {"longer": COSINE % 5, "plateau": PLATEAU}


def test_a_warm_up_ends_nothing(home):
    tree = yaml.safe_load((home / "small.yaml").read_text())
    for text in (LINEAR % (0.1, 1.0), "{class_path: ConstantLR, init_args: {total_iters: 2}}", DECAY):
        scheduler = plan({**tree, "scheduler": yaml.safe_load(text)}).arguments["scheduler"]
        refuse_schedule(home, scheduler, {2}, Fit(epochs=5))


@pytest.mark.parametrize("kind", GOING)
def test_other_schedules_go_on_to_the_same_rates(home, tmp_path, kind):
    words = ["--scheduler", GOING[kind], *OFTEN, "--fit.patience", "null", "--optimizer.lr", "0.3"]
    run, whole = tmp_path / "run", tmp_path / "whole"
    train_config(home / "small.yaml", [*words, "--fit.epochs", "2"], run, progress=False)
    train_config(home / "small.yaml", [*words, "--fit.epochs", "5"], whole, progress=False)
    resume(run, progress=False, overrides=["--fit.epochs", "5"])
    assert (log(run), weights(run)) == (log(whole), weights(whole))
    assert len({line["lr"] for line in log(run) if "lr" in line}) > 1


def test_a_validation_that_a_longer_run_would_not_have_had_is_told(home, tmp_path):
    run = tmp_path / "run"
    train_config(home / "small.yaml", ["--fit.epochs", "3", "--fit.evaluate_every", "2"], run, progress=False)
    with pytest.warns(UserWarning, match=r"A run of 4 epochs would have no validation there \(fit.evaluate_every"):
        resume(run, progress=False, overrides=["--fit.epochs", "4"])


def test_where_it_went_on_is_kept(run, home, tmp_path, capsys):
    """The data set was moved and changed its name: once told, the run knows."""
    shutil.copytree(home / "graph", tmp_path / "far" / "away")
    config = run / "config.yaml"
    config.write_text(config.read_text().replace(str(home / "graph"), str(tmp_path / "gone")))
    (run / "data.json").write_text(json.dumps({**json.loads((run / "data.json").read_text()), "folder": "../no"}))
    assert main(["resume", str(run), "--fit.epochs", "3"]) == 2
    assert "give its place with --data.name FOLDER" in capsys.readouterr().err
    more = ["--data.name", str(tmp_path / "far" / "away"), "--device", "cpu:0", "--fit.epochs", "3", "--quiet"]
    assert main(["resume", str(run), *more]) == 0
    tree = yaml.safe_load(config.read_text())
    assert (tree["data"]["name"], tree["device"]) == (str(tmp_path / "far" / "away"), "cpu:0")
    kept, then = (json.loads((path / "data.json").read_text()) for path in (run, home / "of-2"))
    assert (kept["name"], kept["folder"]) == (str(tmp_path / "far" / "away"), "../far/away")
    assert (kept["graphs"], kept["card"]) == (then["graphs"], then["card"])
    assert main(["evaluate", str(run)]) == 0
    assert main(["resume", str(run), "--fit.epochs", "4", "--quiet"]) == 0
