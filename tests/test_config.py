"""A config means what its constructors say; whatever it gets wrong is told in one sentence with the way out."""

import copy
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import yaml
from examples import examples, known, messages, name
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch_geometric.data import Data, HeteroData

from gnnneg import config
from gnnneg.config import describe, override, resolve
from gnnneg.config.signature import check
from gnnneg.corruption import Both
from gnnneg.data.catalogue import node_card, with_split_nodes
from gnnneg.data.facts import FACTS, Facts
from gnnneg.data.known import KnownAnswers
from gnnneg.data.labelled import labelled_graph
from gnnneg.data.pools import slots
from gnnneg.data.statements import triplets
from gnnneg.data.synthetic import world
from gnnneg.decoders import DistMult
from gnnneg.documents import parse_yaml as parse
from gnnneg.encoders import Lookup
from gnnneg.errors import UserError
from gnnneg.experiment import Settings, plan
from gnnneg.experiment.setup import assemble
from gnnneg.interfaces import Corruption, Decoder, Encoder, Loss, Model, Penalty, Sampler, Task
from gnnneg.labels import SlotLabel
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction
from gnnneg.trust import allowing

SHORT = """
data: {name: synthetic}
task:
  class_path: LinkPrediction
  init_args:
    model:
      class_path: KGEModel
      init_args:
        encoder: {class_path: Lookup, init_args: {hidden_channels: 10}}
        decoder: {class_path: DistMult}
    corruption: {class_path: Both}
    sampler: {class_path: Uniform, init_args: {num_negatives: 8, shared: true}}
    loss: {class_path: InfoNCE}
optimizer: {class_path: Adagrad, init_args: {lr: 0.1}}
fit: {epochs: 2, batch_size: 128}
"""


def tree(*settings: str) -> dict:
    read = parse(SHORT, "short.yaml")
    override(read, settings)
    return read


@pytest.fixture(scope="module")
def data():
    return world(60).data


def built(data, *settings: str):
    return assemble(plan(tree(*settings)), data)


def test_facts_join_and_are_not_written(data):
    setup = built(data, "--task.sampler", "{class_path: Filtered, init_args: {proposal: All}}")
    task = setup.task
    assert task.model.encoder.weight.shape == (60, 10)
    assert task.model.decoder.relation.weight.shape == (12, 10)
    assert task.sampler.proposal.num_nodes == 60
    train = KnownAnswers(triplets(data, "stated", "train"), 60, 12)
    assert torch.equal(task.sampler.known.answer, train.answer)  # training facts only
    assert task.graph is None  # which a look-up does not look at
    passing = built(data, "--task.model.encoder", "{class_path: RGCN, init_args: {hidden_channels: 10}}").task
    assert passing.graph.edge_index.size(1) == 2 * triplets(data, "stated", "train").rel_type.numel()
    assert setup.optimizer.param_groups[0]["params"] == list(task.trained())
    text = config.dump(plan(tree()).plain())
    assert not re.search(r"num_nodes|num_relations|known|\bgraph:|params", text)


def test_resolved_config_resolves_to_itself(data):
    """Every default is filled in, and the same weights come out of it."""
    means = plan(tree("--scheduler", "StepLR", "--scheduler.step_size", "5"))
    again = plan(yaml.safe_load(config.dump(means.plain())))
    assert again.plain() == means.plain()
    first, second = assemble(means, data), assemble(again, data)
    assert repr(first.task) == repr(second.task)
    assert all(torch.equal(a, b) for a, b in zip(first.task.parameters(), second.task.parameters()))
    assert means.plain()["fit"]["patience"] == 10
    assert means.plain()["task"]["init_args"]["loss"]["init_args"] == {"temperature": 1.0, "learnable": False}


def test_a_different_seed_differs(data):
    first, second = built(data), built(data, "--seed", "1")
    assert not torch.equal(first.task.model.encoder.weight, second.task.model.encoder.weight)


@pytest.mark.parametrize(
    ("settings", "reads"),
    [
        (["--optimizer.lr", "0.05"], lambda s: s.optimizer.defaults["lr"] == 0.05),
        (["--optimizer.init_args.lr=1e-3"], lambda s: s.optimizer.defaults["lr"] == 0.001),
        (["--seed", "3"], lambda s: s.seed == 3),
        (["--fit.epochs", "5"], lambda s: s.fit.epochs == 5),
        (
            ["--task.model.decoder", "TransE", "--task.model.decoder.p", "2"],
            lambda s: s.task.model.decoder.similarity.p == 2,
        ),
        (["--task.init_args.model.init_args.decoder.class_path", "RotatE"], lambda s: "RotatE" in repr(s.task)),
        (["--task.loss", "LogSigmoid", "--task.loss.margin", "2"], lambda s: s.task.loss.margin == 2.0),
        (["--task.penalty", "Lp", "--task.penalty.weight", "1e-2"], lambda s: s.task.penalty.weight == 0.01),
        (["--task.weighing", "Subsampling"], lambda s: s.task.weighing.smoothing == 3),
        (["--fit.patience", "null"], lambda s: s.fit.patience is None),
        (["--evaluation.filter", "[train]"], lambda s: s.evaluation.filter == ("train",)),
        (
            ["--optimizer", "Adam", "--optimizer.betas", "[0.5, 0.9]"],
            lambda s: s.optimizer.defaults["betas"] == (0.5, 0.9),
        ),
        (["--optimizer", "{class_path: SGD, init_args: {lr: 1}}"], lambda s: s.optimizer.defaults["lr"] == 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_settings_on_the_command_line(data, settings, reads):
    assert reads(built(data, *settings))


def test_a_number_where_a_part_would_do_too(data):
    """A soft label is one number or a part that knows better; generators are a list of parts."""
    emu = "[{class_path: EMU, init_args: {mutation_ratio: 0.5, soft_label: 0.25}}]"
    setup = built(data, "--task.soft_label", "0.1", "--task.generators", emu)
    assert setup.task.soft_label == 0.1
    assert setup.task.generators[0].term.soft_label == 0.25
    label = "{class_path: SlotLabel, init_args: {seen: 0.3}}"
    emu = f"[{{class_path: EMU, init_args: {{mutation_ratio: 0.5, soft_label: {label}}}}}]"
    setup = built(data, "--task.soft_label", "SlotLabel", "--task.generators", emu, "--task.generators.0.groups", "4")
    assert (setup.task.soft_label.seen, setup.task.soft_label.unseen) == (0.1, 0.0)
    assert setup.task.generators[0].term.soft_label.seen == 0.3
    assert setup.task.generators[0].groups == 4
    assert sum(isinstance(part, SlotLabel) for part in setup.task.modules()) == 2  # both move with the task
    with pytest.raises(UserError, match="mutation_ratio"):
        built(data, "--task.generators", "[EMU]")


def test_keys_of_the_section_of_tuning_have_dots():
    tree = {"tune": {"optimizer.lr": {"low": 0.1, "high": 1.0}, "task.loss": ["BCE", "InfoNCE"]}}
    words = ["--tune.optimizer.lr.low", "0.2", "--tune.task.loss=[BCE, HaSa]", "--tune.fit.batch_size", "[16, 32]"]
    override(tree, [*words, "--tune.task.loss.1", "LogSigmoid"])
    assert tree == {
        "tune": {
            "optimizer.lr": {"low": 0.2, "high": 1.0},
            "task.loss": ["BCE", "LogSigmoid"],
            "fit.batch_size": [16, 32],
        }
    }
    with pytest.raises(UserError, match=r"^--tune\.task\.loss\.2: '2' is no position in a list of 2"):
        override(tree, ["--tune.task.loss.2", "BCE"])
    empty = {}
    override(empty, ["--tune.optimizer.lr", "[0.1, 0.2]"])
    assert empty == {"tune": {"optimizer.lr": [0.1, 0.2]}}


def test_naming_another_class_drops_the_arguments_of_the_one_before():
    read = tree("--task.sampler", "All")
    assert read["task"]["init_args"]["sampler"] == "All"
    read = tree("--task.sampler.class_path", "All", "--task.loss", "InfoNCE")
    assert read["task"]["init_args"]["sampler"] == {"class_path": "All"}
    same = tree("--task.sampler", "Uniform")
    assert same["task"]["init_args"]["sampler"]["init_args"]["num_negatives"] == 8


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["--fitt.epochs", "5"], "has no 'fitt'. Did you mean 'fit'?"),
        (["--fit.epoch", "5"], "fit has no 'epoch'. Did you mean 'epochs'? Known: epochs, batch_size"),
        (["--fit.epochs", "many"], "fit.epochs should be int, not 'many'"),
        (["--fit.epochs", "2.5"], "fit.epochs should be int, not 2.5"),
        (["--fit", "7"], "fit should be a mapping with epochs"),
        (["--fit.amp", "half"], "fit.amp should be 'bfloat16' or 'float16' or null, not 'half'"),
        (["--task.model.decoder", "DistMul"], "no Decoder called 'DistMul'; did you mean 'DistMult'?"),
        (["--task.model.decoder", "\u0421omplEx"], "no Decoder called '\u0421omplEx'; did you mean 'ComplEx'?"),
        (["--task.model.decoder.width", "5"], "(DistMult) has no 'width'. Known: hidden_channels, bound, reciprocal"),
        (["--task.model.encoder.num_nodes", "5"], "'num_nodes' is a fact of the data set"),
        (["--task.sampler", "Uniform2"], "did you mean 'Uniform'?"),
        (["--task.sampler", "{class_path: Uniform}"], "task.sampler (Uniform) needs 'num_negatives' (int)"),
        (["--task.sampler", "{class_path: Uniform, num_negatives: 3}"], "arguments go under init_args"),
        (["--task.sampler", "3"], "task.sampler should be a Sampler, class_path: one of "),
        (["--task.model", "{hidden_channels: 3}"], "task.model should be a Model, class_path: one of Difference, "),
        (["--task.generators", "EMU"], "task.generators should be a list, not 'EMU'"),
        (
            ["--task.generators", "[{class_path: LearnedEMU, init_args: {mutation_ratio: 0.5, rate: 1.0}}]"],
            "task.generators.0 (LearnedEMU) has no 'rate' any more: leave it out, since ",
        ),
        (["--task.loss", "no.such.Loss"], "if you trust the module no, add --allow no,"),
        (["--task.loss", "os.path.join"], "os.path.join is not a Loss"),
        (["--task.loss.class_path", "[1]"], "class_path should be the name of a class"),
        (["--task.model.decoder", "x" * 100_000], f"no Decoder called '{'x' * 76}...; known: "),
        (["--optimizer", "Adagrd"], "no Optimizer called 'Adagrd'; did you mean 'Adagrad'"),
        (["--optimizer.lrr", "1"], "Did you mean 'lr'?"),
        (["--optimizer.lr", "fast"], "optimizer.lr should be float or Tensor, not 'fast'"),
        (["--scheduler", "StepL"], "did you mean 'StepLR'"),
        (["--data", "UMLS"], "data should be a mapping with name, root, "),
        (["--seed", "x"], "seed should be int, not 'x'"),
        (
            ["--evaluation.filter", "[tain]"],
            "evaluation.filter should be a list of 'train' or 'valid' or 'test', not ['tain']",
        ),
        (["--seed"], "--seed needs a value"),
        (["seed", "3"], "What is 'seed'?"),
        (["--fit.epochs.x", "3"], "fit.epochs should be int"),
        (["--fit.epochs", "[1"], "--fit.epochs, line 1: this is not YAML"),
        (["--task.generators", "[]", "--task.generators.0", "3"], "'0' is no position in a list of 0"),
        (["--fit.epochs", "null"], "fit.epochs should be int, not None."),
        (["--fit.epochs", ""], "--fit.epochs is empty: give a value, or null for none."),
        (["--fit.epochs", "true"], "fit.epochs should be int, not True."),
        (["--seed", "null"], "seed should be int, not None."),
        (["--fit.batch_size", "~"], "fit.batch_size should be int, not None."),
        (["--fit.metric", "null"], "fit.metric should be str, not None."),
        (["--data.name", "null"], "data.name should be str, not None."),
        (["--data.name", "2024"], "data.name should be str, not 2024: put it in quotes."),
        (["--data.name", "true"], "data.name should be str, not True: put it in quotes."),
        (["--data.denied_kept", "null"], "data.denied_kept should be float, not None."),
        (["--evaluation.memory_mib", "null"], "evaluation.memory_mib should be float, not None."),
        (["--task.sampler.num_negatives", "null"], "task.sampler.num_negatives should be int, not None."),
        (["--task.sampler.shared", "null"], "task.sampler.shared should be bool, not None."),
        (["--task.sampler.shared", "yes"], "task.sampler.shared should be bool, not 'yes'."),
        (["--task.soft_label", "null"], "task.soft_label should be a SoftLabel"),
        (["--task.sampler", "null"], "task.sampler should be a Sampler"),
        (["--optimizer.lr", "null"], "optimizer.lr should be float or Tensor, not None."),
        (
            ["--optimizer", "{class_path: Adam, init_args: {betas: [0.5]}}"],
            "optimizer.betas should be a list of 2: float or Tensor, ",
        ),
        (["--fit", "null"], "fit should be a mapping with epochs"),
        (["--data", "null"], "data should be a mapping with name"),
        (["--evaluation", "null"], "evaluation should be a mapping with filter"),
        (["--task", "null"], "task should be a Task"),
        (["--seed", "-1"], "seed is -1: give a whole number from 0 to 4294967295."),
        (["--seed", "4294967296"], "seed is 4294967296"),
        (["--seed", "99999999999999999999"], "seed is 99999999999999999999"),
        (["--seed", "1.0"], "seed should be int, not 1.0"),
        (["--scheduler", "SWALR"], "scheduler (SWALR) needs 'swa_lr'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_told_before_the_data_are_touched(settings, told):
    with pytest.raises(UserError) as caught:
        plan(tree(*settings))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["--task.model.decoder.hidden_channels", "5"], "hidden_channels is 5, but the encoder's is 10: leave it out"),
        (["--task.soft_label", "5"], "LinkPrediction(soft_label=5.0): give a number between 0 and 1."),
        (
            ["--task.model.decoder", "ComplEx", "--task.model.encoder.hidden_channels", "9"],
            "half real, half imaginary: 9 is odd",
        ),
        (["--task.loss.temperature", "-1"], "task.loss: InfoNCE(temperature=-1.0): give a finite number above 0."),
        (["--task.sampler.num_negatives", "61"], "on a graph of 60 entities"),
        (["--optimizer.lr", "-1"], "optimizer (Adagrad): Invalid learning rate"),
        (["--fit.epochs", "-1"], "fit.epochs is -1"),
        (["--device", "quantum"], "There is no device 'quantum' here"),
        (["--device", "meta"], "There is no device 'meta' here"),
        (["--device", "CPU"], "There is no device 'CPU' here: try cpu."),
        (["--optimizer", "LBFGS"], "optimizer (LBFGS) asks for the loss several times a step"),
        (["--optimizer.lr", ".nan"], "optimizer (Adagrad): Invalid learning rate"),
        (["--optimizer.lr", ".inf"], "optimizer (Adagrad): lr is inf: give finite numbers."),
        (["--optimizer", "Adam", "--optimizer.betas", "[1, 0.9]"], "optimizer (Adam): Invalid beta"),
        (["--scheduler", "StepLR", "--scheduler.step_size", "0"], "scheduler (StepLR) fails at step"),
        (["--scheduler", "StepLR", "--scheduler.step_size", "1", "--scheduler.gamma", "-1"], "learning rate of -0.1"),
        (["--scheduler", "StepLR", "--scheduler.step_size", "1", "--scheduler.gamma", ".nan"], "learning rate of nan"),
        (["--scheduler", "{class_path: ExponentialLR, init_args: {gamma: .inf}}"], "learning rate of inf"),
        (["--scheduler", "{class_path: CosineAnnealingLR, init_args: {T_max: 0}}"], "scheduler (CosineAnnealingLR)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_a_constructor_refuses(settings, told, data):
    means = plan(tree(*settings))
    with pytest.raises(UserError) as caught:
        assemble(means, data)
    assert told in str(caught.value)


@pytest.mark.parametrize("key", ["data", "task", "optimizer"])
def test_what_is_missing_is_named(key):
    read = tree()
    del read[key]
    with pytest.raises(UserError, match=f"The config needs '{key}'"):
        plan(read)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"# nothing\n", "is empty"),
        (b"- a\n- b\n", "holds a list"),
        (b"data: {name: x\n", "line 2: this is not YAML"),
        (b"a: 1\nb: [1,\n c: :\n", "line 3: this is not YAML"),
        (b"seed: 1\nfit: {}\nseed: 2\n", "line 3: this is not YAML: 'seed' is written twice"),
        (b"\xff\xfe\x00garbled\x80", "is not a text file"),
        (b"data: !!python/object:os.system {}\n", "line 1: this is not YAML"),
        (b"a: \x00\n", "this is not YAML"),
    ],
)
def test_files_that_are_no_config(tmp_path, content, told):
    (tmp_path / "bad.yaml").write_bytes(content)
    with pytest.raises(UserError) as caught:
        config.read(tmp_path / "bad.yaml")
    assert told in str(caught.value)
    assert "bad.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "given", "made"),
    [
        (int, "3", 3),
        (int, 3, 3),
        (float, 3, 3.0),
        (float, "1e-3", 0.001),
        (float, True, None),
        (int, 3.0, None),
        (int, "3.0", None),
        (int, False, None),
        (str, "on", "on"),
        (bool, "true", True),
        (bool, 1, None),
        (int | float, 0.5, 0.5),
        (int | float, 4, 4),
        (float | int, 4, 4),
        (bool | str, "true", "true"),
        (int | None, None, None),
        (int | None, "x", None),
        (tuple[float, float], [1, 2], (1.0, 2.0)),
        (tuple[float, float], [1, 2, 3], None),
        (tuple[int, ...], [1, 2], (1, 2)),
        (tuple[int, ...], 1, None),
        (list[str], "abc", None),
        (Sequence[int], [1, "2"], [1, 2]),
        (Sequence[int], {"a": 1}, None),
        (dict[str, int], {"a": "1"}, {"a": 1}),
        (dict[str, int], {1: 1}, None),
        (dict, {1: 1}, {1: 1}),
        (set[int], [1, 1], {1}),
        (Literal["a", 1], "a", "a"),
        (Literal["a", 1], "1", None),
        (Literal["a", 1], True, None),
        (Any, {"class_path": "x.y"}, {"class_path": "x.y"}),
    ],
)
def test_plain_values_by_annotation(annotation, given, made):
    if made is None and given is not None:
        with pytest.raises(UserError, match="key should be"):
            check(annotation, given, "key")
        return
    found = check(annotation, given, "key")
    assert found == made
    assert type(found) is type(made)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match=r"Cannot read config .*No such file"):
        config.read(tmp_path / "none.yaml")


def test_numbers_are_numbers():
    assert parse("[1e-3, 5E+2, -2e3, 1.5, 3, '1e-3', 0x10]", "x") == [1e-3, 500.0, -2000.0, 1.5, 3, "1e-3", 16]


def test_a_users_own_class_is_found_from_the_working_directory(tmp_path, monkeypatch, data):
    (tmp_path / "my_losses_7.py").write_text(
        "from gnnneg.interfaces import Loss\n\n\nclass Mine(Loss):\n"
        "    def __init__(self, power: float = 2.0):\n        super().__init__()\n        self.power = power\n\n"
        "    def forward(self, positive, negative, weight, label=0.0):\n"
        "        return -positive.squeeze(1) * self.power\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(UserError, match="add --allow my_losses_7,"):
        plan(tree("--task.loss", "my_losses_7.Mine"))
    with allowing("my_losses_7"):
        setup = built(data, "--task.loss", "my_losses_7.Mine", "--task.loss.power", "3")
    assert setup.task.loss.power == 3.0
    written = plan(tree("--task.loss", "my_losses_7.Mine")).plain()["task"]["init_args"]["loss"]
    assert written == {"class_path": "my_losses_7.Mine", "init_args": {"power": 2.0}}
    assert describe(setup.task.loss, Facts(data)) == {"class_path": "my_losses_7.Mine", "init_args": {"power": 3.0}}


class Schedule(Sampler):
    """A sampler of samplers, to see that mappings and lists of parts work."""

    def __init__(self, steps: dict[int, Sampler], others: list[Sampler] | None = None):
        super().__init__()
        self.steps, self.others = nn.ModuleDict({str(k): v for k, v in steps.items()}), others

    def forward(self, query, target, critic, rng=None):
        return self.steps["0"](query, target, critic, rng)


def test_mappings_and_lists_of_parts(data):
    facts = Facts(data)
    text = """
    class_path: Schedule
    init_args:
      steps: {0: {class_path: Uniform, init_args: {num_negatives: 3}}, 9: All}
      others: [All]
    """
    read = parse(text, "x")
    means = resolve(Sampler, read, "sampler", FACTS)
    made = means.build(facts)
    assert made.steps["0"].num_negatives == 3
    assert made.others[0].num_nodes == made.steps["9"].num_nodes == 60
    assert means.plain()["init_args"]["steps"][0]["init_args"] == {"num_negatives": 3, "shared": False}
    assert describe(made, facts)["init_args"]["others"] == [{"class_path": "All"}]
    override(read, ["--steps.0.num_negatives", "4", "--others.0", "InBatch"])
    assert resolve(Sampler, read, "sampler", FACTS).build(facts).steps["0"].num_negatives == 4


def test_width_comes_from_the_encoder_beside_only(data):
    with pytest.raises(UserError, match=r"decoder \(DistMult\) needs 'hidden_channels' \(int\)"):
        resolve(Decoder, "DistMult", "decoder", FACTS)
    encoder = {"class_path": "Lookup", "init_args": {"hidden_channels": 7}}
    written = {"class_path": "KGEModel", "init_args": {"encoder": encoder, "decoder": "RESCAL"}}
    model = resolve(Model, written, "model", FACTS).build(Facts(data))
    assert model.decoder.relation.weight.shape == (12, 49)


FAMILIES = (Task, Model, Encoder, Decoder, Corruption, Sampler, Loss, Penalty)
PARTS = [(family, make) for family in FAMILIES for make in examples(family)]


@pytest.mark.parametrize(("family", "make"), PARTS, ids=lambda value: name(value) if value not in FAMILIES else "")
def test_every_part_can_be_written_down(family, make):
    """What is made in Python, written as a config and made again, is the same object."""
    part, stated = make(), known()
    facts = {
        "num_nodes": 11,
        "num_relations": 3,
        "known": stated,
        "denied": stated,
        "types": slots(stated),
        "graph": messages(),
    }
    facts["mirror"] = dict(facts)
    kinds = dict(FACTS)
    if family is Decoder:  # as beside an encoder
        facts["hidden_channels"], kinds["hidden_channels"] = 8, int
    written = describe(part, facts)
    assert describe(resolve(family, written, "part", kinds).build(facts), facts) == written


def test_a_copy_remembers_too(data):
    task = built(data).task
    assert describe(copy.deepcopy(task), Facts(data)) == describe(task, Facts(data))


def test_what_was_made_for_other_data_is_told(data):
    task = LinkPrediction(KGEModel(Lookup(61, 4), DistMult(12, 4)), Both(12), Uniform(60, 4), InfoNCE())
    with pytest.raises(
        UserError, match=r"task.model.encoder \(Lookup\) was made for num_nodes=61, but the data has 60"
    ):
        describe(task, Facts(data))


def test_what_cannot_be_written_down_is_told(data):
    class Local(Loss):
        def forward(self, positive, negative, weight, label=0.0):
            return -positive.squeeze(1)

    with pytest.raises(UserError, match="Local was defined on the spot"):
        describe(Local(), Facts(data))


def test_torch_constructors_are_understood():
    """Schedulers with names that only type checkers import, optimisers with tuples."""
    for scheduler in ("MultiStepLR", "ReduceLROnPlateau", "CosineAnnealingLR", "ExponentialLR", "OneCycleLR"):
        needs = {
            "MultiStepLR": {"milestones": [2, 4]},
            "CosineAnnealingLR": {"T_max": 3},
            "ExponentialLR": {"gamma": 0.9},
        }
        needs["OneCycleLR"] = {"max_lr": 1.0, "total_steps": 9}
        written = {"class_path": scheduler, "init_args": needs.get(scheduler, {})}
        means = resolve(LRScheduler, written, "scheduler", {"optimizer": None})
        optimizer = resolve(Optimizer, "SGD", "optimizer", {"params": None}).build(
            {"params": [nn.Parameter(torch.ones(1))]}
        )
        assert type(means.build({"optimizer": optimizer})).__name__ == scheduler


ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*/*.yaml"))


def narrow(tree: dict) -> None:
    """No more negatives than the small world has entities."""
    for key, value in tree.items():
        if key == "num_negatives":
            tree[key] = min(value, 20)
        elif isinstance(value, dict):
            narrow(value)


def small(name: str, data: HeteroData) -> HeteroData:
    """A small world in place of a data set; of a graph with labelled nodes one with as many classes and features."""
    if name not in with_split_nodes():
        return data
    card = node_card(name).published
    node = torch.arange(60)
    split = (node % 3 == 0, node % 3 == 1, node % 3 == 2)
    masks = dict(zip(("train_mask", "val_mask", "test_mask"), split))
    x, edge_index = torch.rand(60, card["features"]), torch.stack([node, node.roll(1)])
    return labelled_graph(Data(x=x, y=node % card["classes"], edge_index=edge_index, **masks))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_config_takes_a_step(path, data):
    """Built on a small world in place of its data set: narrower samplers, all else as it stands."""
    read = config.read(path)
    means = plan(read)
    assert means.arguments["data"].arguments["name"] == path.parent.name
    narrow(read["task"])
    here = small(path.parent.name, data)
    setup = assemble(plan(read), here)
    examples = setup.task.examples(triplets(here, "stated", "train"))
    batch = type(examples)(*(column[:32] for column in examples))
    rng = torch.Generator().manual_seed(0)
    before = [weight.detach().clone() for weight in setup.task.trained()]
    loss = setup.task(batch, rng)
    loss.backward()
    setup.optimizer.step()
    assert loss.isfinite()
    assert all(not torch.equal(a, b) for a, b in zip(before, setup.task.trained()))


def test_the_command_line_knows_the_keys_of_a_config():
    from gnnneg.cli.settings import KEYS
    from gnnneg.config.signature import parameters

    assert set(KEYS) == set(parameters(Settings))
