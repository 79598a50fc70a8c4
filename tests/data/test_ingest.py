import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
import yaml

from gnnneg.data.catalogue import Dictionary
from gnnneg.data.formats.files import read_statements
from gnnneg.data.ingest import ingest
from gnnneg.data.layout import Layout
from gnnneg.data.statements import SPLITS, triplets
from gnnneg.datasets import load
from gnnneg.errors import UserError

# 40 statements among 8 entities: every name occurs often enough to leave some out of train
STATED = [(f"e{i}", f"r{j}", f"e{(i + j + 1) % 8}") for i in range(8) for j in range(5)]
EXCERPTS = Path(__file__).parent / "formats" / "excerpts"
MIRROR = Path(os.environ.get("GNNNEG_MIRROR") or Path(__file__).parents[3] / "shared" / "datasets")
needs_mirror = pytest.mark.skipif(
    not (MIRROR / "GO-NegStatements").is_dir(), reason=f"no mirror of the data sets at {MIRROR}: set GNNNEG_MIRROR"
)
DENIED = [(f"e{i}", f"r{j}", f"e{i}") for i in range(8) for j in range(2)]


def write(path: Path, rows: list[tuple[str, ...]]) -> None:
    path.write_text("\n".join("\t".join(row) for row in rows))


def statements(folder: Path | str) -> dict[str, set[tuple[str, ...]]]:
    data = load(folder)
    names, relations = data["entity"].names, data.relation_names
    return {
        f"{polarity} {split}": {
            (names[h], relations[r], names[t])
            for h, r, t in zip(*(x.tolist() for x in triplets(data, polarity, split)))
        }
        for polarity in ("stated", "denied")
        for split in SPLITS
    }


def everything(folder: Path, polarity: str) -> set[tuple[str, ...]]:
    return set().union(*(part for key, part in statements(folder).items() if key.startswith(polarity)))


def written(tmp_path: Path, kind: str) -> tuple[Path, dict[str, Any]]:
    """The same labelled statements in four kinds of file, with the arguments that read them."""
    rows = [(*row, "1") for row in STATED] + [(*row, "-1") for row in DENIED]
    if kind == "csv":
        path = tmp_path / "mine.csv"
        path.write_text("score,s,p,o,truth\n" + "".join(f'0.5,"{h}",{r},{t},{label}\n' for h, r, t, label in rows))
        return path, {"columns": ["s", "p", "o"], "label": "truth"}
    if kind == "tsv":
        path = tmp_path / "mine.tsv"
        path.write_text("\r\n".join(f"{t}\t{label}\t{r}\t{h}" for h, r, t, label in rows))
        return path, {"columns": ["4", "3", "1"], "label": "2"}
    if kind == "parquet":
        path = tmp_path / "mine.parquet"
        head, relation, tail, label = zip(*rows)
        columns = {"tail": tail, "true": [x == "1" for x in label], "head": head, "relation": relation}
        pa.parquet.write_table(pa.table(columns), path)
        return path, {"label": "true"}
    path = tmp_path / "mine.data"
    path.write_text("h,r,t,l\n" + "".join(",".join(row) + "\n" for row in rows))
    return path, {"columns": ["1", "2", "3"], "label": "4", "format": "csv", "header": True}


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "positions under a header"])
def test_every_kind_of_file_says_the_same(tmp_path: Path, kind: str) -> None:
    path, kwargs = written(tmp_path, kind)
    report = ingest(path, tmp_path / "out", **kwargs)
    assert everything(tmp_path / "out", "stated") == set(STATED)
    assert everything(tmp_path / "out", "denied") == set(DENIED)
    sizes = {key: len(part) for key, part in statements(tmp_path / "out").items()}
    assert sizes == {
        **{"stated train": 32, "stated valid": 4, "stated test": 4},
        **{"denied train": 12, "denied valid": 2, "denied test": 2},
    }
    assert report.counts == {
        **{"entities": 8, "relations": 5, "train": 32, "valid": 4, "test": 4},
        **{"denied_train": 12, "denied_valid": 2, "denied_test": 2},
    }
    assert (report.duplicates, report.contradictions, report.short) == (0, 0, 0)
    assert report.left_out == ({"column 1 (score): no option names it": 56} if kind == "csv" else {})


def test_the_seed_decides_the_split(tmp_path: Path) -> None:
    path, kwargs = written(tmp_path, "csv")
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        ingest(path, tmp_path / name, **kwargs, seed=seed)
    one, same, other = (statements(tmp_path / name) for name in "abc")
    assert one == same
    assert one != other
    assert torch.equal(
        load(tmp_path / "a")["entity", "stated", "entity"].edge_index,
        load(tmp_path / "b")["entity", "stated", "entity"].edge_index,
    )


def test_a_folder_keeps_its_splits(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    parts = {"train": STATED[:30], "valid": STATED[30:34], "test": STATED[34:]}
    for split, rows in parts.items():
        (folder / f"{split}.txt").write_text("\n".join("\t".join(r) for r in rows))
    ingest(folder, tmp_path / "out")
    assert {k: v for k, v in statements(tmp_path / "out").items() if v} == {
        f"stated {k}": set(v) for k, v in parts.items()
    }
    (folder / "valid.csv").write_text("")
    with pytest.raises(UserError, match="two files for valid"):
        ingest(folder, tmp_path / "again")
    (folder / "train.txt").unlink()
    (folder / "valid.csv").unlink()
    with pytest.raises(UserError, match="no file for train"):
        ingest(folder, tmp_path / "again")


def test_ntriples_without_labels(tmp_path: Path) -> None:
    lines = [f"<http://x/{h}> <http://x/{r}> <http://x/{t}> ." for h, r, t in STATED]
    (tmp_path / "mine.nt").write_text("\n".join([*lines, '<http://x/e0> <http://x/name> "zero"@en .']))
    report = ingest(tmp_path / "mine.nt", tmp_path / "out")
    assert report.left_out == {"literals": 1}
    assert everything(tmp_path / "out", "stated") == {tuple(f"http://x/{x}" for x in row) for row in STATED}
    with pytest.raises(UserError, match="format ntriples has no option 'label'; it has literals"):
        read_statements(tmp_path / "mine.nt", label="4")


def test_contradictions_are_refused_unless_settled(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    rows = [(*row, "1") for row in STATED] + [(*row, "0") for row in [*DENIED, STATED[3], STATED[3]]]
    path.write_text("\n".join("\t".join(row) for row in rows))
    with pytest.raises(UserError, match=r"1 statements are both stated and denied, such as 'e0' 'r3' 'e4': say which"):
        ingest(path, tmp_path / "out", label="4")
    assert not (tmp_path / "out").exists()
    report = ingest(path, tmp_path / "a", label="4", wins="stated")
    assert report.contradictions == 1
    assert report.contradicted == [["e0", "r3", "e4"]]
    assert everything(tmp_path / "a", "stated") == set(STATED)
    assert everything(tmp_path / "a", "denied") == set(DENIED)
    ingest(path, tmp_path / "b", label="4", wins="denied")
    assert everything(tmp_path / "b", "stated") == set(STATED) - {STATED[3]}
    assert everything(tmp_path / "b", "denied") == {*DENIED, STATED[3]}
    with pytest.raises(UserError, match="won by 'stated' or 'denied', not 'both'"):
        ingest(path, tmp_path / "c", label="4", wins="both")


def test_duplicates_are_kept_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text("\n".join("\t".join(row) for row in [*STATED, *STATED[:7]]))
    assert ingest(path, tmp_path / "out").duplicates == 7
    data = load(tmp_path / "out")
    assert triplets(data).head_index.numel() == 47
    found = statements(tmp_path / "out")
    assert not found["stated train"] & (found["stated valid"] | found["stated test"])


def test_train_mentions_everything_or_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text("\n".join(f"a{i}\tr\tb{i}" for i in range(50)))
    assert ingest(path, tmp_path / "a").short == 10
    assert ingest(path, tmp_path / "b", cover=False).counts["test"] == 5


@pytest.mark.parametrize(
    ("name", "content", "kwargs", "said"),
    [
        ("a.csv", "s,p,o\na,r,b\n", {}, "no column 'head'; it has s, p, o"),
        ("a.csv", "s,p,o\na,r,b\n", {"columns": ["s", "p", "q"]}, "no column 'q'; it has s, p, o"),
        ("a.csv", "head,relation,tail\na,r,b\n", {"label": "ok"}, "no column 'ok'; it has head, relation, tail"),
        ("a.tsv", "a\tr\tb\n", {"columns": ["1", "2", "4"]}, "no column 4; its first line has 3 fields"),
        ("a.tsv", "a\tr\tb\n", {"columns": ["1", "2"]}, "must be three"),
        ("a.tsv", "a\tr\tb\n", {"columns": ["1", "2", "2"]}, "stands for two"),
        ("a.tsv", "a\tr\tb\n", {"columns": ["h", "r", "t"], "header": False}, "by position"),
        ("a.tsv", "a\tr\tb\tyes\n", {"label": "4"}, "label 'yes'"),
        ("a.tsv", "a\tr\tb\t0\n", {"label": "4"}, "states nothing"),
        ("a.tsv", "a\tr\tb\na\tr\n", {}, r"a\.tsv:2: expected 3 fields"),
        ("a.tsv", "", {}, "is empty"),
        ("a.dat", "<rdf/>", {}, "cannot tell the format"),
        ("a.rdf", "<rdf/>", {"format": "cvs"}, "Unknown format 'cvs': did you mean 'csv'"),
        ("a.tsv", "a\tr\tb\n", {"valid": 0.5, "test": 0.5}, "leave some for train"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, name: str, content: str, kwargs: dict[str, Any], said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=said):
        ingest(tmp_path / name, tmp_path / "out", **kwargs)
    assert sorted(p.name for p in tmp_path.iterdir()) == [name], "nothing is left behind"


def test_a_second_file_is_denied(tmp_path: Path) -> None:
    write(tmp_path / "mine.tsv", STATED)
    write(tmp_path / "no.tsv", DENIED)
    ingest(tmp_path / "mine.tsv", tmp_path / "out", denied=tmp_path / "no.tsv")
    assert everything(tmp_path / "out", "stated") == set(STATED)
    assert everything(tmp_path / "out", "denied") == set(DENIED)
    write(tmp_path / "mine.tsv", [(*row, "1") for row in STATED])
    ingest(tmp_path / "mine.tsv", tmp_path / "labelled", denied=tmp_path / "no.tsv", label="4")
    assert everything(tmp_path / "labelled", "denied") == set(DENIED)
    with pytest.raises(UserError, match=r"family\.ofn: all .* are denied, so none of them may be negated"):
        ingest(EXCERPTS / "family.ttl", tmp_path / "c", denied=EXCERPTS / "family.ofn")
    with pytest.raises(UserError, match="is a folder: what it denies lies in it"):
        ingest(tmp_path, tmp_path / "c", denied=tmp_path / "no.tsv")


def test_a_folder_may_deny(tmp_path: Path) -> None:
    """Also the folder that an import wrote."""
    folder = tmp_path / "mine"
    folder.mkdir()
    parts = {"train": STATED[:30], "test": STATED[30:], "train_denied": DENIED[:9], "valid_denied": DENIED[9:]}
    for name, rows in parts.items():
        write(folder / f"{name}.tsv", rows)
    for source, out in ((folder, tmp_path / "out"), (tmp_path / "out", tmp_path / "again")):
        ingest(source, out)
        assert {k: v for k, v in statements(out).items() if v} == {
            "stated train": set(STATED[:30]),
            "stated test": set(STATED[30:]),
            "denied train": set(DENIED[:9]),
            "denied valid": set(DENIED[9:]),
        }


def test_negated_relations(tmp_path: Path) -> None:
    write(tmp_path / "mine.tsv", [*STATED, *((h, f"Not{r}", t) for h, r, t in DENIED)])
    ingest(tmp_path / "mine.tsv", tmp_path / "out", negated="Not(.*)")
    assert everything(tmp_path / "out", "stated") == set(STATED)
    assert everything(tmp_path / "out", "denied") == set(DENIED)
    with pytest.raises(UserError, match="no relation matches the pattern 'Un' of negated relations"):
        ingest(tmp_path / "mine.tsv", tmp_path / "other", negated="Un")


def test_confidence_and_source_are_written(tmp_path: Path) -> None:
    """Also where only one of the files tells; the other's statements are believed fully."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "train.gaf").write_text((EXCERPTS / "goa.gaf").read_text())
    (folder / "test.tsv").write_text("UniProtKB:P04637\tenables\tGO:0003676\n")
    report = ingest(folder, tmp_path / "out")
    assert report.left_out["annotations without data (ND)"] == 1
    card = yaml.safe_load((tmp_path / "out" / "dataset.yaml").read_text())
    assert card["layout"]["columns"] == ["head", "relation", "tail", "source"]
    named = [n for n in card["files"] if n != card["labels"]]
    sources = {n: pa.parquet.read_table(tmp_path / "out" / n)["source"].to_pylist() for n in named}
    assert sources == {
        "train.parquet": ["IDA PMID:12505355", "IEA GO_REF:0000107", "IMP PMID:5555555"],
        "train_denied.parquet": ["IMP PMID:11111111", "IDA MGI:MGI:123456|PMID:2222222"],
        "test.parquet": [""],
    }
    data = load(tmp_path / "out")
    assert data.source_names == [x for name in named for x in sources[name] if x]
    store = data["entity", "stated", "entity"]
    assert store.source[store.split == 2].tolist() == [-1]
    assert data["entity"].labels[data["entity"].names.index("UniProtKB:P04637")] == "TP53"
    path = EXCERPTS / "phenotype.hpoa"
    ingest(path, tmp_path / "hpoa", frequency=True, valid=0.0, test=0.0)
    card = yaml.safe_load((tmp_path / "hpoa" / "dataset.yaml").read_text())
    assert card["layout"]["columns"] == ["head", "relation", "tail", "confidence", "source"]
    table = pa.parquet.read_table(tmp_path / "hpoa" / "train.parquet")
    assert table["confidence"].to_pylist() == [0.5, 1, 0.895, 0.22]
    assert len(everything(tmp_path / "hpoa", "denied")) == 2  # the third is denied of one onset only
    sure = load(tmp_path / "hpoa")["entity", "stated", "entity"].confidence
    assert sure.tolist() == torch.tensor([0.5, 1, 0.895, 0.22]).tolist()


def test_a_winner_keeps_its_confidence(tmp_path: Path) -> None:
    rows = ["a\tr\tb\t1\t0.9", "a\tr\tc\t1\t0.8", "a\tr\tb\t0\t0.7", "b\tr\tc\t0\t0.6"]
    (tmp_path / "mine.tsv").write_text("\n".join(rows))
    options = {"label": "4", "confidence": "5", "valid": 0.0, "test": 0.0}
    for wins, expected in (("stated", ([0.9, 0.8], [0.6])), ("denied", ([0.8], [0.7, 0.6]))):
        ingest(tmp_path / "mine.tsv", tmp_path / wins, wins=wins, **options)
        found = (pa.parquet.read_table(tmp_path / wins / f"train{s}.parquet") for s in ("", "_denied"))
        assert tuple(t["confidence"].to_pylist() for t in found) == expected


def test_closed_questions_are_written(tmp_path: Path) -> None:
    report = ingest(EXCERPTS / "wikidata.json", tmp_path / "out", valid=0.0, test=0.0)
    assert report.closed == 1
    assert report.left_out.items() >= {"literals": 1, "qualified 'no value'": 1, "unknown values": 1}.items()
    closed = pa.parquet.read_table(tmp_path / "out" / "closed.parquet")
    assert closed.to_pylist() == [{"head": "Q15869", "relation": "P26"}]
    assert everything(tmp_path / "out", "denied") == {("Q15869", "P19", "Q60")}
    assert "closed.parquet lists the 1 questions" in (tmp_path / "out" / "dataset.yaml").read_text()


def test_many_contradictions_are_listed(tmp_path: Path) -> None:
    write(tmp_path / "mine.tsv", [*((*row, "1") for row in STATED), *((*row, "0") for row in STATED[:22])])
    with pytest.raises(UserError) as caught:
        ingest(tmp_path / "mine.tsv", tmp_path / "out", label="4")
    assert "22 statements are both stated and denied, such as 'e0' 'r0' 'e1'; 'e0' 'r1' 'e2'; " in str(caught.value)
    assert " and 2 more: say which wins, with --wins stated or --wins denied" in str(caught.value)
    assert str(caught.value).count(";") == 19
    report = ingest(tmp_path / "mine.tsv", tmp_path / "out", label="4", wins="stated")
    assert report.contradictions == 22
    assert report.contradicted == [list(row) for row in sorted(STATED[:22])[:20]]


@needs_mirror
def test_real_ids_with_a_dictionary(tmp_path: Path) -> None:
    """TrueWalks' GO statements as ids and as annotation lists: 29,098 stated and 32,959 denied of one relation."""
    go = MIRROR / "GO-NegStatements"
    dictionary = Dictionary(
        str(go / "entity2id.txt.gz"), str(go / "relation2id.txt"), Layout(("name", "id"), count_line=True)
    )
    ingest(
        go / "train2id_pos.txt.gz",
        tmp_path / "out",
        denied=go / "train2id_neg.txt.gz",
        dictionary=dictionary,
        columns=["1", "3", "2"],
        count_line=True,
        valid=0.0,
        test=0.0,
    )
    stated, denied = (everything(tmp_path / "out", polarity) for polarity in ("stated", "denied"))
    assert len(stated) == 29_098 + 62_603
    assert len(denied) == 32_959
    assert {r for _, r, _ in denied} == {"hasAnnot"}
    assert ("A0AVT1", "hasAnnot", "GO:0042292") in denied
    assert ("A0AVT1", "hasAnnot", "GO:0006511") in stated


@needs_mirror
def test_real_negated_relations(tmp_path: Path) -> None:
    """ConceptNet in NegatER: 3,293 of 100,000 statements are under six relations that begin with Not."""
    folder = MIRROR / "ConceptNet-NegatER-full"
    dictionary = Dictionary(str(folder / "entity_ids.txt.gz"), str(folder / "relation_ids.txt"), Layout(("id", "name")))
    given = {"dictionary": dictionary, "negated": "Not(.*)", "valid": 0.0, "test": 0.0, "wins": "stated"}
    report = ingest(folder / "train.txt.gz", tmp_path / "out", **given)
    denied = pa.parquet.read_table(tmp_path / "out" / "train_denied.parquet")
    found = dict(zip(*(x.to_pylist() for x in denied["relation"].combine_chunks().value_counts().flatten())))
    expected = {"Desires": 1_626, "CapableOf": 1_043, "HasProperty": 339, "IsA": 152, "HasA": 120, "MadeOf": 13}
    assert set(found) == set(expected)
    assert all(found[r] <= n for r, n in expected.items())
    assert sum(expected.values()) - sum(found.values()) == report.contradictions


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path, kwargs = written(tmp_path, "csv")
    ingest(path, tmp_path / "out", **kwargs)
    with pytest.raises(UserError, match="is not empty"):
        ingest(path, tmp_path / "out", **kwargs)
    with pytest.raises(UserError, match="does not exist"):
        ingest(tmp_path / "no.csv", tmp_path / "other")
    (tmp_path / "empty").mkdir()
    ingest(path, tmp_path / "empty", **kwargs)


def test_a_changed_folder_is_noticed(tmp_path: Path) -> None:
    path, kwargs = written(tmp_path, "csv")
    ingest(path, tmp_path / "out", **kwargs)
    card = yaml.safe_load((tmp_path / "out" / "dataset.yaml").read_text())
    assert card["published"]["train"] == 32
    (tmp_path / "out" / "test.parquet").write_bytes((tmp_path / "out" / "valid.parquet").read_bytes())
    with pytest.raises(UserError, match=r"test\.parquet was changed"):
        load(tmp_path / "out")
    (tmp_path / "out" / "test.parquet").unlink()
    with pytest.raises(UserError, match=r"test\.parquet does not exist"):
        load(tmp_path / "out")
