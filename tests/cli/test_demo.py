"""The demo tells its story: three configs that differ in their negatives alone, and questions that have answers."""

import shlex
from importlib.resources import files
from pathlib import Path

import pytest

from gnnneg.cli import demo, main
from gnnneg.config import Tree
from gnnneg.data.statements import SPLITS, triplets
from gnnneg.datasets import load
from gnnneg.experiment import Run, read
from gnnneg.report.tables import flat


def shipped(kind: str) -> Path:
    return Path(str(files("gnnneg") / "demo" / f"{kind}.yaml"))


def test_three_configs_differ_in_their_negatives_alone():
    plain: list[Tree] = [flat(read(shipped(kind)).plain(), short=True) for kind in demo.KINDS]
    for one in plain[1:]:
        unlike = {key for key in one.keys() | plain[0].keys() if one.get(key, ...) != plain[0].get(key, ...)}
        assert unlike
        assert all(key.startswith(("task.sampler", "task.generators")) for key in unlike), unlike


def test_what_is_asked_was_held_back_and_what_is_refused_is_denied():
    data = load("Town")
    number = data["entity"].names.index
    head, relation, denied = number(demo.WHO), data.relation_names.index(demo.ASKS), number(demo.DENIED)
    said = [*zip(*(column.tolist() for column in triplets(data, "denied", "test")))]
    assert (head, relation, denied) in said
    found = {
        split: [(h, r) for h, r, _ in zip(*(c.tolist() for c in triplets(data, "stated", split)))] for split in SPLITS
    }
    assert (head, relation) in found["test"]
    assert (head, relation) not in found["train"]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The questions of the demo, asked of runs that were trained for an epoch."""
    out = tmp_path_factory.mktemp("demo")
    for kind in demo.KINDS:
        quick = ["--fit.epochs", "2", "--fit.evaluate_every", "1", "--quiet"]
        assert main(["train", str(shipped(kind)), "--out", str(out / f"{kind}-0"), *quick]) == 0
    return out


@pytest.mark.parametrize("place", range(len(demo.KINDS), len(demo.STORY)))
def test_each_question_has_an_answer(told, place, capsys):
    words = {"out": told, "runs": f"{told}/random-* {told}/hard-* {told}/denied-*", "who": demo.WHO, "asks": demo.ASKS}
    firsts = " ".join(f"{told}/{kind}-0" for kind in demo.KINDS)
    line = demo.STORY[place][1].format(**words, denied=demo.DENIED, firsts=firsts)
    assert main([file for word in shlex.split(line) for file in demo._expanded(word)]) == 0
    printed = capsys.readouterr().out
    if line.startswith("compare"):  # eight columns that fit on a screen
        table = printed.split("\n\n")[0].splitlines()
        assert table[0].split() == ["run", "data", "seeds", "mrr", "hits@1", "hits@10", "auroc", "training"]
        assert max(map(len, table)) <= 100
        assert len(table) == 1 + len(demo.KINDS)


def test_negatives_that_are_true_are_named(told):
    run = Run.load(told / "random-0")
    found = run.negatives(statements=100, true=5)["false_negatives"]
    data = load("Town")
    from gnnneg.data.synthetic import world

    true = set(zip(*(column.tolist() for column in world(300, plausible=1.0, named=True).truth)))
    number, kinds = data["entity"].names.index, data.relation_names.index
    assert len(found) == 5
    for one in found:
        ends = [number(one["anchor"]), number(one["name"])]
        head, tail = ends if one["side"] == "tail" else ends[::-1]
        assert (head, kinds(one["relation"]), tail) in true
        assert one["name"] != one["target"]
    share = [one["percentile"] for one in found]
    assert share == sorted(share, reverse=True)
    assert "false_negatives" not in run.negatives(statements=100)
    assert main(["negatives", str(told / "random-0"), "--true", "-1"]) == 2


def test_a_folder_that_is_used_stays_as_it_was(tmp_path, capsys):
    (tmp_path / "mine").write_text("x")
    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert "--out" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert main(["demo", "--out", str(tmp_path / "new"), "--seeds", "0"]) == 2
    assert not (tmp_path / "new").exists()


def test_configs_alone(tmp_path, capsys):
    assert main(["demo", "--configs", "--out", str(tmp_path / "town")]) == 0
    written = [Path(line) for line in capsys.readouterr().out.split()]
    assert [path.read_text() for path in written] == [shipped(kind).read_text() for kind in demo.KINDS]
    assert sorted(path.name for path in (tmp_path / "town").iterdir()) == ["configs"]
