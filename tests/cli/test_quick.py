"""What a command imports before it answers, and what it refuses without importing much: the same as with it all."""

import gc
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from experiment.helpers import TINY, ring, trained

from gnnneg import UserError, sources
from gnnneg.cli import RARELY, early, main
from gnnneg.config.names import members
from gnnneg.config.signature import parameters
from gnnneg.evaluation import Evaluator
from gnnneg.experiment import read
from gnnneg.interfaces import Corruption, Decoder, Encoder, Generator, Loss, Model, Penalty, Sampler, Task, Weighing
from gnnneg.training import Watcher
from gnnneg.tuning.reports import Reports

ROOT = Path(__file__).parents[2]
FAMILIES = [Corruption, Decoder, Encoder, Evaluator, Generator, Loss, Model, Penalty, Sampler, Task, Watcher, Weighing]
OURS = ["data", "fit.epochs", "task.model", "task.sampler", "track"]
# what PyG imports with its first name and takes longest, and what compiles models
SLOW = ["torch._dynamo.utils", "torch._inductor", "torch_geometric.datasets.planetoid", "torch_geometric.llm.models"]
SLOW += ["sympy", "triton", "matplotlib", "sklearn", "tensorboard", "mlflow", "wandb", "optuna"]
COUNT = """
import contextlib, io, json, sys, types
from gnnneg.cli import main

for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code
    run = [name for name in json.loads(sys.argv[2]) if type(sys.modules.get(name)) is types.ModuleType]
    print(json.dumps([code, len(sys.modules), run, said.getvalue()]))
"""
WRONG = [
    ["--task.sampler", "Unifrom"],
    ["--task.sampler.num_negative", "3"],
    ["--task.model.encoder.hiden_channels", "3"],
    ["--task.model.decoder", "ComplX"],
    ["--task.model.decoder", "Lookup"],
    ["--task.loss.class_path", "gnnnegs"],
    ["--optimizer", "Adagrat"],
    ["--optimizer.lt", "1"],
    ["--scheduler", "StepRL"],
    ["--fit.epocs", "3"],
    ["--fitt.epochs", "3"],
    ["--task.penalty", "Lq"],
    ["--evaluation", "[Rankin]"],
    ["--evaluation.evaluators", "[Ranking, {class_path: Ranking, init_args: {splt: test}}]"],
    ["--track", "[TensorBoards]"],
]


def commands(words, *modules):
    """Of commands run one after the other in a new process: exit code, modules by then, which of some, complaint."""
    asked = [json.dumps(words), json.dumps(modules)]
    done = subprocess.run([sys.executable, "-c", COUNT, *asked], capture_output=True, text=True, check=True, cwd=ROOT)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def whole(monkeypatch):
    """As if torch were not imported."""
    monkeypatch.setattr(early, "LATE", "no.such.module")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    path.write_text(TINY % "synthetic")
    return path


def test_help_lists_and_refusals_import_no_torch(tiny, tmp_path):
    """A slip of the pen is answered without torch, which is slow to import."""
    good = [["--help"], ["--version"], ["data", "list"], ["predict", "--help"]]
    there = str(tmp_path / "x.tsv")
    Path(there).write_text("a\tr\tb\n")
    bad = [
        ["train", "no.yaml"],
        ["train", str(tiny), "--data.name", "UMSL"],
        ["train", str(tiny), "--data.name", str(tmp_path / "none")],
        ["train", str(tiny), "--out", str(tmp_path)],
        *([verb, str(tmp_path / "none")] for verb in ("predict", "resume", "evaluate", "negatives")),
        ["plan", str(tiny), "--task.loss", "InfoNC"],
        *(["data", verb, "UMSL"] for verb in ("info", "check", "fetch")),
        ["data", "import", "no.tsv", "--out", str(tmp_path / "out")],
        ["data", "import", there, "--out", "UMLS"],
        ["bench", "trian"],
        ["prdict"],
        *(["train", str(tiny), *wrong] for wrong in WRONG[:3]),
    ]
    found = commands([*good, *bad], "torch", "torch_geometric", "pandas", "pyarrow", "numba")
    assert [code for code, *_ in found] == [0] * len(good) + [2] * len(bad)
    for words, (_, _, slow, said) in zip([*good, *bad], found):
        assert not slow, f"{words} imports {slow}"
        assert len(said.splitlines()) == (words in bad), words
    assert found[-1][1] < 420  # 240 by now
    compared, *_ = commands([["compare", str(tmp_path / "none")]], "torch")
    assert (compared[0], compared[2]) == (2, [])


def test_predict_imports_no_more_than_it_needs(tmp_path):
    trained(ring(), tmp_path / "run", epochs=1)
    asked = ["predict", str(tmp_path / "run"), "--head", "e1", "--relation", "next"]
    code, count, slow, said = commands([asked], *SLOW)[0]
    assert (code, slow, said) == (0, [], "")
    assert count < 2900  # 2,615 by now, 3,700 with all that PyG imports by itself


@pytest.mark.parametrize("wrong", WRONG, ids=" ".join)
def test_a_slip_is_refused_early_in_the_same_words(wrong, tiny, whole):
    with pytest.raises(UserError) as late:
        read(tiny, wrong)
    with pytest.raises(UserError) as soon:
        early.config(str(tiny), wrong)
    # classes of other tests are known late, too
    assert str(soon.value) == re.sub(r" \(\d+ are known\)$", "", str(late.value))


def test_nothing_right_is_refused(whole, tmp_path):
    """All configs that come with gnnneg, those of older versions, and one whose parts are somebody else's."""
    for path in sorted(ROOT.glob("configs/*/*.yaml")):
        early.config(str(path), [], data=False)
    for path in sorted(Path(__file__).parents[1].glob("experiment/runs_of_0_1/*/config.yaml")):
        said = yaml.safe_load(path.read_text())
        said["data"] = {"name": "synthetic"}
        (tmp_path / "old.yaml").write_text(yaml.safe_dump(said))
        early.config(str(tmp_path / "old.yaml"), [])
    mine = tmp_path / "mine.yaml"
    mine.write_text(TINY % "synthetic")
    early.config(str(mine), ["--task.model.decoder", "mine.Decoder", "--task.loss", "Another"])
    early.config(str(mine), ["--tune", "{trials: 3}", "--device", "cpu", "--seed", "3"])


@pytest.mark.parametrize("family", FAMILIES)
def test_classes_are_read_as_python_has_them(family):
    """From the source: which there are, and what their constructors take."""
    real = {name: cls for name, cls in members(family).items() if cls.__module__.startswith("gnnneg.")}
    found = sources.members(family.__name__)
    assert family is not Watcher or Reports.__name__ in found
    assert found.keys() == real.keys()
    for name, source in found.items():
        assert source.parameters is None or list(source.parameters) == list(parameters(real[name])), name
    known = [name for name, source in found.items() if source.parameters is not None]
    assert len(known) >= len(found) / 2


def test_the_former_names_are_all_read():
    every = (cls for family in FAMILIES for cls in (family, *members(family).values()))
    ours = (cls for cls in every if cls.__module__.startswith("gnnneg."))  # not those of other tests
    real = {old for cls in ours for old in vars(cls).get("former", ())}
    assert real | {"Source"} <= sources.former()


def test_a_process_of_ours_collects_garbage_rarely_and_one_that_calls_us_as_before(monkeypatch, capsys):
    """Whoever imports gnnneg keeps the thresholds that their own process has."""
    before = gc.get_threshold()
    try:
        assert main(["--version"]) == 0
        assert gc.get_threshold() == before
        monkeypatch.setattr(sys, "argv", ["gnnneg", "--version"])
        assert main() == 0
        assert gc.get_threshold() == RARELY > before
    finally:
        gc.set_threshold(*before)
