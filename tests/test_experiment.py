"""One call from a config, or from objects, to a judged run folder that can be read again."""

import json
import shutil
import warnings
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch.optim import SGD, Adagrad, Adam
from torch.optim.lr_scheduler import LambdaLR, StepLR
from torch_geometric.data import HeteroData

import gnnneg
from gnnneg import (
    Both,
    ComplEx,
    DistMult,
    Filtered,
    Fit,
    InfoNCE,
    KGEModel,
    LinkPrediction,
    Lookup,
    Run,
    Uniform,
    UserError,
    from_hetero,
)
from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import assemble, triplets
from gnnneg.datasets import KnowledgeGraph
from gnnneg.evaluation import Ranking, Ranks, Testbed, ranks, summary
from gnnneg.experiment import DataSource, resume, train_config, untrained
from gnnneg.records import Triplets

CONFIG = Path(__file__).parents[1] / "configs" / "synthetic" / "shared.yaml"
QUICK = ["--fit.epochs", "4", "--fit.evaluate_every", "2", "--task.model.encoder.hidden_channels", "16"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run") / "first"
    train_config(CONFIG, QUICK, out, progress=False)
    return out


def lines_of(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def world_of(num_entities: int = 60):
    return gnnneg.world(num_entities).data


def linked(data, width: int = 8, **options) -> LinkPrediction:
    n, r = data["entity"].num_nodes, len(data.relation_names)
    model = KGEModel(Lookup(n, width), ComplEx(r, width))
    return LinkPrediction(model, Both(r), Uniform(n, 8, shared=True), InfoNCE(), **options)


def test_the_folder_holds_what_was_settled(trained):
    names = {path.relative_to(trained).as_posix() for path in trained.rglob("*") if path.is_file()}
    assert names >= {
        "config.yaml",
        "environment.json",
        "metrics.jsonl",
        "result.json",
        "ranks.parquet",
        "model/model.safetensors",
        "model/config.json",
        "model/entities.parquet",
        "model/relations.parquet",
    }
    assert any(name.startswith("checkpoints/") for name in names)
    assert not any(name.endswith(".tmp") for name in names)
    result = json.loads((trained / "result.json").read_text())
    whole = ["dataset", "seed", "best_epoch", "data", "metrics", "time", "memory", "verified_negatives"]
    assert list(result) == whole
    assert (result["data"]["entities"], result["data"]["denied_test"]) == (200, result["verified_negatives"]["denied"])
    assert result["dataset"] == "synthetic"
    test = result["metrics"]["test"]
    assert {"mrr", "mr", "hits@1", "hits@3", "hits@10", "ndcg@5", "amri", "mrr_optimistic", "mrr_pessimistic"} < set(
        test
    )
    assert test["mrr"] == pytest.approx((test["head"]["mrr"] + test["tail"]["mrr"]) / 2)
    assert 0 < test["classification"]["auroc"] <= 1  # the world denies statements in valid and test
    assert list(result["time"]) == ["train_s", "evaluate_s", "triples_per_s"]
    assert list(result["memory"]) == ["peak_rss_mib", "peak_cuda_mib"]
    about = json.loads((trained / "environment.json").read_text())
    assert about["seed"] == 0
    assert about["versions"]["torch"] == torch.__version__
    assert about["device"] in ("cpu", "cuda")
    lines = lines_of(trained)
    assert [line["epoch"] for line in lines if "loss" in line] == [1, 2, 3, 4]
    assert [line["epoch"] for line in lines if "valid" in line] == [2, 4]


def test_what_was_written_says_what_was_measured(trained):
    """Ranks on the disk, the result and a new evaluation of the loaded weights are one and the same."""
    run = Run.load(trained)
    kept = summary(Ranks.from_parquet(trained / "ranks.parquet"))
    for metrics in (kept, run.evaluate()):
        assert {k: v for k, v in run.metrics["test"].items() if k != "classification"} == metrics
    assert run.evaluate("valid") == run.metrics["valid"]
    assert run.classify()[0] == run.metrics["test"]["classification"]
    best = max(line["valid"]["mrr"] for line in lines_of(trained) if "valid" in line)
    assert run.metrics["valid"]["mrr"] == best


def test_ranking_is_filtered_by_all_stated_facts(trained):
    """Worked out by hand for one query, from scores and Python sets."""
    run = Run.load(trained)
    data, model = run.data, run.model
    test = triplets(data, "stated", "test")
    h, r, t = (int(column[0]) for column in test)
    everything = set(zip(*(column.tolist() for column in triplets(data))))
    score = model(None, torch.full((200,), h), torch.full((200,), r), torch.arange(200)).tolist()
    rivals = [score[e] for e in range(200) if (h, r, e) not in everything]
    assert run.ranks().realistic[0] == 1 + sum(s > score[t] for s in rivals) + sum(s == score[t] for s in rivals) / 2


def test_the_same_config_and_seed_give_the_same_run(trained, tmp_path):
    again = train_config(trained / "config.yaml", [], tmp_path / "again", progress=False)
    first = Run.load(trained)
    assert again.metrics == first.metrics
    assert (tmp_path / "again" / "model" / "model.safetensors").read_bytes() == (
        trained / "model" / "model.safetensors"
    ).read_bytes()
    other = train_config(trained / "config.yaml", ["--seed", "1"], tmp_path / "other", progress=False)
    assert other.metrics["test"]["mrr"] != first.metrics["test"]["mrr"]


def test_stopped_and_resumed_equals_uninterrupted(trained, tmp_path, monkeypatch):
    """Stopped by Ctrl-C in the middle of an epoch, again after that, then finished: the same bits."""
    from gnnneg.training import Interrupted

    out, step, calls = tmp_path / "stopped", LinkPrediction.forward, []

    def struck(self, *arguments):
        calls.append(None)
        if len(calls) in (10, 15):
            import signal

            signal.raise_signal(signal.SIGINT)
        return step(self, *arguments)

    monkeypatch.setattr(LinkPrediction, "forward", struck)
    with pytest.raises(Interrupted, match="go on with 'gnnneg resume"):
        train_config(trained / "config.yaml", [], out, progress=False)
    assert Run.load(out).predict(head="person_0", relation="lives_in", k=3).shape == (3, 5)  # usable as it is
    with pytest.raises(Interrupted):
        resume(out, progress=False)
    whole = resume(out, progress=False)
    assert whole.metrics == Run.load(trained).metrics
    weights = Path("model") / "model.safetensors"
    assert (out / weights).read_bytes() == (trained / weights).read_bytes()
    losses = [[line["loss"] for line in lines_of(path) if "loss" in line] for path in (out, trained)]
    assert losses[0] == losses[1]


def test_resuming_a_finished_run_changes_nothing(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "copy")
    assert resume(tmp_path / "copy", progress=False).metrics == Run.load(trained).metrics


def test_nothing_is_overwritten(trained):
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=r"is not empty: go on with 'gnnneg resume .*' or choose another folder"):
        train_config(CONFIG, QUICK, trained, progress=False)
    task = linked(world_of())
    with pytest.raises(UserError, match="is not empty"):
        gnnneg.train(task, world_of(), Adagrad(task.trained(), lr=0.1), out=trained, progress=False)
    assert before == {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}


def test_ten_lines_from_a_data_set_to_predictions(tmp_path):
    """The README's first snippet, on a small data set."""
    data = KnowledgeGraph("synthetic", root=tmp_path / "cache")
    n, r = data[0]["entity"].num_nodes, len(data[0].relation_names)

    model = KGEModel(Lookup(n, 64), DistMult(r, 64))
    task = LinkPrediction(model, Both(r), Uniform(n, 64, shared=True), InfoNCE())
    optimizer = Adagrad(task.trained(), lr=0.1)
    run = gnnneg.train(task, data, optimizer, Fit(epochs=5, batch_size=128), out=tmp_path / "run", progress=False)
    answers = run.predict(head="person_0", relation="colleague_of", k=5)

    assert list(answers.columns) == ["head", "relation", "tail", "score", "known"]
    assert len(answers) == 5
    assert answers["score"].is_monotonic_decreasing
    assert run.metrics["test"]["mrr"] > 0.1
    pd.testing.assert_frame_equal(answers, Run.load(tmp_path / "run").predict("person_0", "colleague_of", k=5))
    assert (
        Run.load(tmp_path / "run").config["data"].items()
        >= {"name": "synthetic", "root": str(tmp_path / "cache")}.items()
    )


def shop() -> HeteroData:
    """A PyG user's own graph, with several node and edge types."""
    draw = torch.Generator().manual_seed(0)
    graph = HeteroData()
    graph["user"].num_nodes, graph["item"].num_nodes, graph["shop"].num_nodes = 30, 40, 5
    for head, name, tail, count in (
        ("user", "buys", "item", 200),
        ("user", "likes", "item", 150),
        ("item", "sold_by", "shop", 80),
    ):
        ends = [torch.randint(graph[kind].num_nodes, (count,), generator=draw) for kind in (head, tail)]
        graph[head, name, tail].edge_index = torch.unique(torch.stack(ends), dim=1)
    return graph


def test_ten_lines_from_a_users_own_graph(tmp_path):
    """The README's second snippet; the run is read again without the script."""
    data = from_hetero(shop(), valid=0.1, test=0.1)
    n, r = data["entity"].num_nodes, len(data.relation_names)

    task = LinkPrediction(KGEModel(Lookup(n, 32), ComplEx(r, 32)), Both(r), Uniform(n, 16), InfoNCE())
    run = gnnneg.train(task, data, Adam(task.trained(), lr=0.01), Fit(epochs=3), out=tmp_path / "shop", progress=False)
    answers = run.predict(head="user_3", relation="buys", k=5, unknown_only=True)

    assert (answers["known"] == "unknown").all()
    again = Run.load(tmp_path / "shop")
    pd.testing.assert_frame_equal(answers, again.predict("user_3", "buys", k=5, unknown_only=True))
    assert again.evaluate() == run.metrics["test"]
    assert resume(tmp_path / "shop", progress=False).metrics == run.metrics


def test_objects_made_in_python_resume_to_the_same_bits(tmp_path):
    """The folder says enough to go on with what was made without a config: scheduler and optimiser too."""

    def go(out: Path | None, epochs: int) -> Run:
        torch.manual_seed(5)
        data = world_of()
        task = linked(data)
        optimizer = SGD(task.trained(), lr=1.0, momentum=0.5)
        scheduler = StepLR(optimizer, step_size=2, gamma=0.5)
        fit = Fit(epochs=epochs, batch_size=64, evaluate_every=1, patience=None)
        return gnnneg.train(task, data, optimizer, fit, scheduler=scheduler, seed=3, out=out, progress=False)

    go(tmp_path / "cut", 3)
    text = (tmp_path / "cut" / "config.yaml").read_text()
    assert "momentum: 0.5" in text
    assert "step_size: 2" in text
    (tmp_path / "cut" / "config.yaml").write_text(text.replace("epochs: 3", "epochs: 6"))
    assert resume(tmp_path / "cut", progress=False).metrics == go(None, 6).metrics


def test_a_scheduler_that_cannot_be_written_down_is_said_before_anything_is_made(tmp_path):
    task = linked(world_of())
    optimizer = SGD(task.trained(), lr=0.1)
    scheduler = LambdaLR(optimizer, lambda epoch: 0.9**epoch)
    with pytest.raises(UserError, match="takes a function, which a config cannot say"):
        gnnneg.train(task, world_of(), optimizer, Fit(epochs=1), scheduler=scheduler, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = world_of()
    task = linked(data)
    run = gnnneg.train(task, data, Adagrad(task.trained(), lr=0.1), Fit(epochs=1), progress=False)
    assert run.evaluate() == {k: v for k, v in run.metrics["test"].items() if k != "classification"}
    assert 0 < run.negatives()["false_negative_rate"] < 0.2
    assert not list(tmp_path.iterdir())


def test_a_graph_that_is_not_in_the_convention_is_told(tmp_path):
    task = linked(world_of())
    with pytest.raises(UserError, match="from_hetero"):
        gnnneg.train(task, shop(), Adagrad(task.trained(), lr=0.1), out=tmp_path / "x", progress=False)
    small = world_of(50)
    with pytest.raises(UserError, match="was made for num_nodes=60, but the data has 50"):
        gnnneg.train(task, small, Adagrad(task.trained(), lr=0.1), out=tmp_path / "x", progress=False)
    assert not (tmp_path / "x").exists()


def test_a_filter_that_knows_the_test_answers_is_told():
    data = world_of()
    n, r = data["entity"].num_nodes, len(data.relation_names)
    leaky = Filtered(Uniform(n, 4), KnownAnswers(triplets(data), n, r))
    task = LinkPrediction(KGEModel(Lookup(n, 8), DistMult(r, 8)), Both(r), leaky, InfoNCE())
    with pytest.warns(UserWarning, match=r"sampler\.known holds other answers than the training facts"):
        gnnneg.train(task, data, Adagrad(task.trained(), lr=0.1), Fit(epochs=1), progress=False)


def test_another_filter_policy_is_recorded_and_warned_about(trained, tmp_path):
    with pytest.warns(UserWarning, match="filtered by the facts of train splits only"):
        run = train_config(
            trained / "config.yaml", ["--evaluation.filter", "[train]"], tmp_path / "raw", progress=False
        )
    assert run.config["evaluation"]["filter"] == ["train"]
    assert run.metrics["test"]["mrr"] < Run.load(trained).metrics["test"]["mrr"]


def test_a_relation_that_training_never_saw_is_asked_all_the_same():
    """Queries are never dropped: its vectors have learnt nothing, and its ranks say so."""
    one, two = torch.arange(20), (torch.arange(20) + 1) % 20
    stated = Triplets(torch.cat([one, one[:6]]), torch.tensor([0] * 20 + [1] * 6), torch.cat([two, two[:6]]))
    split = torch.tensor([0] * 16 + [1] * 2 + [2] * 8)  # relation 1 in test alone
    data = assemble(stated, split, [f"e{i}" for i in range(20)], ["seen", "unseen"])
    task = linked(data)
    run = gnnneg.train(task, data, Adagrad(task.trained(), lr=0.1), Fit(epochs=2, evaluate_every=1), progress=False)
    assert len(run.ranks()) == 2 * 8
    assert (run.ranks().rel_type == 1).sum() == 12
    assert len(run.tables()["relation"]) == 2


def test_tails_are_ranked_among_the_data_sets_own_candidates():
    """Countries ranks regions only: among 3 candidates no tail rank is beyond 3; heads are ranked among all."""
    data = world_of()
    data["entity"].candidate_tails = torch.tensor([1, 2, 3])
    task = linked(data)
    found = Ranking().ranks(task.model, Testbed(data))
    assert int(found.of("tail").candidates.max()) <= 4
    del data["entity"].candidate_tails
    assert torch.equal(found.of("head").pessimistic, Ranking().ranks(task.model, Testbed(data)).of("head").pessimistic)


def test_a_test_split_without_a_validation_split_is_told_of():
    """Nothing stops such a training early, nor chooses among its weights."""
    data = world_of()
    split = data["entity", "stated", "entity"].split
    split[split == 1] = 0
    task = linked(data)
    with pytest.warns(UserWarning, match=r"no validation statements: .* the last weights are kept"):
        gnnneg.train(task, data, Adagrad(task.trained(), lr=0.1), Fit(epochs=2), progress=False)


def test_splits_without_statements():
    data = world_of()
    data["entity", "stated", "entity"].split[:] = 0
    task = linked(data)
    with pytest.warns(UserWarning, match="no test statements"):
        run = gnnneg.train(task, data, Adagrad(task.trained(), lr=0.1), Fit(epochs=2), progress=False)
    assert run.metrics == {}
    with pytest.raises(UserError, match="no test statements to rank"):
        run.evaluate()


def test_negatives_of_the_synthetic_world_are_judged_by_its_whole_truth():
    """False negatives counted by hand from the draws' complement: every entity is drawn once for every query."""
    run = untrained(CONFIG, ["--task.sampler", "All"])
    data, truth = run.data, gnnneg.world().truth
    train = triplets(data, "stated", "train")
    every = set(zip(*(column.tolist() for column in truth)))
    tails, heads = {}, {}
    for h, r, t in every:
        tails[h, r] = tails.get((h, r), 0) + 1
        heads[t, r] = heads.get((t, r), 0) + 1
    questions = list(zip(*(column.tolist() for column in train)))
    wrong = sum(tails[h, r] - 1 + heads[t, r] - 1 for h, r, t in questions)  # All leaves out the target itself
    assert run.negatives()["false_negative_rate"] == pytest.approx(wrong / (2 * len(questions) * 199))


def test_a_runs_sampler_is_as_it_was_trained(tmp_path):
    """A cache filled in training is what the run's negatives are drawn from, now and later."""
    said = {"proposal": {"class_path": "Uniform", "init_args": {"num_negatives": 20}}, "num_negatives": 8}
    tree = {"class_path": "Cached", "init_args": said}
    settings = ["--task.sampler", json.dumps(tree), "--fit.epochs", "4"]
    untouched = untrained(CONFIG, settings).negatives()
    train_config(CONFIG, settings, tmp_path / "run", progress=False)
    found = gnnneg.Run.load(tmp_path / "run").negatives()
    assert untouched["hardness"] < 0.55
    assert found["hardness"] > 0.7
    again = [*settings[:1], json.dumps({**tree, "init_args": {**said, "size": 7}}), *settings[2:]]
    train_config(CONFIG, again, tmp_path / "other", progress=False)
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    shutil.copytree(tmp_path / "other" / "checkpoints", tmp_path / "run" / "checkpoints")
    with pytest.raises(UserError, match=r"belongs to another run or version: 'sampler\.cache' is"):
        gnnneg.Run.load(tmp_path / "run").negatives()
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    assert gnnneg.Run.load(tmp_path / "run").negatives()["hardness"] < 0.55


def test_negatives_of_a_task_without_any():
    with pytest.raises(UserError, match="KvsAll draws no negatives"):
        untrained(CONFIG.with_name("k-vs-all.yaml")).negatives()


@pytest.fixture
def copy(trained, tmp_path) -> Path:
    shutil.copytree(trained, tmp_path / "copy")
    return tmp_path / "copy"


def rewritten(file: str, change):
    def do(run: Path) -> None:
        content = json.loads((run / file).read_text())
        change(content)
        (run / file).write_text(json.dumps(content))

    return do


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda run: (run / "config.yaml").unlink(), "is not a run folder: it has no config.yaml"),
        (lambda run: (run / "config.yaml").write_text("task: [1"), "this is not YAML"),
        (lambda run: (run / "environment.json").unlink(), "environment.json is missing"),
        (rewritten("environment.json", lambda c: c.update(format=99)), "is in run format 99 and this version"),
        (rewritten("environment.json", lambda c: c.pop("format")), "is in run format None"),
        (lambda run: (run / "result.json").write_text("{"), "result.json is damaged"),
        (lambda run: (run / "model" / "config.json").write_text("[]"), "config.json is damaged"),
        (rewritten("model/config.json", lambda c: c.pop("model")), "lacks 'model'"),
        (rewritten("model/config.json", lambda c: c.update(num_nodes=7)), "is for 7 entities"),
        (rewritten("model/config.json", lambda c: c["model"].update(class_path="GPT")), "no Model called 'GPT'"),
        (lambda run: (run / "model" / "model.safetensors").unlink(), "no trained weights"),
        (lambda run: (run / "model" / "model.safetensors").write_bytes(b"x" * 99), "is damaged"),
        (lambda run: (run / "model" / "entities.parquet").unlink(), "entities.parquet is missing"),
        (lambda run: (run / "model" / "relations.parquet").write_bytes(b"PAR1"), "relations.parquet is damaged"),
        (
            lambda run: pd.DataFrame({"name": ["a"]}).to_parquet(run / "model" / "relations.parquet"),
            "synthetic has changed since",
        ),
    ],
)
def test_what_is_wrong_with_a_run_folder_is_told(copy, harm, told):
    harm(copy)
    with pytest.raises(UserError) as caught:
        Run.load(copy).predict(head="person_0", relation="lives_in")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_run_that_has_no_weights_yet(copy):
    (copy / "model" / "model.safetensors").unlink()
    (copy / "result.json").unlink()
    run = Run.load(copy)
    assert run.metrics == {}
    with pytest.raises(UserError, match="no trained weights"):
        run.evaluate()


def test_no_warning_without_a_reason(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_config(CONFIG, [*QUICK, "--fit.epochs", "1"], tmp_path / "quiet", progress=False)


def test_ranks_equal_those_of_evaluation(trained):
    run = Run.load(trained)
    data = run.data
    known = KnownAnswers(triplets(data), 200, 12)
    assert torch.equal(
        run.ranks().optimistic, ranks(run.model, None, triplets(data, "stated", "test"), known).optimistic
    )


def test_what_a_config_may_do_to_the_data():
    """Shares of denied statements, and a hierarchy, reach what is trained on."""
    plain, fewer = DataSource("synthetic").load(), DataSource("synthetic", denied_kept=0.5).load()
    moved = DataSource("synthetic", denied_from_valid=0.5).load()
    taught = DataSource("synthetic", inherit="within").load()
    against = DataSource("synthetic", inherit="within", inherit_denied=True).load()

    def size(data, polarity: str, split: str) -> int:
        return triplets(data, polarity, split).rel_type.numel()

    assert size(fewer, "denied", "train") == pytest.approx(size(plain, "denied", "train") / 2, rel=0.15)
    assert size(moved, "denied", "valid") == pytest.approx(size(plain, "denied", "valid") / 2, rel=0.3)
    assert size(moved, "denied", "train") + size(moved, "denied", "valid") == sum(
        size(plain, "denied", split) for split in ("train", "valid")
    )
    assert size(taught, "stated", "train") > size(plain, "stated", "train")
    assert size(taught, "denied", "train") == size(plain, "denied", "train") < size(against, "denied", "train")
