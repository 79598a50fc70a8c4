"""What a model begins with, by name: rows that are known, new ones afresh, and one sentence for what does not fit."""

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from experiment.helpers import TINY, everything, ring, trained
from safetensors.torch import load_file
from torch.optim import Adagrad

import gnnneg
from gnnneg import (
    RGCN,
    Both,
    CompGCN,
    ComplEx,
    Difference,
    DistMult,
    Fit,
    InfoNCE,
    KGEModel,
    LinkPrediction,
    Lookup,
    NBFNet,
    RowAdagrad,
    ShardedLookup,
    TransD,
    Triplets,
    Uniform,
    UserError,
    distributed,
    train,
    warm_start,
)
from gnnneg.cli import main
from gnnneg.data.statements import assemble
from gnnneg.data.vector_files import read_vectors
from gnnneg.experiment import read, resume, train_config


def larger():
    """The ring's entities in another order with two new ones, and a new relation before the old ones."""
    names = ["new", *(f"e{i}" for i in reversed(range(20))), "newer"]
    head, tail = torch.arange(20), (torch.arange(20) + 1) % 22
    split = torch.tensor([0] * 18 + [1, 2])
    return assemble(Triplets(head, torch.arange(20) % 3, tail), split, names, ["older", "after", "next"])


def kept(model, data, out: Path) -> Path:
    """A run of no epochs: its weights are those that the model began with."""
    r = len(data.relation_names)
    task = LinkPrediction(model, Both(r), Uniform(data["entity"].num_nodes, 2), InfoNCE())
    optimizer = RowAdagrad if any(isinstance(part, ShardedLookup) for part in model.modules()) else Adagrad
    train(task, data, optimizer(task.trained(), lr=0.1), Fit(epochs=0), out=out, progress=False)
    return out


MODELS = {
    "ComplEx": lambda n, r: KGEModel(Lookup(n, 4), ComplEx(r, 4, reciprocal=True)),
    "TransD": lambda n, r: KGEModel(Lookup(n, 4), TransD(r, 4)),
    "R-GCN of bases": lambda n, r: KGEModel(RGCN(n, r, 4, num_bases=3, tied_root=True), DistMult(r, 4)),
    "R-GCN of one-hot nodes": lambda n, r: KGEModel(RGCN(n, r, 4, one_hot=True), DistMult(r, 4)),
    "CompGCN": lambda n, r: KGEModel(CompGCN(n, r, 4), DistMult(r, 4, reciprocal=True)),
    "Difference": lambda n, r: Difference(*(KGEModel(Lookup(n, 4), DistMult(r, 4)) for _ in range(2))),
    "NBFNet": lambda n, r: NBFNet(r, 4, num_layers=2),
}


def lined_up(size: int, before: int, name: str) -> list[tuple[int, int]]:
    """Of one dimension the places now and then that are of one name: 20 of 22 entities, 2 of 3 relations in blocks."""
    if size == before:
        return [(i, i) for i in range(size)]
    rows = [None, *reversed(range(20)), None] if size == 22 else [None, 1, 0]
    olds, last = len(rows) - rows.count(None), 1 if name.endswith("comp") else 0  # where the tied root is last
    blocks = (size - last) // len(rows)
    assert (blocks * len(rows) + last, blocks * olds + last) == (size, before), name
    found = [
        (b * len(rows) + row, b * olds + old) for b in range(blocks) for row, old in enumerate(rows) if old is not None
    ]
    return found + [(size - 1, before - 1)] * last


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.filterwarnings("ignore:Ties decide")
def test_rows_find_their_names(tmp_path, kind):
    """Each weight, seen as blocks of rows of entities or of relations, against its own of before."""
    small, large = ring(), larger()
    run = kept(MODELS[kind](20, 2), small, tmp_path / "run")
    given = load_file(run / "model" / "model.safetensors")
    model = MODELS[kind](22, 3)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    state = torch.get_rng_state()
    told = warm_start(model, large, run)
    assert torch.equal(torch.get_rng_state(), state)
    assert (told.entities, told.num_entities, told.relations, told.num_relations) == (20, 22, 2, 3)
    assert told.afresh == ()
    for name, weight in model.state_dict().items():
        was, here = given[name], before[name]
        pairs = [lined_up(*sizes, name) for sizes in zip(weight.shape, was.shape)]
        expected = here.clone()
        for dims in itertools.product(*pairs):
            expected[tuple(to for to, _ in dims)] = was[tuple(source for _, source in dims)]
        assert torch.equal(weight, expected), name
        assert here.unique().numel() == 1 or not torch.equal(weight, here), name


def test_a_sharded_table_is_the_same_table(tmp_path):
    run = kept(KGEModel(ShardedLookup(20, 4), DistMult(2, 4)), ring(), tmp_path / "run")
    model = KGEModel(Lookup(20, 4), DistMult(2, 4))
    warm_start(model, ring(), run)
    assert torch.equal(model.encoder.weight, load_file(run / "model" / "model.safetensors")["encoder.weight"])
    other = KGEModel(ShardedLookup(20, 4), DistMult(2, 4))
    warm_start(other, ring(), run)
    assert torch.equal(other.encoder.weight, model.encoder.weight)


@pytest.mark.parametrize("rank", [0, 1])
def test_of_several_processes_each_takes_its_own_rows(tmp_path, monkeypatch, rank):
    """Rows 0 to 10 and 11 to 21 of the larger ring's, from a run of one process and from vectors."""
    run = kept(KGEModel(Lookup(20, 4), DistMult(2, 4)), ring(), tmp_path / "run")
    assert main(["export", str(run), "--format", "parquet", "--out", str(tmp_path / "v")]) == 0
    whole = KGEModel(Lookup(22, 4), DistMult(3, 4))
    warm_start(whole, larger(), run)
    monkeypatch.setattr(distributed, "size", lambda: 2)
    monkeypatch.setattr(distributed, "rank", lambda: rank)
    for source in (run, tmp_path / "v" / "entities.parquet"):
        part = KGEModel(ShardedLookup(22, 4), DistMult(3, 4))
        drawn = part.encoder.weight.detach().clone()
        assert warm_start(part, larger(), source).entities == 20
        mine = slice(11 * rank, 11 * rank + 11)
        known = [name.startswith("e") for name in larger()["entity"].names][mine]
        expected = torch.where(torch.tensor(known)[:, None], whole.encoder.weight[mine], drawn)
        assert torch.equal(part.encoder.weight, expected)


def test_another_decoder_leaves_its_relations_afresh(tmp_path):
    """Those of ComplEx mean nothing to TransE, but entities have vectors all the same."""
    run = kept(KGEModel(Lookup(20, 4), ComplEx(2, 4)), ring(), tmp_path / "run")
    model = KGEModel(Lookup(20, 4), gnnneg.TransE(2, 4))
    before = model.decoder.relation.weight.clone()
    told = warm_start(model, ring(), run)
    assert told.afresh == ("decoder.relation.weight",)
    assert torch.equal(model.decoder.relation.weight, before)
    assert torch.equal(model.encoder.weight, load_file(run / "model" / "model.safetensors")["encoder.weight"])
    assert "20 of 20 entities" in str(told)
    assert "; decoder.relation.weight afresh." in str(told)


def test_in_python_a_run_begins_where_another_ended(tmp_path, capsys):
    first = trained(ring(), tmp_path / "first")
    model = KGEModel(Lookup(20, 4), ComplEx(2, 4))
    task = LinkPrediction(model, Both(2), Uniform(20, 4), InfoNCE())
    fit = Fit(epochs=0)
    run = train(task, ring(), Adagrad(task.trained(), lr=0.1), fit, out=tmp_path / "run", warm=tmp_path / "first")
    assert run.evaluate() == first.evaluate()
    assert f"Warm start from {tmp_path / 'first'}: 20 of 20 entities and 2 of 2 relations" in capsys.readouterr().err
    about = json.loads((tmp_path / "run" / "environment.json").read_text())["warm"]
    assert (about["source"], about["entities"], about["relations"]) == (str(tmp_path / "first"), 20, 2)
    assert len(about["digest"]) == 16
    assert yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["warm"] == str(tmp_path / "first")
    shutil.rmtree(tmp_path / "first")  # what began with it does not need it any more
    resume(tmp_path / "run", progress=False, overrides=["--fit.epochs", "1"])


# on the command line, with more statements than the first run had


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A world of which a part was held back at first, a run on that part, and one on nothing but more epochs."""
    home = tmp_path_factory.mktemp("warm")
    lines = [f"d{i}\ttreats\tx{i % 5}\n" for i in range(40)] + [f"d{i}\tlike\td{i + 5}\n" for i in range(35)]
    split = [("valid" if i % 9 == 0 else "test" if i % 9 == 1 else "train") for i in range(len(lines))]
    for name, most in (("part", 35), ("whole", 40)):
        (home / f"{name}-files").mkdir()
        for which in ("train", "valid", "test"):
            text = "".join(
                line
                for line, one in zip(lines, split)
                if one == which and all(int(word[1:]) < most for word in line.split() if word[0] == "d" and word[1:])
            )
            (home / f"{name}-files" / f"{which}.tsv").write_text(text)
        assert main(["data", "import", str(home / f"{name}-files"), "--out", str(home / name)]) == 0
    text = TINY.replace("num_negatives: 4", "num_negatives: 16")
    (home / "part.yaml").write_text(text % (home / "part"))
    (home / "whole.yaml").write_text(text % (home / "whole"))
    train_config(home / "part.yaml", ["--fit.epochs", "40"], home / "first", progress=False)
    return home


def test_a_run_is_trained_on_with_more_statements(home, tmp_path, capsys):
    """Five entities are new. Three epochs more are as good as forty, and much better than three from nothing."""
    words = ["train", str(home / "whole.yaml"), "--fit.epochs", "3", "--fit.evaluate_every", "1"]
    assert main([*words, "--out", str(tmp_path / "warm"), "--warm", str(home / "first")]) == 0
    err = capsys.readouterr().err
    assert f"Warm start from {home / 'first'}: 40 of 45 entities and 2 of 2 relations by name, the others" in err
    assert main([*words, "--out", str(tmp_path / "cold"), "--quiet"]) == 0
    warm, cold = (
        json.loads((tmp_path / name / "result.json").read_text())["metrics"]["test"] for name in ("warm", "cold")
    )
    assert warm["mrr"] > cold["mrr"] + 0.1
    assert warm["hits@1"] > cold["hits@1"]


def test_the_command_begins_with_the_weights_of_the_run(home, tmp_path, capsys, monkeypatch):
    """A path is kept whole, so that the run's config makes the same run from everywhere."""
    monkeypatch.chdir(home)
    words = ["--fit.epochs", "0", "--quiet"]
    assert main(["train", "part.yaml", "--warm=first", "--out", str(tmp_path / "same"), *words]) == 0
    assert capsys.readouterr().err == ""
    same = (tmp_path / "same" / "model" / "model.safetensors").read_bytes()
    assert same == (home / "first" / "model" / "model.safetensors").read_bytes()
    monkeypatch.chdir(tmp_path)
    assert main(["train", "same/config.yaml", "--out", "again", *words]) == 0
    assert (tmp_path / "again" / "model" / "model.safetensors").read_bytes() == same
    assert main(["train", "same/config.yaml", "--out", "cold", "--warm", "null", *words]) == 0
    assert (tmp_path / "cold" / "model" / "model.safetensors").read_bytes() != same


def test_vectors_that_were_exported_are_begun_with(home, tmp_path, capsys):
    entities = load_file(home / "first" / "model" / "model.safetensors")["encoder.weight"]
    relations = load_file(home / "first" / "model" / "model.safetensors")["decoder.relation.weight"]
    assert main(["export", str(home / "first"), "--format", "parquet", "--out", str(tmp_path / "p")]) == 0
    assert main(["export", str(home / "first"), "--format", "word2vec", "--out", str(tmp_path / "w")]) == 0
    words = ["train", str(home / "part.yaml"), "--fit.epochs", "0"]
    capsys.readouterr()
    for name, source, both in (
        ("a", tmp_path / "p", True),
        ("b", tmp_path / "w", True),
        ("c", tmp_path / "p" / "entities.parquet", False),
        ("d", tmp_path / "w" / "entities.txt", False),
    ):
        assert main([*words, "--warm", str(source), "--out", str(tmp_path / name)]) == 0
        assert f"40 of 40 entities and {2 if both else 0} of 2 relations by name" in capsys.readouterr().err
        found = load_file(tmp_path / name / "model" / "model.safetensors")
        assert torch.equal(found["encoder.weight"], entities)
        assert torch.equal(found["decoder.relation.weight"], relations) is both


def test_vectors_of_some_reach_those_alone(tmp_path):
    """Names with blanks are words without in word2vec; who is not named keeps its own; who is unknown is passed by."""
    data = ring()
    names = [*(f"e{i}" for i in range(19)), "e nineteen"]
    data = assemble(gnnneg.triplets(data, "stated", "train"), torch.zeros(32, dtype=torch.long), names, ["a", "b"])
    (tmp_path / "v.txt").write_text("e_nineteen 1 2 3 4\nsomebody 9 9 9 9\ne3 -1 0.5 0 2e-1\n")
    model = KGEModel(RGCN(20, 2, 4), DistMult(2, 4))
    before = model.encoder.weight.detach().clone()
    told = warm_start(model, data, tmp_path / "v.txt")
    assert (told.entities, told.relations) == (2, 0)
    before[19], before[3] = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([-1.0, 0.5, 0.0, 0.2])
    assert torch.equal(model.encoder.weight, before)


def test_inverse_relations_have_vectors_too(tmp_path):
    first = KGEModel(Lookup(20, 4), DistMult(2, 4, reciprocal=True))
    run = kept(first, ring(), tmp_path / "run")
    assert main(["export", str(run), "--format", "parquet", "--out", str(tmp_path / "v")]) == 0
    model = KGEModel(Lookup(20, 4), DistMult(2, 4, reciprocal=True))
    told = warm_start(model, ring(), tmp_path / "v")
    assert torch.equal(model.decoder.relation.weight, first.decoder.relation.weight)
    assert (told.entities, told.relations) == (20, 2)


# what does not fit


def test_another_width_is_one_sentence_and_nothing_is_begun(home, tmp_path, capsys):
    words = ["train", str(home / "part.yaml"), "--out", str(tmp_path / "run"), "--quiet"]
    wide, out = ["--task.model.encoder.hidden_channels", "16"], tmp_path / "v"
    assert main(["export", str(home / "first"), "--format", "parquet", "--out", str(out)]) == 0
    (tmp_path / "odd").mkdir()
    cases = [
        ([*wide, "--warm", str(home / "first")], "encoder.weight has the shape (40, 8) in"),
        ([*wide, "--warm", str(home / "first")], "the models differ in encoder.hidden_channels"),
        ([*wide, "--warm", str(out)], "holds vectors of 8 numbers, and encoder.weight takes 16 (--warm)"),
        (["--task.model.decoder.reciprocal", "true", "--warm", str(home / "first")], "decoder.reciprocal"),
        (["--warm", str(tmp_path / "nowhere")], "There is nothing at"),
        (["--warm", str(tmp_path / "odd")], "is no run folder and holds no vectors (--warm)"),
        (["--warm", "3"], "warm should be"),
        (["--warm", ""], "--warm is empty: give a value, or null for none"),
        (["--warm"], "--warm needs a value"),
    ]
    capsys.readouterr()
    before = everything(home / "first")
    for more, sentence in cases:
        assert main([*words, *more]) == 2, more
        err = capsys.readouterr().err
        assert sentence in err
        assert err.count("\n") == 1
        assert not (tmp_path / "run").exists()
    assert everything(home / "first") == before


def test_an_empty_name_is_refused(home):
    with pytest.raises(UserError, match=r"empty name \(--warm\): give a run folder"):
        read(home / "part.yaml", ["--warm", "''"])


def test_what_has_nothing_in_common_is_refused(home, tmp_path):
    model = KGEModel(Lookup(20, 8), ComplEx(2, 8))
    with pytest.raises(UserError, match=r"No entity and no relation of .* is called as one here \(--warm\)"):
        warm_start(model, ring(), home / "first")
    with pytest.raises(UserError, match=r"Nothing of .* fits this model \(--warm\): that is a KGEModel of .*Lookup"):
        warm_start(NBFNet(2, 8, num_layers=2), ring(), home / "first")
    (tmp_path / "v.txt").write_text("somebody 1 2 3 4 5 6 7 8\n")
    with pytest.raises(UserError, match="None of the names of"):
        warm_start(model, ring(), tmp_path / "v.txt")
    with pytest.raises(UserError, match="This model has no tables of vectors of entities"):
        warm_start(NBFNet(2, 8, num_layers=2), ring(), tmp_path / "v.txt")
    with pytest.raises(UserError, match="This model has 2 tables of vectors of entities"):
        warm_start(MODELS["Difference"](20, 2), ring(), tmp_path / "v.txt")
    shutil.copytree(home / "first", tmp_path / "untrained")
    (tmp_path / "untrained" / "model" / "model.safetensors").unlink()
    with pytest.raises(UserError, match="has no trained weights yet"):
        warm_start(model, ring(), tmp_path / "untrained")


WRONG = {
    "has no column 'vector'": ("v.parquet", pd.DataFrame({"name": ["a"], "x": [1.0]})),
    "is of type double: give a list of numbers": ("v.parquet", pd.DataFrame({"name": ["a"], "vector": [1.0]})),
    "all of one width": ("v.parquet", pd.DataFrame({"name": ["a", "b"], "vector": [[1.0], [1.0, 2.0]]})),
    "each row needs a name": ("v.parquet", pd.DataFrame({"name": ["a", None], "vector": [[1.0], [1.0]]})),
    "the vector of 'b' holds numbers that are not finite": (
        "v.parquet",
        pd.DataFrame({"name": ["a", "b"], "vector": [[1.0], [np.nan]]}),
    ),
    "is no parquet file": ("v.parquet", b"PAR1 or not"),
    "v.txt holds no vectors": ("v.txt", b"0 4\n"),
    "v.parquet holds no vectors": (
        "v.parquet",
        pd.DataFrame({"name": ["a"], "vector": [[1.0]]}).iloc[:0].astype({"name": str}),
    ),
    "line 3: 3 words, where a name and 4 numbers should be": ("v.txt", b"2 4\na 1 2 3 4\nb 1 2\n"),
    "line 2: could not convert string to float: 'x', where numbers should be": ("v.txt", b"a 1 2\nb 1 x\n"),
    "is not text in UTF-8": ("v.txt", b"a 1 2\n\xff\xfe 1 2\n"),
    "says at its head that it holds 3 vectors, and holds 2": ("v.txt", b"3 2\na 1 2\nb 1 2\n"),
    "has two vectors for 'a'": ("v.txt", b"a 1 2\na 1 3\n"),
    "line 1: 1 words, where a name and 0 numbers": ("v.txt", b"alone\n"),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_damaged_vectors_are_one_sentence(tmp_path, sentence):
    name, content = WRONG[sentence]
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    else:
        content.to_parquet(tmp_path / name)
    with pytest.raises(UserError) as caught:
        read_vectors(tmp_path / name)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).count(" line ") <= 1, "one sentence, and not one within another"


def test_numbers_of_other_kinds_are_read(tmp_path):
    frame = pd.DataFrame({"name": ["a", "b"], "vector": [np.array([1, 2]), np.array([3, 4])], "more": [0, 0]})
    frame.to_parquet(tmp_path / "v.parquet")
    names, vectors = read_vectors(tmp_path / "v.parquet")
    assert (names, vectors.tolist(), vectors.dtype) == (["a", "b"], [[1.0, 2.0], [3.0, 4.0]], np.float32)
