"""A run travels: with its data set, without it, to a machine without a GPU, to somebody who may only read it."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from experiment.helpers import CONFIG, TINY, everything, log, ring, trained, weights

from gnnneg import Run, UserError
from gnnneg.cli import main
from gnnneg.experiment import resume, train_config
from gnnneg.training.checkpoint import load, names, save

ASK = {"head": "d1", "relation": "treats"}


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """A folder with a data set and a run on it, as in the fourth of the cases."""
    home = tmp_path_factory.mktemp("work") / "a"
    home.mkdir()
    lines = {f"d{i}\ttreats\tx{i * j % 5}\n" for i in range(1, 10) for j in (1, 2, 3)}
    (home / "t.tsv").write_text("".join(sorted(lines)))
    (home / "small.yaml").write_text(TINY % (home / "graph"))
    assert main(["data", "import", str(home / "t.tsv"), "--out", str(home / "graph")]) == 0
    assert main(["train", str(home / "small.yaml"), "--out", str(home / "run"), "--quiet"]) == 0
    return home


@pytest.fixture
def moved(original, tmp_path):
    """The same folder elsewhere, where the data set is no longer where the config says."""
    shutil.copytree(original, tmp_path / "b")
    config = tmp_path / "b" / "run" / "config.yaml"
    config.write_text(config.read_text().replace(str(original / "graph"), str(tmp_path / "gone" / "graph")))
    return tmp_path / "b"


def verbs(run: Path) -> list[list[str]]:
    triple = ["--head", "d1", "--relation", "treats", "--tail", "x1"]
    return [
        ["evaluate", str(run)],
        ["evaluate", str(run), "--per", "relation"],
        ["predict", str(run), *triple[:4]],
        ["predict", str(run), *triple[:4], "--new"],
        ["predict", str(run), *triple],
        ["negatives", str(run)],
        ["resume", str(run)],
    ]


def works(run: Path, *more: str) -> None:
    for words in verbs(run):
        assert main([*words, *more]) == 0, words


@pytest.mark.parametrize(
    "place",
    ["graph", "other", "deep/graph", "../graph"],
    ids=["beside", "renamed", "where it lay", "a folder up"],
)
def test_data_that_moved_with_the_run_are_found(moved, place):
    """Beside it under any name, by its card and its statements; or where it lay, as seen from the run."""
    if place == "deep/graph":
        kept = json.loads((moved / "run" / "data.json").read_text())
        (moved / "run" / "data.json").write_text(json.dumps({**kept, "folder": "../deep/graph", "card": None}))
        (moved / "deep").mkdir()
    (moved / "graph").rename(moved / place)
    works(moved / "run")


def test_a_folder_of_the_same_name_that_holds_something_else_is_passed_over(moved):
    (moved / "graph").rename(moved / "z")
    (moved / "u.tsv").write_text("d1\ttreats\tx1\nd2\ttreats\tx2\nd3\ttreats\tx1\n")
    assert main(["data", "import", str(moved / "u.tsv"), "--out", str(moved / "graph")]) == 0
    works(moved / "run")
    shutil.rmtree(moved / "z")
    with pytest.raises(UserError, match=r"graph has changed since .* was trained on it \(entities: 14 then, 5 now"):
        Run.load(moved / "run").evaluate()


def test_the_old_place_was_made_anew_but_the_right_data_lie_beside_the_run(original, tmp_path):
    shutil.copytree(original, tmp_path / "old")
    config = tmp_path / "old" / "run" / "config.yaml"
    config.write_text(config.read_text().replace(str(original / "graph"), str(tmp_path / "old" / "graph")))
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    shutil.rmtree(tmp_path / "old" / "graph")
    (tmp_path / "u.tsv").write_text("d1\ttreats\tx1\nd2\ttreats\tx2\nd3\ttreats\tx1\n")
    assert main(["data", "import", str(tmp_path / "u.tsv"), "--out", str(tmp_path / "old" / "graph")]) == 0
    works(tmp_path / "new" / "run")


def test_data_elsewhere_are_named(moved, tmp_path):
    far = tmp_path / "c" / "d" / "e"
    far.parent.mkdir(parents=True)
    (moved / "graph").rename(far)
    works(moved / "run", "--data.name", str(far))
    assert main(["evaluate", str(moved / "run"), f"--data.name={far}"]) == 0
    with pytest.raises(UserError, match=r"synthetic has changed since .*run was trained on it"):
        Run.load(moved / "run", data="synthetic").evaluate()
    with pytest.raises(UserError, match="nowhere"):
        Run.load(moved / "run", data=str(tmp_path / "nowhere")).evaluate()


@pytest.mark.filterwarnings("default:The data set of:UserWarning")
def test_without_the_data_set_predictions_go_on(moved, capsys):
    """Names and weights lie in the run; only who asks what is known has to wait."""
    run = moved / "run"
    before = Run.load(run).predict(**ASK)
    assert Run.load(run).explain("d1", "treats", "x1")[0]["probability"].notna().all()  # and is kept
    shutil.rmtree(moved / "graph")
    with pytest.warns(UserWarning, match=r"no longer at .*gone/graph.* with --data\.name FOLDER\. Until"):
        after = Run.load(run).predict(**ASK)
    assert list(after["tail"]) == list(before["tail"])
    assert torch.equal(torch.tensor(after["score"]), torch.tensor(before["score"]))
    assert after["known"].isna().all()
    capsys.readouterr()
    assert main(verbs(run)[2]) == 0
    assert "it is unknown which answers are in the data" in capsys.readouterr().err
    assert main([*verbs(run)[4], "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert 0 <= row["probability"] <= 1
    assert "tail_rank" not in row
    assert main(verbs(run)[4]) == 0
    for words in (verbs(run)[0], verbs(run)[3], verbs(run)[5]):
        capsys.readouterr()
        assert main(words) == 2
        said = capsys.readouterr().err
        assert "is no longer at" in said
        assert "data import" not in said
        assert said.count("\n") == 1
    (run / "result.json").unlink()
    with pytest.raises(UserError, match="no longer at"):
        resume(run, progress=False)


def test_a_model_that_looks_at_the_graph_does_not_guess_without(tmp_path, monkeypatch):
    words = ["--fit.epochs", "1", "--device", "cpu", "--task.model.encoder.hidden_channels", "8"]
    train_config(CONFIG.with_name("rgcn.yaml"), words, tmp_path / "run", progress=False)
    from gnnneg.experiment import whereabouts

    def gone(*arguments):
        raise UserError("Cannot fetch it.")

    monkeypatch.setattr(whereabouts.DataSource, "graphs", gone)
    with pytest.raises(UserError, match=r"The data set of .*run is not to be had: Cannot fetch it"):
        Run.load(tmp_path / "run").predict(head="person_0", relation="lives_in")


def test_a_built_in_name_that_is_a_folder_too_is_told(original, tmp_path, monkeypatch):
    """Training and everything later mean the same by it: the built-in one."""
    shutil.copytree(original / "graph", tmp_path / "UMLS")
    (tmp_path / "c.yaml").write_text(TINY % "UMLS")
    monkeypatch.chdir(tmp_path)
    from gnnneg.experiment import read

    with pytest.warns(UserWarning, match=r"UMLS is the built-in data set, not the folder here: write \./UMLS"):
        assert read("c.yaml").plain()["data"]["name"] == "UMLS"
    assert read("c.yaml", ["--data.name", "./UMLS"]).plain()["data"]["name"] == str(tmp_path / "UMLS")


def test_where_downloads_are_kept_is_right_from_every_folder(tmp_path, monkeypatch):
    """And on another machine, where there is no such place, those of that machine are asked."""
    from gnnneg.experiment import read
    from gnnneg.experiment.settings import DataSource
    from gnnneg.experiment.whereabouts import graphs

    (tmp_path / "c.yaml").write_text(TINY % "synthetic")
    monkeypatch.chdir(tmp_path)
    assert read("c.yaml", ["--data.root", "data"]).plain()["data"]["root"] == str(tmp_path / "data")
    asked, graph = [], ring()

    def only_here(self):
        asked.append(self.root)
        if self.root is not None:
            raise UserError("Cannot fetch it.")
        return [graph]

    monkeypatch.setattr(DataSource, "graphs", only_here)
    assert graphs(tmp_path, DataSource("UMLS", "/their/data"), {"graphs": []}, None) == [graph]
    assert asked == ["/their/data", None]


# devices


def from_a_gpu(run: Path) -> None:
    """Says in every place what a run from a GPU says there."""
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("device: cpu", "device: cuda:7"))
    for path in names(run / "checkpoints"):
        state = {key: value for key, value in load(path).items() if key != "format"}
        state["chance"]["run"] = torch.arange(16, dtype=torch.uint8)
        state["chance"]["cuda"] = [torch.arange(16, dtype=torch.uint8)] * 8
        if state["shuffle"] is not None:
            state["shuffle"] = torch.arange(16, dtype=torch.uint8)
        save(path, state)


def test_a_finished_run_from_a_gpu_works_in_every_verb(original, tmp_path):
    shutil.copytree(original, tmp_path / "a")
    run = tmp_path / "a" / "run"
    from_a_gpu(run)
    works(run)
    works(run, "--device", "cpu")
    assert Run.load(run, device="cpu").negatives()["drawn"] > 0
    with pytest.raises(UserError, match="no device 'cuda:99'"):
        Run.load(run, device="cuda:99")


@pytest.mark.parametrize("step", [4, 5])
def test_an_interrupted_run_from_a_gpu_goes_on_here_in_one_way(tmp_path, step):
    """At the end of an epoch and within it; told once each, and the same bits each time."""
    from gnnneg import LinkPrediction

    forward, calls = LinkPrediction.forward, []

    def broken(self, *arguments):
        calls.append(None)
        if len(calls) > step:
            raise ZeroDivisionError
        return forward(self, *arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(LinkPrediction, "forward", broken)
        with pytest.raises(ZeroDivisionError):
            trained(ring(), tmp_path / "a", 4)
    from_a_gpu(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    for run in ("a", "b"):
        with pytest.warns(UserWarning, match="here") as caught:
            resume(tmp_path / run, progress=False)
        assert len(caught) == 2
        assert "was trained on cuda:7, which is not here: it uses the CPU" in str(caught[0].message)
        assert "of another kind of device: its draws begin anew here" in str(caught[1].message)
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert log(tmp_path / "a") == log(tmp_path / "b")
    assert [line["epoch"] for line in log(tmp_path / "a") if "loss" in line] == [1, 2, 3, 4]


def test_the_device_that_is_asked_for_is_not_warned_about(tmp_path):
    trained(ring(), tmp_path / "a")
    config = tmp_path / "a" / "config.yaml"
    config.write_text(config.read_text().replace("device: cpu", "device: cuda:7").replace("epochs: 2", "epochs: 3"))
    assert resume(tmp_path / "a", progress=False, device="cpu").parts.device == torch.device("cpu")


# somebody else's folder


@pytest.mark.filterwarnings("default:A report will not:UserWarning")
@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")])
def test_a_run_is_read_by_who_may_not_write_to_it(original, tmp_path, monkeypatch, capsys, error):
    shutil.copytree(original, tmp_path / "a")
    run = tmp_path / "a" / "run"

    def refused(self, *arguments, **options):
        if self.is_relative_to(run):
            raise error

    before = everything(run)
    for name in ("touch", "unlink", "mkdir", "write_text"):
        monkeypatch.setattr(Path, name, refused)
    for words in verbs(run)[:-1]:
        capsys.readouterr()
        assert main(words) == 0
        told = capsys.readouterr().err
        assert ("A report will not show these negatives" in told) is (words[0] == "negatives")
    monkeypatch.undo()
    assert everything(run) == before


def test_many_ask_at_once(tmp_path):
    """Each writer has a temporary file of its own."""
    from concurrent.futures import ThreadPoolExecutor

    from gnnneg.training.atomic import replacing

    def write(number: int) -> None:
        for _ in range(20):
            with replacing(tmp_path / "calibration.json") as temporary:
                temporary.write_text(f"{number}" * 1000)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    (kept,) = tmp_path.iterdir()
    assert len(kept.read_text()) == 1000
    assert len(set(kept.read_text())) == 1
