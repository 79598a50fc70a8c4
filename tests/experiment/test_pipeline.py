"""One call from data to a judged run: the same as every size written down, and what it refuses."""

from functools import partial
from inspect import unwrap

import pandas as pd
import pytest
import torch
from experiment.helpers import ring, weights
from torch.optim import SGD, Adagrad
from torch_geometric.data import HeteroData

import gnnneg
from gnnneg import (
    Both,
    ComplEx,
    DistMult,
    Fit,
    Hardest,
    InfoNCE,
    KGEModel,
    LinkPrediction,
    Lookup,
    Uniform,
    UserError,
    triplets,
)
from gnnneg.data.frames import from_frames
from gnnneg.training.watching import listed

QUICK = {"fit": Fit(epochs=1, batch_size=16), "progress": False, "device": "cpu"}


def frame(size=20):
    """The ring of the helpers as a table."""
    rows = [(f"e{i}", name, f"e{(i + step) % size}") for step, name in ((1, "next"), (2, "after")) for i in range(size)]
    return pd.DataFrame(rows, columns=["head", "relation", "tail"])


def test_it_is_the_long_form(tmp_path):
    data = ring()
    run = gnnneg.pipeline(data, hidden_channels=4, seed=3, out=tmp_path / "short", **QUICK)
    torch.manual_seed(3)
    task = LinkPrediction(KGEModel(Lookup(20, 4), ComplEx(2, 4)), Both(2), Uniform(20, 20, shared=True), InfoNCE())
    long = gnnneg.train(
        task, data, Adagrad(task.trained(), lr=0.1), QUICK["fit"], seed=3, out=tmp_path / "long", progress=False
    )
    assert weights(tmp_path / "short") == weights(tmp_path / "long")
    assert run.metrics == long.metrics
    assert gnnneg.resume(tmp_path / "short", progress=False).metrics == run.metrics


def test_parts_as_names_classes_partials_and_pieces_of_config():
    """What the data say is filled in at any depth."""
    hard = partial(Hardest, proposal=partial(Uniform, num_negatives=8), num_negatives=2)
    forms = ["DistMult", DistMult, partial(DistMult), {"class_path": "DistMult"}]
    more = {
        "optimizer": partial(SGD, lr=0.2),
        "sampler": hard,
        "penalty": {"class_path": "Lp", "init_args": {"weight": 0.1}},
    }
    runs = [gnnneg.pipeline(ring(), form, hidden_channels=4, **more, **QUICK) for form in forms]
    assert all(run.metrics == runs[0].metrics for run in runs)
    sampler = runs[0].task.sampler
    assert isinstance(sampler, Hardest)
    assert (sampler.proposal.num_nodes, sampler.proposal.num_negatives, sampler.num_negatives) == (20, 8, 2)
    assert runs[0].task.model.encoder.hidden_channels == 4


def test_data_in_every_form():
    table = frame()
    own = HeteroData()
    own["node"].num_nodes = 20
    for step, name in ((1, "next"), (2, "after")):
        one = torch.arange(20)
        own["node", name, "node"].edge_index = torch.stack([one, (one + step) % 20])
    forms = [table, table.to_numpy(), (table[4:], table[:2], table[2:4]), own, "synthetic", gnnneg.SyntheticWorld()]
    sizes = [gnnneg.pipeline(form, hidden_channels=2, **QUICK).result["data"] for form in forms]
    assert [one["train"] + one["valid"] + one["test"] for one in sizes[:4]] == [40] * 4
    one, other = (gnnneg.pipeline(form, hidden_channels=2, seed=5, **QUICK) for form in (table, [table]))
    tested = [triplets(run.data, "stated", "test").head_index.tolist() for run in (one, other)]
    assert tested[0] == tested[1]
    assert one.metrics == other.metrics
    assert (sizes[2]["train"], sizes[2]["valid"], sizes[2]["test"]) == (36, 2, 2)
    assert sizes[4] == sizes[5]


def test_a_table_becomes_a_graph():
    """Numbered in the order of names; other columns are left where the three are named."""
    table = pd.DataFrame({"tail": ["b", "a"], "note": [1, 2], "head": ["a", "c"], "relation": ["s", "r"]})
    with pytest.warns(UserWarning, match="Left out of the table of .*: note"):
        graph = from_frames((table, table[:1]), overlap="keep")
    assert (list(graph["entity"].names), graph.relation_names) == (["a", "b", "c"], ["r", "s"])
    store = graph["entity", "stated", "entity"]
    assert store.edge_index.tolist() == [[0, 2, 0], [1, 0, 1]]
    assert (store.edge_type.tolist(), store.split.tolist()) == ([1, 0, 1], [0, 0, 1])


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (r"^There is no Decoder|^task\.model\.decoder: there is no Decoder called 'ComplX'", {"decoder": "ComplX"}),
        (r"^sampler is a finished Uniform: give the class", {"sampler": Uniform(20, 3)}),
        (r"^decoder: give arguments by name", {"decoder": partial(ComplEx, 2)}),
        (r"^fit and epochs are both given", {"epochs": 3}),
        (r"^model and a part of one are both given", {"model": "KGEModel", "hidden_channels": 3}),
        (r"^task \(LinkPrediction\) has no 'penalti'. Did you mean 'penalty'", {"penalti": "Lp"}),
        (r"^task\.loss should be a Loss, .* not 3\.", {"loss": 3}),
        (r"^optimizer is 3: give a class, its name", {"optimizer": 3}),
        (r"^seed is -1", {"seed": -1}),
    ],
)
def test_refused(words, asked, tmp_path):
    with pytest.raises(UserError, match=words):
        gnnneg.pipeline(ring(), out=tmp_path / "run", **{**QUICK, **asked})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("UMSL", "^Unknown data set 'UMSL'"),
        (3, r"^data is 3: give the name of a data set"),
        (frame()[["head", "tail"]], r"^The table of train has 2 columns \(head, tail\): name three"),
        (frame().assign(tail=None), r"^The table of train has an empty field"),
        ((frame(), frame()[:0]), r"^The table of valid has no rows"),
        ((frame(),) * 4, r"^There are 4 tables"),
        (frame().to_numpy()[None], r"^The array of train has 3 dimensions: give rows"),
        (
            frame().replace({"head": {"e3": " e3"}}),
            r"make the graph with gnnneg\.from_frames or .* to keep them apart with apart=True",
        ),
        ([frame(), frame()[:2]], r"in two splits, .* gnnneg\.from_frames or .* with overlap='drop'"),
    ],
)
def test_data_refused(data, words):
    with pytest.raises(UserError, match=words):
        gnnneg.pipeline(data, **QUICK)


@pytest.mark.parametrize("track", [None, "tensorboard", ["tensorboard"], 3])
def test_watchers_are_watchers(track):
    with pytest.raises(UserError, match=r"^track is .*: give a list of watchers, such as"):
        unwrap(listed)(track)  # without the types that tests check
