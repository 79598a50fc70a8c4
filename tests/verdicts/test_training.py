"""A run that was trained on verdicts, and what is done with it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from experiment.helpers import SMALL
from torch.optim import SGD

import gnnneg
from gnnneg import Both, DistMult, Fit, InfoNCE, KGEModel, LinkPrediction, Lookup, Uniform, cli
from gnnneg.datasets import load
from gnnneg.errors import UserError
from gnnneg.experiment import resume, train_config
from gnnneg.experiment.from_config import told
from gnnneg.experiment.trainer import Trainer
from gnnneg.report.about import statements
from gnnneg.report.reading import read_all
from gnnneg.verdicts import Statement, Verdicts

NEW, FALSE = Statement("b", "r", "e"), Statement("e", "r", "b")


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A data set, its config and a record in which one is accepted, one denied and one is of test."""
    (tmp_path / "toy").mkdir()
    for name, lines in (("train", "a r b,b r c,c r d,d r e,e r a"), ("valid", "a r c"), ("test", "b r d")):
        text = lines.replace(" ", "\t").replace(",", "\n") + "\n"
        (tmp_path / "toy" / f"{name}.tsv").write_text(text)
    card = "name: toy\nstated: {train: train.tsv, valid: valid.tsv, test: test.tsv}\n"
    (tmp_path / "toy" / "dataset.yaml").write_text(card + "files: {train.tsv: {}, valid.tsv: {}, test.tsv: {}}\n")
    (tmp_path / "c.yaml").write_text(SMALL % (tmp_path / "toy"))
    verdicts = Verdicts(tmp_path / "v.db")
    for statement, verdict in ((NEW, "accept"), (FALSE, "deny"), (Statement("b", "r", "d"), "accept")):
        verdicts.record(statement, verdict, "ann")
    verdicts.close()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def counts(run) -> dict[str, int]:
    return {key: run.result["data"].get(key, 0) for key in ("train", "valid", "test", "denied_train")}


@pytest.mark.filterwarnings("ignore:Not all verdicts")
def test_a_run_knows_what_it_was_trained_on(home):
    before = train_config("c.yaml", out="before", progress=False)
    run = train_config("c.yaml", ["--data.verdicts", "v.db"], "run", progress=False)
    assert counts(before) == {"train": 5, "valid": 1, "test": 1, "denied_train": 0}
    assert counts(run) == {"train": 6, "valid": 1, "test": 1, "denied_train": 1}
    joined = run.result["verdicts"]
    assert (joined["accepted"], joined["denied"], joined["asked"], joined["file"]) == (1, 1, 1, "v.db")
    assert "verdicts" not in before.result
    config = yaml.safe_load((home / "run" / "config.yaml").read_text())
    assert config["data"]["verdicts"] == str(home / "v.db"), "right from every directory"
    kept = json.loads((home / "run" / "data.json").read_text())["graphs"][0]
    assert (kept["stated train"]["count"], kept["denied train"]["count"]) == (6, 1)


@pytest.mark.filterwarnings("ignore:Not all verdicts")
def test_a_run_stays_what_it_is_whatever_becomes_of_the_record(home):
    train_config("c.yaml", ["--data.verdicts", "v.db"], "run", progress=False)
    whole = train_config("c.yaml", ["--data.verdicts", "v.db", "--fit.epochs", "3"], "whole", progress=False)
    Verdicts("v.db").record(Statement("c", "r", "a"), "accept", "bob")
    run = gnnneg.Run.load("run")
    answers = run.predict(head="b", relation="r", unknown_only=True)["tail"].tolist()
    assert "e" not in answers, "it is stated now"
    for file in home.glob("v.db*"):
        file.unlink()
    longer = resume("run", progress=False, overrides=["--fit.epochs", "3"])
    assert counts(longer) == counts(whole)
    assert longer.result["verdicts"] == whole.result["verdicts"]
    assert longer.metrics["test"]["mrr"] == whole.metrics["test"]["mrr"]
    again = train_config("run/config.yaml", out="again", progress=False)
    assert counts(again) == counts(whole), "of its own statements"
    assert again.result["verdicts"] == whole.result["verdicts"]


@pytest.mark.filterwarnings("ignore:Not all verdicts")
def test_other_verdicts_are_asked_for_over_the_config_of_a_run(home):
    train_config("c.yaml", ["--data.verdicts", "v.db"], "run", progress=False)
    Verdicts("new.db").record(Statement("c", "r", "a"), "accept", "bob")
    run = train_config("run/config.yaml", ["--data.verdicts", "new.db"], "other", progress=False)
    assert counts(run)["denied_train"] == 0
    assert run.result["verdicts"]["file"] == "new.db"


@pytest.mark.filterwarnings("ignore:Not all verdicts", "ignore:On toy")
def test_compare_and_report_show_before_and_after(home, capsys):
    train_config("c.yaml", out="before", progress=False)
    train_config("c.yaml", ["--data.verdicts", "v.db"], "first", progress=False)
    Verdicts("v.db").record(Statement("d", "r", "a"), "deny", "bob")
    train_config("c.yaml", ["--data.verdicts", "v.db"], "second", progress=False)
    assert cli.main(["compare", "before", "first", "second"]) == 0
    table = capsys.readouterr().out
    (line,) = [line for line in table.splitlines() if line.startswith("data.verdicts")]
    assert sorted(re.findall(r"v.db: (.+?) \(\w{16}\)|null", line)) == [
        "",
        "1 accepted, 1 denied",
        "1 accepted, 2 denied",
    ]
    said = [row["verdicts"] for row in statements(read_all(["before", "first"]))]
    assert said == ["", "1 accepted and 1 denied statements of v.db joined its training statements."]


@pytest.mark.filterwarnings("ignore:Not all verdicts")
def test_the_command_tells_what_joined(home, capsys):
    assert cli.main(["train", "c.yaml", "--data.verdicts", "v.db", "--out", "run", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert "From v.db, 1 accepted and 1 denied statements joined training." in shown.out
    assert cli.main(["evaluate", "run"]) == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["--data.verdicts", "none.db"], "There is no file of verdicts at"),
        (["--data.verdicts", "c.yaml"], "c.yaml"),
        (["--data.wins", "verdicts"], "data.wins is 'verdicts', but there are no verdicts"),
        (["--data.whose", "[ann]"], "data.whose is .*ann.*, but there are no verdicts"),
        (["--data.verdicts", "v.db", "--data.whose", "[bob]"], "'bob' has judged nothing: known: ann"),
        (["--data.verdicts", "v.db", "--data.wins", "ann"], "not 'ann'"),
    ],
)
def test_what_cannot_join_is_refused_before_training(home, settings, said):
    with pytest.raises(UserError, match=said):
        train_config("c.yaml", settings, "run", progress=False)
    assert not (home / "run").exists()


@pytest.mark.filterwarnings("ignore:Not all verdicts")
def test_verdicts_against_train_are_won_by_an_option(home):
    Verdicts("v.db").record(Statement("a", "r", "b"), "deny", "ann")
    settings = ["--data.verdicts", "v.db"]
    with pytest.raises(UserError, match=r"1 of the verdicts of v\.db contradict .* of toy \(denied 'a' 'r' 'b'\)"):
        train_config("c.yaml", settings, "run", progress=False)
    run = train_config("c.yaml", [*settings, "--data.wins", "verdicts"], "run", progress=False)
    assert counts(run) == {"train": 5, "valid": 1, "test": 1, "denied_train": 2}
    assert run.result["verdicts"]["replaced"] == 1


@pytest.mark.filterwarnings("ignore:Not all verdicts")
def test_the_same_in_python(home):
    data = gnnneg.curated(load("toy"), Verdicts("v.db"))
    n, r = data["entity"].num_nodes, len(data.relation_names)
    task = LinkPrediction(KGEModel(Lookup(n, 4), DistMult(r, 4)), Both(r), Uniform(n, 2), InfoNCE())
    run = gnnneg.train(task, data, SGD(task.trained(), lr=0.1), Fit(epochs=1), out="run", progress=False)
    assert counts(run) == {"train": 6, "valid": 1, "test": 1, "denied_train": 1}
    assert gnnneg.Run.load("run").data.verdicts == data.verdicts


@pytest.mark.filterwarnings("ignore:Not all verdicts")
def test_a_pack_of_such_a_run_names_no_place_of_this_machine(home):
    run = train_config("c.yaml", ["--data.verdicts", "v.db"], "run", progress=False)
    gnnneg.pack(run, "p.zip")
    packed = gnnneg.Run.load("p.zip")
    assert packed.parts.tree["data"]["verdicts"] == "v.db"
    assert str(home) not in (packed.parts.path / "README.md").read_text()
    assert (
        "1 training statements that people accepted and 1 that they denied"
        in (packed.parts.path / "README.md").read_text()
    )


@pytest.mark.filterwarnings("ignore:Not all verdicts")
def test_a_trial_of_a_study_keeps_its_statements_too(home):
    tree = told("c.yaml", ["--data.verdicts", "v.db"])
    run = Trainer()(tree, home / "trial")
    Verdicts("v.db").record(Statement("c", "r", "a"), "accept", "bob")
    assert gnnneg.Run.load("trial").result["data"] == run.result["data"]
    assert gnnneg.Run.load("trial").testbed.statements("train").rel_type.numel() == 6


def test_a_file_that_is_not_there_is_told_before_torch_is_imported(home):
    program = "import sys; from gnnneg import cli; print(cli.main(sys.argv[1:]), 'torch' in sys.modules)"
    words = ["train", "c.yaml", "--data.verdicts", "none.db"]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert done.stdout == "2 False\n"
    assert "There is no file of verdicts at none.db" in done.stderr
