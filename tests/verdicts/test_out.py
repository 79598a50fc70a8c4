"""Verdicts in other formats, each read back by our own readers."""

import json
import re
import shlex
from pathlib import Path

import pyarrow.parquet
import pytest

from gnnneg import cli
from gnnneg.data.formats.files import read_statements
from gnnneg.data.formats.given import SAID
from gnnneg.datasets import load
from gnnneg.errors import UserError
from gnnneg.verdicts import Statement, Verdicts
from gnnneg.verdicts.judged import judged
from gnnneg.verdicts.out import FORMATS, outcome
from gnnneg.verdicts.out.dataset import write_dataset

ODD = [
    "caf\u00e9 \u202e\U0001f40b",
    "a b",
    '"quoted"',
    "<x>",
    "back\\slash",
    "100%",
    "#",
    "'",
    "x|y",
    "[1]",
    "\ue000",
    "\u3000",
]


def record(path: Path, lines, who: str = "ann") -> Verdicts:
    verdicts = Verdicts(path / "v.db")
    for verdict, *names in lines:
        verdicts.record(Statement(*names), verdict, who, why="since\t\u201cso\u201d */\nand so")
    return verdicts


def made(verdicts: Verdicts, format: str, labels=None, whose=()):
    return FORMATS[format](outcome(verdicts.standing(), "v.db", whose, labels))


def read(path: Path, text: str, ending: str, **options) -> list[tuple]:
    """What our reader makes of a file: names, whether stated, confidence and source, if it says them."""
    file = path / f"file{ending}"
    file.write_text(text, encoding="utf-8")
    return [tuple(row.values()) for row in read_statements(file, **options).table.to_pylist()]


GENES = [
    ("accept", "UniProtKB:P1", "enables", "GO:0000001"),
    ("deny", "UniProtKB:P1", "located_in", "GO:0000002"),
    ("unsure", "UniProtKB:P1", "enables", "GO:0000003"),
    ("deny", "P1", "enables", "GO:0000001"),
    ("deny", "UniProtKB:P1", "subClassOf", "GO:0000001"),
    ("accept", "UniProtKB:P1", "enables", "HP:0000001"),
]
ITEMS = [
    ("accept", "Q42", "P31", "Q5"),
    ("accept", "http://www.wikidata.org/entity/Q1", "http://www.wikidata.org/prop/direct/P2", "wd:Q3"),
    ("deny", "Q42", "P31", "Q6"),
    ("unsure", "Q42", "P31", "Q7"),
    ("accept", "Q42", "P31", "five"),
    ("accept", "Q42", "Q31", "Q8"),
]


@pytest.mark.parametrize("format", ["tsv", "sssom"])
def test_tables_are_read_back_name_by_name(tmp_path, format):
    lines = [("accept" if place % 2 else "deny", name, f"r {name}", ODD[0]) for place, name in enumerate(ODD)]
    found = made(record(tmp_path, lines), format)
    columns, label = ["subject_id", "predicate_id", "object_id"], {"label": "predicate_modifier"}
    if format == "tsv":
        columns, label = ["head", "relation", "tail"], {"label": "label"}
        assert [tuple(row) for row in judged(tmp_path / "v.db").table[columns].values] == [
            (*names,) for _, *names in lines
        ]
        label["labels"] = SAID
    rows = read(tmp_path, found.text, ".tsv", columns=columns, confidence="confidence", **label)
    assert rows == [(*names, verdict == "accept", 1.0) for verdict, *names in lines]
    assert (found.said, found.left_out) == (len(lines), {})


def test_what_a_line_cannot_hold_is_counted(tmp_path):
    lines = [("deny", name, "r", "b") for name in ("tab\t", "line\n", "return\r", "\0", "\u2028", "plain")]
    for format in ("tsv", "sssom"):
        found = made(record(tmp_path / format, lines), format)
        assert found.said == 1
        assert list(found.left_out.values()) == [5]
        assert found.text.count("\n") == 2


def test_unsure_is_a_label_of_its_own_and_conflicts_are_in_no_file(tmp_path):
    verdicts = record(tmp_path, [("accept", "a", "r", "b"), ("unsure", "a", "r", "c"), ("accept", "a", "r", "d")])
    record(tmp_path, [("deny", "a", "r", "d")], "bob")
    found = made(verdicts, "tsv")
    assert [line.split("\t")[2:4] for line in found.text.splitlines()[1:]] == [["b", "stated"], ["c", "unsure"]]
    assert outcome(verdicts.standing(), "v.db").conflicts == 1
    wins = made(verdicts, "tsv", whose=["bob"])
    last = wins.text.splitlines()[-1].split("\t")
    assert last[2:6] == ["d", "denied", "0.5", "verdict of bob"]
    for format in FORMATS:
        assert "/c" not in made(verdicts, format).text.replace("gnnneg:c", "/c"), (
            "what is unsure is in none but the table"
        )
        if format == "tsv":
            break


def test_labelled_statements_are_judged_again(tmp_path):
    """What was written is what ``--data.verdicts`` reads."""
    verdicts = record(tmp_path, [("accept", "a", "r", "b"), ("deny", "b", "r", "c"), ("unsure", "a", "r", "c")])
    (tmp_path / "v.tsv").write_text(made(verdicts, "tsv").text, encoding="utf-8")
    first, again = judged(verdicts), judged(tmp_path / "v.tsv")
    assert first.table.to_dict("list") == again.table.to_dict("list")
    assert (first.unsure, again.unsure) == (1, 1)
    assert list(again.table["source"]) == ["verdict of ann"] * 2


def test_rdf_is_read_back(tmp_path):
    iris = [
        ("accept", "http://x.org/a", "http://x.org/r", "GO:1"),
        ("deny", "http://x.org/\u00e9", "http://x.org/r", "GO:1"),
    ]
    verdicts = record(tmp_path, [*iris, ("unsure", "http://x.org/a", "http://x.org/r", "GO:2")])
    found = made(verdicts, "ntriples", {"GO:1": 'the "first"'})
    rows = read(tmp_path, found.text, ".nt")
    assert rows == [(*names, verdict == "accept", *row[4:]) for (verdict, *names), row in zip(iris, rows)]
    assert list(found.left_out.values()) == [1]
    labels = read_statements(tmp_path / "file.nt").labels
    assert labels.to_pylist() == [{"name": "GO:1", "label": 'the "first"'}]


def test_names_that_are_no_iris_become_some_and_are_their_labels(tmp_path):
    lines = [
        ("deny" if place % 2 else "accept", name, "r", f"x:{name}") for place, name in enumerate([*ODD[:-1], "t\ta"])
    ]
    found = made(record(tmp_path, lines), "ntriples")
    rows = read(tmp_path, found.text, ".nt")
    statements = read_statements(tmp_path / "file.nt")
    labels = {row["name"]: row["label"] for row in statements.labels.to_pylist()}
    ours = [(*(labels.get(name, name) for name in row[:3]), row[3]) for row in rows]
    tidy = [(*(" ".join(name.split()) for name in names), verdict == "accept") for verdict, *names in lines]
    assert sorted(ours) == sorted(tidy)
    ox = pytest.importorskip("pyoxigraph")
    assert len(list(ox.parse(found.text.encode(), ox.RdfFormat.N_TRIPLES))) == len(found.text.splitlines())


def test_annotations_are_read_back(tmp_path):
    verdicts = record(tmp_path, GENES)
    found = made(verdicts, "gaf", {"UniProtKB:P1": "TP53"})
    rows = read(tmp_path, found.text, ".gaf")
    assert [row[:4] for row in rows] == [(*names, verdict == "accept") for verdict, *names in GENES[:2]]
    assert sorted(found.left_out.values()) == [1, 3]
    assert read_statements(tmp_path / "file.gaf").labels.to_pylist() == [{"name": "UniProtKB:P1", "label": "TP53"}]
    line = found.text.splitlines()[3].split("\t")
    assert (line[3], line[8], len(line)) == ("NOT|located_in", "C", 17)


def test_quickstatements_by_their_grammar(tmp_path):
    """A parser of our own: item, property, item, and the summary of the edit."""
    found = made(record(tmp_path, ITEMS), "quickstatements")
    lines = [re.fullmatch(r"(Q\d+)\t(P\d+)\t(Q\d+)\t/\* ((?:(?!\*/).)*) \*/", line) for line in found.text.splitlines()]
    assert [line.groups()[:3] for line in lines] == [("Q42", "P31", "Q5"), ("Q1", "P2", "Q3")]
    denied = [number for reason, number in found.left_out.items() if reason.startswith("denied, which Wikidata cannot")]
    assert denied == [1]
    assert sum(found.left_out.values()) == 4


def test_an_empty_record_makes_empty_files(tmp_path):
    verdicts = record(tmp_path, [("skip", "a", "r", "b"), ("deny", "a", "r", "b")])
    verdicts.undo("ann")
    assert {format: made(verdicts, format).said for format in FORMATS} == dict.fromkeys(FORMATS, 0)


# the command


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A data set with labels, and a record."""
    (tmp_path / "toy").mkdir()
    for name, lines in (
        ("train", "a r b,b r c,c r d"),
        ("valid", "a r c"),
        ("train_denied", "d r a"),
        ("test", "b r d"),
    ):
        text = lines.replace(" ", "\t").replace(",", "\n") + "\n"
        (tmp_path / "toy" / f"{name}.tsv").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["data", "import", "toy", "--out", "data"]) == 0
    record(tmp_path, [("accept", "d", "r", "c"), ("deny", "c", "r", "b"), ("unsure", "a", "r", "d")])
    return tmp_path


def said(capsys, *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = cli.main(["verdicts", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_command_counts(home, capsys):
    record(home, [("deny", "d", "r", "c"), ("deny", "c", "r", "b")], "bob")
    code, out, _ = said(capsys, "v.db")
    assert code == 0
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.split()}
    assert (lines["accept"], lines["deny"], lines["unsure"], lines["conflict"]) == (["0"], ["1"], ["1"], ["1"])
    assert lines["bob"][:4] == ["0", "2", "0", "0"]
    assert lines["ann"][:3] == ["bob", "2", "1"], "two in common, one the same; p_o = p_e = 1/2"
    code, out, _ = said(capsys, "v.db", "--whose", "bob", "--json")
    assert json.loads(out)["statements"] == {"accept": 0, "deny": 2, "unsure": 1, "conflict": 0}
    assert json.loads(out)["agreement"][0]["kappa"] == 0.0


def test_what_the_command_wrote_is_imported_by_what_it_says(home, capsys):
    for name, format in (("o.tsv", "tsv"), ("o.nt", "ntriples"), ("o.sssom.tsv", "sssom")):
        code, out, _ = said(capsys, "v.db", "--out", name)
        assert code == 0
        how = shlex.split(re.search(r"To import it: gnnneg (.*)", out)[1].replace("DIR", f"i-{format}"))
        assert cli.main(how) == 0
        found = load(home / f"i-{format}")
        sizes = [found["entity", polarity, "entity"].edge_type.numel() for polarity in ("stated", "denied")]
        assert sizes == [1, 1]
        assert ("1 left out: labelled unknown" in capsys.readouterr().out) == (format == "tsv")


def test_text_goes_to_standard_output_and_what_it_lacks_beside(home, capsys):
    code, out, err = said(capsys, "v.db", "--format", "sssom")
    assert code == 0
    assert out.splitlines()[0].startswith("subject_id\t")
    assert "Left out: 1 unsure, which the format cannot say." in err


@pytest.mark.filterwarnings("ignore:Not all verdicts of v.db join training; left out. 1 unsure")
def test_the_data_set_again(home, capsys):
    code, out, err = said(capsys, "v.db", "--format", "dataset", "--data", "data", "--out", "again")
    assert (code, err) == (0, "")
    assert "1 accepted and 1 denied statements joined those of data." in out
    before, after = load("data"), load("again")
    names = after["entity"].names

    def rows(data, polarity, split):
        store, names = data["entity", polarity, "entity"], data["entity"].names
        keep = store.split == split
        return sorted(zip(*([names[i] for i in end.tolist()] for end in store.edge_index[:, keep])))

    for polarity, more in (("stated", ("d", "c")), ("denied", ("c", "b"))):
        assert rows(after, polarity, 0) == sorted([*rows(before, polarity, 0), more])
        for split in (1, 2):
            assert rows(after, polarity, split) == rows(before, polarity, split)
    store = after["entity", "denied", "entity"]
    place = [names[i] for i in store.edge_index[0].tolist()].index("c")
    assert after.source_names[int(store.source[place])] == "verdict of ann"
    words = ["--format", "dataset", "--data", "again", "--out", "once more"]
    assert "2 others are there already." in said(capsys, "v.db", *words)[1]
    assert cli.main(["data", "import", "again", "--out", "third", "--source", "source"]) == 0
    assert load("third")["entity", "denied", "entity"].edge_type.numel() == 2
    unsure = pyarrow.parquet.read_table("again/unsure.parquet").to_pylist()
    assert [(row["head"], row["tail"], row["who"]) for row in unsure] == [("a", "d", "ann")]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["none.db"], "There is no record of verdicts at none.db"),
        (["toy/train.tsv"], "is no record of verdicts"),
        (["v.db", "--whose", "eve"], "'eve' has judged nothing"),
        (["v.db", "--out", "x.docx"], "the name does not tell the format"),
        (["v.db", "--format", "gaf"], "has nothing that gaf can say (2 that annotate no gene product"),
        (["v.db", "--format", "dataset", "--out", "d"], "say which with --data NAME"),
        (["v.db", "--format", "dataset", "--data", "data"], "say where to write it with --out"),
        (["v.db", "--format", "dataset", "--data", "data", "--out", "toy"], "toy is not empty"),
        (["v.db", "--wins", "stated"], "--wins is for --format dataset"),
        (["v.db", "--out", "none/there/\0x.tsv"], "zero byte"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_sentence(home, capsys, words, why):
    code, out, err = said(capsys, *words)
    assert (code, out) == (2, "")
    assert why in err
    assert err.count("\n") == 1


@pytest.mark.filterwarnings("ignore:Not all verdicts of v.db join training; left out. 1 unsure")
def test_a_data_set_that_contradicts_is_refused_until_somebody_wins(home, capsys):
    record(home, [("deny", "a", "r", "b")])
    words = ["v.db", "--format", "dataset", "--data", "data", "--out", "d"]
    code, _, err = said(capsys, *words)
    assert code == 2
    assert "1 of the verdicts of v.db contradict training statements of data (denied 'a' 'r' 'b')" in err
    assert not (home / "d").exists()
    assert said(capsys, *words, "--wins", "verdicts")[0] == 0
    assert load("d")["entity", "stated", "entity"].edge_type.numel() == 5


def test_a_data_set_of_things_with_labels_and_types_says_what_it_loses(tmp_path):
    data = load("synthetic")
    names, relation = data["entity"].names, data.relation_names[0]
    verdicts = record(tmp_path, [("deny", names[0], relation, names[0])])
    told = write_dataset(tmp_path / "out", data, verdicts, outcome(verdicts.standing(), "v.db"))
    assert told["denied"] + told["already"] == 1
    assert "types" in told["notes"][0]
    card = (tmp_path / "out" / "dataset.yaml").read_text()
    assert "Imported from the data set and v.db" in card
    with pytest.raises(UserError, match="is not empty"):
        write_dataset(tmp_path / "out", data, verdicts, outcome(verdicts.standing(), "v.db"))


def test_from_annotations_to_annotations(tmp_path, monkeypatch, capsys):
    """A file of GAF, judged: what comes out is GAF, with the symbols that went in, and says what people said."""
    monkeypatch.chdir(tmp_path)
    line = "UniProtKB\tP{0}\tGENE{0}\tenables\tGO:000000{0}\tPMID:1\tIDA\t\tF\t\t\tprotein\ttaxon:9606\t20260101\tX\t\t"
    (tmp_path / "in.gaf").write_text("\n".join(["!gaf-version: 2.2", line.format(1), line.format(2)]) + "\n")
    assert cli.main(["data", "import", "in.gaf", "--out", "genes"]) == 0
    record(tmp_path, [("deny", "UniProtKB:P1", "enables", "GO:0000002")])
    assert said(capsys, "v.db", "--data", "genes", "--out", "out.gaf")[0] == 0
    table = read_statements("out.gaf")
    assert [tuple(row.values())[:4] for row in table.table.to_pylist()] == [
        ("UniProtKB:P1", "enables", "GO:0000002", False)
    ]
    assert table.labels.to_pylist() == [{"name": "UniProtKB:P1", "label": "GENE1"}]
    assert "\tGENE1\t" in said(capsys, "v.db", "--data", "genes", "--format", "sssom")[1]
    code, _, err = said(capsys, "v.db", "--data", "none", "--format", "sssom")
    assert code == 2
    assert "none" in err
