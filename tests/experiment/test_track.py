"""Trackers against the real packages: what they kept, read with their own readers; a run that goes on is one run."""

import json
import sys
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace

import pytest
import yaml
from experiment.helpers import TINY, ring, trained

import gnnneg
from gnnneg import MLflow, TensorBoard, UserError, WandB, resume
from gnnneg.cli import main
from gnnneg.errors import MissingExtra
from gnnneg.trackers import figures

pytestmark = [pytest.mark.filterwarnings(f"ignore::{kind}") for kind in ("DeprecationWarning", "FutureWarning")]


def installed(package):
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")


class Once(gnnneg.Watcher):
    """Ends training after an epoch."""

    def begin(self, setup):
        pass

    def record(self, record):
        if "valid" in record and record["epoch"] == 1:
            raise gnnneg.Stop("enough")

    def end(self, result):
        pass


def halves(folder, tracker):
    """A run of two epochs that was stopped after the first and gone on with; its log."""
    with pytest.raises(gnnneg.Stop):
        trained(ring(), folder, epochs=2, track=[tracker, Once()])
    run = resume(folder, progress=False)
    return run, [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@installed("tensorboard")
def test_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run, log = halves(tmp_path / "run", TensorBoard(tags={"by": "me"}))
    kept = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    loss = [(one.step, one.value) for one in kept.Scalars("train/loss")]
    assert loss == [(one["epoch"], pytest.approx(one["loss"])) for one in log if "loss" in one]
    valid = [one["valid"]["mrr"] for one in log if "valid" in one]
    assert [one.value for one in kept.Scalars("valid/mrr")] == pytest.approx(valid)
    assert kept.Scalars("train/lr")[0].value == pytest.approx(0.1)
    assert kept.Scalars("final/test/mrr")[0].value == pytest.approx(run.metrics["test"]["mrr"])
    texts = {tag: kept.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in kept.Tags()["tensors"]}
    assert yaml.safe_load(texts["tags/text_summary"]) == {"dataset": "data", "seed": "0", "by": "me"}
    assert "ComplEx" in texts["config/text_summary"]


@installed("mlflow")
def test_mlflow(tmp_path, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    store = (tmp_path / "store").as_uri()
    run, log = halves(tmp_path / "run", MLflow(store, "rings", {"by": "me"}))
    client = MlflowClient(store)
    (one,) = client.search_runs([client.get_experiment_by_name("rings").experiment_id])
    assert (one.info.status, one.info.run_name) == ("FINISHED", "run")
    assert {"dataset": "data", "seed": "0", "by": "me"}.items() <= one.data.tags.items()
    assert one.data.params["task.model.decoder"] == "ComplEx"
    assert one.data.params["optimizer.lr"] == "0.1"
    kept = [(m.step, m.value) for m in client.get_metric_history(one.info.run_id, "train/loss")]
    assert sorted(kept) == [(r["epoch"], r["loss"]) for r in log if "loss" in r]
    assert one.data.metrics["final/test/mrr"] == run.metrics["test"]["mrr"]
    assert one.data.metrics["final/test/hits_at_10"] == run.metrics["test"]["hits@10"]


def written(file):
    """The records of a W&B file: LevelDB's log, whose blocks have headers of checksum, length and kind."""
    content, place, parts = file.read_bytes(), 7, b""
    assert content.startswith(b":W&B")
    while place + 7 <= len(content):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        size, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        parts += content[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


@installed("wandb")
def test_wandb(tmp_path, monkeypatch):
    import wandb
    from wandb.proto.wandb_internal_pb2 import Record

    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    run, log = halves(tmp_path / "run", WandB("rings", tags={"by": "me"}))
    wandb.teardown()  # its service writes by itself, to the end
    files, losses, said, begun = sorted((tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")), [], {}, []
    assert len(files) == 2
    assert len({file.name for file in files}) == 1  # the same run
    for record in (Record.FromString(line) for file in files for line in written(file)):
        kind = record.WhichOneof("record_type")
        if kind == "history":
            told = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
            losses += [(told["epoch"], told["train/loss"])] if "train/loss" in told else []
        elif kind == "summary":
            said |= {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.summary.update}
        elif kind == "run":
            begun.append(record.run)
    assert losses == [(r["epoch"], pytest.approx(r["loss"])) for r in log if "loss" in r]
    assert said["final/test/mrr"] == pytest.approx(run.metrics["test"]["mrr"])
    assert {one.project for one in begun} == {"rings"}
    assert set(begun[0].tags) == {"dataset:data", "seed:0", "by:me"}
    config = {item.key: json.loads(item.value_json) for item in begun[0].config.update}
    assert config["optimizer"]["init_args"]["lr"] == 0.1


@installed("tensorboard")
def test_by_config(tmp_path, capsys):
    (tmp_path / "tiny.yaml").write_text(TINY % "synthetic")
    out = tmp_path / "run"
    words = ["--track", f"[{{class_path: TensorBoard, init_args: {{folder: {tmp_path}/tb}}}}]", "--fit.epochs", "1"]
    assert main(["train", str(tmp_path / "tiny.yaml"), "--out", str(out), "--quiet", *words]) == 0
    assert list((tmp_path / "tb").glob("events*"))
    assert yaml.safe_load((out / "config.yaml").read_text())["track"][0]["class_path"] == "TensorBoard"


@pytest.mark.parametrize("tracker", ["TensorBoard", "MLflow", "WandB"])
def test_a_missing_package_is_one_sentence_before_anything(tracker, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(figures, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=rf"^{tracker} needs the extra 'track': pip install 'gnnneg\[track\]'\.$"):
        getattr(gnnneg, tracker)()
    (tmp_path / "tiny.yaml").write_text(TINY % "synthetic")
    assert main(["train", str(tmp_path / "tiny.yaml"), "--out", str(tmp_path / "run"), "--track", f"[{tracker}]"]) == 2
    assert capsys.readouterr().err == f"{tracker} needs the extra 'track': pip install 'gnnneg[track]'.\n"
    assert not (tmp_path / "run").exists()


@installed("tensorboard")
def test_no_place_to_write(tmp_path):
    with pytest.raises(UserError, match=r"^TensorBoard has no place to write: give it a folder, or the run one\.$"):
        trained(ring(), None, track=[TensorBoard()])


def test_names():
    tree = {"task": {"class_path": "T", "init_args": {"k": 3, "l": [1, 2], "g": [{"class_path": "G"}]}}, "seed": 0}
    assert figures.settings(tree) == {"task": "T", "task.k": "3", "task.l": "[1, 2]", "task.g.0": "G", "seed": "0"}
    record = {"epoch": 1, "step": 4, "loss": 0.5, "lr": 0.1, "metrics": {"sampler.rank": 6.0}}
    assert figures.told(record) == {"train/step": 4, "train/loss": 0.5, "train/lr": 0.1, "parts/sampler.rank": 6}
    assert figures.told({"epoch": 1, "valid": {"mrr": 0.3}, "seconds": 2}) == {"valid/mrr": 0.3, "valid/seconds": 2}


def test_two_of_one_class_are_two_runs(tmp_path):
    """On another server, the run of the first is not known."""
    first, second, other = object.__new__(MLflow), object.__new__(MLflow), object.__new__(WandB)
    setup = SimpleNamespace(path=tmp_path, track=[first, other, second])
    for tracker, mark in ((first, "a"), (second, "b"), (other, "c")):
        assert figures.before(setup, tracker) is None
        figures.keep(setup, tracker, mark)
    assert [figures.before(setup, one) for one in (first, second, other)] == ["a", "b", "c"]
    assert json.loads((tmp_path / "tracked.json").read_text()) == {"MLflow": "a", "MLflow 2": "b", "WandB": "c"}


def test_an_experiment_that_another_process_has_just_made_is_taken(monkeypatch):
    """Two processes find none, and both make it: the second is told that it is there, and looks again."""

    class MlflowException(Exception):
        pass

    made = {}

    class Client:
        def get_experiment_by_name(self, name):
            return made.get(name)

        def create_experiment(self, name):
            made[name] = SimpleNamespace(experiment_id="7")  # by the other one, in this moment
            raise MlflowException("it exists")

    monkeypatch.setitem(sys.modules, "mlflow", ModuleType("mlflow"))
    monkeypatch.setitem(sys.modules, "mlflow.exceptions", SimpleNamespace(MlflowException=MlflowException))
    tracker = MLflow.__new__(MLflow)
    tracker.experiment, tracker._client = "mine", Client()
    assert tracker._place() == "7"
