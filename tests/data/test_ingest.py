from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
import yaml

from gnnneg.data.formats.files import read_statements
from gnnneg.data.ingest import ingest
from gnnneg.data.statements import SPLITS, triplets
from gnnneg.datasets import load
from gnnneg.errors import UserError

# 40 statements among 8 entities: every name occurs often enough to leave some out of train
STATED = [(f"e{i}", f"r{j}", f"e{(i + j + 1) % 8}") for i in range(8) for j in range(5)]
DENIED = [(f"e{i}", f"r{j}", f"e{i}") for i in range(8) for j in range(2)]


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
    assert (report.duplicates, report.contradictions, report.left_out, report.short) == (0, 0, {}, 0)


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
