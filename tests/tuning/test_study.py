"""A study from its first trial to its page: what is tried, ended, kept, gone on with, and never looked at."""

import json
import math
import re
import signal
import socket
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from studies.toy import CONFIG as PLAIN

import gnnneg
from gnnneg import Study, UserError, config, tune
from gnnneg.cli import main
from gnnneg.documents import parse_yaml
from gnnneg.experiment.clock import Clock
from gnnneg.experiment.pack import pack
from gnnneg.experiment.trainer import Trainer
from gnnneg.training import Interrupted
from gnnneg.tuning.reports import Reports
from gnnneg.tuning.work import Worker, sentence_of

TUNE = """tune:
  optimizer.lr: {low: 0.001, high: 1.0, log: true}
  fit.clip_norm: [null, 1.0, 1.0e-30]
  task.sampler: [All, {class_path: Uniform, init_args: {num_negatives: {low: 4, high: 16}, shared: true}}]
"""
CONFIG = PLAIN + TUNE
TRIALS, STARTUP = 9, 3


def begun(out: Path, trials: int = TRIALS, **options) -> Study:
    options = {"startup": STARTUP, "seeds": 1, "progress": False, **options}
    return tune(parse_yaml(CONFIG, ""), trials, out=out, **options)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    return begun(tmp_path_factory.mktemp("study") / "study", seeds=2)


def reported(study: Study) -> list[dict[int, float]]:
    return [dict(trial.intermediate_values) for trial in study.optuna.get_trials()]


def test_each_trial_is_a_run_that_has_not_looked_at_the_test_set(study):
    for trial in study.trials.to_dict("records"):
        home = study.path / "trials" / f"{trial['trial']:04d}"
        tree = parse_yaml((home / "config.yaml").read_text(), "")
        assert tree["optimizer"]["init_args"]["lr"] == trial["optimizer.lr"]
        assert tree["evaluation"]["test"] is False
        assert not (home / "ranks.parquet").exists()
        if trial["state"] == "complete":
            metrics = json.loads((home / "result.json").read_text())["metrics"]
            assert set(metrics) == {"valid"}
            assert metrics["valid"]["mrr"] == trial["mrr"]
        else:
            assert trial["state"] == "pruned"
            assert not (home / "result.json").exists()
        assert "test" not in (home / "metrics.jsonl").read_text()
    assert len(study.trials) == TRIALS == len(list((study.path / "trials").iterdir()))


def test_the_best_config_trains_to_the_same_figure(study, tmp_path):
    run = gnnneg.train_config(study.best_config, [], tmp_path / "run", progress=False)
    whole = study.trials[study.trials.state == "complete"]
    assert run.metrics["valid"]["mrr"] == whole.mrr.max() == study.best.metrics["valid"]["mrr"]
    assert run.metrics["test"]["mrr"] > 0  # which is looked at now
    tree = parse_yaml(study.best_config.read_text(), "")
    assert "tune" not in tree
    assert "evaluation" not in tree


def test_the_winner_is_tested_with_its_seeds(study):
    seeds = study.seeds
    assert [run.result["seed"] for run in seeds] == [0, 1]
    assert seeds[0].metrics["valid"]["mrr"] == study.best.metrics["valid"]["mrr"] != seeds[1].metrics["valid"]["mrr"]
    assert all(run.metrics["test"]["mrr"] > 0 for run in seeds)
    best = int(study.trials.mrr.where(study.trials.state == "complete").idxmax())
    assert study.tested == [(best, TRIALS)]


def test_trials_below_the_median_of_those_before_are_ended(study):
    """Told apart by hand: at an epoch, from the reports of the trials that had come to their end by then."""
    reports, states = reported(study), list(study.trials.state)
    ended = {}
    for number, mine in enumerate(reports):
        before = [reports[other] for other in range(number) if states[other] == "complete"]
        for epoch in sorted(mine):
            best = max(value for at, value in mine.items() if at <= epoch)
            others = [one[epoch] for one in before if epoch in one]
            if len(before) >= STARTUP and epoch < 3 and best < np.median(others):
                ended[number] = epoch
                break
    assert ended == {number: max(reports[number]) for number in range(TRIALS) if states[number] == "pruned"}
    assert ended
    for number, epoch in ended.items():
        said = study.trials.sentence[number]
        assert said.startswith(f"At epoch {epoch} its best validation mrr, {max(reports[number].values()):.4f}, was")
        log = (study.path / "trials" / f"{number:04d}" / "metrics.jsonl").read_text().splitlines()
        assert json.loads(log[-1])["epoch"] == epoch


def test_going_on_adds_no_more_than_is_asked_for(study, tmp_path, monkeypatch):
    """A second call with as many trials trains nothing; startup, prune and hours do as they say."""
    kept = (study.path / "study.html").read_text()
    monkeypatch.setattr("gnnneg.tuning.study.page", lambda about: kept)  # pictures take longer than these trials
    logs = {path: path.read_bytes() for path in study.path.glob("*/*/metrics.jsonl")}
    assert len(logs) == TRIALS + 2
    again = begun(study.path, seeds=2)
    assert {path: path.read_bytes() for path in study.path.glob("*/*/metrics.jsonl")} == logs
    assert len(again.trials) == TRIALS
    assert len(begun(study.path, None, hours=1e-9, seeds=2).trials) == TRIALS  # the time is used up
    monkeypatch.undo()
    random = begun(tmp_path / "random", 5, startup=100, prune=False, seeds=0)
    assert list(random.trials.state) == ["complete"] * 5
    same = random.trials["optimizer.lr"] == study.trials["optimizer.lr"][:5]
    assert list(same) == [True] * 3 + [False] * 2  # from the fourth on, drawn by what came before
    assert random.seeds == []
    assert random.tested == []
    assert "It has not been used." in (random.path / "study.html").read_text()


def test_a_study_that_was_stopped_comes_to_the_same(study, tmp_path, monkeypatch):
    """Struck in the middle of a trial, and its journal cut in the middle of a line: as if it had not been."""
    told, home = Reports.record, tmp_path / "stopped"
    last = int(study.trials.trial[study.trials.state == "complete"].max())

    def struck(self, record):
        told(self, record)
        if self.trial.number == last and record["epoch"] == 2:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Reports, "record", struck)
    with pytest.raises(Interrupted, match="the same command goes on with"):
        begun(home)
    monkeypatch.setattr(Reports, "record", told)
    monkeypatch.setattr("gnnneg.tuning.study.page", lambda about: "")  # pictures take longer than these trials
    assert Study(home).trials.state.tolist()[last:] == ["running"]
    assert len(list((home / "trials" / f"{last:04d}" / "checkpoints").iterdir())) > 0
    with (home / "journal.jsonl").open("a") as file:
        file.write('{"op_code": 4, "wor')
    done = begun(home)
    for column in set(study.trials) - {"seconds"}:
        assert done.trials[column].equals(study.trials[column]), column
    assert reported(done) == reported(study)
    assert [run.metrics["test"] for run in done.seeds] == [study.seeds[0].metrics["test"]]


def test_a_trial_that_diverges_is_recorded_and_the_study_goes_on(tmp_path, capsys):
    config = tmp_path / "config.yaml"
    tree = CONFIG[: CONFIG.index("tune:")] + "tune: {optimizer.lr: [0.1, 1.0e+38], task.loss: [InfoNCE, BCE]}\n"
    config.write_text(tree.replace("epochs: 3", "epochs: 2"))
    out = tmp_path / "study"
    words = ["tune", str(config), "--out", str(out), "--startup", "5", "--no-prune", "--seeds", "0"]
    assert main([*words, "--trials", "6", "--json", "--fit.metric", "hits@10"]) == 0
    said = capsys.readouterr()
    trials = json.loads(said.out)["trials"]
    failed = [trial for trial in trials if trial["state"] == "failed"]
    assert 0 < len(failed) < 6
    for trial in failed:
        assert re.match(r"The (loss is|weights are no longer finite)", trial["sentence"])
        assert trial["hits@10"] is None
        assert f"trial {trial['trial']}: {trial['sentence']}" in said.err
        kept = parse_yaml((out / "trials" / f"{trial['trial']:04d}" / "config.yaml").read_text(), "")
        assert kept["optimizer"]["init_args"]["lr"] == 1e38
    page = (out / "study.html").read_text()
    assert failed[0]["sentence"] in page
    assert "6 trials" not in page  # nobody looked at the test set
    assert main([*words, "--trials", "6"]) == 2  # of another config: the metric
    assert "is a study of another config: its config has fit.metric 'hits@10'" in capsys.readouterr().err


def test_the_first_trial_is_the_config_as_it_stands(study):
    """Its sampler is one of the section's, and its step size lies in the range."""
    first = study.trials.iloc[0]
    assert first["optimizer.lr"] == 0.1
    assert (first["task.sampler"], first["task.sampler[Uniform].num_negatives"]) == ("Uniform", 4)
    assert first["fit.clip_norm"] is None or math.isnan(first["fit.clip_norm"])


def test_the_page_is_whole_and_fetches_nothing(study):
    page = (study.path / "study.html").read_text()
    assert "No trial used the test set." in page
    assert f"after {TRIALS} trials" in page
    for title in ("History", "Courses", "Importance", "Slices", "Parallel coordinates", "Best config", "Trials"):
        assert title in page
    assert page.count("<svg") == 3 + 4 + 1  # history, courses, importance; a slice a setting; parallel coordinates
    assert all(sentence in page for sentence in study.trials.sentence.dropna())
    assert not re.findall(r"(?:src|href)=\"(?!#)", page)
    shares = study.importance()
    assert set(shares) <= {"optimizer.lr", "fit.clip_norm", "task.sampler", "task.sampler[Uniform].num_negatives"}
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=shares.__getitem__) in ("optimizer.lr", "fit.clip_norm")  # as the world is


def test_another_config_in_its_folder_is_refused_in_one_sentence(study):
    tree = parse_yaml(CONFIG, "")
    tree["tune"]["optimizer.lr"]["high"] = 2.0
    with pytest.raises(UserError, match=r"its tune section has tune.optimizer.lr.high 1.0, and now it is 2.0"):
        tune(tree, TRIALS, out=study.path, progress=False)
    tree = parse_yaml(CONFIG, "")
    tree["fit"]["epochs"] = 4
    with pytest.raises(UserError, match=r"its config has fit.epochs 3, and now it is 4"):
        tune(tree, TRIALS, out=study.path, progress=False)
    with pytest.raises(UserError, match="is not empty and holds no study"):
        tune(tree, TRIALS, out=study.path / "trials", progress=False)
    with pytest.raises(UserError, match="is no study"):
        Study(study.path / "trials")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trials": 0}, "--trials is 0"),
        ({"workers": 0}, "--workers is 0"),
        ({"seeds": -1}, "--seeds is -1"),
        ({"startup": 0}, "--startup is 0"),
        ({"hours": 0.0}, "--hours is 0.0"),
        ({"hours": math.nan}, "--hours is nan"),
    ],
)
def test_options_out_of_range_are_refused(options, said, tmp_path):
    with pytest.raises(UserError, match=said):
        tune(parse_yaml(CONFIG, ""), out=tmp_path / "study", **options)
    assert not (tmp_path / "study").exists()


def test_bad_input_on_the_command_line_trains_nothing(tmp_path, capsys):
    config, out = tmp_path / "config.yaml", tmp_path / "study"
    config.write_text(CONFIG.replace("optimizer.lr: {", "optimiser.lr: {"))
    assert main(["tune", str(config), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("tune.optimiser.lr: ")
    assert said.count("\n") == 1
    assert not out.exists()


def test_training_leaves_the_section_aside_and_says_so(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.replace("epochs: 3", "epochs: 1"))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        run = gnnneg.train_config(config, [], tmp_path / "run", progress=False)
    assert any(f"'gnnneg tune {config}' tunes them" in str(one.message) for one in told)
    assert "tune" not in run.config
    assert run.config["optimizer"]["init_args"]["lr"] == 0.1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trials": True}, "^--trials is True: give a whole number"),
        ({"seeds": True}, "^--seeds is True: give a whole number"),
        ({"workers": True}, "^--workers is True: give a whole number"),
    ],
)
def test_options_of_another_kind_are_refused(options, said, tmp_path):
    with pytest.raises(UserError, match=said):
        tune(parse_yaml(CONFIG, ""), out=tmp_path / "study", **options)


def test_a_folder_that_another_process_is_making_a_study_of_is_no_strangers(tmp_path):
    """It makes the folder of locks and the config under another name first; a second process joins it."""
    home = tmp_path / "study"
    (home / "claims").mkdir(parents=True)
    (home / "study.yaml.99-abc.tmp").touch()
    assert len(begun(home, 1, seeds=0).trials) == 1
    (tmp_path / "mine" / "claims").mkdir(parents=True)
    (tmp_path / "mine" / "notes.txt").touch()
    with pytest.raises(UserError, match="is not empty and holds no study"):
        begun(tmp_path / "mine", 1, seeds=0)


def test_a_trial_folder_of_other_settings_gives_its_figure_to_no_trial(tmp_path):
    """Without its journal a study draws again, and maybe otherwise: a run must not stand for settings it had not."""
    home = tmp_path / "study"
    begun(home, 1, seeds=0)
    (home / "journal.jsonl").unlink()
    config = home / "trials" / "0000" / "config.yaml"
    config.write_text(re.sub(r"lr: \S+", "lr: 0.07", config.read_text()))
    with pytest.raises(UserError, match=r"0000 holds a run of another config, by optimizer\.lr, though"):
        begun(home, 1, seeds=0)


@pytest.mark.parametrize(
    "line",
    [b'{"op_code": 99, "worker_id": "a"}', b'{"op_code": 4}', b"{}", b"[1]", b"\xff\xfe", b'{"op_code":'],
    ids=["unknown", "without its worker", "empty", "a list", "no text", "half"],
)
def test_a_damaged_journal_is_one_sentence(tmp_path, line):
    home = tmp_path / "study"
    home.mkdir()
    (home / "study.yaml").write_text(config.dump(parse_yaml(CONFIG, "")))
    (home / "journal.jsonl").write_bytes(line + b"\n")
    with pytest.raises(UserError, match=r"journal\.jsonl is damaged.*: begin another study\.$"):
        begun(home, 1, seeds=0)


@pytest.mark.parametrize("said", ["x", '{"seconds": "long"}', '{"seconds": [1]}'])
def test_a_damaged_clock_is_one_sentence(tmp_path, said):
    (tmp_path / "clock.json").write_text(said)
    with pytest.raises(UserError, match=r"clock\.json is damaged: delete it, and the time is counted from 0\.$"):
        Clock(tmp_path / "clock.json")


@pytest.mark.parametrize(
    ("fit", "said"),
    [
        ({"metric": "mr"}, "fit.metric is 'mr', which falls"),
        ({"metric": "auroc"}, r"^Validation gives no metric 'auroc' \(fit\.metric\)"),
        ({"evaluate_every": 0}, "fit.evaluate_every is 0"),
    ],
)
def test_what_would_fail_each_trial_is_refused_before_the_first_and_can_be_put_right(tmp_path, fit, said):
    tree = parse_yaml(CONFIG, "")
    wrong = {**tree, "fit": {**tree["fit"], **fit}}
    with pytest.raises(UserError, match=said):
        tune(wrong, 2, out=tmp_path / "study", progress=False)
    assert not (tmp_path / "study" / "trials").exists()
    tree["fit"]["epochs"] = 0
    assert len(tune(tree, 1, seeds=0, out=tmp_path / "study", progress=False).trials) == 1  # the same folder
    with pytest.raises(UserError, match="is a study of another config"):
        tune(wrong | {"fit": tree["fit"], "seed": 3}, 2, out=tmp_path / "study", progress=False)


def test_the_card_of_the_winner_says_how_its_settings_were_chosen(study, tmp_path):
    best = study.trials.loc[study.trials["mrr"].idxmax()]
    pack(study.seeds[0], tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        card = archive.read("README.md").decode()
    assert f"those of the best of {TRIALS} trials of `gnnneg tune`, by mrr on validation: " in card
    assert f"`optimizer.lr` {best['optimizer.lr']}" in card
    assert "ask its author" not in card


def left_by_a_kill(home: Path, trial: int = 0, host: str | None = None) -> None:
    """The lock of a process that is no more."""
    said = {"host": host or socket.gethostname(), "process": 1 << 22}
    (home / "claims" / f"{trial:04d}.lock").write_text(json.dumps(said))


def struck(monkeypatch, home: Path, epoch: int) -> None:
    """Begins a study, or goes on with one, and stops it in an epoch of its first trial."""
    told = Reports.record

    def record(self, record):
        told(self, record)
        if record["epoch"] == epoch and "loss" in record:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Reports, "record", record)
        with pytest.raises(Interrupted):
            begun(home, 1)


def test_a_trial_that_another_machine_may_work_on_is_waited_for_in_words(tmp_path, monkeypatch):
    """Its lock names the machine. Nobody here can tell whether its process lives, so the user is asked."""
    home = tmp_path / "study"
    struck(monkeypatch, home, 1)
    left_by_a_kill(home, host="elsewhere")
    with pytest.raises(UserError, match=r"claims is in use by process \d+ on elsewhere: .* or delete 0000\.lock in it"):
        begun(home, 1)
    (home / "claims" / "0000.lock").unlink()
    monkeypatch.setattr("gnnneg.tuning.study.page", lambda about: "")
    assert list(begun(home, 1).trials.state) == ["complete"]


def test_a_trial_that_kills_its_process_at_the_same_point_is_given_up(tmp_path, monkeypatch):
    """The third time without a checkpoint in between; kills between which it came further do not count."""
    monkeypatch.setattr("gnnneg.tuning.work.HOPELESS", 3)
    home, later = tmp_path / "study", "999999999.pt"
    struck(monkeypatch, home, 1)

    def dies(*_):  # a signal would be ignored where tests run beside each other
        raise KeyboardInterrupt

    def killed() -> list:
        """The trial is taken up, and its process killed at once."""
        left_by_a_kill(home)
        with monkeypatch.context() as patch:
            patch.setattr(Worker, "_run", dies)
            with pytest.raises(KeyboardInterrupt):
                begun(home, 1)
        return Study(home).optuna.trials[0].user_attrs["stuck"]

    assert [killed()[1] for _ in range(2)] == [1, 2]
    (home / "trials" / "0000" / "checkpoints" / later).touch()
    assert killed() == [later, 1]
    (home / "trials" / "0000" / "checkpoints" / later).unlink()
    assert [killed()[1] for _ in range(2)] == [1, 2]
    left_by_a_kill(home)
    with pytest.raises(UserError, match=r"Its process was killed 3 times at the same point: out of memory\?"):
        begun(home, 1)
    assert list(Study(home).trials.state) == ["failed"]


def test_a_watcher_of_ones_own_ends_a_trial_and_not_the_study(tmp_path, monkeypatch):
    told = Reports.record

    def record(self, record):
        told(self, record)
        if self.trial.number == 0:
            raise gnnneg.Stop("It learns nothing.")

    monkeypatch.setattr(Reports, "record", record)
    monkeypatch.setattr("gnnneg.tuning.study.page", lambda about: "")
    done = begun(tmp_path / "study", 2)
    assert list(done.trials.state) == ["pruned", "complete"]
    assert done.trials.sentence[0] == "It learns nothing."


def test_a_seed_of_the_winner_that_fails_is_told_at_the_end(tmp_path, monkeypatch):
    train = Trainer.__call__

    def failing(self, tree, path, track):
        if path.parent.name == "seeds" and tree["seed"] == 0:
            raise UserError("The loss is nan.")
        return train(self, tree, path, track)

    monkeypatch.setattr(Trainer, "__call__", failing)
    with pytest.raises(UserError, match=r"^1 of the winner's seeds failed: seed 0 of the winner: The loss is nan\.$"):
        begun(tmp_path / "study", 1, seeds=2)
    assert [run.result["seed"] for run in Study(tmp_path / "study").seeds] == [1]
    assert (tmp_path / "study" / "study.html").exists()


def test_memory_is_named_only_where_it_ran_out():
    said = sentence_of(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
    assert said == "There was not enough memory for it."
    assert sentence_of(KeyError("memory_key")) == "Unexpected KeyError: 'memory_key'"
