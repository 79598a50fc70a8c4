"""What a config's step does, read off the config, and numbers with units."""

import copy

import pytest

from gnnneg.errors import UserError
from gnnneg.experiment.settings import plan
from gnnneg.planning import Graph, units, work
from gnnneg.planning.work import Negatives

GRAPH = Graph(entities=1000, statements=5000, relations=7)


def sampler(name: str, **given) -> dict:
    return {"class_path": name, "init_args": given}


UNIFORM = sampler("Uniform", num_negatives=64)
SHARED = sampler("Uniform", num_negatives=256, shared=True)
TREE = {
    "data": {"name": "a graph that is nowhere"},
    "task": {
        "class_path": "LinkPrediction",
        "init_args": {
            "model": sampler(
                "KGEModel", encoder=sampler("Lookup", hidden_channels=32, sparse=True), decoder="DistMult"
            ),
            "corruption": "Both",
            "sampler": UNIFORM,
            "loss": "InfoNCE",
        },
    },
    "optimizer": "LazyAdam",
    "fit": {"batch_size": 100},
}


def tree(**changes) -> dict:
    """The tree with other parts of its task, or other ``optimizer``, ``scheduler``, ``fit`` or ``evaluation``."""
    made = copy.deepcopy(TREE)
    for key, value in changes.items():
        (made if key in (*made, "scheduler", "evaluation") else made["task"]["init_args"])[key] = value
    return made


def found(**changes):
    return work(plan(tree(**changes)), GRAPH)


def test_a_config_is_read_without_its_data():
    made = found()
    assert (made.task, made.width, made.batch, made.sides) == ("LinkPrediction", 32, 100, 2)
    assert (made.similarity, made.optimizer, made.moments, made.loss) == ("inner", "LazyAdam", 2.0, "InfoNCE")
    assert (made.per_relation, made.fixed, made.sparse, made.sharded) == (32, 0, True, False)
    assert not made.notes


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (UNIFORM, Negatives(64, drawn=64)),
        (SHARED, Negatives(256, shared=True)),
        (sampler("Popular", num_negatives=8), Negatives(8, drawn=24, per_entity=16)),
        ("All", Negatives(1000, shared=True, everyone=True)),
        ("InBatch", Negatives(200, shared=True, targets=200, per_entity=16)),
        (sampler("PreBatch", batches=3), Negatives(800, shared=True, targets=800)),
        (
            sampler("Hardest", proposal="InBatch", num_negatives=5),
            Negatives(5, looked_shared=200, looked_targets=200, per_entity=16),
        ),
        (sampler("Padded", first="InBatch", rest=UNIFORM), Negatives(200, targets=200, drawn=64, per_entity=16)),
        (
            sampler("Mixture", samplers=["InBatch", SHARED]),
            Negatives(456, shared=True, targets=200, per_entity=16),
        ),
        (
            sampler("Cached", proposal="InBatch", num_negatives=5, size=30, every=1, queries=9),
            Negatives(5, drawn=155, filtered=235, looked=230, per_query=120, per_entity=16, slots=9),
        ),
        (sampler("Filtered", proposal=UNIFORM), Negatives(64, drawn=64, filtered=64)),
        (sampler("Filtered", proposal=SHARED), Negatives(256, shared=True)),
        (sampler("Corrected", proposal=UNIFORM), Negatives(64, drawn=64)),
        (sampler("Hardest", proposal=UNIFORM, num_negatives=5), Negatives(5, drawn=64, looked=64)),
        (sampler("Hardest", proposal=SHARED, num_negatives=5), Negatives(5, looked_shared=256)),
        (sampler("Padded", first=UNIFORM, rest=UNIFORM), Negatives(64, drawn=128)),
        (sampler("Mixture", samplers=[UNIFORM, SHARED]), Negatives(320, drawn=64)),
        (sampler("Denied", num_negatives=3), Negatives(3, drawn=12)),
        (sampler("MCNS", num_negatives=70), Negatives(70, drawn=560, looked=134, per_query=256)),
        (
            sampler("Cached", proposal=UNIFORM, num_negatives=5, size=30, every=2, queries=9),
            Negatives(5, drawn=127, filtered=52, looked=47, per_query=120, slots=9),
        ),
        (sampler("Nearest", num_negatives=5, num_neighbors=0.1), Negatives(5, drawn=20, per_entity=400)),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("class_path") if isinstance(value, dict) else "",
)
def test_what_a_sampler_gives_and_looks_at(given, expected):
    """By hand: Cached draws (64 + 4 * 30) / 2 + 30 + 5, looks at (30 + 64) / 2, and looks these and five up."""
    assert found(sampler=given).negatives == expected


@pytest.mark.parametrize(
    ("decoder", "kind", "numbers"),
    [
        ("ComplEx", "inner", 32),
        ("RotatE", "modulus", 16),
        ("TransE", "L1", 32),
        (sampler("TransE", p=2), "L2", 32),
        (sampler("RESCAL", reciprocal=True), "inner", 2 * 32 * 32),
        (sampler("DistMult", reciprocal=True), "inner", 64),
    ],
)
def test_a_decoder_says_how_it_scores_and_what_a_relation_takes(decoder, kind, numbers):
    model = sampler("KGEModel", encoder=sampler("Lookup", hidden_channels=32), decoder=decoder)
    made = found(model=model)
    assert (made.similarity, made.per_relation) == (kind, numbers)


@pytest.mark.parametrize(
    ("optimizer", "moments", "name"),
    [
        ("Adam", 2.0, "Adam"),
        ("AdamW", 2.0, "Adam"),
        (sampler("Adam", fused=True), 2.0, "Adam, fused"),
        ("Adagrad", 1.0, "Adagrad"),
        ("RowAdagrad", 0.0, "RowAdagrad"),
        (sampler("SGD", lr=0.1), 0.0, "SGD"),
        (sampler("SGD", lr=0.1, momentum=0.9), 1.0, "SGD"),
    ],
)
def test_an_optimiser_says_how_many_tables_it_keeps(optimizer, moments, name):
    dense = sampler("KGEModel", encoder=sampler("Lookup", hidden_channels=32), decoder="DistMult")
    made = found(optimizer=optimizer, model=dense)
    assert (made.moments, made.optimizer) == (moments, name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": "RMSprop"}, "does not know what the optimizer RMSprop costs: give SGD, RowAdagrad"),
        (
            {"sampler": sampler("Influence", proposal=UNIFORM, num_negatives=3)},
            "the sampler Influence costs: give Uniform",
        ),
        ({"model": sampler("NBFNet", hidden_channels=8)}, "the model NBFNet costs: give KGEModel"),
        (
            {"model": sampler("KGEModel", encoder=sampler("RGCN", hidden_channels=8), decoder="DistMult")},
            "the encoder RGCN costs: give Lookup or ShardedLookup",
        ),
        ({"sampler": sampler("Unifrom", num_negatives=3)}, "Uniform"),
        ({"optimizer": "Adam"}, "optimizer: Adam takes no row-sparse gradients, which Lookup gives it: use LazyAdam"),
        (
            {
                "optimizer": "AdamW",
                "model": sampler("KGEModel", encoder=sampler("ShardedLookup", hidden_channels=8), decoder="DistMult"),
            },
            "AdamW takes no row-sparse gradients, which ShardedLookup gives it",
        ),
    ],
)
def test_what_is_not_known_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        found(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampler": sampler("Uniform", num_negatives=-16)}, r"task\.sampler: Uniform\(num_negatives=-16\): give"),
        ({"sampler": sampler("Popular", num_negatives=0)}, r"task\.sampler: Popular\(num_negatives=0\): give"),
        ({"sampler": sampler("Cached", proposal=UNIFORM, num_negatives=5, every=0)}, r"Cached\(every=0\): give"),
        ({"sampler": sampler("PreBatch", batches=0)}, r"PreBatch\(batches=0\): give"),
        ({"sampler": sampler("Nearest", num_negatives=5, num_neighbors=-0.1)}, r"Nearest\(num_neighbors=-0\.1\): give"),
        (
            {"sampler": sampler("Filtered", proposal=sampler("Uniform", num_negatives=0))},
            r"task\.sampler\.proposal: Uniform\(num_negatives=0\): give",
        ),
        ({"sampler": sampler("Uniform", num_negatives=1001)}, "on a graph of 1000 entities: ask for 1 to 1000"),
        ({"sampler": sampler("Cached", proposal=UNIFORM, num_negatives=5, size=1000)}, "of 1000 entities: give fewer"),
        (
            {"sampler": sampler("Nearest", num_negatives=5, num_neighbors=1000)},
            r"task\.sampler: Nearest\(num_neighbors=1000\) on a graph of 1000 entities: give fewer",
        ),
        ({"fit": {"batch_size": -256}}, "batch_size"),
        ({"fit": {"batch_size": 0}}, "batch_size"),
        ({"fit": {"epochs": -3}}, "epochs"),
        ({"optimizer": sampler("LazyAdam", lr=-1.0)}, "lr=-1"),
        ({"optimizer": sampler("Adam", lr=-1.0)}, r"optimizer \(Adam\): Invalid learning rate"),
        ({"scheduler": sampler("LinearLR", start_factor=-1.0)}, r"scheduler \(LinearLR\): Starting"),
        ({"loss": sampler("InfoNCE", temperature=0.0)}, "temperature"),
        ({"evaluation": {"memory_mib": -5.0}}, "memory_mib is -5"),
        (
            {"model": sampler("KGEModel", encoder=sampler("Lookup", hidden_channels=-4), decoder="DistMult")},
            r"task\.model\.encoder: Lookup\(hidden_channels=-4\): give",
        ),
    ],
)
def test_what_training_refuses_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        found(**changes)


def test_a_batch_is_no_larger_than_what_there_is():
    assert found(fit={"batch_size": 9000}).batch == GRAPH.statements
    task = {"class_path": "KvsAll", "init_args": {"model": TREE["task"]["init_args"]["model"]}}
    made = work(plan({**tree(fit={"batch_size": 90_000}), "task": task}), GRAPH)
    assert made.batch == 2 * GRAPH.statements


def test_what_is_not_counted_is_said():
    model = sampler("KGEModel", encoder=sampler("Lookup", hidden_channels=32), decoder="TransH")
    assert found(model=model, fit={"amp": "bfloat16"}, generators=["Mixup"]).notes == (
        "TransH's scores are counted as RotatE's.",
        "Generators are not counted.",
        "Full precision is counted, not fit.amp.",
    )


def test_several_machines_part_the_table():
    made = found(
        optimizer="Adam", model=sampler("KGEModel", encoder=sampler("Lookup", hidden_channels=32), decoder="DistMult")
    )
    assert not made.sparse
    parted = made.parted()
    assert (parted.sparse, parted.sharded, parted.optimizer) == (True, True, "LazyAdam")
    assert [note.split(":")[0][:12] for note in parted.notes] == ["Of several m", "Adam takes n"]
    with pytest.raises(UserError, match="MCNS keeps chains for every query, and several machines"):
        found(sampler=sampler("MCNS", num_negatives=3)).parted()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("All", "All asks for every entity's vector at once"),
        (sampler("Padded", first=UNIFORM, rest="All"), "All asks for every entity's vector at once"),
        (sampler("Hardest", proposal="All", num_negatives=5), "All asks for every entity's vector at once"),
        (sampler("Nearest", num_negatives=5), "Nearest compares every entity with all others"),
    ],
)
def test_what_needs_every_row_is_for_one_machine(given, said):
    with pytest.raises(UserError, match=f"{said}, and several machines cannot share that: plan for one"):
        found(sampler=given).parted()


@pytest.mark.parametrize(("text", "value"), [("90e6", 90_000_000), ("1", 1), ("4,600,000", 4_600_000), ("1_0", 10)])
def test_counts(text, value):
    assert units.count(text, "--entities") == value


@pytest.mark.parametrize(("text", "value"), [("64GiB", 64 << 30), ("1.5 tib", 3 << 39), ("500MB", 500_000_000)])
def test_sizes(text, value):
    assert units.size(text, "--memory") == value


def test_speeds_are_of_bits():
    assert units.speed("10Gbit", "--network") == 1.25e9
    assert units.speed("8 kbit", "--network") == 1000


@pytest.mark.parametrize(
    ("reads", "text"),
    [
        *((units.count, text) for text in ("0", "-3", "1.5", "many", "", "nan", "inf", "1e17")),
        *((units.size, text) for text in ("64", "0GiB", "GiB", "64Gbit", "-1GiB", "64 GiBs", "")),
        *((units.speed, text) for text in ("10", "10GiB", "0Gbit", "fast")),
    ],
)
def test_bad_numbers_are_refused_by_their_option(reads, text):
    with pytest.raises(UserError, match=r"--option.*: give a"):
        reads(text, "--option")
