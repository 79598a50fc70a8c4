"""The command line, as a person meets it: what works, what it says of bad input, and that nothing is lost by either."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch.optim import Adagrad

from gnnneg import Both, DistMult, Fit, InfoNCE, KGEModel, LinkPrediction, Lookup, Uniform, train
from gnnneg.cli import COMMANDS, _warn, main
from gnnneg.cli.settings import parted
from gnnneg.data.statements import assemble, triplets
from gnnneg.datasets import load
from gnnneg.evaluation import pair_classification
from gnnneg.experiment import Run
from gnnneg.experiment.kept import Kept

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / "configs" / "synthetic" / "shared.yaml")
QUICK = ["--fit.epochs", "3", "--fit.evaluate_every", "1", "--task.model.encoder.hidden_channels", "16", "--quiet"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("cli") / "run"
    assert main(["train", CONFIG, "--out", str(out), *QUICK]) == 0
    return out


@pytest.fixture
def copy(trained, tmp_path) -> Path:
    shutil.copytree(trained, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def said(capsys):
    """Runs a command: exit code, standard output, standard error."""

    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return run


def printed(said, *words: object) -> str:
    code, out, err = said(*words)
    assert (code, err) == (0, "")
    return out


def refused(said, *words: object) -> str:
    """The one line that bad input gets."""
    code, out, err = said(*words)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err.strip()


# what works


def test_train_prints_a_table_and_writes_a_run(said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = printed(said, "train", CONFIG, *QUICK, "--seed", "7")
    assert [line.split()[0] for line in out.splitlines() if line][:4] == ["split", "valid", "valid", "valid"]
    result = json.loads((tmp_path / "runs" / "synthetic-shared-7" / "result.json").read_text())
    assert result["seed"] == 7
    assert f"{result['metrics']['test']['mrr']:.3f}" in out


def test_train_tells_the_figure_that_chose(said, tmp_path):
    out = printed(said, "train", CONFIG, *QUICK, "--fit.metric", "triple_f1", "--out", tmp_path / "r")
    found = json.loads((tmp_path / "r" / "result.json").read_text())["metrics"]["valid"]["triple_f1"]
    assert f"\nvalid triple_f1: {found:.4f}, by which the epoch was chosen\n" in out


def test_train_json(said, tmp_path):
    out = printed(said, "train", CONFIG, *QUICK, "--out", tmp_path / "r", "--json")
    assert json.loads(out) == json.loads((tmp_path / "r" / "result.json").read_text())


def test_print_config_builds_nothing(said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = printed(said, "train", CONFIG, "--print-config", "--fit.epochs", "9")
    (tmp_path / "again.yaml").write_text(out)
    assert "epochs: 9" in out
    assert printed(said, "train", "again.yaml", "--print-config") == out
    assert [path.name for path in tmp_path.iterdir()] == ["again.yaml"]


def test_evaluate(said, trained):
    kept = json.loads((trained / "result.json").read_text())["metrics"]["test"]
    fresh = json.loads(printed(said, "evaluate", trained, "--json"))
    assert fresh == {name: value for name, value in kept.items() if name != "classification"}
    assert f"{kept['mrr']:.3f}" in printed(said, "evaluate", trained)
    classified = json.loads(printed(said, "evaluate", trained, "TripleClassification", "--json"))
    assert {name: value for name, value in classified.items() if name != "relations"} == kept["classification"]
    sides = json.loads(printed(said, "evaluate", trained, "--per", "side", "--json"))
    assert {row["stratum"]: row["mrr"] for row in sides} == {side: kept[side]["mrr"] for side in ("head", "tail")}
    assert "citizen_of" in printed(said, "evaluate", trained, "--per", "relation", "--split", "valid")
    relations = json.loads(printed(said, "evaluate", trained, "RelationRanking", "--json"))
    assert relations["mr"] <= 12
    assert "accuracy" in printed(said, "evaluate", trained, "TripleClassification")


def test_predict_in_every_format(said, trained, tmp_path):
    ask = ["predict", trained, "--head", "person_0", "--relation", "lives_in", "--top", "4"]
    rows = json.loads(printed(said, *ask, "--format", "json"))
    frame = pd.read_csv(StringIO(printed(said, *ask, "--format", "csv")))
    assert list(frame.columns) == ["head", "relation", "tail", "score", "known"]
    assert [row["tail"] for row in rows] == list(frame["tail"])
    assert printed(said, *ask, "--format", "parquet", "--out", tmp_path / "a.parquet") == ""
    assert list(pd.read_parquet(tmp_path / "a.parquet")["tail"]) == list(frame["tail"])
    assert printed(said, *ask, "--format", "csv", "--out", tmp_path / "a.csv") == ""
    assert list(pd.read_csv(tmp_path / "a.csv")["tail"]) == list(frame["tail"])
    table = printed(said, *ask)
    assert all(tail in table for tail in frame["tail"])
    assert len(table.splitlines()) == 5


def test_one_triple_has_one_score(said, tmp_path):
    """Inverse relations have parameters of their own: a list of heads has the score of the triple asked whole."""
    run = tmp_path / "run"
    printed(said, "train", CONFIG, "--task.model.decoder.reciprocal", "true", "--out", run, *QUICK)
    ask = ["predict", run, "--relation", "lives_in", "--tail", "city_0", "--format", "json"]
    rows = json.loads(printed(said, *ask, "--top", "5"))
    order = [row["head_score"] for row in rows]
    assert order == sorted(order, reverse=True)
    for row in rows:
        (whole,) = json.loads(printed(said, *ask, "--head", row["head"]))
        assert whole["score"] == pytest.approx(row["score"], abs=1e-5)
        assert whole["head_score"] == pytest.approx(row["head_score"], abs=1e-5)
        assert abs(whole["score"] - whole["head_score"]) > 1e-3
    (tails,) = (json.loads(printed(said, *ask[:4], "--head", rows[0]["head"], "--top", "999", "--format", "json")),)
    assert {row["tail"]: row["score"] for row in tails}["city_0"] == pytest.approx(rows[0]["score"], abs=1e-5)


def test_predict_among_a_type(said, trained):
    """Rows are of the type, ranks are among it, on either side; what is neither is refused."""
    ask = ["predict", trained, "--relation", "lives_in", "--format", "json", "--among", "city"]
    rows = json.loads(printed(said, *ask, "--head", "person_0", "--top", "999"))
    assert {row["tail"].split("_")[0] for row in rows} == {"city"}
    every = json.loads(printed(said, *ask[:-2], "--head", "person_0", "--top", "999"))
    assert [row["tail"] for row in rows] == [r["tail"] for r in every if r["tail"].startswith("city_")]
    heads = json.loads(printed(said, *ask, "--tail", "city_0", "--top", "3"))
    assert {row["head"].split("_")[0] for row in heads} == {"city"}
    (whole,) = json.loads(printed(said, *ask, "--head", "person_0", "--tail", "city_0"))
    assert whole["tail_candidates"] <= len(rows) < whole["head_candidates"]
    ahead = [r for r in rows if r["score"] > whole["score"] and r["known"] not in ("train", "valid", "test")]
    assert whole["tail_rank"] == 1 + len(ahead)
    assert "no type 'town'" in refused(said, *ask[:-1], "town", "--head", "person_0")
    assert "Neither the head nor the tail" in refused(
        said, *ask[:-1], "country", "--head", "person_0", "--tail", "city_0"
    )


def test_no_spreadsheet_works_out_a_name():
    from gnnneg.plain import harmless

    names = ["=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-1", "\tx", "a=b", ""]
    made = harmless(pd.DataFrame({"tail": names, "score": [-1.5] * len(names)}))
    assert made["tail"].tolist() == [*("'" + name for name in names[:5]), *names[5:]]
    assert made["score"].tolist() == [-1.5] * len(names)


def test_a_table_shows_brackets_and_labels(capsys):
    from gnnneg.cli.table import show, spoken

    show(["r3 [b]", "[bold]"], [[1, "[red]x"]], "runs [v1]")
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("r3 [b]", "[bold]", "[red]x", "runs [v1]"))
    frame = pd.DataFrame(
        {"head": ["P04637", "b"], "tail": ["c", "d"], "head_label": ["TP53", ""], "tail_label": ["", "D"]}
    )
    assert spoken(frame).values.tolist() == [["TP53 (P04637)", "c"], ["b", "D (d)"]]


def test_predict_whatever_is_left_out(said, trained):
    def ask(*words: str) -> list[dict]:
        return json.loads(printed(said, "predict", trained, *words, "--format", "json"))

    assert {row["tail"] for row in ask("--relation", "lives_in", "--tail", "city_0")} == {"city_0"}
    assert len({row["relation"] for row in ask("--head", "person_0", "--tail", "city_0")}) == 10
    assert len(ask("--head", "person_0", "--relation", "lives_in", "--tail", "city_0")) == 1
    assert {row["known"] for row in ask("--head", "person_0", "--relation", "lives_in", "--new")} == {"unknown"}


def test_a_prediction_goes_by_paths(said, trained, tmp_path):
    """Each path leads from head to tail along statements; vectors near each other there are none of."""
    run = tmp_path / "paths"
    config = ROOT / "configs" / "synthetic" / "nbfnet.yaml"
    printed(said, "train", config, "--out", run, "--fit.epochs", "1", "--quiet")
    ask = ["--head", "person_0", "--relation", "citizen_of", "--tail", "country_1"]
    (answer,) = json.loads(printed(said, "predict", run, *ask, "--explain", "--top", "3", "--format", "json"))
    assert "nearest" not in answer
    assert 1 <= len(answer["paths"]) <= 3
    data = load("synthetic")
    train = {tuple(row) for row in torch.stack(triplets(data, split="train"), 1).tolist()}
    names = {name: place for place, name in enumerate(data["entity"].names)}
    for path in answer["paths"]:
        words = path["path"].split()
        assert (words[0], words[-1]) == ("person_0", "country_1")
        for source, arrow, target in zip(words[::2], words[1::2], words[2::2]):
            relation = data.relation_names.index(arrow.strip("<->"))
            step = names[source], relation, names[target]
            assert (step if arrow.endswith(">") else step[::-1]) in train
    assert "paths" in printed(said, "predict", run, *ask, "--explain")
    assert "nearest" not in printed(said, "predict", run, *ask)
    assert said("predict", trained, *ask, "--explain")[0] == 2
    assert "KGEModel does not use paths" in said("predict", trained, *ask, "--explain")[2]
    assert "give --explain a whole triple" in said("predict", run, *ask[:4], "--explain")[2]


def test_a_triple_is_explained(said, trained, copy, tmp_path):
    """The rank by the model's own answers, the probability by the run's sigmoid, the nearest by its own vectors."""
    ask = ["--head", "person_0", "--relation", "lives_in", "--tail", "city_0"]
    (answer,) = json.loads(printed(said, "predict", copy, *ask, "--format", "json"))
    kept = json.loads((copy / "calibration.json").read_text())
    logit = kept["platt"]["slope"] * answer["score"] + kept["platt"]["intercept"]
    assert answer["probability"] == pytest.approx(1 / (1 + math.exp(-logit)))

    run = Run.load(copy)
    data, place = run.data, (run.data["entity"].names.index("person_0"), run.data["entity"].names.index("city_0"))
    stated = data["entity", "stated", "entity"]
    lives = data.relation_names.index("lives_in")
    for side, words, given in (("tail", ask[:4], 0), ("head", ask[2:], 1)):
        scores = run.predict(**{word[2:]: name for word, name in zip(words[::2], words[1::2])}, k=999)
        known = stated.edge_index[:, (stated.edge_type == lives) & (stated.edge_index[given] == place[given])]
        answers = {data["entity"].names[i] for i in known[1 - given].tolist()}
        rivals = scores[~scores[side].isin(answers | {answer[side]})]["score"]
        assert answer[f"{side}_rank"] == 1 + (rivals > answer["score"]).sum()
        assert answer[f"{side}_candidates"] == 1 + len(rivals)

    vector = run.model.encoder.weight.detach()
    for polarity in ("stated", "denied"):
        store = data["entity", polarity, "entity"]
        apart = {}
        for (h, t), r in zip(store.edge_index.T.tolist(), store.edge_type.tolist()):
            if r == lives and (h, t) != place:
                gap = (vector[h] - vector[place[0]]).square().sum() + (vector[t] - vector[place[1]]).square().sum()
                apart[data["entity"].names[h], data["entity"].names[t]] = float(gap.sqrt())
        found = [row for row in answer["nearest"] if row["polarity"] == polarity]
        best = sorted(apart, key=apart.get)[:3]
        assert [(row["head"], row["tail"]) for row in found] == best
        assert [row["distance"] for row in found] == pytest.approx([apart[pair] for pair in best], rel=1e-4)

    table = printed(said, "predict", copy, *ask)
    assert f"{answer['tail_rank']:g} of {answer['tail_candidates']}" in table
    assert all(row["head"] in table for row in answer["nearest"])
    assert "nearest denied statements" in table
    assert f"by Platt scaling, fitted on {kept['stated']:,} stated validation statements (" in " ".join(table.split())
    assert f"and {kept['denied']:,} denied ones." in " ".join(table.split())
    frame = pd.read_csv(StringIO(printed(said, "predict", copy, *ask, "--format", "csv")))
    assert frame["probability"].tolist() == pytest.approx([answer["probability"]])
    assert "leave --new out" in refused(said, "predict", copy, *ask, "--new")
    assert "no relation 'lives_on'" in refused(said, "predict", copy, *ask[:2], "--relation", "lives_on", *ask[4:])


def test_calibration_is_kept_for_these_weights(said, copy, monkeypatch):
    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    fresh = json.loads(printed(said, "evaluate", copy, "ProbabilityCalibration", "--json"))
    assert set(fresh["platt"]) == {"brier", "ece"}
    assert fresh["platt"]["brier"] < fresh["score"]["brier"]
    assert fresh["valid"]["drawn"] is fresh["test"]["drawn"] is False
    file = copy / "calibration.json"
    kept = json.loads(file.read_text())
    kept["platt"]["slope"] = -kept["platt"]["slope"]  # what is kept is used ...
    file.write_text(json.dumps(kept))
    again = json.loads(printed(said, "evaluate", copy, "ProbabilityCalibration", "--json"))
    assert again["platt"]["brier"] > fresh["platt"]["brier"]
    file.write_text(json.dumps({**kept, "model": "another"}))  # ... unless it belongs to other weights
    assert json.loads(printed(said, "evaluate", copy, "ProbabilityCalibration", "--json")) == fresh
    assert "Platt scaling" in printed(said, "evaluate", copy, "ProbabilityCalibration")
    file.unlink()
    with monkeypatch.context() as patched:  # a folder that may only be read
        patched.setattr("gnnneg.experiment.folder.replacing", denied)
        assert json.loads(printed(said, "evaluate", copy, "ProbabilityCalibration", "--json")) == fresh
    assert not file.exists()
    printed(said, "evaluate", copy, "ProbabilityCalibration")
    file.write_text(json.dumps({"model": json.loads(file.read_text())["model"]}))
    assert "is damaged" in refused(said, "evaluate", copy, "ProbabilityCalibration")


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("--classification", "TripleClassification"),
        ("--known-negatives", "KnownNegatives"),
        ("--relations", "RelationRanking"),
    ],
)
def test_options_of_an_earlier_version_stand_for_evaluators(said, trained, flag, name):
    code, out, err = said("evaluate", trained, flag, "--json")
    assert (code, out) == (0, printed(said, "evaluate", trained, name, "--json"))
    assert err.count("\n") == 1
    assert f"'{flag}' is now called '{name}'" in err


def test_an_evaluator_is_found_by_its_name_and_takes_its_options(said, trained, tmp_path, monkeypatch):
    few = json.loads(printed(said, "evaluate", trained, "KnownNegatives", "--set", "num_random", "3", "--json"))
    assert few["random"] == 3
    fresh = json.loads(printed(said, "evaluate", trained, "Ranking", "--split", "valid", "--sampled", "3", "--json"))
    assert 0 < fresh["hits@10_3"] <= 1
    wrong = {
        ("KnownNegative",): "there is no Evaluator called 'KnownNegative'; did you mean 'KnownNegatives'?",
        ("KnownNegatives", "--set", "num_randm", "3"): "has no 'num_randm'. Did you mean 'num_random'?",
        ("KnownNegatives", "--set", "num_random", "many"): "num_random should be int, not 'many'.",
        ("KnownNegatives", "--set", "num_random", "-1"): "give a whole number from 0 to",
        ("KnownNegatives", "--per", "side"): "has no 'per'.",
        ("--sampled", "3", "--per", "side"): "leave sampled or per out",
        ("mine.Median",): "add --allow mine",
    }
    for words, sentence in wrong.items():
        assert sentence in refused(said, "evaluate", trained, *words), words
    monkeypatch.chdir(tmp_path)
    page = (Path(CONFIG).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (tmp_path / "mine.py").write_text(re.search(r"```python\n(from gnnneg.evaluation.*?)```", page, re.DOTALL)[1])
    found = json.loads(printed(said, "evaluate", trained, "mine.Median", "--allow", "mine", "--json"))
    ranks = pd.read_parquet(trained / "ranks.parquet")
    assert found == {
        "median": float(torch.tensor((ranks["optimistic"] + ranks["pessimistic"]).to_numpy() / 2).median())
    }
    assert "median" in printed(said, "evaluate", trained, "mine.Median", "--allow", "mine")


def test_known_negatives_and_clusters(said, trained):
    figures = json.loads(printed(said, "evaluate", trained, "KnownNegatives", "--json"))
    kept = json.loads((trained / "result.json").read_text())["metrics"]["test"]
    assert figures["auroc"] == kept["classification"]["auroc"]
    assert figures["queries"] + figures["without_denied"] == 2 * figures["stated"]
    assert sum(row["queries"] for row in figures["relations"]) == figures["queries"]
    assert figures["verified"]["mrr"] > figures["with_random"]["mrr"]
    table = printed(said, "evaluate", trained, "KnownNegatives", "--split", "valid")
    assert "verified head" in table
    assert "without_denied" in table
    clusters = json.loads(printed(said, "evaluate", trained, "Clustering", "--json"))
    assert (clusters["types"], clusters["entities"], len(clusters["seeds"])) == (5, 200, 10)
    assert "ari" in printed(said, "evaluate", trained, "Clustering")


def test_what_the_data_lack_is_said_in_one_sentence(said, trained, tmp_path):
    assert "no labelled pairs" in refused(said, "evaluate", trained, "PairClassification")
    assert "no labelled pairs" in refused(said, "evaluate", trained, "PairClassification", "--split", "valid")
    for evaluator in ("Clustering", "ProbabilityCalibration", "TripleClassification"):
        assert "leave --split out" in refused(said, "evaluate", trained, evaluator, "--split", "valid")
    data = load("synthetic")
    n, r = data["entity"].num_nodes, len(data.relation_names)
    split = data["entity", "stated", "entity"].split
    bare = assemble(triplets(data), split, data["entity"].names, data.relation_names)
    task = LinkPrediction(KGEModel(Lookup(n, 8), DistMult(r, 8)), Both(r), Uniform(n, 4), InfoNCE())
    out = tmp_path / "bare"
    train(task, bare, Adagrad(task.trained(), lr=0.1), Fit(epochs=1), out=out, progress=False)
    assert "split has no denied ones" in refused(said, "evaluate", out, "KnownNegatives")
    assert "have no types" in refused(said, "evaluate", out, "Clustering")
    found = json.loads(printed(said, "evaluate", out, "ProbabilityCalibration", "--json"))  # drawn, and said to be
    assert found["valid"] == {"stated": 107, "denied": 107, "drawn": True}
    assert "107 random, since none is denied" in printed(said, "evaluate", out, "ProbabilityCalibration")
    ask = ["--head", "person_0", "--relation", "lives_in", "--tail", "city_0"]
    assert "No other statement of lives_in is denied." in printed(said, "predict", out, *ask)
    assert "(50 %) and 107 random ones, since none is denied." in printed(said, "predict", out, *ask)


def test_pairs(said, trained, monkeypatch):
    """Labelled pairs of people: colleagues by truth, which the model was trained to tell."""
    run = Run.load(trained)
    data = run.data
    colleague = data.relation_names.index("colleague_of")
    stated = data["entity", "stated", "entity"]
    close = stated.edge_index[:, stated.edge_type == colleague][:, :100]
    people = torch.tensor([name.startswith("person") for name in data["entity"].names]).nonzero()[:, 0]
    apart = people[torch.randint(len(people), (2, 100))]
    data["entity", "pair", "entity"].edge_label_index = torch.cat([close, apart], 1)
    data["entity", "pair", "entity"].edge_label = (torch.arange(200) < 100).long()
    monkeypatch.setattr(Kept, "graphs", [data])
    monkeypatch.setattr("gnnneg.evaluation.pairs.TREES", 10)  # for speed
    said_of = json.loads(printed(said, "evaluate", trained, "PairClassification", "--json"))
    rows = {(row["among"], row["of"], row["features"]): row for row in said_of}
    assert len(rows) == 12
    assert rows["all", "vectors", "hadamard"]["pairs"] == 200
    matched = rows["degree-matched", "vectors", "hadamard"]
    assert matched["positive"] * 2 == matched["pairs"] < 200
    assert rows["all", "vectors", "hadamard"]["auroc"] > rows["all", "random", "hadamard"]["auroc"] + 0.1
    store = data["entity", "pair", "entity"]
    vector = run.model.encoder.weight.detach()
    expected, _ = pair_classification(vector, store.edge_label_index, store.edge_label)
    assert rows["all", "vectors", "hadamard"]["f1"] == expected["f1"]
    assert "degree-matched" in printed(said, "evaluate", trained, "PairClassification")


def test_negatives_of_a_config_and_of_a_run(said, trained):
    for words in ([trained], [CONFIG], [CONFIG, "--task.sampler.num_negatives", "5", "--split", "test"]):
        figures = json.loads(printed(said, "negatives", *words, "--json"))
        assert {"false_negative_rate", "hardness", "perplexity", "coverage", "per_second"} <= set(figures)
        assert 0 < figures["false_negative_rate"] < 0.2
    assert "false_negative_rate" in printed(said, "negatives", trained)
    few = json.loads(printed(said, "negatives", CONFIG, "--statements", "3", "--task.sampler", "All", "--json"))
    assert few["drawn"] == 2 * 3 * 199


def test_pictures_of_negatives(said, tmp_path):
    """A page of their own, a file in the run folder, and from then on a part of the report."""
    run, page = tmp_path / "run", tmp_path / "deep" / "negatives.html"
    emu = '[{"class_path": "EMU", "init_args": {"mutation_ratio": 0.5}}]'
    printed(said, "train", CONFIG, *QUICK, "--task.generators", emu, "--out", run)
    report = tmp_path / "report.html"
    printed(said, "report", run, "--out", report)
    assert "Cosine of negatives" not in report.read_text()
    few = "--statements", "300"
    table = printed(said, "negatives", run, *few, "--plot", page)
    assert "EMU" in table
    assert "cosine" in table
    figures = json.loads(printed(said, "negatives", run, *few, "--json"))["geometry"]
    assert figures["EMU"]["cosine"] > figures["sampled"]["cosine"] + 0.1
    printed(said, "report", run, "--out", report)
    assert "<td>false negative rate</td>" in page.read_text()
    for html in (page.read_text(), report.read_text()):
        assert "Cosine of negatives" in html
        assert html.count("<svg") >= 2
        assert "http" not in html.replace("http://www.w3.org", "")
    (run / "negatives.json").write_text('{"geometry": {"EMU": 3}}')
    code, _, err = said("report", run, "--out", report)
    assert code == 2
    assert "write it again" in err


def test_help_and_version(said):
    from importlib.metadata import version

    assert printed(said, "--version").strip() == f"gnnneg {version('gnnneg')}"
    assert all(command in printed(said) for command in ("train", "predict"))


def test_help_is_quick():
    """No torch, no pandas: what is not needed is not imported."""
    code = (
        "import sys\nfrom gnnneg.cli import main\n"
        "try:\n    main(['train', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'torch_geometric', 'pandas', 'numba', 'rich', 'jsonargparse'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "CONFIG" in done.stdout


@pytest.mark.parametrize(
    ("words", "known", "settings"),
    [
        (["train", "c.yaml", "--fit.epochs", "5"], ["train", "c.yaml"], ["--fit.epochs", "5"]),
        (["train", "--fit.epochs", "5", "c.yaml"], ["train", "c.yaml"], ["--fit.epochs", "5"]),
        (["train", "c.yaml", "--seed=3", "--out", "x"], ["train", "c.yaml", "--out", "x"], ["--seed=3"]),
        (["train", "c", "--optimizer.lr", "-1", "--json"], ["train", "c", "--json"], ["--optimizer.lr", "-1"]),
        (["train", "c", "--seed"], ["train", "c"], ["--seed"]),
        (["predict", "r", "--head", "a.b"], ["predict", "r", "--head", "a.b"], []),
    ],
)
def test_settings_are_told_from_options(words, known, settings):
    assert parted(words) == (known, settings)


# what does not


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["trian", CONFIG], "There is no command 'trian': did you mean 'train'?"),
        (["train"], "The following arguments are required: CONFIG"),
        (["train", "none.yaml"], "Cannot read config none.yaml: No such file or directory."),
        (["train", CONFIG, "--fast"], "--fast"),
        (["train", CONFIG, "--data.name", "FB15k237"], "Unknown data set 'FB15k237': did you mean 'FB15k-237'"),
        (["train", CONFIG, "--task.loss", "InfoNEC"], "no Loss called 'InfoNEC'; did you mean 'InfoNCE'"),
        (["train", CONFIG, "--fit.epoch", "3"], "fit has no 'epoch'. Did you mean 'epochs'?"),
        (["train", CONFIG, "--fit.epochs", "lots"], "fit.epochs should be int, not 'lots'."),
        (["train", CONFIG, "--fit.epochs"], "--fit.epochs needs a value"),
        (["train", CONFIG, "--task.sampler.num_negatives", "201"], "on a graph of 200 entities"),
        (["train", CONFIG, "--fit.metric", "mmr"], "did you mean 'mrr' or"),
        (["train", CONFIG, "--optimizer", "SparseAdam", "--fit.epochs", "1"], "optimiser"),
        (["evaluate", "nowhere"], "nowhere is not a run folder: it has no config.yaml."),
        (["resume", "nowhere"], "nowhere is not a run folder"),
        (["negatives", "nowhere"], "Cannot read config nowhere: No such file or directory."),
        (["evaluate", "nowhere", "--fit.epochs", "1"], "'gnnneg evaluate' takes no settings"),
    ],
    ids=lambda value: " ".join(value[:4:3]) if isinstance(value, list) else "",
)
def test_bad_input_gets_one_sentence(said, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    assert told in refused(said, *words, *(["--quiet"] if words[0] == "train" and len(words) > 1 else []))


@pytest.mark.parametrize(
    "words",
    [
        ["train", CONFIG, "--data.name", "nothing"],
        ["train", CONFIG, "--fit.epochs", "lots"],
        ["train", CONFIG, "--task.sampler.num_negatives", "201"],
    ],
    ids=["data", "type", "size"],
)
def test_bad_input_leaves_nothing_behind(said, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    refused(said, *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content", [b"", b"task: [", b"- 1\n", b"\x80\x81", b"42"], ids=["empty", "cut", "list", "binary", "number"]
)
def test_a_file_that_is_no_config(said, tmp_path, content):
    (tmp_path / "c.yaml").write_bytes(content)
    assert "c.yaml" in refused(said, "train", tmp_path / "c.yaml")
    assert (tmp_path / "c.yaml").read_bytes() == content


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--head", "person_O", "--relation", "lives_in"], "There is no entity 'person_O' in the data; did you mean"),
        (["--head", "person_0", "--relation", "livesin"], "did you mean 'lives_in'"),
        (["--head", "person_0"], "Give two of head, relation and tail"),
        (["--head", "person_0", "--relation", "lives_in", "--top", "0"], "must be at least 1"),
        (["--head", "person_0", "--relation", "lives_in", "--top", "x"], "invalid int value: 'x'"),
        (["--head", "person_0", "--relation", "lives_in", "--format", "xml"], "invalid choice: 'xml'"),
        (["--head", "person_0", "--relation", "lives_in", "--out", "x"], "A table is for the screen"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_questions_that_cannot_be_answered(said, trained, words, told):
    assert told in refused(said, "predict", trained, *words)


def test_a_used_folder_stays_as_it_was(said, copy):
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert f"go on with 'gnnneg resume {copy}'" in refused(said, "train", CONFIG, "--out", copy)
    assert before == {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}


def test_nan_stops_training_and_keeps_the_last_good_checkpoint(said, tmp_path):
    out = tmp_path / "nan"
    words = ["--optimizer", "SGD", "--optimizer.lr", "1e30", "--fit.checkpoint_seconds", "0"]
    told = refused(said, "train", CONFIG, *QUICK, *words, "--out", out)
    assert "step " in told
    assert "the last good checkpoint is" in told
    checkpoint = sorted((out / "checkpoints").glob("*.pt"))[-1]
    assert str(checkpoint) in told
    state = torch.load(checkpoint, weights_only=True)
    assert all(value.isfinite().all() for value in state["task"].values())


@pytest.mark.parametrize("words", [["--optimizer.lr", "1e30"], ["--task.model.encoder.sparse", "true"]])
def test_a_run_that_learnt_nothing_can_be_started_again(said, tmp_path, words):
    """A first step that fails takes its folder with it, and nobody else's files."""
    out, theirs = tmp_path / "run", tmp_path / "kept"
    sgd = ["--optimizer", "SGD"] if "--optimizer.lr" in words else ["--optimizer", "Adam"]
    refused(said, "train", CONFIG, *QUICK, *sgd, *words, "--out", out)
    assert not out.exists()
    (tmp_path / "note.txt").write_text("mine")
    printed(said, "train", CONFIG, *QUICK, "--out", out)
    assert not theirs.exists()


def test_every_file_of_a_run_is_as_readable_as_the_umask_says(trained):
    plain = trained.parent / "plain"
    plain.touch()
    modes = {path.name: oct(path.stat().st_mode) for path in trained.rglob("*") if path.is_file()}
    assert set(modes.values()) == {oct(plain.stat().st_mode)}, modes


def test_a_run_of_another_version(said, copy):
    about = json.loads((copy / "environment.json").read_text())
    (copy / "environment.json").write_text(json.dumps(about | {"format": 2}))
    for command in ("evaluate", "resume", "negatives"):
        assert "is in run format 2 and this version of gnnneg reads format 1" in refused(said, command, copy)


def test_a_tampered_checkpoint_is_not_executed(said, copy, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'pwned'}",)

    for checkpoint in (copy / "checkpoints").glob("*.pt"):
        torch.save({"format": 1, "evil": Evil()}, checkpoint)
    weights = (copy / "model" / "model.safetensors").read_bytes()
    assert "was not opened" in refused(said, "resume", copy, "--quiet")
    assert not (tmp_path / "pwned").exists()
    assert (copy / "model" / "model.safetensors").read_bytes() == weights
    assert json.loads(printed(said, "evaluate", copy, "--json"))["mrr"] > 0  # what was trained is still there


def test_tampered_weights_are_not_executed(said, copy, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'pwned'}",)

    torch.save(Evil(), copy / "model" / "model.safetensors")
    assert "is damaged" in refused(said, "evaluate", copy)
    assert not (tmp_path / "pwned").exists()


def test_classification_needs_denied_statements(said, tmp_path):
    from torch.optim import SGD

    from gnnneg import Fit, Run, train, world
    from gnnneg.experiment import untrained

    data = world(200, denied=0.0).data
    task = untrained(CONFIG).task
    train(task, data, SGD(task.trained(), lr=0.1), Fit(epochs=1), out=tmp_path / "r", progress=False)
    assert "classification" not in Run.load(tmp_path / "r").metrics["test"]
    assert "needs denied statements" in refused(said, "evaluate", tmp_path / "r", "TripleClassification")


def test_debug_shows_where(said, tmp_path):
    code, _, err = said("--debug", "evaluate", tmp_path)
    assert code == 2
    assert "Traceback" in err
    assert err.endswith("it has no config.yaml.\n")


def test_what_nobody_thought_of_is_one_line_too(said, monkeypatch):
    def broken(*_: object) -> None:
        raise KeyError("who knows")

    monkeypatch.setattr("gnnneg.experiment.Run.load", broken)
    code, out, err = said("evaluate", "x")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "Unexpected KeyError" in err


@pytest.mark.parametrize(("size", "rank", "tells"), [("1", "3", True), ("4", "3", False), ("4", "0", True)])
def test_of_several_processes_the_first_one_warns(monkeypatch, capsys, size, rank, tells):
    """A RANK that some cluster sets for a process that is alone silences nothing."""
    monkeypatch.setenv("WORLD_SIZE", size)
    monkeypatch.setenv("RANK", rank)
    _warn("look out", UserWarning)
    assert capsys.readouterr().err == ("Warning: look out\n" if tells else "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("verb", ["evaluate", "negatives"])
def test_a_verb_that_is_struck_ends_in_one_word(said, trained, monkeypatch, number, verb):
    monkeypatch.setattr("gnnneg.experiment.Run.load", lambda *_: signal.raise_signal(number))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has it ignored
    try:
        assert said(verb, trained) == (130, "", "Interrupted.\n")
    finally:
        signal.signal(signal.SIGINT, before)


# killed, struck, gone on with


def started(*words: object) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "gnnneg", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def wait_for(condition, process: subprocess.Popen, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.01)


def ended(*words: object) -> None:
    """Runs a command in a process of its own, to its end."""
    process = started(*words)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err


def test_killed_then_struck_then_resumed_equals_uninterrupted(said, tmp_path, monkeypatch):
    """kill -9 while checkpoints are written at every step, then Ctrl-C, then to the end: the same bits as in one go."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings = ["--fit.epochs", "20", "--fit.evaluate_every", "10", "--fit.checkpoint_seconds", "0", "--quiet"]
    settings += ["--task.model.encoder.hidden_channels", "8", "--device", "cpu"]
    out, whole = tmp_path / "killed", tmp_path / "whole"

    def steps() -> int:
        files = sorted((out / "checkpoints").glob("*.pt"))
        return int(files[-1].stem) if files else -1

    first = started("train", CONFIG, *settings, "--out", out)
    wait_for(lambda: steps() > 0, first)
    first.kill()
    first.communicate()
    assert not (out / "result.json").exists()
    at = steps()
    second = started("resume", out, "--quiet")
    wait_for(lambda: steps() > at, second)
    second.send_signal(signal.SIGINT)
    stdout, stderr = second.communicate(timeout=60)
    assert second.returncode == 130, stderr
    assert stdout == ""
    assert stderr.count("\n") == 1
    assert f"go on with 'gnnneg resume {out}'" in stderr
    assert json.loads(printed(said, "evaluate", out, "--json"))["mrr"] > 0  # usable as it is

    ended("resume", out, "--quiet")
    ended("train", CONFIG, *settings, "--out", whole)
    weights = Path("model") / "model.safetensors"
    assert (out / weights).read_bytes() == (whole / weights).read_bytes()
    results = [json.loads((path / "result.json").read_text()) for path in (out, whole)]
    assert results[0]["metrics"] == results[1]["metrics"]
    assert results[0]["best_epoch"] == results[1]["best_epoch"]
    lines = [
        [json.loads(line)["loss"] for line in (path / "metrics.jsonl").read_text().splitlines() if '"loss"' in line]
        for path in (out, whole)
    ]
    assert lines[0] == lines[1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_closed_pipe_is_no_error_message(trained):
    command = f"{sys.executable} -m gnnneg compare {trained} | true"  # of all tables the soonest there
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""


def test_every_command_is_there():
    """main() loads a module a command."""
    folder = ROOT / "gnnneg" / "cli"
    missing = [name for name in COMMANDS if not (folder / f"{name}.py").exists()]
    assert not missing


@pytest.mark.filterwarnings("default::UserWarning")
def test_a_session_from_training_to_report(said, trained, tmp_path):
    """compare and report read what train wrote."""
    other = tmp_path / "other"
    printed(said, "train", CONFIG, *QUICK, "--seed", "1", "--out", other)
    code, out, err = said("compare", trained, other, "--json")  # may warn that the runs are too close to call
    assert code == 0, err
    assert json.loads(out)
    printed(said, "report", trained, other, "--out", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text().lstrip().startswith("<!")


def test_predict_writes_over_nothing_that_it_reads(said, trained, tmp_path):
    questions, link = tmp_path / "questions.tsv", tmp_path / "link.tsv"
    questions.write_text("head\trelation\ttail\nperson_0\tlives_in\t\n")
    link.symlink_to(questions)
    for out in (questions, link):
        words = ["predict", trained, "--queries", str(questions), "--out", str(out), "--quiet"]
        assert said(*words)[0] == 2
    assert questions.read_text() == "head\trelation\ttail\nperson_0\tlives_in\t\n"


def test_predict_writes_no_file_that_is_called_otherwise(said, trained, tmp_path):
    questions = tmp_path / "questions.tsv"
    questions.write_text("head\trelation\ttail\nperson_0\tlives_in\t\n")
    for name in ("answers.xlsx", "answers.jsonl", "answers.tsv.gz"):
        code, _, err = said("predict", trained, "--queries", str(questions), "--out", str(tmp_path / name), "--quiet")
        assert code == 2, name
        assert err.endswith("call the file so, or say which with --format.\n"), err
        assert not (tmp_path / name).exists()
    for name in ("answers", "answers.txt"):  # a text of no kind is what a terminal would get
        out = tmp_path / name
        assert said("predict", trained, "--queries", str(questions), "--out", str(out), "--quiet")[0] == 0
        assert out.read_text().startswith("question\tasked\trank\t")


def test_predict_gives_all_there_are_where_more_are_asked_for(said, trained, tmp_path):
    questions, out = tmp_path / "questions.tsv", tmp_path / "answers.json"
    questions.write_text("head\trelation\ttail\nperson_0\tlives_in\t\n")
    words = ["predict", trained, "--queries", str(questions), "--out", str(out), "--quiet", "--top", "9" * 30]
    assert said(*words)[0] == 0
    assert len(json.loads(out.read_text())) == 200
