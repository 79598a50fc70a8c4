"""The code that we show is run as it stands."""

import ast
import re
import shlex
import warnings
from pathlib import Path

import pytest
import yaml

import gnnneg

ROOT = Path(__file__).parents[1]


COUNT = ["--task.sampler.proposal.num_negatives", "16"]


def blocks(file: str, language: str = "python") -> list[str]:
    """The blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / file).read_text(), flags=re.DOTALL | re.MULTILINE)


def test_one_import_is_enough():
    """All that the pages use is in the table of contents, and is taken from there."""
    pages = ["README.md", *(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))]
    code = [ast.parse(block) for page in pages for block in blocks(page)]
    taken = [node for tree in code for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in taken if (node.module or "").split(".")[0] == "gnnneg"]
    assert {node.module for node in ours} == {"gnnneg"}
    assert {name.name for node in ours for name in node.names} <= set(gnnneg.__all__)
    for name in gnnneg.__all__:
        assert getattr(gnnneg, name) is not None


def test_guide_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in blocks("docs/guide.md"):
        exec(compile(block, "docs/guide.md", "exec"), space)
    assert space["graph"]["entity", "denied", "entity"].edge_type.tolist() == [0] * 12
    assert space["grouped"].metrics["test"]["mrr"] > space["run"].metrics["test"]["mrr"] > 0.2
    assert space["same"].config["fit"]["epochs"] == 3
    assert space["figures"]["verified"]["mrr"] > space["figures"]["with_random"]["mrr"] > 0.2
    report = space["report"]
    assert max(report[by]["ece"] for by in ("platt", "isotonic")) < report["score"]["ece"]
    assert space["vectors"]["f1"] > space["control"]["f1"]
    assert 0 < len(space["fair"]) < len(space["label"])
    assert "mrr" in capsys.readouterr().out


def test_emu_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in blocks("docs/emu.md"):
        exec(compile(block, "docs/emu.md", "exec"), space)
    assert space["mutated"].metrics["test"]["mrr"] > space["plain"].metrics["test"]["mrr"] + 0.02
    assert space["figures"]["EMU"]["cosine"] > space["figures"]["sampled"]["cosine"] + 0.2
    assert space["reached"] > 0.9
    assert len(capsys.readouterr().out.splitlines()) >= 2


def test_dans_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in blocks("docs/dans.md"):
        exec(compile(block, "docs/dans.md", "exec"), space)
    assert space["run"].metrics["test"]["mrr"] > 0.05
    told = {"discriminator", "pathways", "film", "rank", "rank_of_real", "known"}
    assert set(space["dans"].monitored()) == told
    figures = space["figures"]
    assert figures["DANS"]["likeness"] < min(figures[f"DANS: {name}"]["likeness"] for name in ("entity", "relation"))
    assert figures["DANS: entity"]["likeness"] > 0.99  # as the page says of the paper's sigma
    assert 0 < space["drawn"]["absent"] < 1
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_a_sampler_of_ones_own_runs(tmp_path, monkeypatch):
    """The file and the config of docs/samplers.md, as a reader would use them."""
    from gnnneg.experiment import train_config, untrained

    corrected, code = blocks("docs/samplers.md")
    space: dict = {}
    exec(compile(corrected, "docs/samplers.md", "exec"), space)
    statements = space["triplets"](space["data"], "stated", "train")
    assert space["task"](space["task"].examples(statements)).isfinite()
    mixed, config = blocks("docs/samplers.md", "yaml")
    assert len(code[code.index("class Rarer") :].splitlines()) <= 20
    (tmp_path / "rarer.py").write_text(code)
    (tmp_path / "rarer.yaml").write_text(config)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    run = train_config("rarer.yaml", [], tmp_path / "run", progress=False, allow="rarer")
    assert run.metrics["test"]["mrr"] > 0.3
    figures = run.negatives()
    uniform = untrained("rarer.yaml", ["--task.sampler.proposal", "Uniform", *COUNT]).negatives()
    assert figures["degree_ratio"] < 0.9 * uniform["degree_ratio"]
    tree = yaml.safe_load(config)
    tree["task"]["init_args"].update(yaml.safe_load(mixed))
    (tmp_path / "mixed.yaml").write_text(yaml.safe_dump(tree))
    assert untrained("mixed.yaml", []).negatives()["hardness"] > 0.54


def test_track_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space: dict = {"__name__": "__main__"}
    for block in blocks("docs/track.md"):
        exec(compile(block, "docs/track.md", "exec"), space)
    assert (tmp_path / "runs" / "hard" / "config.yaml").exists()
    assert "synthetic 0" in capsys.readouterr().out
    (config,) = blocks("docs/track.md", "yaml")
    listed = [one["class_path"] if isinstance(one, dict) else one for one in yaml.safe_load(config)["track"]]
    assert all(issubclass(getattr(gnnneg, name), gnnneg.Watcher) for name in listed)


def test_trust_runs():
    (block,) = blocks("docs/trust.md")
    exec(compile(block, "docs/trust.md", "exec"), {})


def test_processes_run(tmp_path, monkeypatch):
    """In one process, and for two epochs on a small graph."""
    monkeypatch.chdir(tmp_path)
    (code,), (config,) = blocks("docs/processes.md"), blocks("docs/processes.md", "yaml")
    exec(compile(code, "docs/processes.md", "exec"), {})
    (tmp_path / "config.yaml").write_text(config.replace("FB15k-237", "synthetic"))
    small = ["--task.sampler.num_negatives", "50", "--fit.epochs", "2", "--fit.batch_size", "256"]
    run = gnnneg.train_config("config.yaml", small, "run", progress=False)
    assert run.metrics["test"]["mrr"] > 0.1


def test_readme_runs(tmp_path, monkeypatch):
    """Its blocks, on small graphs in place of FB15k-237 and of the reader's own."""
    monkeypatch.chdir(tmp_path)
    world = gnnneg.load("synthetic")
    first, second = blocks("README.md")
    monkeypatch.setattr(gnnneg, "FB15k237", lambda: world, raising=False)
    space: dict = {"my_hetero_data": gnnneg.by_type(world)}
    for stated, small in {
        "data[0]": "data",
        "Uniform(n, 256": "Uniform(n, 64",
        "/m/027rn": world["entity"].names[0],
        "/location/country/form_of_government": world.relation_names[0],
    }.items():
        assert stated in first
        first = first.replace(stated, small)
    exec(compile(first, "README.md", "exec"), space)
    assert len(space["run"].predict(head=world["entity"].names[0], relation=world.relation_names[0], k=5)) == 5
    exec(compile(second.replace("epochs=50", "epochs=5"), "README.md", "exec"), space)
    assert 0 < space["run"].metrics["test"]["mrr"] <= 1


def test_testing_on_another_graph_runs(tmp_path, monkeypatch, capsys):
    from gnnneg.datasets import graphs
    from gnnneg.errors import UserError

    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in blocks("docs/inductive.md"):
        exec(compile(block, "docs/inductive.md", "exec"), space)
    test = space["run"].metrics["test"]
    assert test["mrr"] > 0.7
    assert space["run"].result["test_graph"]["entities"] == 50
    assert 0.9 < test["hits@10_50"] < space["figures"]["hits@10_49"] <= 1
    said = capsys.readouterr().out
    assert "Lookup knows the entities of the graph to train on" in said
    assert "0.9768" in said
    (card,) = blocks("docs/inductive.md", "yaml")
    for name in yaml.safe_load(card)["files"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a\tr\tb\n" if "old" in name else "c\tr\td\n")
    (tmp_path / "dataset.yaml").write_text(card)
    assert [data["entity"].names for data in graphs(tmp_path)] == [["a", "b"], ["c", "d"]]
    (tmp_path / "new" / "test.txt").write_text("c\tr\td\nc\tq\td\n")
    with pytest.raises(UserError, match=r"new/test.txt: .* has no relation .q., .* such as .c. .q. .d."):
        graphs(tmp_path)


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/guide.md",
        "docs/emu.md",
        "docs/dans.md",
        "docs/inductive.md",
        "docs/trust.md",
        "docs/use.md",
        "docs/tune.md",
        "docs/studies.md",
        "docs/curate.md",
        "CONTRIBUTING.md",
    ],
)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
        if "://" not in link:
            assert ((ROOT / page).parent / link).exists(), f"{page} links to {link}"


def test_learning_from_what_is_denied_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in blocks("docs/denied.md"):
        exec(compile(block, "docs/denied.md", "exec"), space)
    found = space["found"]
    assert min(figures["classification"]["accuracy"] for figures in found.values()) > 0.75
    assert min(figures["mrr"] for figures in found.values()) > 0.3
    assert "0 findings" in capsys.readouterr().out


def test_using_a_trained_model_runs(tmp_path, monkeypatch, capsys):
    """The blocks of docs/use.md in their order, its commands too."""
    from gnnneg.cli import main

    monkeypatch.chdir(tmp_path)
    space: dict = {}
    text = (ROOT / "docs/use.md").read_text()
    for language, block in re.findall(r"^```(python|bash)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        if language == "python":
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*came without the statements")
                exec(compile(block, "docs/use.md", "exec"), space)
            continue
        for line in block.splitlines():
            with warnings.catch_warnings():
                warnings.filterwarnings("default", message=".*came without the statements")
                assert main(shlex.split(line)[1:]) == 0, line
    assert space["answers"]["asked"].tolist() == ["tail"] * 3 + ["head"] * 3 + ["relation"] * 3 + ["triple"]
    assert (tmp_path / "answers.parquet").exists()
    said = capsys.readouterr()
    assert "came without the statements of synthetic" in said.err
    assert f"{space['run'].metrics['test']['mrr']:.3f}" in said.out.splitlines()[-3]


def test_choosing_settings_runs(tmp_path, monkeypatch, capsys):
    """The config, the commands and the code of docs/tune.md, with few trials."""
    from gnnneg.cli import main

    monkeypatch.chdir(tmp_path)
    few = {"epochs: 5": "epochs: 2", "--trials 20": "--trials 4", '"tune.yaml", 20': '"tune.yaml", 4'}
    few |= {"--seeds 3": "--seeds 2", "seeds=3": "seeds=2"}

    def fewer(language: str) -> list[str]:
        found = blocks("docs/tune.md", language)
        for much, little in few.items():
            found = [block.replace(much, little) for block in found]
        return found

    (tmp_path / "tune.yaml").write_text(fewer("yaml")[0])
    for line in "".join(fewer("bash")).splitlines():
        words = [str(found) for word in shlex.split(line) for found in sorted(tmp_path.glob(word)) or [word]]
        assert main(words[1:]) == 0, line
    space: dict = {}
    capsys.readouterr()
    exec(compile(fewer("python")[0], "docs/tune.md", "exec"), space)
    said = capsys.readouterr()
    assert said.err == ""  # nothing was trained again
    assert len(space["study"].trials) == 4
    assert "task.sampler" in said.out
    again = yaml.safe_load((tmp_path / "runs/best/result.json").read_text())
    assert again["metrics"]["valid"]["mrr"] == space["best"]
    assert len(space["tested"]) == 2
    assert space["same"].optuna.trials[0].params["optimizer.lr"] == space["study"].trials["optimizer.lr"][0]


def test_a_study_runs(tmp_path, monkeypatch, capsys):
    """The file and the commands of docs/studies.md."""
    from studies.toy import CONFIG

    from gnnneg.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gnnneg.tuning.study.page", lambda about: "")  # pictures take longer than these trials
    (study,) = blocks("docs/studies.md", "yaml")
    (tmp_path / "study.yaml").write_text(study.replace("seeds: 3", "seeds: 1"))
    (tmp_path / "base.yaml").write_text(CONFIG)
    for line in "".join(blocks("docs/studies.md", "bash")).splitlines():
        assert main(shlex.split(line)[1:]) == 0, line
    said = capsys.readouterr().out
    assert "6 jobs, at most about 9 minutes" in said
    assert said.count("3 of 3 trainings have a record") == 2
    assert "# Do more negatives help on a small world?" in (tmp_path / "pages" / "study.md").read_text()
