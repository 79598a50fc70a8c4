"""A run folder whose model is of another run, or was edited, says so."""

import json
import shutil

import pytest
from experiment.helpers import ring, trained

from gnnneg import Run
from gnnneg.experiment.same_model import described

LOOKUP = {"class_path": "Lookup", "init_args": {"hidden_channels": 4, "bound": None}}


def model(decoder="DistMult", channels=4, **more):
    encoder = {"class_path": "Lookup", "init_args": {"hidden_channels": channels}}
    return {"class_path": "KGEModel", "init_args": {"encoder": encoder, "decoder": {"class_path": decoder}, **more}}


WHOLE = {"task": {"class_path": "LinkPrediction", "init_args": {"model": model(dropout=0.0), "loss": "BCE"}}}


@pytest.mark.parametrize(
    ("one", "is_it"),
    [
        (model(), True),
        (model("gnnneg.decoders.DistMult"), True),
        (model(dropout=0), True),
        (model("ComplEx"), False),
        (model(channels=8), False),
        (model(dropout=0.5), False),
        (LOOKUP, True),
        ({"class_path": "LinkPrediction", "init_args": {"loss": {"class_path": "BCE"}}}, True),
        ({"class_path": "LinkPrediction", "init_args": {"loss": {"class_path": "InfoNCE"}}}, False),
    ],
)
def test_the_same_classes_and_numbers(one, is_it):
    assert described(one, WHOLE) is is_it
    assert described(one, {"tasks": [WHOLE]}) is is_it


def test_a_model_of_another_run_is_told_of(tmp_path):
    trained(ring(), tmp_path / "run", 1)
    Run.load(tmp_path / "run").model  # noqa: B018
    shutil.copytree(tmp_path / "run", tmp_path / "other")
    file = tmp_path / "other" / "model" / "config.json"
    said = json.loads(file.read_text())
    said["model"]["init_args"]["decoder"]["class_path"] = "DistMult"  # whose tables are as large
    file.write_text(json.dumps(said))
    other = Run.load(tmp_path / "other")
    with pytest.warns(
        UserWarning, match=r"config\.json is of another model than the one that .*other was trained with"
    ):
        assert type(other.model.decoder).__name__ == "DistMult"
