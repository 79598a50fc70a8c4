"""Reading a config or a run imports nothing that the user's own command does not name."""

import itertools
import os
import sys
from pathlib import Path

import pytest
import torch
import yaml
from office import ended, fetch
from torch.optim import Adagrad, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gnnneg import config
from gnnneg.cli import main
from gnnneg.config import resolve
from gnnneg.config.signature import check
from gnnneg.data.facts import FACTS
from gnnneg.errors import UserError
from gnnneg.experiment import Run, read, resume, train, train_config, untrained
from gnnneg.experiment.settings import plan
from gnnneg.interfaces import Encoder, Loss
from gnnneg.trust import allowed, allowing

CONFIG = Path(__file__).parents[2] / "configs" / "synthetic" / "shared.yaml"
SMALL = ["--fit.epochs", "1", "--task.model.encoder.hidden_channels", "8", "--device", "cpu"]
LOSS = """
from gnnneg.interfaces import Loss

class Mine(Loss):
    def forward(self, positive, negative, weight, label=0.0):
        return -positive.squeeze(1) + negative.mean(1)

class Outer:
    class Inner(Mine):
        pass

function, number = print, 3
"""
fresh = itertools.count()


def trap(folder: Path, content: str = LOSS, package: str = "") -> str:
    """A module that leaves a file ``ran`` in the working directory when it is imported; its dotted name."""
    name = f"trap_{next(fresh)}"
    home = folder / package
    home.mkdir(parents=True, exist_ok=True)
    (home / f"{name}.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()\n{content}")
    return f"{package}.{name}" if package else name


def write(run: Path, key: str, value: object) -> None:
    """Writes ``value`` at a dotted key of a run's config."""
    tree = yaml.safe_load((run / "config.yaml").read_text())
    node, (*way, last) = tree, key.split(".")
    for step in way:
        node = node[step]
        node = node.get("init_args", node)
    node[last] = value
    (run / "config.yaml").write_text(yaml.safe_dump(tree))


ABOUT = ("--head", "person_0", "--relation", "lives_in")


@pytest.mark.filterwarnings("ignore:.*than when training began")  # the config of a run is edited here
@pytest.mark.filterwarnings("ignore:The data set of")  # a run is read without its data where it can be
@pytest.mark.parametrize("verb", [("predict", *ABOUT), ("evaluate",), ("negatives",), ("resume",)])
@pytest.mark.parametrize("key", ["task.loss", "optimizer.lr", "fit.metric", "seed", "device", "data.name"])
def test_a_run_brings_no_code(received, place, said, verb, key):
    module = trap(received)
    name = f"run.{module}.Mine"
    write(received, key, name if key != "task.loss" else {"class_path": name})
    code, err = said(verb[0], received, *verb[1:])
    assert not (received / "ran").exists()
    if verb[0] in ("predict", "evaluate") and key in ("task.loss", "optimizer.lr"):  # what these verbs need not know
        assert (code, err) == (0, "")
        return
    if key not in ("fit.metric", "device", "data.name"):  # words that none of them needs
        assert code == 2
        assert len(err.splitlines()) == 1
    assert code in (0, 2), err
    assert key != "task.loss" or "add --allow run," in err


@pytest.mark.filterwarnings("ignore:.*than when training began")
@pytest.mark.filterwarnings("ignore:The data set of")
def test_a_page_about_a_run_brings_no_code(received, monkeypatch):
    """Queues that need what the run names say why they are not there; all else is served."""
    module = trap(received)
    write(received, "task.loss", {"class_path": f"run.{module}.Mine"})
    words = ["serve", str(received), "--port", "0", "--device", "cpu", "--who", "Ann"]
    status, text = ended(monkeypatch, words, fetch)
    assert status == 200
    assert "add --allow run," in text
    assert not (received / "ran").exists()


def test_nor_does_the_config_of_its_model(received, said):
    module = trap(received)
    file = received / "model" / "config.json"
    file.write_text(file.read_text().replace('"ComplEx"', f'"run.{module}.Mine"'))
    code, err = said("predict", received, *ABOUT)
    assert code == 2
    assert "--allow run," in err
    assert not (received / "ran").exists()


@pytest.mark.filterwarnings("ignore:.*than when training began")  # the config of a run is edited here
@pytest.mark.parametrize("inside", [False, True])
def test_even_a_module_that_is_allowed_does_not_come_from_a_run(received, monkeypatch, said, inside):
    module = trap(received)
    name = module if inside else f"run.{module}"
    if inside:
        monkeypatch.chdir(received)
    write(received, "task.loss", {"class_path": f"{name}.Mine"})
    code, err = said("negatives", received, "--allow", name.split(".")[0])
    assert code == 2
    assert "a run never brings code of its own" in err
    assert not (received / "ran").exists()


def test_nor_by_a_link(received, place, said):
    module = trap(received)
    (place / f"{module}.py").symlink_to(received / f"{module}.py")
    code, err = said("train", CONFIG, *SMALL, "--task.loss", f"{module}.Mine", "--allow", module, "--out", "new")
    assert code == 2
    assert "a run never brings code of its own" in err
    assert not (received / "ran").exists()


@pytest.mark.parametrize("words", [(), ("--print-config",)])
def test_a_config_beside_a_module_does_not_import_it(place, said, words):
    module = trap(place)
    settings = *SMALL, "--task.loss", f"{module}.Mine"
    code, err = said("train", CONFIG, *settings, "--out", "new", *words)
    assert code == 2
    assert f"add --allow {module}, set GNNNEG_ALLOW={module}, or in Python say allow='{module}'." in err
    assert not (place / "ran").exists()
    assert not (place / "new").exists()
    code, err = said("train", CONFIG, *settings, "--out", "new", "--quiet", "--allow", module, *words)
    assert (code, err) == (0, "")
    assert (place / "ran").exists()


def test_the_module_that_is_allowed_and_no_other(place, said):
    mine, other = trap(place, package="pack"), trap(place, package="pack")
    settings = "train", CONFIG, *SMALL, "--print-config", "--task.loss", f"{other}.Mine"
    code, err = said(*settings, "--allow", mine)
    assert code == 2
    assert not (place / "ran").exists()
    assert "--allow pack," in err
    assert said(*settings, "--allow", mine, "--allow", other) == (0, "")
    assert mine not in sys.modules


def test_the_environment_allows_too(place, said, monkeypatch):
    module = trap(place)
    monkeypatch.setenv("GNNNEG_ALLOW", f"no_such_module, {module}")
    assert said("train", CONFIG, *SMALL, "--print-config", "--task.loss", f"{module}.Mine") == (0, "")


@pytest.mark.parametrize("call", [read, train_config, untrained])
def test_python_allows_too(place, call):
    module = trap(place)
    settings = [*SMALL, "--task.loss", f"{module}.Mine"]
    with pytest.raises(UserError, match=f"allow='{module}'"):
        call(CONFIG, settings)
    call(CONFIG, settings, allow=module)


def test_a_run_with_a_class_of_ones_own(place, trained):
    module = trap(place)
    made = train_config(CONFIG, [*SMALL, "--task.loss", f"{module}.Mine"], place / "run", False, allow=[module])
    del sys.modules[module]
    (place / "ran").unlink()
    plain = Run.load(made.path, "cpu")
    assert plain.predict("person_0", "lives_in").shape[0] == 10
    assert plain.evaluate()["mrr"] == made.metrics["test"]["mrr"]
    assert plain.config == made.config
    for whole in (plain.negatives, lambda: resume(made.path, progress=False)):
        with pytest.raises(UserError, match=f"allow='{module}'"):
            whole()
    assert not (place / "ran").exists()
    assert Run.load(made.path, "cpu", allow=module).negatives()["drawn"] > 0
    assert resume(made.path, progress=False, allow=module).metrics == made.metrics


DECODER = """
from gnnneg.decoders import DistMult

class Mine(DistMult):
    pass
"""


def test_a_model_of_ones_own_is_needed_by_every_verb(place, said):
    module = trap(place, DECODER)
    made = train_config(
        CONFIG, [*SMALL, "--task.model.decoder", f"{module}.Mine"], place / "run", progress=False, allow=module
    )
    del sys.modules[module]
    for verb in (("predict", made.path, *ABOUT), ("evaluate", made.path)):
        code, err = said(*verb)
        assert code == 2
        assert f"--allow {module}" in err
        assert module not in sys.modules
        assert said(*verb, "--allow", module) == (0, "")
        del sys.modules[module]


def test_weights_are_found_from_every_directory(place, trained, monkeypatch):
    """Of a part that begins with those of another run: their place is written down whole."""
    model = yaml.safe_load((trained / "config.yaml").read_text())["task"]["init_args"]["model"]
    weights = os.path.relpath(trained / "model" / "model.safetensors", place)
    sampler = {"sampler": {"class_path": "Uniform", "init_args": {"num_negatives": 2}}, "teacher": model}
    taught = {"class_path": "WithCritic", "init_args": {**sampler, "weights": weights}}
    made = train_config(CONFIG, [*SMALL, "--task.sampler", yaml.safe_dump(taught)], place / "run", progress=False)
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    assert Run.load(made.path, "cpu").negatives()["drawn"] > 0


class Own(Loss):
    """A class of the script that trains."""

    def forward(self, positive, negative, weight, label=0.0):
        return -positive.squeeze(1) + negative.mean(1)


def test_an_object_of_ones_own_needs_no_leave(place):
    """What the program itself has imported is found by name: nothing is imported for it."""
    from gnnneg import Both, DistMult, Fit, KGEModel, LinkPrediction, Lookup, Uniform
    from gnnneg.datasets import load

    data = load("synthetic")
    n, r = data["entity"].num_nodes, len(data.relation_names)
    task = LinkPrediction(KGEModel(Lookup(n, 8), DistMult(r, 8)), Both(r), Uniform(n, 4), Own())
    run = train(task, data, Adagrad(task.trained()), Fit(epochs=1), out=place / "run", progress=False)
    again = Run.load(run.path, "cpu")
    assert again.parts.plan.arguments["task"].arguments["loss"].cls is Own
    assert again.model.num_relations == r


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("import sys\nsys.exit(0)", "failed: SystemExit: 0"),
        ("raise KeyError('x')", "failed: KeyError: 'x'"),
        ("1 +", "failed: SyntaxError"),
        ("raise BaseException('a\\nb')", "failed: BaseException: a b"),
        ("import no_such_thing", "failed: ModuleNotFoundError: No module named 'no_such_thing'"),
        ("x = 1\nclass Mine: pass", "Mine is not a Loss"),
        ("Mine = 3", "Mine is not a Loss"),
        ("", "has no Mine; it has no Loss at all."),
    ],
)
def test_an_allowed_module_that_is_wrong_is_one_sentence(place, said, content, told):
    module = trap(place, content)
    code, err = said("train", CONFIG, "--task.loss", f"{module}.Mine", "--allow", module, "--out", "new")
    assert code == 2
    assert told in err
    assert len(err.splitlines()) == 1
    assert not (place / "new").exists()


def test_a_class_within_a_class(place):
    module = trap(place)
    with allowing(module):
        made = resolve(Loss, f"{module}.Outer.Inner", "loss")
    assert made.plain() == {"class_path": f"{module}.Outer.Inner"}


# what is loaded anyway, and must not be made


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("task.loss", "os.system"),
        ("task.loss", "builtins.eval"),
        ("task.loss", "subprocess.Popen"),
        ("task.loss", "gnnneg.cli.main"),
        ("task.loss", "gnnneg.__main__.Loss"),
        ("task.loss", "this.x"),
        ("task.loss", "..x"),
        ("task.loss", "x."),
        ("task.loss", ".x"),
        ("task.loss", "a b.c"),
        ("task.loss", "torch.nn.no.such.Loss"),
        ("task.loss", "torch.testing._internal.common_utils.TestCase"),
        ("optimizer", "torch.optim.no_such.Adam"),
        ("optimizer", "torch.nn.Linear"),
        ("optimizer", "torch.optim.Optimizer"),
        ("scheduler", "torch.optim.Adam"),
        ("task.model.decoder", "torch.nn.Module"),
    ],
)
def test_what_is_no_such_part(place, said, key, name):
    loaded = set(sys.modules)
    code, err = said("train", CONFIG, f"--{key}", name, "--out", "new")
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "report" not in err
    assert not set(sys.modules) - loaded


@pytest.mark.parametrize(
    "name",
    [
        "torch.jit.ScriptModule",
        "torch.fx.GraphModule",
        "torch.distributed.nn.RemoteModule",
        "RemoteModule",
        "torch_geometric.llm.models.LLM",
        "LLM",
        "SentenceTransformer",
    ],
)
def test_networks_that_load_or_run_things(place, name):
    encoder = {"class_path": "GNN", "init_args": {"hidden_channels": 8, "module": {"class_path": name}}}
    with pytest.raises(UserError, match=r"is not a Module|no Module called"):
        resolve(Encoder, encoder, "encoder", FACTS)


def test_networks_that_compute():
    module = {"class_path": "torch_geometric.nn.GCN", "init_args": dict.fromkeys(("in_channels", "hidden_channels"), 8)}
    module["init_args"]["num_layers"] = 2
    encoder = {"class_path": "GNN", "init_args": {"hidden_channels": 8, "module": module}}
    made = resolve(Encoder, encoder, "encoder", FACTS).build({})
    assert made.module.num_layers == 2


def test_a_dotted_path_to_ones_own_part_and_to_gnnnegs():
    for name in ("MarginRanking", "gnnneg.MarginRanking", "gnnneg.losses.MarginRanking"):
        assert resolve(Loss, name, "loss").build({}).margin == 1.0
    assert resolve(Optimizer, "torch.optim.SGD", "o", {"params": None}).cls is torch.optim.SGD
    assert resolve(LRScheduler, {"class_path": "StepLR", "init_args": {"step_size": 1}}, "s", {"optimizer": None})


@pytest.mark.parametrize("value", ["trap.function", {"class_path": "trap.Mine"}, ["trap.function"]])
@pytest.mark.parametrize("annotation", ["float | torch.Tensor", "Callable", "type", "type[Loss] | int", "Maybe"])
def test_a_plain_value_is_never_looked_up(place, annotation, value):
    """Not where a tensor, a function or a class is asked for either."""
    from collections.abc import Callable

    module = trap(place)
    value = yaml.safe_load(yaml.safe_dump(value).replace("trap", module))
    kinds = {"torch": torch, "Callable": Callable[[int], float], "Loss": Loss, "Maybe": Callable | None}
    with allowing(module), pytest.raises(UserError, match="key should be"):
        check(eval(annotation, kinds), value, "key")
    assert not (place / "ran").exists()


def test_functions_of_a_scheduler_cannot_be_written(place, said):
    module = trap(place)
    scheduler = f"{{class_path: LambdaLR, init_args: {{lr_lambda: {module}.function}}}}"
    code, err = said("train", CONFIG, "--scheduler", scheduler, "--allow", module)
    assert code == 2
    assert "scheduler.lr_lambda should be" in err
    assert not (place / "ran").exists()


def test_names_of_modules(said):
    with allowing("a.b, c d"), allowing(["e"]):
        assert [allowed(name) for name in ("a", "a.b", "a.b.c", "a.c", "c", "d.x", "e", "f", "ab")] == [
            *(True, True, True, False, True, True, True, False, False)
        ]
    assert not allowed("a")
    for wrong in ("../x", "a-b", "a..b", "a/b", "*"):
        code, err = said("train", CONFIG, "--allow", wrong)
        assert code == 2
        assert "--allow takes names of modules" in err


@pytest.mark.parametrize("verb", ["train", "resume", "evaluate", "predict", "negatives", "compare", "report", "serve"])
def test_every_verb_that_reads_has_the_option(capsys, verb):
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    assert "--allow MODULE" in capsys.readouterr().out


def test_a_resolved_config_is_read_without_leave(place):
    """What gnnneg writes of its own parts names no other module."""
    means = read(CONFIG)
    (place / "again.yaml").write_text(config.dump(means.plain()))
    assert plan(config.read(place / "again.yaml")).plain() == means.plain()
