import gzip
from pathlib import Path

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from hypothesis import given, settings

from gnnneg.data import read
from gnnneg.data.build import build
from gnnneg.data.catalogue import Card, Dictionary, FileSource
from gnnneg.data.formats.ntriples import read_ntriples
from gnnneg.data.layout import Labels, Layout
from gnnneg.data.parts import Parts, appearance
from gnnneg.data.read import as_text, listed, read_table
from gnnneg.data.rows import by_row, shown
from gnnneg.data.statements import PAIR, confidence, counts, triplets
from gnnneg.data.values import confidences, read_names, truth
from gnnneg.errors import UserError

ROWS = [("00260881", "likes", '"a" b'), ("x", "likes", "00260881"), ("x", "likes", "00260881"), ("x", "is", "x")]


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def rows(path: Path, layout: Layout = Layout()) -> list[tuple[str, ...]]:  # noqa: B008
    table = read_table(path, layout)
    return list(zip(*(table[c].to_pylist() for c in ("head", "relation", "tail"))))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("name", ["train.txt", "train.txt.gz"])
@pytest.mark.parametrize("count_line", [True, False])
def test_lines_end_as_they_like(tmp_path: Path, end: str, final: bool, name: str, count_line: bool) -> None:
    lines = [str(len(ROWS))] * count_line + ["\t".join(r) for r in ROWS]
    path = write(tmp_path / name, end.join(lines) + end * final)
    assert rows(path, Layout(count_line=count_line)) == ROWS  # zeros, quotation marks and duplicates kept


@pytest.mark.parametrize(("delimiter", "sign"), [("tab", "\t"), ("comma", ","), ("semicolon", ";"), ("bar", "|")])
def test_delimiters_and_ignored_columns(tmp_path: Path, delimiter: str, sign: str) -> None:
    text = sign.join("abcde") + "\n" + "\n".join(sign.join(["0", h, "?", r, t]) for h, r, t in ROWS)
    path = write(tmp_path / "a.txt", text)
    layout = Layout(("_", "head", "_", "relation", "tail"), delimiter, header=True)
    assert rows(path, layout) == ROWS


def test_quoted_fields_may_hold_anything(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", '"Doe, J.",likes,"a ""b""\nc"\nx,likes,"y"\n')
    layout = Layout(delimiter="comma", quoted=True)
    assert rows(path, layout) == [("Doe, J.", "likes", 'a "b"\nc'), ("x", "likes", "y")]


def test_parquet_is_read_by_column_name(tmp_path: Path) -> None:
    head, relation, tail = zip(*ROWS)
    pa.parquet.write_table(
        pa.table({"tail": tail, "n": range(4), "head": head, "relation": relation}), tmp_path / "a.parquet"
    )
    assert rows(tmp_path / "a.parquet") == ROWS
    with pytest.raises(UserError, match=r"no column 'subject'; it has tail, n, head, relation"):
        read_table(tmp_path / "a.parquet", Layout(("subject", "relation", "tail")))
    (tmp_path / "b.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match="not a parquet file"):
        read_table(tmp_path / "b.parquet")


@pytest.mark.parametrize(
    ("content", "layout", "said"),
    [
        (b"a\tr\tb\na\tr\n", Layout(), r"a\.txt:2: expected 3 fields separated by tab .*, found 2: 'a\\tr'"),
        (b"a\tr\tb\n\na\tr\tb\tc\n", Layout(), r"a\.txt:3: expected 3 fields .* found 4"),
        (b"a\tr\tb\na\t\tb\n", Layout(), r"a\.txt:2: .* but the relation is empty"),
        (b"a r b\n", Layout(), r"a\.txt:1: expected 3 fields separated by tab"),
        (b"", Layout(), "is empty"),
        (b"\n \n", Layout(), "is empty"),
        (b"a\tr\tb\x00", Layout(), "not text in UTF-8"),
        ("a\tr\tb\nä\tr\tb".encode("latin-1"), Layout(), r"a\.txt:2: not text in UTF-8"),
        ("a\tr\tb".encode("utf-16-le"), Layout(), "not text in UTF-8"),  # without a mark nothing tells what it is
        (bytes(range(1, 256)) * 9, Layout(), r"a\.txt:\d+: "),
        (b"3\n0 1 0\n1 0 0\n", Layout(("head", "tail", "relation"), "blank", True), r"announces 3 lines, but 2 follow"),
        (b"0 1 0\n1 0 0\n", Layout(("head", "tail", "relation"), "blank", True), "expected the number of lines"),
        (b"2\n", Layout(count_line=True), "announces 2 lines"),
        (b"h\tr\tt\n", Layout(header=True), "holds no lines"),
        (b'a,r,"b\nc,r,d\n', Layout(delimiter="comma", quoted=True), "never closed; .* line 1"),
    ],
)
def test_a_garbled_file_is_named_with_its_line(tmp_path: Path, content: bytes, layout: Layout, said: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_table(tmp_path / "a.txt", layout)


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.txt does not exist"):
        read_table(tmp_path / "no.txt")
    whole = gzip.compress(b"a\tr\tb\n" * 100)
    (tmp_path / "a.txt.gz").write_bytes(whole[:-9])
    with pytest.raises(UserError, match="not a whole gzip file"):
        read_table(tmp_path / "a.txt.gz")
    (tmp_path / "a.txt.gz").write_bytes(b"a\tr\tb\n")  # the content tells what it is packed with, not the name
    assert rows(tmp_path / "a.txt.gz") == [("a", "r", "b")]


def test_text_that_shrinks_to_a_fiftieth_is_no_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound for small files, and beyond it a ratio: four times a hundred of the file's bytes."""
    monkeypatch.setattr(read, "LARGEST", 1 << 10)
    path = tmp_path / "a.parquet"
    for length, rows in ((2000, 100), (2000, 3000)):
        pa.parquet.write_table(pa.table(dict.fromkeys(("head", "relation", "tail"), ["a" * length] * rows)), path)
        text, allowed = 3 * length * rows, 400 * path.stat().st_size
        assert (text < allowed) == (rows == 100)
        if text < allowed:
            assert read.read_parquet(path).num_rows == rows
        else:
            with pytest.raises(UserError, match="stands for"):
                read.read_parquet(path)


def test_a_bomb_of_parquet(tmp_path: Path) -> None:
    """A few bytes that stand for many rows, or for one long text many times."""
    path, names = tmp_path / "a.parquet", ("head", "relation", "tail")
    group = pa.table({name: pa.array(["a"] * 1_000_000).dictionary_encode() for name in names})
    with pa.parquet.ParquetWriter(path, group.schema) as writer:
        for _ in range(11):
            writer.write_table(group)
    with pytest.raises(UserError, match=r"bytes, but stands for 11,000,000 rows"):
        read_table(path)
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 5_000, pa.int32()), pa.array(["x" * (1 << 20)]))
    for kept in (True, False):  # as a dictionary, or as plain text to whoever reads it
        pa.parquet.write_table(pa.table(dict.fromkeys(names, long)), path, store_schema=kept)
        with pytest.raises(UserError, match=r"bytes, but stands for 15,000 MiB of text"):
            read_table(path)


def test_layouts_that_make_no_sense() -> None:
    with pytest.raises(UserError, match="Unknown delimiter 'pipe'"):
        Layout(delimiter="pipe")
    with pytest.raises(UserError, match="a column twice"):
        Layout(("head", "head", "tail"))


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)] * 3), min_size=1
    )
)
@settings(max_examples=40, deadline=None)
def test_any_names_are_read_as_python_splits_them(
    tmp_path_factory: pytest.TempPathFactory, triples: list[tuple[str, str, str]]
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.txt"
    path.write_bytes("\n".join("\t".join(t) for t in triples).encode())
    if path.read_bytes().startswith(b"\xef\xbb\xbf"):
        return
    assert rows(path) == triples
    head, tail = (pa.chunked_array([[t[i] for t in triples]], pa.large_string()) for i in (0, 2))
    assert appearance((head, tail)) == list(dict.fromkeys(name for h, _, t in triples for name in (h, t)))


def test_labels() -> None:
    column = pa.chunked_array([["1", "-1", "True", " false", "0", "+1", "1.0"]])
    assert truth(column, by_row("f")).to_pylist() == [True, False, True, False, False, True, True]
    with pytest.raises(
        UserError,
        match=r"f: row 2: the label 'maybe' is none of 1, .*true \(stated\); 0, .*\(denied\); others get a meaning",
    ):
        truth(pa.chunked_array([["1", "maybe"]]), by_row("f"))
    own = Labels(denied=("-1", "-1C"), unknown=("0c",))
    assert truth(pa.chunked_array([["-1c", "0c", "-1"]]), by_row("f"), own).to_pylist() == [False, None, False]
    with pytest.raises(UserError, match=r"label '1' is none of -1, -1C \(denied\); 0c \(unknown\); others"):
        truth(pa.chunked_array([["1"]]), by_row("f"), own)


def test_unknown_lines_and_doubly_denied_ones_are_left_out_and_counted(tmp_path: Path) -> None:
    """NotIsA turns into IsA denied; what is denied of NotIsA or unknown goes, and with it entities of its own."""
    write(tmp_path / "train.txt", "a\tIsA\tb\nb\tNotIsA\tc\na\tlikes\tb\n")
    write(tmp_path / "valid.txt", "c\tNotIsA\ta\t1\na\tNotIsA\td\t-1\na\tIsA\tc\t-1\ne\tIsA\ta\t?\nf\tNotIsA\ta\t?\n")
    labels = Labels(("1",), ("-1",), ("?",))
    layouts = {"valid.txt": Layout(("head", "relation", "tail", "label"), labels=labels)}
    data = build(card(Layout(), layouts=layouts, negated={"NotIsA": "IsA"}), tmp_path)
    assert data["entity"].names == ["a", "b", "c"]
    assert data.relation_names == ["IsA", "likes"]
    assert [x.tolist() for x in triplets(data)] == [[0, 0], [0, 1], [1, 1]]
    assert [x.tolist() for x in triplets(data, "denied")] == [[1, 2, 0], [0, 0, 0], [2, 0, 2]]
    assert data["entity", "denied", "entity"].split.tolist() == [0, 1, 1]
    assert data.left_out == {"doubly_denied_valid": 1, "unknown_valid": 2}
    found = counts(data)
    assert (found["train"], found["denied_train"], found["denied_valid"], found["unknown_valid"]) == (2, 1, 2, 2)


def test_types_stand_beside_their_entities(tmp_path: Path) -> None:
    write(tmp_path / "train.txt", "a\tr\tb\nc\tr\td\n")
    write(tmp_path / "valid.txt", "d\tr\ta\n")
    write(tmp_path / "e.txt", '{"b": ["y", "x", "y"], "z": ["w"], "c": [], "d": ["x"]}')
    data = build(card(Layout(), types="e.txt"), tmp_path)
    assert data["entity"].type_names == ["y", "x"]
    assert data["entity"].type.int().tolist() == [[0, 0], [1, 1], [0, 0], [0, 1]]
    for wrong in ('["a"]', '{"b": "x"}', '{"a": [3]}'):
        write(tmp_path / "e.txt", wrong)
        with pytest.raises(UserError, match=r"e\.txt: expected an object that lists the types"):
            build(card(Layout(), types="e.txt"), tmp_path)
    write(tmp_path / "e.txt", "{")
    with pytest.raises(UserError, match=r"e\.txt is not JSON"):
        build(card(Layout(), types="e.txt"), tmp_path)


def test_dictionaries(tmp_path: Path) -> None:
    path = write(tmp_path / "entity2id.txt", "3\r\nb\t2\r\na\t0\r\n007\t1")
    assert read_names(path, Layout(("name", "id"), count_line=True)) == ["a", "007", "b"]
    with pytest.raises(UserError, match="expected an integer id, found 'b'"):
        read_names(path, Layout(("id", "name"), count_line=True))
    write(path, "a\t0\nb\t2\n")
    with pytest.raises(UserError, match="0 to 1, each once"):
        read_names(path, Layout(("name", "id")))


def card(layout: Layout, **kwargs: object) -> Card:
    files = {n: FileSource() for n in ("train.txt", "valid.txt", "e.txt", "r.txt")}
    stated = {"train": "train.txt", "valid": "valid.txt"}
    return Card(name="toy", layout=layout, stated=stated, files=files, **kwargs)  # type: ignore[arg-type]


def test_every_column_order_and_ids_load_the_same_graph(tmp_path: Path) -> None:
    train = [("a", "r", "b"), ("b", "s", "c"), ("c", "r", "a")]
    valid = [("d", "r", "a")]
    orders = {"head relation tail": (0, 1, 2), "head tail relation": (0, 2, 1), "relation head tail": (1, 0, 2)}
    found = []
    for columns, order in orders.items():
        for name, part in (("train", train), ("valid", valid)):
            write(tmp_path / f"{name}.txt", "\n".join("\t".join(t[i] for i in order) for t in part))
        data = build(card(Layout(tuple(columns.split()))), tmp_path)
        assert data["entity"].names == ["a", "b", "c", "d"]
        assert data.relation_names == ["r", "s"]
        assert data["entity", "stated", "entity"].split.tolist() == [0, 0, 0, 1]
        found.append([x.tolist() for x in triplets(data)])
    assert found == [[[0, 1, 2, 3], [0, 1, 0, 0], [1, 2, 0, 0]]] * 3
    # the same in OpenKE's form, where the dictionary gives the numbers
    write(tmp_path / "e.txt", "4\na\t3\nb\t0\nc\t1\nd\t2\n")
    write(tmp_path / "r.txt", "2\ns\t0\nr\t1\n")
    write(tmp_path / "train.txt", "3\r\n3 0 1\r\n0 1 0\r\n1 3 1")
    write(tmp_path / "valid.txt", "1\n2 3 1\n")
    dictionary = Dictionary("e.txt", "r.txt", Layout(("name", "id"), count_line=True))
    layout = Layout(("head", "tail", "relation"), "blank", count_line=True)
    data = build(card(layout, dictionary=dictionary), tmp_path)
    assert data["entity"].names == ["b", "c", "d", "a"]
    names, relations = data["entity"].names, data.relation_names
    assert [(names[h], relations[r], names[t]) for h, r, t in zip(*map(list, triplets(data)))] == train + valid
    write(tmp_path / "valid.txt", "1\n2 4 1\n")
    with pytest.raises(UserError, match=r"valid\.txt: entity '4' is not in the dictionary of 4"):
        build(card(layout, dictionary=dictionary), tmp_path)


def test_a_label_column_parts_stated_from_denied(tmp_path: Path) -> None:
    write(tmp_path / "train.txt", "a\tr\tb\t1\na\tr\tc\t-1\n")
    write(tmp_path / "valid.txt", "b\tr\ta\t-1\nb\tr\tc\t1\n")
    data = build(card(Layout(("head", "relation", "tail", "label"))), tmp_path)
    assert [x.tolist() for x in triplets(data, "denied", "train")] == [[0], [0], [2]]
    assert [x.tolist() for x in triplets(data, "denied", "valid")] == [[1], [0], [0]]
    assert [x.tolist() for x in triplets(data, "stated", "valid")] == [[1], [0], [2]]


def test_confidence_and_source_stand_beside_their_statements(tmp_path: Path) -> None:
    """Labels part the rows of a file, and another file has neither column: 1 and -1 stand there."""
    write(tmp_path / "train.txt", "a\tr\tb\t1\t0.5\tx\na\tr\tc\t0\t.25\ty\n\nc\tr\ta\t1\t1e-1\ty\n")
    write(tmp_path / "valid.txt", "b\tr\ta\n")
    layout = Layout(("head", "relation", "tail", "label", "confidence", "source"))
    data = build(card(layout, layouts={"valid.txt": Layout()}), tmp_path)
    assert confidence(data, "stated", "train").tolist() == pytest.approx([0.5, 0.1])
    assert confidence(data, "stated", "valid").tolist() == [1.0]
    assert confidence(data, "denied").tolist() == [0.25]
    assert confidence(data).dtype == torch.float32
    assert data.source_names == ["x", "y"]
    assert data["entity", "stated", "entity"].source.tolist() == [0, 1, -1]
    assert data["entity", "denied", "entity"].source.tolist() == [1]
    columns = {
        "head": ["a", "b"],
        "relation": ["r"] * 2,
        "tail": ["b", "a"],
        "confidence": [0.25, 1.0],
        "source": ["", "x"],
    }
    words = {k: pa.array(v, pa.float64() if k == "confidence" else pa.large_string()) for k, v in columns.items()}
    table = pa.table(words)  # as importing makes it
    made = Parts.of([("denied", "train", table)]).graph
    assert confidence(made, "denied").tolist() == [0.25, 1.0]
    assert confidence(made, "stated").tolist() == []
    assert (made["entity", "denied", "entity"].source.tolist(), made.source_names) == ([-1, 0], ["x"])
    data = build(card(Layout(("head", "relation", "tail", "_", "_", "_")), layouts={"valid.txt": Layout()}), tmp_path)
    assert confidence(data) is None
    assert "source_names" not in data
    write(tmp_path / "train.txt", "a\tr\tb\t1\t0.5\tx\na\tr\tc\t0\t1.5\ty\n")
    with pytest.raises(UserError, match=r"train\.txt:2: the confidence '1\.5' is no number from 0 to 1"):
        build(card(layout, layouts={"valid.txt": Layout()}), tmp_path)


@pytest.mark.parametrize("wrong", ["nan", "NaN", "inf", "-0.1", "1.001", "high", "0,5", "1e", "0x1"])
def test_what_is_no_confidence(wrong: str) -> None:
    with pytest.raises(UserError, match=rf"f: row 3: the confidence '{wrong}' is no number"):
        confidences(pa.chunked_array([["1", " 0"], [wrong, "2"]]), by_row("f"))


def test_pairs_are_asked_and_not_stated(tmp_path: Path) -> None:
    """By name, though the statements are ids; the relation of the file is none of the graph."""
    write(tmp_path / "e.txt", "a\t1\nb\t0\nc\t2\n")
    write(tmp_path / "r.txt", "r\t0\n")
    write(tmp_path / "train.txt", "0\t1\t0\n")
    write(tmp_path / "valid.txt", "a\tmeets\tb\t1\r\nc\tmeets\ta\t0\r\nb\tmeets\tb\t0\r\n")
    named = {"valid.txt": Layout(("head", "_", "tail", "label"), named=True)}
    made = Card(
        name="toy",
        layout=Layout(("head", "tail", "relation")),
        layouts=named,
        stated={"train": "train.txt"},
        pairs="valid.txt",
        dictionary=Dictionary("e.txt", "r.txt"),
        files={n: FileSource() for n in ("train.txt", "valid.txt", "e.txt", "r.txt")},
    )
    data = build(made, tmp_path)
    assert data["entity"].names == ["b", "a", "c"]
    assert data[PAIR].edge_label_index.tolist() == [[1, 2, 0], [0, 1, 0]]
    assert data[PAIR].edge_label.tolist() == [1, 0, 0]
    assert "edge_index" not in data[PAIR]
    found = counts(data)
    assert (found["train"], found["denied_train"], found["pairs_true"], found["pairs_false"]) == (1, 0, 1, 2)
    write(tmp_path / "valid.txt", "a\tmeets\tz\t1\n")
    with pytest.raises(UserError, match=r"valid\.txt: entity 'z' is not in the dictionary of 3"):
        build(made, tmp_path)
    write(tmp_path / "valid.txt", "a\tmeets\tb\t1\n")
    write(tmp_path / "e.txt", "a\t1\na\t0\nc\t2\n")
    with pytest.raises(UserError, match="gives one name to two ids"):
        build(made, tmp_path)


def test_ntriples_by_its_grammar(tmp_path: Path) -> None:
    text = (
        "# a comment\n<http://a/\\u00e9> <http://p> <http://b> .\r\n\n_:x <http://p> _:y1.\n"
        '<http://b> <http://q> "say \\"hi\\" . "@en .  # end\n<http://b> <http://q> "1"^^<http://int> .\n'
    )
    found = read_ntriples(write(tmp_path / "a.nt", text))
    assert found.left_out == {"literals": 2, "blank nodes": 1}
    assert list(zip(*found.table.drop_columns(["label"]).to_pydict().values())) == [
        ("http://a/é", "http://p", "http://b"),
    ]
    table, left_out, *_ = read_ntriples(tmp_path / "a.nt", literals=True, blank=True)
    assert (table["head"].to_pylist()[1], table["tail"].to_pylist()[1]) == ("_:x", "_:y1")
    assert not left_out
    assert table["tail"].to_pylist()[2:] == ['"say \\"hi\\" . "@en', '"1"^^<http://int>']
    for wrong in ("<a> <b> <c>\n", "<a> b <c> .\n", '"l" <b> <c> .\n', "<a> _:b <c> .\n"):
        with pytest.raises(UserError, match=r"b\.nt:2: expected '<subject>"):
            read_ntriples(write(tmp_path / "b.nt", "<a> <b> <c> .\n" + wrong))


@pytest.mark.parametrize(("length", "kept"), [(59, 59), (60, 60), (61, 57), (1000, 57)])
def test_a_long_line_is_shown_in_part(length, kept):
    """Up to 60 characters whole, else 57 of them and three dots."""
    text = "".join(chr(97 + i % 26) for i in range(length))
    assert shown(text) == repr(text[:kept] + "..." * (kept < length))


def test_missing_labels_are_empty_and_missing_names_are_refused():
    """A place without a label is one without a word, the others keep theirs."""
    name = "label"
    table = pa.table({"head": ["a", "b"], name: pa.array([None, "x"], pa.string())})
    assert as_text(table, Path("a.parquet")).to_pydict() == {"head": ["a", "b"], name: ["", "x"]}
    with pytest.raises(UserError, match=r"a\.parquet: row 2 has no head"):
        as_text(pa.table({"head": ["a", None]}), Path("a.parquet"))


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz", "a.csv"])
def test_a_file_is_read_block_by_block(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few lines give the table of the whole, and a fault in a late one has its line."""
    monkeypatch.setattr("gnnneg.data.read.BLOCK", 64)
    monkeypatch.setattr("gnnneg.data.decode.CHUNK", 29)
    layout = Layout(delimiter="comma", quoted=True) if name == "a.csv" else Layout()
    sign = "," if name == "a.csv" else "\t"
    wanted = [(f"e{i % 7}", f"r{i % 3}", f"é{i % 11}") for i in range(100)]
    lines = [sign.join(row) for row in wanted]
    path = write(tmp_path / name, "\n".join(lines))
    assert rows(path, layout) == wanted
    table = read_table(path, layout)
    assert table["head"].num_chunks > 5
    assert {len(chunk.dictionary) for chunk in table["head"].chunks} == {7}
    write(path, "\n".join([*lines[:90], sign.join("ab"), *lines[90:]]))
    with pytest.raises(UserError, match=r":91: expected 3 fields .*, found 2"):
        read_table(path, layout)
    write(path, "\n".join([*lines[:95], sign.join(("a", "", "b")), *lines[95:]]))
    with pytest.raises(UserError, match=r":96: .* the relation is empty"):
        read_table(path, layout)


def test_names_of_columns_in_a_sentence_are_bounded() -> None:
    """Found by atheris: forty names of eighty letters filled two screens. How many are left out is told."""
    assert listed(["a", "b c", "d\n"]) == "a, b c, 'd\\n'"
    assert listed([str(i) for i in range(43)]).endswith("38, 39 and 3 more")
    long = ["x" * 79] * 30
    assert listed(long) == ", ".join(long[:10]) + " and 20 more"
