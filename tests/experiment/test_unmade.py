"""What would not fit into memory is refused before a table of it is made, by the memory that is said to be free."""

import pytest
import torch
from experiment.helpers import ring

from gnnneg import Lookup, distributed, memory
from gnnneg.data.facts import Facts
from gnnneg.errors import UserError
from gnnneg.experiment import unmade
from gnnneg.experiment.settings import plan
from gnnneg.experiment.setup import assemble

SIZE, WIDTH, MIB = 20, 8, 1 << 20
TABLE = 4 * SIZE * WIDTH


def config(optimizer="Adam", sparse=False, task="LinkPrediction", **more):
    encoder = {"class_path": "Lookup", "init_args": {"hidden_channels": WIDTH, "sparse": sparse}}
    model = {"class_path": "KGEModel", "init_args": {"encoder": encoder, "decoder": "DistMult"}}
    uniform = {"class_path": "Uniform", "init_args": {"num_negatives": 4}}
    link = {"model": model, "corruption": "Both", "sampler": uniform, "loss": "InfoNCE"}
    if task == "KvsAll":
        link = {"model": model}
    if task == "Dual":
        link = {name: {key: dict(v) if isinstance(v, dict) else v for key, v in link.items()} for name in SIDES}
    return plan(
        {
            "data": {"name": "synthetic"},
            "task": {"class_path": task, "init_args": {**link, **more}},
            "optimizer": {"class_path": optimizer, "init_args": {"lr": 0.1}},
            "fit": {"batch_size": 16},
            "evaluation": {"memory_mib": 1},
            "device": "cpu",
        }
    )


SIDES = ("positive", "negative")
LATER = 68 * 32 + MIB  # of the 32 training statements of the ring, and a ranking


@pytest.fixture
def free(monkeypatch):
    """Sets what is free; nothing is too little to be looked at."""
    monkeypatch.setattr(memory, "SURE", 0)

    def put(count):
        monkeypatch.setattr(memory, "free", lambda device: 1 << 60 if torch.device(device).type == "meta" else count)

    return put


@pytest.fixture
def made(monkeypatch):
    """The tables that are made, on devices with memory."""
    tables, reset = [], Lookup.reset_parameters

    def told(self):
        if self.weight.device.type != "meta":
            tables.append(self)
        reset(self)

    monkeypatch.setattr(Lookup, "reset_parameters", told)
    return tables


@pytest.mark.parametrize(
    ("words", "tables", "told"),
    [
        ({"optimizer": "Adam"}, 6, r"Training with Adam \(640 bytes for weights, 3,200 bytes for its steps, 1.0 MiB"),
        ({"optimizer": "SGD"}, 3, "give Lookup sparse: true and train with RowAdagrad"),
        ({"optimizer": "Adagrad"}, 4, "give Lookup sparse: true and train with RowAdagrad"),
        ({"optimizer": "LazyAdam", "sparse": True}, 3, "use RowAdagrad, which keeps one number a row"),
        ({"optimizer": "RowAdagrad", "sparse": True}, 1 + 4 * SIZE / TABLE, "use RowAdagrad"),
        ({"optimizer": "Adam", "task": "Dual"}, 10, r"Training with Adam \(1,280 bytes for weights"),
        ({"optimizer": "Adam", "task": "Dual", "shared": True}, 6, "640 bytes for weights"),
    ],
    ids=["Adam", "SGD", "Adagrad", "LazyAdam", "RowAdagrad", "Dual", "Dual, one table"],
)
def test_tables_and_steps_that_do_not_fit(words, tables, told, free, made):
    """One table, two gradients, moments, and what a step makes; a second model shares what is made for one table."""
    needed = int(tables * TABLE) + LATER
    free(needed - 1)
    with pytest.raises(UserError, match=told) as caught:
        assemble(config(**words), ring())
    assert "would take 1.0 MiB of memory" in str(caught.value)
    assert not made
    free(needed)
    assert assemble(config(**words), ring()).task
    assert made


def test_the_processes_of_a_machine_share_its_memory(free, monkeypatch):
    """All of them look before any of them takes something."""
    needed, order = 6 * TABLE + LATER, []
    monkeypatch.setattr(distributed, "neighbors", lambda: 3)
    monkeypatch.setattr(distributed, "wait", lambda: order.append("wait"))
    monkeypatch.setattr(Lookup, "reset_parameters", lambda self: order.append(self.weight.device.type))
    free(3 * needed - 1)
    with pytest.raises(UserError, match=r"Training with Adam .* would take 1\.0 MiB of memory in each of 3 processes"):
        assemble(config(), ring())
    free(3 * needed)
    assemble(config(), ring())
    assert order == ["meta", "wait", "wait", "meta", "wait", "wait", "cpu"]


def test_one_that_is_only_asked_needs_its_table_alone(free, made):
    """And that is refused where it is made."""
    free(TABLE)
    assert assemble(config("Adam"), ring(), trains=False).task
    free(TABLE - 1)
    with pytest.raises(UserError, match="Lookup: a table of 20 entities' 8 numbers would take 640 bytes"):
        assemble(config("Adam"), ring(), trains=False)
    assert len(made) == 1


def test_wikidata5m_with_dense_adam_does_not_fit_into_14_gib(free, made, monkeypatch):
    """By its sizes alone: 4.6 million entities of width 128, 20.6 million statements; row-wise Adagrad fits."""
    facts = Facts(ring())
    monkeypatch.setattr(Facts, "num_nodes", 4_600_000)
    monkeypatch.setattr(unmade, "counted", lambda data: 20_600_000)
    free(14 << 30)
    for optimizer, sparse, fits in (("Adam", False, False), ("LazyAdam", True, True), ("RowAdagrad", True, True)):
        settings = config(optimizer, sparse).arguments
        settings["task"].arguments["model"].arguments["encoder"].arguments["hidden_channels"] = 128
        if fits:
            unmade.refuse_plan(settings, facts, torch.device("cpu"))
            continue
        with pytest.raises(UserError, match=r"would take 14\.5 GiB of memory, and 14\.0 GiB are free: give "):
            unmade.refuse_plan(settings, facts, torch.device("cpu"))
    assert not made
