"""A run folder whose model is of another run, or was edited, says so; no other does."""

import copy
import json
import shutil

import pytest
import torch
from experiment.helpers import ring, trained
from torch_geometric.data import Data
from torch_geometric.nn import GCN

from gnnneg import (
    GNN,
    All,
    Fit,
    InfoNCE,
    Inner,
    NodeClassification,
    NodeClassifier,
    Run,
    labelled_graph,
    message_graph,
    resume,
    train,
)
from gnnneg.experiment import plan
from gnnneg.experiment.execute import execute
from gnnneg.experiment.same_model import digest
from gnnneg.experiment.setup import assemble

SIDES = ("positive", "negative")
TASKS = {
    "LinkPrediction": {},
    "KvsAll": {},
    "Dual": {},
    "Dual, one table": {"shared": True},
    "Dual of a given weight": {"weight": 0.5},
}


def model(decoder="DistMult", channels=4, **more):
    encoder = {"class_path": "Lookup", "init_args": {"hidden_channels": channels}}
    return {"class_path": "KGEModel", "init_args": {"encoder": encoder, "decoder": {"class_path": decoder}, **more}}


def config(kind, decoder="DistMult"):
    uniform = {"class_path": "Uniform", "init_args": {"num_negatives": 2}}
    link = {"model": model(decoder), "corruption": "Both", "sampler": uniform, "loss": "InfoNCE"}
    name, said = kind.partition(",")[0].partition(" ")[0], TASKS[kind]
    if name == "KvsAll":
        link = {"model": model(decoder)}
    if name == "Dual":
        side = {"class_path": "LinkPrediction", "init_args": link}
        link = {key: copy.deepcopy(side) for key in SIDES}
    return {
        "data": {"name": "ring"},
        "task": {"class_path": name, "init_args": {**link, **said}},
        "optimizer": {"class_path": "Adagrad", "init_args": {"lr": 0.1}},
        "fit": {"epochs": 1, "batch_size": 16, "evaluate_every": 1, "patience": None},
        "device": "cpu",
    }


def made(kind, path, **options):
    return execute(assemble(plan(config(kind, **options)), ring()), path, named=False, progress=False)


def edited(path, change):
    file = path / "model" / "config.json"
    said = json.loads(file.read_text())
    change(said["model"])
    file.write_text(json.dumps(said))


@pytest.mark.parametrize(
    ("one", "is_it"),
    [
        (model(), True),
        (model("gnnneg.decoders.DistMult"), True),
        (model("gnnneg.decoders.elsewhere.DistMult"), True),
        (dict(reversed(model().items())), True),
        (model("ComplEx"), False),
        (model(channels=8), False),
        (model(dropout=0.5), False),
    ],
)
def test_the_same_classes_and_values(one, is_it):
    assert (digest(one) == digest(model())) is is_it


@pytest.mark.parametrize("kind", TASKS)
def test_a_run_of_any_task_is_its_own(tmp_path, kind):
    """Also where the task builds another model than its config names, and where validation chose a weight."""
    run = made(kind, tmp_path / "run")
    again = Run.load(tmp_path / "run").model  # pytest makes an error of a warning
    for name, value in run.model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


def test_a_run_that_learns_classes_is_its_own(tmp_path):
    node = torch.arange(12)
    data = labelled_graph(
        Data(
            x=torch.randn(12, 3),
            y=node % 2,
            edge_index=torch.stack([node, (node + 1) % 12]),
            train_mask=node < 6,
            val_mask=(node >= 6) & (node < 9),
            test_mask=node >= 9,
        )
    )
    classifier = NodeClassifier(GNN(GCN(3, 4, num_layers=1), 4), Inner(), 2)
    task = NodeClassification(classifier, All(14), InfoNCE(), message_graph(data))
    fit = Fit(epochs=1, batch_size=6, evaluate_every=1, metric="hits@1")
    train(task, data, torch.optim.Adam(task.trained()), fit, out=tmp_path / "run", progress=False)
    assert type(Run.load(tmp_path / "run").model).__name__ == "NodeClassifier"


def test_a_model_of_another_run_is_told_of(tmp_path):
    trained(ring(), tmp_path / "run", 1)
    Run.load(tmp_path / "run").model  # noqa: B018
    shutil.copytree(tmp_path / "run", tmp_path / "other")
    # another decoder whose tables are as large
    edited(tmp_path / "other", lambda said: said["init_args"]["decoder"].update(class_path="DistMult"))
    other = Run.load(tmp_path / "other")
    with pytest.warns(
        UserWarning, match=r"config\.json is of another model than the one that .*other was trained with"
    ):
        assert type(other.model.decoder).__name__ == "DistMult"


def test_one_side_of_a_dual_of_another_run_is_told_of(tmp_path):
    made("Dual", tmp_path / "run")
    made("Dual", tmp_path / "other", decoder="ComplEx")
    shutil.rmtree(tmp_path / "run" / "model")
    shutil.copytree(tmp_path / "other" / "model", tmp_path / "run" / "model")
    with pytest.warns(UserWarning, match=r"config\.json is of another model than the one that .*run was trained with"):
        Run.load(tmp_path / "run").model  # noqa: B018


def test_what_is_described_again_or_was_never_marked_is_believed(tmp_path):
    """A description that was lost is written again by ``resume``; runs of earlier versions keep no mark."""
    made("Dual", run := tmp_path / "run")
    about = json.loads((run / "environment.json").read_text())
    (run / "model" / "config.json").write_text("{")
    resume(run, progress=False)
    assert json.loads((run / "environment.json").read_text()) == about
    Run.load(run).model  # noqa: B018
    del about["model"]
    (run / "environment.json").write_text(json.dumps(about))
    edited(run, lambda said: said["init_args"]["positive"]["init_args"].update(dropout=0.5))
    Run.load(run).model  # noqa: B018
    (run / "model" / "config.json").write_text("{")
    (run / "result.json").unlink()
    resume(run, progress=False)
    assert json.loads((run / "environment.json").read_text())["model"] == digest(
        json.loads((run / "model" / "config.json").read_text())["model"]
    )
