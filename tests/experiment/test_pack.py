"""A run in one file: read anywhere without its data set, with the same answers; nothing else is taken out of it."""

import gc
import json
import shutil
import stat
import tempfile
import warnings
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml
from experiment.helpers import CONFIG, QUICK, ring, trained
from torch.optim import Adagrad

from gnnneg import (
    Both,
    Fit,
    InfoNCE,
    KnownAnswers,
    KnownNegatives,
    LinkPrediction,
    NBFNet,
    Uniform,
    message_graph,
    pack,
    resume,
    train,
    train_config,
    triplets,
)
from gnnneg.cli import main
from gnnneg.errors import UserError
from gnnneg.evaluation import ranks, summary
from gnnneg.experiment import Run, unpacked
from gnnneg.experiment.unpacked import FILES

GRAPH = {"statements.parquet", "attributes.safetensors"}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """On a data set that is known by its name, with types, so that its folder has no statements."""
    return train_config(CONFIG, QUICK, tmp_path_factory.mktemp("pack") / "run", progress=False)


@pytest.fixture(scope="module")
def file(run, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("packed") / "model.zip"
    pack(run, out)
    return out


def quietly(call, *args, **options):
    """What it gives; that the data set is missing is said once."""
    with pytest.warns(UserWarning, match="came without the statements of synthetic"):
        return call(*args, **options)


def test_the_same_answers_without_the_data_set(run, file):
    packed = Run.load(file)
    ask = {"head": "person_0", "relation": "lives_in", "k": 5}
    here, there = run.predict(**ask), quietly(packed.predict, **ask)
    assert there["known"].isna().all()
    assert here.drop(columns="known").equals(there.drop(columns="known"))
    assert "probability" in there
    cities = quietly(packed.predict, **ask, among="city")
    assert cities["tail"].tolist() == run.predict(**ask, among="city")["tail"].tolist()
    frame = pd.DataFrame({"head": ["person_0", None], "relation": "lives_in", "tail": [None, "city_0"]})
    mine, theirs = run.predict_many(frame, 3, among="city"), quietly(packed.predict_many, frame, 3, among="city")
    assert mine.drop(columns="known").equals(theirs.drop(columns="known"))
    assert packed.neighbors("city_0", among="city").equals(run.neighbors("city_0", among="city"))
    assert packed.vectors().entities.equals(run.vectors().entities)
    with pytest.raises(UserError, match=r"model.zip came without the statements of synthetic: give the name or folder"):
        packed.predict(**ask, unknown_only=True)


def test_with_the_data_set_by_its_name(run, file):
    packed = Run.load(file, data="synthetic")
    ask = {"head": "person_0", "relation": "lives_in", "k": 5}
    assert packed.predict(**ask).equals(run.predict(**ask))
    assert packed.evaluate() == run.evaluate()


def test_what_is_in_it(run, file, tmp_path):
    with zipfile.ZipFile(file) as archive:
        names = set(archive.namelist())
        text = {name: archive.read(name).decode() for name in names if name.endswith((".json", ".yaml", ".md"))}
    assert names <= FILES
    assert names & GRAPH == {"attributes.safetensors"}
    assert {"README.md", "calibration.json", "result.json", "model/model.safetensors"} <= names
    assert not any(str(Path(run.path).parent) in one for one in text.values())
    assert "command" not in json.loads(text["environment.json"])
    assert yaml.safe_load(text["config.yaml"])["task"] == yaml.safe_load((run.path / "config.yaml").read_text())["task"]
    card = text["README.md"]
    assert card.startswith("# KGEModel and Lookup and")
    assert f"{run.metrics['test']['mrr']:.3f}" in card
    assert f"epoch {run.result['best_epoch']} of at most 2, the best by mrr on" in card
    assert "Licence of the data: " in card
    assert "fitted on" in card
    assert 'Run.load("model.zip")' in card
    pack(Run.load(run.path), tmp_path / "model.zip")
    assert (tmp_path / "model.zip").read_bytes() == file.read_bytes()


def test_the_licence_is_that_of_the_data_s_card(run, tmp_path, monkeypatch):
    from gnnneg.data.catalogue import card
    from gnnneg.experiment import card as module

    monkeypatch.setattr(module, "_card_of", lambda kept: card("FB13"))
    pack(Run.load(run.path), tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        text = archive.read("README.md").decode()
    assert module._words(card("FB13").licence) in text
    assert module._words(card("FB13").citation) in text


def written(run: Run, path: Path, denied: bool = False) -> Path:
    """The test statements of a run as a file."""
    rows = []
    for polarity in ("stated", "denied") if denied else ("stated",):
        for h, r, t in zip(*(column.tolist() for column in triplets(run.data, polarity, "test"))):
            names = run.data["entity"].names
            rows.append([names[h], run.data.relation_names[r], names[t], polarity])
    frame = pd.DataFrame(rows, columns=["head", "relation", "tail", "label"])
    (frame if denied else frame.drop(columns="label")).to_csv(path, sep="\t", index=False)
    return path


def test_judged_on_given_files(run, file, tmp_path):
    """Of its own test statements the figures are its own; without the data set, those filtered by the file alone."""
    given = written(run, tmp_path / "test.tsv")
    assert run.evaluate(data=given) == run.evaluate()
    assert Run.load(file, data="synthetic").evaluate(data=[given]) == run.evaluate()
    both = written(run, tmp_path / "both.tsv", denied=True)
    assert run.evaluate(KnownNegatives(), data=both).figures == run.evaluate(KnownNegatives()).figures
    alone = quietly(Run.load(file).evaluate, data=given)
    tested = triplets(run.data, "stated", "test")
    known = KnownAnswers(tested, run.testbed.num_nodes, run.testbed.num_relations)
    assert alone == summary(ranks(run.model, None, tested, known))
    assert alone["mrr"] < run.evaluate()["mrr"]


def test_given_files_that_will_not_do(run, file, tmp_path, capsys):
    (tmp_path / "a.tsv").write_text("head\trelation\ttail\nperson_0\tlives_in\tcity_0\nnobody\tknows\tcity_0\n")
    assert main(["evaluate", str(run.path), "--data", str(tmp_path / "a.tsv")]) == 2
    err = capsys.readouterr().err
    assert "2 names in 1 of 2 statements are not of one entity or relation" in err
    assert "'nobody' (head, row 1)" in err
    assert "skip-unknown" not in err
    with pytest.raises(UserError, match="is a folder: give files"):
        run.evaluate(data=tmp_path)


@pytest.mark.filterwarnings("ignore:Ties decide")
def test_a_model_that_looks_at_its_graph_takes_it_along(tmp_path, capsys):
    data = ring()
    task = LinkPrediction(NBFNet(2, 4, 2), Both(2), Uniform(20, 4), InfoNCE(), graph=message_graph(data))
    run = train(task, data, Adagrad(task.trained(), lr=0.05), Fit(epochs=1), out=tmp_path / "run", progress=False)
    assert main(["pack", str(tmp_path / "run"), str(tmp_path / "model.zip")]) == 0
    assert "since the model looks at its graph: its licence holds" in capsys.readouterr().out
    packed = Run.load(tmp_path / "model.zip")
    ask = {"head": "e0", "relation": "next", "k": 5}
    assert packed.predict(**ask)[["tail", "known"]].equals(run.predict(**ask)[["tail", "known"]])
    assert packed.evaluate() == run.evaluate()
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        assert set(archive.namelist()) >= GRAPH
        assert "the statements of the data set**, which the model needs" in archive.read("README.md").decode()


@pytest.mark.filterwarnings("ignore:Ties decide")
def test_a_model_that_is_tested_on_another_graph(tmp_path):
    """Questions go to the graph that has their names, all of them to one; a pack has both graphs."""
    data, other = ring(), ring()
    other["entity"].names = [f"f{i}" for i in range(20)]
    task = LinkPrediction(NBFNet(2, 4, 2), Both(2), Uniform(20, 4), InfoNCE(), graph=message_graph(data))
    optimizer = Adagrad(task.trained(), lr=0.05)
    run = train(task, data, optimizer, Fit(epochs=1), out=tmp_path / "run", progress=False, test_graph=other)
    pack(run, tmp_path / "model.zip")
    packed = Run.load(tmp_path / "model.zip")
    assert packed.evaluate() == run.evaluate()
    for letter in "ef":
        frame = pd.DataFrame({"head": [f"{letter}0", f"{letter}3"], "relation": "next"})
        many = packed.predict_many(frame, k=4)
        for number, head in enumerate(frame["head"]):
            alone = run.predict(head, "next", k=4)
            assert many[many["question"] == number]["tail"].tolist() == alone["tail"].tolist()
            assert many[many["question"] == number]["known"].tolist() == alone["known"].tolist()
    with pytest.raises(UserError, match="There is no entity 'e0'"):
        packed.predict_many(pd.DataFrame({"head": ["e0", "f0"], "relation": "next"}))


def test_own_statements_come_along_if_asked(tmp_path):
    run = trained(ring(), tmp_path / "run")
    pack(run, tmp_path / "without.zip")
    pack(run, tmp_path / "with.zip", statements=True)
    assert Run.load(tmp_path / "with.zip").evaluate() == run.evaluate()
    with zipfile.ZipFile(tmp_path / "without.zip") as archive:
        assert "statements.parquet" not in archive.namelist()


@pytest.mark.filterwarnings("default:.*came without the statements", "default:Left out")
def test_the_command_line(run, file, tmp_path, capsys):
    assert main(["pack", str(run.path), str(tmp_path / "m.zip")]) == 0
    assert "The statements of the data set are not in it." in capsys.readouterr().out
    assert main(["predict", str(file), "--head", "person_0", "--relation", "lives_in", "--tail", "city_0"]) == 0
    said = capsys.readouterr()
    assert "by Platt scaling" in said.out
    assert "came without the statements" in said.err
    (tmp_path / "q.tsv").write_text("head\trelation\nperson_0\tlives_in\nnobody\tlives_in\n")
    ask = ["predict", str(file), "--queries", str(tmp_path / "q.tsv"), "--out", str(tmp_path / "a.json"), "--quiet"]
    assert main(ask) == 2
    assert "line 3: There is no entity 'nobody'" in capsys.readouterr().err
    assert not (tmp_path / "a.json").exists()
    assert main([*ask, "--skip-unknown", "--among", "city", "--top", "2"]) == 0
    assert "Left out: " in capsys.readouterr().err
    rows = json.loads((tmp_path / "a.json").read_text())
    assert [(row["question"], row["asked"], row["rank"]) for row in rows] == [(0, "tail", 1), (0, "tail", 2)]
    (tmp_path / "few.txt").write_text("city_3\n\ncity_1\n")
    words = ["--queries", str(tmp_path / "q.tsv"), "--skip-unknown", "--among-names", str(tmp_path / "few.txt")]
    assert main(["predict", str(run.path), *words]) == 0
    said = capsys.readouterr()
    lines = [line.split("\t") for line in said.out.splitlines()]
    assert lines[0][:6] == ["question", "asked", "rank", "head", "relation", "tail"]
    assert {line[5] for line in lines[1:]} == {"city_1", "city_3"}
    assert "1 questions in" in said.err
    for more, wrong in (
        (["--head", "person_0"], "--queries asks what its file says: leave --head out"),
        (["--format", "table"], "are no table for the screen"),
    ):
        assert main(["predict", str(run.path), *words, *more]) == 2
        assert wrong in capsys.readouterr().err
    for words in (["compare", str(file)], ["report", str(file)], ["resume", str(file)], ["negatives", str(file)]):
        assert main(words) == 2
        assert capsys.readouterr().err.count("\n") == 1
    given = written(run, tmp_path / "test.tsv")
    assert main(["evaluate", str(file), "--data", str(given), "--data.name", "synthetic", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(run.evaluate()))


def test_refused(run, file, tmp_path):
    for out, wrong in (
        (file, "exists: choose another name"),
        (tmp_path / "m.tar", r"the ending \.zip"),
    ):
        with pytest.raises(UserError, match=wrong):
            pack(run, out)
    with pytest.raises(UserError, match="A run without a folder cannot be packed"):
        pack(trained(ring(), None), tmp_path / "m.zip")
    with pytest.raises(UserError, match="only a run folder can be resumed"):
        resume(file)
    assert list(tmp_path.iterdir()) == []


def changed(file: Path, out: Path, **entries: bytes) -> Path:
    """The same pack with other entries, or more of them."""
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            if name not in entries:
                target.writestr(name, source.read(name))
        for name, content in entries.items():
            target.writestr(name, content)
    return out


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "model/../../evil", "evil.py", "model\\..\\evil", "model/"])
def test_what_would_be_written_elsewhere_is_refused(file, tmp_path, name, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "tmp").mkdir()
    with pytest.raises(UserError, match="which 'gnnneg pack' never packs"):
        Run.load(changed(file, tmp_path / "model.zip", **{name: b"x"}))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["model.zip", "tmp"]


def test_a_link_becomes_a_file(file, tmp_path):
    link = zipfile.ZipInfo("result.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    changed(file, tmp_path / "model.zip", **{"result.json": b"{}"})
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as target, zipfile.ZipFile(tmp_path / "model.zip") as source:
        for name in set(source.namelist()) - {"result.json"}:
            target.writestr(name, source.read(name))
        target.writestr(link, b"/etc/passwd")
    with pytest.raises(UserError, match=r"result\.json is damaged"):
        Run.load(tmp_path / "other.zip")


def test_files_that_are_no_packs(file, tmp_path, monkeypatch):
    whole = file.read_bytes()
    half = tmp_path / "half.zip"
    half.write_bytes(whole[: len(whole) // 2])
    spoilt = tmp_path / "spoilt.zip"
    spoilt.write_bytes(whole[:3000] + b"\0" * 64 + whole[3064:])
    for path in (half, spoilt):
        with pytest.raises(UserError, match="neither a run folder nor a whole file of 'gnnneg pack'"):
            Run.load(path)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("config.yaml", b"data: {}")
    with pytest.raises(UserError, match="is not what 'gnnneg pack' made"):
        Run.load(tmp_path / "other.zip")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's own, of the second name
        with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
            archive.writestr("pack.json", b"{}")
            archive.writestr("pack.json", b"{}")
    with pytest.raises(UserError, match="holds a file twice"):
        Run.load(tmp_path / "twice.zip")
    monkeypatch.setattr(unpacked, "LARGEST", 1000)
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pack.json", b" " * 10_000_000)
    with pytest.raises(UserError, match="would become 9 MiB"):
        Run.load(bomb)


def test_a_pack_brings_no_code(file, tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with zipfile.ZipFile(file) as archive:
        said = json.loads(archive.read("model/config.json"))
    said["model"]["class_path"] = "evil.Model"
    other = changed(file, tmp_path / "model.zip", **{"model/config.json": json.dumps(said).encode()})
    with pytest.raises(UserError, match="evil"):
        Run.load(other).model  # noqa: B018


def test_it_is_gone_with_who_read_it(file):
    run = Run.load(file)
    home = run.path.parent
    assert home.exists()
    assert run.path.name == "model.zip"
    del run
    gc.collect()
    assert not home.exists()


@pytest.mark.parametrize(
    "name", ["calibration.json", "attributes.safetensors", "result.json", "README.md", "data.json"]
)
def test_a_pack_that_has_lost_a_file_is_not_read_as_if_there_had_been_none(file, tmp_path, name):
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(tmp_path / "model.zip", "w") as target:
        for inside in set(source.namelist()) - {name}:
            target.writestr(inside, source.read(inside))
    with pytest.raises(UserError, match=rf"model\.zip lacks '{name}', which was packed: copy it again"):
        Run.load(tmp_path / "model.zip")


@pytest.mark.parametrize("content", [b"garbage", b"[]", b'{"files": 3}'])
def test_a_pack_whose_list_is_damaged(file, tmp_path, content):
    with pytest.raises(UserError, match=r"model\.zip is damaged in its pack\.json"):
        Run.load(changed(file, tmp_path / "model.zip", **{"pack.json": content}))


@pytest.mark.filterwarnings("ignore:.*says another warm")
def test_other_runs_and_servers_are_no_business_of_who_gets_it(run, tmp_path):
    """A warm start and trackers: neither their settings nor a path."""
    own = Path(shutil.copytree(run.path, tmp_path / "own"))
    config = yaml.safe_load((own / "config.yaml").read_text())
    config |= {"warm": str(run.path), "track": [{"class_path": "TensorBoard", "init_args": {"folder": "/secret"}}]}
    (own / "config.yaml").write_text(yaml.safe_dump(config))
    pack(Run.load(own), tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith((".json", ".yaml", ".md"))]
        text = {name: archive.read(name).decode() for name in names}
    assert not any(words in one for words in (str(run.path), "/secret", str(tmp_path)) for one in text.values())
    assert not {"warm", "track"} & set(yaml.safe_load(text["config.yaml"]))
