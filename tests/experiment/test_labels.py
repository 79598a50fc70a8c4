"""What people call things is understood and shown by predictions, paths and negatives; a run's probabilities too."""

import pandas as pd
import pytest
import torch
from experiment.helpers import ring, trained
from torch.optim import Adam

from gnnneg import Both, Fit, InfoNCE, LinkPrediction, Uniform, train
from gnnneg.cli import main
from gnnneg.data.statements import message_graph
from gnnneg.experiment import Run
from gnnneg.models import NBFNet
from gnnneg.report.page import page
from gnnneg.report.reading import read

ASK = "entity 3", "is next to"


def called():
    data = ring()
    data["entity"].labels = [f"entity {i}" if i % 2 else "" for i in range(20)]
    data.relation_labels = ["is next to", ""]
    return data


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(called(), tmp_path_factory.mktemp("labels") / "run").path


def test_lists_have_the_probability_once_somebody_has_asked_for_it(run):
    again = Run.load(run, "cpu")
    assert "probability" not in again.predict(*ASK)
    platt = again.calibration.platt
    for one in (again, Run.load(run, "cpu")):  # the second reads what the first has kept
        for found in (one.predict(*ASK), one.predict(relation="next", tail="entity 3"), one.predict("e3", tail="e4")):
            assert list(found)[3:5] == ["score", "probability"]
            expected = platt(torch.tensor(found["score"].to_numpy())).tolist()
            assert found["probability"].tolist() == pytest.approx(expected)
            assert found["probability"].min() > 0
    explained, _ = again.explain(*ASK, "e4")
    assert list(explained)[-5:-4] == ["probability"]
    assert explained["probability"].item() == pytest.approx(float(platt(torch.tensor(explained["score"].to_numpy()))))
    (run / "calibration.json").unlink()


def test_predictions_and_explanations(run, capsys):
    again = Run.load(run, "cpu")
    found = again.predict(*ASK, k=20)
    assert set(found["relation_label"]) == {"is next to"}
    assert found.set_index("tail")["tail_label"][["e5", "e6"]].tolist() == ["entity 5", ""]
    assert set(again.explain(*ASK, "e4")[1]["relation_label"]) == {"is next to"}
    assert main(["predict", str(run), "--head", "entity 3", "--relation", "is next to", "--tail", "e4"]) == 0
    said = capsys.readouterr().out
    assert "entity 3 (e3)" in said
    assert "is next to (next)" in said
    assert "label" not in said


def test_negatives(run, capsys):
    words = Run.load(run, "cpu").negatives("train")["examples"]
    for one in words:
        for key in ("anchor", "target"):
            number = int(one[key][1:])
            assert one[f"{key}_label"] == (f"entity {number}" if number % 2 else "")
        assert one["relation_label"] == {"next": "is next to", "after": ""}[one["relation"]]
        assert all(
            drawn["label"] == (f"entity {drawn['name'][1:]}" if int(drawn["name"][1:]) % 2 else "")
            for drawn in one["negatives"]
        )
    assert main(["negatives", str(run)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    odd = next(one for one in words if one["target_label"])
    assert f"{odd['target_label']} ({odd['target']})" in said


@pytest.mark.filterwarnings("ignore:Ties decide")
def test_paths():
    data = called()
    torch.manual_seed(0)
    graph = message_graph(data)
    task = LinkPrediction(NBFNet(2, 4, 2), Both(2), Uniform(20, 2), InfoNCE(), graph=graph)
    fit = Fit(epochs=1, batch_size=32)
    found = train(task, data, Adam(task.trained(), lr=0.01), fit, progress=False).paths("entity 3", "is next to", "e4")
    assert found["path"].str.startswith("entity 3 (e3) ").all()
    assert "entity 3 (e3) -is next to (next)-> e4" in set(found["path"])


def test_the_report(run):
    assert set(pd.read_parquet(run / "ranks.parquet")["relation_label"]) == {"is next to", ""}
    html = page([read(run)])
    assert "<td>is next to (next)</td>" in html
    assert "<td>after</td>" in html
