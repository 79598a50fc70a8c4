import argparse
import io
import json
import os
import re
import shlex
import shutil
import signal
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from gnnneg.cli import data as command
from gnnneg.cli import main
from gnnneg.data.catalogue import names
from gnnneg.data.synthetic import world
from gnnneg.datasets import load
from gnnneg.documents import parse_yaml
from gnnneg.errors import UserError

MIRROR = Path(os.environ.get("GNNNEG_MIRROR") or Path(__file__).parents[3] / "shared" / "datasets")
needs_mirror = pytest.mark.skipif(not (MIRROR / "Nations").is_dir(), reason=f"no mirror of the data sets at {MIRROR}")


def run(*args: object) -> int:
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    parsed = parser.parse_args(["data", *map(str, args)])
    return int(parsed.run(parsed))


def test_an_import_tells_what_became_of_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the way that users take: the seed reaches the split, and a folder's files are named."""
    rows = [f"e{i}\tr{j}\te{(i + j + 1) % 8}\tnote" for i in range(8) for j in range(5)]
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "train.txt").write_text("\n".join(rows))
    (tmp_path / "f" / "notes.md").write_text("")
    assert main(["data", "import", str(tmp_path / "f"), "--out", str(tmp_path / "2024")]) == 0
    out = capsys.readouterr().out
    assert "40 left out: column 4: no option names it\n" in out
    assert "1 left out: file 'notes.md': its name is that of no split\n" in out
    assert "There is no validation split" in out
    assert "Used: file 'train.txt' as train, stated; column 1 as head; " in out
    assert main(["data", "info", str(tmp_path / "2024")]) == 0
    assert "Left out when it was imported: 40 column 4: no option names it\n" in capsys.readouterr().out
    assert main(["data", "info", str(tmp_path / "2024"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["account"]["used"]["statements"] == 40
    splits = []
    for seed in ("1", "2", "1"):
        home = str(tmp_path / f"seed{len(splits)}")
        assert main(["data", "import", str(tmp_path / "f" / "train.txt"), "--out", home, "--seed", seed]) == 0
        splits.append(load(home)["entity", "stated", "entity"].edge_index.tolist())
    assert splits[0] == splits[2] != splits[1]


def test_a_name_that_is_no_word_in_yaml_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.tsv").write_text("a\tr\tb\n")
    for name, shown in (("2024", "'2024'"), ("on", "'on'"), ("a: b", "'a: b'"), ("plain", "plain")):
        assert main(["data", "import", "a.tsv", "--out", name, "--valid", "0", "--test", "0"]) == 0
        told = re.search(r"in a config, '(.*)'; see", capsys.readouterr().out)
        assert told is not None
        assert told[1] == f"data: {{name: {shown}}}"
        assert parse_yaml(told[1], "x") == {"data": {"name": name}}


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    out = capsys.readouterr().out
    assert all(name in out for name in names())
    assert "272,115" in out
    assert "20,621" in out  # CoDEx-M's verified negatives
    assert run("list", "--json") == 0
    listed = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert set(listed) == set(names())
    assert listed["YAGO3-10"]["train"] == 1_079_040


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", "synthetic", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"] == found["published"]
    assert found["contradictions"] == {"train": 0, "valid": 0, "test": 0}
    assert set(found["cardinality"]) == {"1-1", "1-N", "N-1", "N-N"}
    assert run("info", "synthetic") == 0
    out = capsys.readouterr().out
    assert "Synthetic world" in out
    assert "denied but stated" in out
    with pytest.raises(UserError, match="did you mean 'synthetic'"):
        run("info", "sinthetic")


def test_info_names_relations_that_repeat_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = world(60, observed=1.0)
    names, relations = made.data["entity"].names, made.data.relation_names
    rows = [f"{names[h]}\t{relations[r]}\t{names[t]}" for h, r, t in zip(*(x.tolist() for x in made.truth))]
    (tmp_path / "truth.tsv").write_text("\n".join(rows))
    run("import", tmp_path / "truth.tsv", "--out", tmp_path / "out", "--valid", 0, "--test", 0)
    capsys.readouterr()
    run("info", tmp_path / "out")
    out = capsys.readouterr().out
    assert "works_for is the inverse of employs in 100 % of 35 pairs" in out
    assert "colleague_of is symmetric with colleague_of in 100 %" in out
    assert "located_in implies within in 100 %" in out


def test_check_lists_each_finding_with_its_chain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["dog,isA,animal,1", "poodle,isA,dog,1", "rex,is,poodle,1", "rex,is,animal,0", "rex,is,cat,0"]
    (tmp_path / "a.csv").write_text("\n".join(["head,relation,tail,label", *rows]))
    run("import", tmp_path / "a.csv", "--label", "label", "--out", tmp_path / "out", "--valid", 0, "--test", 0)
    capsys.readouterr()
    assert run("check", tmp_path / "out", "--hierarchy", "isA") == 0
    line, total = capsys.readouterr().out.splitlines()
    assert line.startswith("denied in train: rex is animal")
    assert line.endswith("poodle < dog < animal")
    assert total == "1 contradicted by a subclass"
    assert run("check", tmp_path / "out", "--hierarchy", "isA", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["tail"], found["chain"]) == ("animal", ["poodle", "dog", "animal"])
    assert run("check", tmp_path / "out") == 0
    assert capsys.readouterr().out == "Nothing contradicts itself, nothing leaks.\n"
    with pytest.raises(UserError, match="no relation 'is_a' to make a hierarchy"):
        run("check", tmp_path / "out", "--hierarchy", "is_a")


def test_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fetch", "synthetic", "--root", tmp_path) == 0
    assert str(tmp_path / "synthetic") in capsys.readouterr().out
    monkeypatch.setenv("GNNNEG_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="Unknown data set 'UMLSS'"):
        run("fetch", "UMLS", "UMLSS", "--root", tmp_path)
    assert not (tmp_path / "UMLS").exists(), "nothing is fetched if a name is wrong"


def test_import_and_info_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"e{i},r{j},e{(i + j + 1) % 8},{int((i + j) % 4 > 0)}" for i in range(8) for j in range(5)]
    (tmp_path / "mine.csv").write_text("\n".join(["s,p,o,ok", *rows, rows[1]]))
    args = (tmp_path / "mine.csv", "--columns", "s, p, o", "--label", "ok", "--seed", 3)
    assert run("import", *args, "--out", tmp_path / "out") == 0
    out = capsys.readouterr().out
    assert "8 entities, 5 relations" in out
    assert "1 repeated lines were kept" in out
    assert load(tmp_path / "out")["entity"].num_nodes == 8
    assert run("import", *args, "--out", tmp_path / "again", "--json", "--valid", 0, "--test", 0.3) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["counts"]["valid"], report["counts"]["test"], report["duplicates"]) == (0, 9, 1)
    assert run("info", tmp_path / "out", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["name"] == "out"
    assert found["duplicates"]["train"] + found["duplicates"]["valid"] + found["duplicates"]["test"] == 1
    with pytest.raises(UserError, match="no column 'subject'"):
        run("import", tmp_path / "mine.csv", "--columns", "subject,p,o", "--out", tmp_path / "third")


def test_import_of_labels_and_of_ids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["0\t0\t1\tyes\t0.5", "1\t0\t2\tno\t1", "2\t0\t1\t?\t1", "2\t1\t0\tnever\t0.25"]
    (tmp_path / "mine.tsv").write_text("\n".join(lines))
    (tmp_path / "entities").write_text("0\tAnn\n1\tBob\n2\tCid\n")
    (tmp_path / "relations").write_text("0\tlikes\n1\tNotLikes\n")
    labels = ("--label", 4, "--labels", "stated=yes", "denied=no,never", "unknown=?", "--confidence", 5)
    names = ("--entities", tmp_path / "entities", "--relations", tmp_path / "relations", "--dictionary", "id, name")
    whole = ("--valid", 0, "--test", 0)
    assert run("import", tmp_path / "mine.tsv", *labels, *names, *whole, "--out", tmp_path / "out") == 0
    assert "1 left out: labelled unknown" in capsys.readouterr().out
    data = load(tmp_path / "out")
    denied, entities = data["entity", "denied", "entity"], data["entity"].names
    assert [(entities[h], entities[t]) for h, t in denied.edge_index.T.tolist()] == [("Bob", "Cid"), ("Cid", "Ann")]
    negated = ("--negated", "Not(.*)", "--out", tmp_path / "negated", "--json")
    assert run("import", tmp_path / "mine.tsv", *labels, *names, *whole, *negated) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["left_out"] == {"labelled unknown": 1, "denials of negated relations": 1}
    for wrong, said in (
        ((*labels[:2], "--labels", "false=no"), "a label means stated, denied or unknown, not 'false'"),
        (("--labels", "yes"), "--labels takes pairs such as KEY=VALUE"),
        (("--entities", "e"), "give --entities and --relations"),
        ((*names, "--dictionary", "id"), "hold 'name,id' or 'id,name'"),
        (("--frequency",), "the format tsv has no option 'frequency'"),
    ):
        with pytest.raises(UserError, match=said):
            run("import", tmp_path / "mine.tsv", *wrong, "--out", tmp_path / "wrong")


def test_import_of_annotations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    excerpts = Path(__file__).parents[1] / "data" / "formats" / "excerpts"
    evidence = ("--evidence", "IEA=0.5,IMP=0.75", "--valid", 0, "--test", 0)
    assert run("import", excerpts / "goa.gaf", *evidence, "--out", tmp_path / "out") == 0
    out = capsys.readouterr().out
    assert "3 train, 2 denied train" in out
    assert "1 left out: denied of an extended annotation only\n" in out
    table = pyarrow.parquet.read_table(tmp_path / "out" / "train_denied.parquet")
    assert table["confidence"].to_pylist() == [0.75, 1]
    with pytest.raises(UserError, match="--evidence IEA: a confidence is a number from 0 to 1, not 'half'"):
        run("import", excerpts / "goa.gaf", "--evidence", "IEA=half", "--out", tmp_path / "wrong")
    graph = ("--denied-graph", "http://example.org/family#false", "--valid", 0, "--test", 0)
    assert run("import", excerpts / "family.trig", *graph, "--out", tmp_path / "rdf", "--json") == 0
    assert json.loads(capsys.readouterr().out)["counts"]["denied_train"] == 2
    assert run("import", excerpts / "wikidata.json", "--deprecated", 0.3, "--out", tmp_path / "wikidata") == 0
    assert "1 questions have no answer at all (closed.parquet)" in capsys.readouterr().out


def test_the_page_on_imports_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of docs/import.md, on the excerpts that it names and on tables as it describes them."""
    root = Path(__file__).parents[2]
    shutil.copytree(root / "tests" / "data" / "formats" / "excerpts", tmp_path, dirs_exist_ok=True)
    (tmp_path / "votes.csv").write_text("s,p,o,verdict\na,r,b,yes\nb,r,a,never\na,r,a,?\n")
    edges = ["subject\tpredicate\tobject\tnegated", "a\tr\tb\t", "b\tr\ta\tTrue"]
    (tmp_path / "edges.tsv").write_text("\n".join(edges))
    (tmp_path / "ids.tsv").write_text("0\t0\t1\n")
    (tmp_path / "no.tsv").write_text("1\t0\t0\n")
    (tmp_path / "entities.tsv").write_text("a\t0\nb\t1\n")
    (tmp_path / "relations.tsv").write_text("r\t0\n")
    (tmp_path / "concepts.tsv").write_text("a\tr\tb\nb\tNotr\ta\n")
    cells = "[Term]\nid: b\nrelationship: lacks_r a\nis_a: c\nrelationship: has_r c\n"
    (tmp_path / "cell.obo").write_text(f"format-version: 1.4\n\n{cells}")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```bash\n(.*?)^```", (root / "docs" / "import.md").read_text(), re.DOTALL | re.MULTILINE)
    commands = [shlex.split(line)[2:] for block in blocks for line in block.splitlines()]
    assert len(commands) == 10
    for words in commands:
        assert run(*words) == 0
        data = load(tmp_path / words[-1])
        assert data["entity", "denied", "entity"].edge_type.numel() > 0
    for name in ("votes", "kgx", "named", "concepts", "cells"):  # b r a is denied in all of them
        data = load(tmp_path / name)
        (head,), (tail,) = data["entity", "denied", "entity"].edge_index.tolist()
        assert [data["entity"].names[i] for i in (head, tail)] == ["b", "a"]
    assert "confidence" in load(tmp_path / "go")["entity", "denied", "entity"]


@needs_mirror
def test_fetch_checks_a_file_that_was_changed_since_it_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GNNNEG_MIRROR", str(MIRROR))
    assert run("fetch", "Nations", "--root", tmp_path) == 0
    file = tmp_path / "Nations" / "raw" / "train.txt"
    whole = file.read_bytes()
    file.write_bytes(whole + b"junk\tjunk\tjunk\n")
    assert run("fetch", "Nations", "--root", tmp_path) == 0
    assert file.read_bytes() == whole, "it is fetched again"


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("kind", "shown"), [(io.TextIOWrapper, "größe"), (Terminal, "gr\\xf6\\xdfe")])
def test_names_beyond_the_alphabet_of_the_locale_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[io.TextIOWrapper], shown: str
) -> None:
    """Case 24, on standard output: UTF-8 through a pipe, escapes on a terminal that has no such letters."""
    (tmp_path / "t.tsv").write_text("kinase\tbinds\tβ-catenin\n", encoding="utf-8")
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", kind(raw, encoding="ascii"))
    monkeypatch.chdir(tmp_path)
    assert main(["data", "import", "t.tsv", "--out", "größe", "--valid", "0", "--test", "0"]) == 0
    sys.stdout.flush()
    assert f"Written to {shown}" in raw.getvalue().decode()


def test_a_terminated_import_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.tsv").write_text("a\tr\tb\n")
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("gnnneg.data.write.sha256", lambda path: signal.raise_signal(signal.SIGTERM))
    words = ["data", "import", str(tmp_path / "t.tsv"), "--out", str(tmp_path / "out"), "--valid", "0", "--test", "0"]
    assert main(words) == 130
    assert capsys.readouterr().err == "Interrupted.\n"
    assert os.listdir(tmp_path) == ["t.tsv"]
    assert signal.getsignal(signal.SIGTERM) is before is signal.SIG_DFL
