"""Wrong commands, damaged results and names that mean to steer a terminal: one sentence each, and nothing is lost."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from experiment.helpers import TINY, everything, ring
from experiment.helpers import trained as train_ring
from studies.toy import written_to

from gnnneg.cli import main
from gnnneg.experiment import Run
from gnnneg.plain import visible
from gnnneg.training.atomic import Unwritable

CONFIG = Path(__file__).parents[2] / "configs" / "synthetic" / "shared.yaml"
EVIL = "\x1b[31mred\x1b]0;owned\x07\u202e<script>alert(1)</script>"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A run whose labels mean harm."""
    data = ring()
    data["entity"].labels = [f"{EVIL} {i}" for i in range(20)]
    data.relation_labels = [EVIL, ""]
    return train_ring(data, tmp_path_factory.mktemp("adversary") / "run").path


@pytest.fixture
def run(original, tmp_path):
    return Path(shutil.copytree(original, tmp_path / "run"))


@pytest.fixture
def say(capsys):
    def command(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return command


def refused(say, *words) -> str:
    code, _, err = say(*words)
    assert code == 2, err
    assert err.count("\n") == 1
    assert "Unexpected" not in err
    return err


@pytest.mark.parametrize(
    "setting",
    [
        "fit.metric=accuracy@3",
        "fit.metric=hits@-1",
        "fit.epochs=-3",
        "optimizer.lr=.nan",
        "optimizer.lr=[0.1]",
        "task.model.encoder=5",
        "task.loss=3.5",
        "task.sampler={a: 1}",
        "task.model.encoder.hiden_channels=8",
        "task.loss={class_path: InfoNCE, init_args: {temprature: 2}}",
        "fit.batch_size=[1, 2]",
        "device=cuda:9",
        f"seed={2**70}",
        "data={name: 7}",
        "data.name=/dev/null",
        "evaluation.filter=[foo]",
        "evaluation.memory_mib=.nan",
        "scheduler={class_path: StepLR, init_args: {step_size: -1}}",
        "scheduler={class_path: SequentialLR, init_args: {schedulers: [{class_path: LinearLR}], milestones: [-2]}}",
        "task=null",
        "fit.precision=fp8",
    ],
)
def test_a_wrong_setting(say, tmp_path, setting):
    refused(say, "train", CONFIG, f"--{setting}", "--out", tmp_path / "new")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content", ["", "# nothing\n", "---\n", "- a\n", "word", "1: 2\nnull: 3\n", "a: 1\n---\na: 2\n"]
)
def test_a_file_that_is_no_config(say, tmp_path, content):
    (tmp_path / "c.yaml").write_text(content)
    for more in (("--out", tmp_path / "new"), ("--print-config",)):
        refused(say, "train", tmp_path / "c.yaml", *more)
    assert [path.name for path in tmp_path.iterdir()] == ["c.yaml"]


@pytest.mark.parametrize("out", ["file", "file/x", "/dev/full", "/dev/null/x", "x" * 300, "a\0b"])
def test_no_place_for_a_run(say, tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    refused(say, "train", CONFIG, "--fit.epochs", "1", "--out", out)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "mine")]


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("tune", "{config}", "--trials", 1, "--out", "/dev/null/x"), "--out"),
        (("study", "run", "{study}", "--runs", "/dev/null/x", "--results", "results"), "--runs"),
        (("study", "run", "{study}", "--runs", "runs", "--results", "/dev/null/x"), "--results"),
        (("demo", "--out", "/dev/null/x"), "--out"),
    ],
)
def test_no_place_for_what_several_runs_make_names_the_option(say, tmp_path, monkeypatch, words, option):
    monkeypatch.chdir(tmp_path)
    study, config = written_to(tmp_path), tmp_path / "tuned.yaml"
    config.write_text(f"{(tmp_path / 'base.yaml').read_text()}tune: {{optimizer.lr: [0.1, 0.2]}}\n")
    said = refused(say, *(str(word).format(config=config, study=study) for word in words))
    assert f"choose another folder with {option}" in said


def test_an_evaluator_that_is_taken_for_a_file(say, run):
    said = refused(say, "evaluate", run, "--data", CONFIG, "TripleClassification")
    assert said.strip() == "--data takes TripleClassification for a file: give it right after RUN."


@pytest.mark.parametrize("verb", ["resume", "evaluate", "negatives", "report", "compare", "predict"])
@pytest.mark.parametrize("path", ["none", "empty", "file", "a\0b"])
def test_no_run(say, tmp_path, monkeypatch, verb, path):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    Path("empty").mkdir()
    refused(say, verb, path, *(("--head", "e1", "--relation", "next") if verb == "predict" else ()))
    assert Path("file").read_text() == "mine"
    assert not list(Path("empty").iterdir())


@pytest.mark.parametrize(
    "change",
    [
        lambda result: result["metrics"]["test"].update(mrr="x"),
        lambda result: result["metrics"]["test"].update(mrr=float("nan")),
        lambda result: result.pop("time"),
        lambda result: result["time"].pop("train_s"),
        lambda result: result["memory"].update(peak_rss_mib=[]),
        lambda result: result.update(data=5),
        lambda result: result.update(data={"train": "many"}),
        lambda result: result.update(verified_negatives={"denied": "a"}),
    ],
)
def test_a_garbled_result(say, run, tmp_path, change):
    """What shows it says that it is damaged; resume makes it anew, and the model is not touched."""
    result = json.loads((run / "result.json").read_text())
    change(result)
    (run / "result.json").write_text(json.dumps(result))
    weights = (run / "model" / "model.safetensors").read_bytes()
    if "train_s" in result.get("time", {}):  # a page leaves out what an older version did not measure
        assert "result.json is damaged" in refused(say, "report", run, "--out", tmp_path / "page.html")
        assert "result.json is damaged" in refused(say, "compare", run)
    assert say("resume", run, "--quiet")[0] == 0
    assert (run / "model" / "model.safetensors").read_bytes() == weights
    assert Run.load(run, "cpu").metrics["test"]["mrr"] > 0


def test_negatives_of_another_hand(say, run):
    plane = {"format": 1, "geometry": {}, "percentiles": [], "plane": {}}
    (run / "negatives.json").write_text(json.dumps(plane))
    assert "negatives.json is damaged: write it again" in refused(say, "report", run)


@pytest.mark.filterwarnings("ignore:Ties")
def test_labels_do_not_steer_a_terminal(say, run):
    """Neither in tables nor in errors and warnings."""
    ask = "--head", "e1", "--relation", "next"
    for words in (ask, (*ask, "--tail", "e2"), (*ask, "--format", "json")):
        code, out, err = say("predict", run, *words)
        assert code == 0
        assert not {"\x1b", "\x07", "\u202e"} & set(out + err)
        assert "red" in out
    assert not {"\x1b", "\x07"} & set("".join(say("negatives", run)[1:]))
    for words in (("predict", run, "--head", EVIL, "--relation", "next"), (EVIL,), ("evaluate", EVIL)):
        assert not {"\x1b", "\x07", "\u202e"} & set(refused(say, *words))


def test_labels_are_escaped_on_the_page(say, run, tmp_path):
    say("negatives", run)
    assert say("report", run, "--out", tmp_path / "page.html")[0] == 0
    html = (tmp_path / "page.html").read_text()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


@pytest.mark.parametrize("text", ["ä β 日本 👩‍👩‍👧 نص", "a\tb\nc"])
def test_other_scripts_are_shown_as_they_are(text):
    assert visible(text) == text
    assert visible("\x1b[0m\u202e\x85") == "\\x1b[0m\\u202e\\x85"


PREDICT = "predict", "{}", "--head", "e1", "--relation", "next", "--format", "csv", "--out"


@pytest.mark.parametrize("words", [("report", "{}", "--out"), ("negatives", "{}", "--plot"), PREDICT])
def test_a_full_disk_leaves_the_page_that_was_there(say, run, tmp_path, monkeypatch, words):
    page = tmp_path / "page.html"
    page.write_text("old")
    write = Path.write_bytes

    def full(self, content):
        if self.name.startswith("page.html"):
            write(self, content[:100])
            raise OSError(28, "No space left on device")
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    err = refused(say, *(word.format(run) for word in words), page)
    assert "No space left on device" in err
    assert page.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.name != "run"] == ["page.html"]


def test_a_finished_run_of_somebody_else_is_read_by_every_verb(say, run, tmp_path, monkeypatch):
    """Root may write anywhere, so every way to write into the folder is shut by hand."""

    def shut(*_):
        raise Unwritable("read-only")

    monkeypatch.setattr("gnnneg.experiment.lock._taken", shut)
    monkeypatch.setattr("gnnneg.experiment.folder.replacing", shut)
    monkeypatch.setattr("gnnneg.training.atomic.replacing", shut)
    before = everything(run)
    for words in (("evaluate", run), ("evaluate", run, "ProbabilityCalibration"), ("resume", run), ("compare", run)):
        assert say(*words)[0] == 0, words
    assert "say where to with --out" in refused(say, "report", run)
    assert everything(run) == before


def test_relations_that_validation_only_denies(say, tmp_path, monkeypatch):
    """Trouble 15 from end to end: nothing of ``s`` is true, as far as anybody knows, and nothing of it is called so."""
    monkeypatch.chdir(tmp_path)
    data = Path("d")
    data.mkdir()
    ring = [(f"a{i}", "r", f"a{(i + 1) % 8}") for i in range(8)] + [(f"a{i}", "s", f"a{(i + 3) % 8}") for i in range(8)]
    splits = {
        "train": ring,
        "valid": [("a0", "r", "a2"), ("a1", "r", "a3")],
        "valid_denied": [("a0", "r", "a4"), ("a2", "s", "a6"), ("a3", "s", "a7")],
        "test": [("a2", "r", "a4")],
        "test_denied": [("a4", "s", "a0"), ("a5", "s", "a1"), ("a4", "r", "a0")],
    }
    for name, rows in splits.items():
        (data / f"{name}.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    assert say("data", "import", data, "--out", "graph")[0] == 0
    Path("c.yaml").write_text(TINY % "graph")
    assert say("train", "c.yaml", "--out", "run", "--quiet")[0] == 0
    code, out, _ = say("evaluate", "run", "TripleClassification", "--json")
    assert code == 0
    rows = {row["relation"]: row for row in json.loads(out)["relations"]}
    model = Run.load("run", "cpu")
    valid = [model.predict(*row)["score"].item() for row in splits["valid_denied"][1:]]
    test = [model.predict(*row)["score"].item() for row in splits["test_denied"][:2]]
    threshold = rows["s"]["threshold"]
    assert threshold > max(valid)
    assert rows["s"]["accuracy"] == sum(score < threshold for score in test) / 2
    table = say("evaluate", "run", "TripleClassification")[1]
    assert any(line.split()[0] == "s" for line in table.splitlines() if line.strip())
    assert yaml.safe_load(Path("run/config.yaml").read_text())["data"]["name"].endswith("graph")
