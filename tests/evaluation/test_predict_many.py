"""Many questions at once: the same answers as one by one, ties included; files of questions and of answers."""

import json
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from evaluation.tabled import NODES, RELATIONS, Tabled, bed, coarse, world

from gnnneg.data import naming
from gnnneg.data.questions import read_questions, understood
from gnnneg.data.statements import assemble
from gnnneg.errors import UserError
from gnnneg.evaluation import predict
from gnnneg.evaluation.answer_files import write_answers
from gnnneg.evaluation.best import best
from gnnneg.evaluation.entity_ranking import ranked
from gnnneg.evaluation.predict_many import predict_many
from gnnneg.evaluation.said import WORDS, Said
from gnnneg.records import Triplets


def ground():
    """Statements in all splits, with repeats in several of them, and denied ones, some of which are stated too."""
    stated, tested = world(0)
    more, denied = world(1)[0], world(2, 20)[0]
    both = Triplets(*(torch.cat([a[:9], b]) for a, b in zip(tested, denied)))
    found = bed(NODES, RELATIONS, {"train": stated, "valid": more, "test": tested}, {"train": denied, "test": both})
    kinds = torch.zeros(NODES, 2, dtype=torch.bool)
    kinds[::2, 0] = kinds[1::3, 1] = True
    found.data["entity"].type, found.data["entity"].type_names = kinds, ["even", "third"]
    found.data["entity"].labels = [f"label {i}" if i % 3 else "" for i in range(NODES)]
    return found


def questions(count: int = 90) -> pd.DataFrame:
    """A third of each kind, and whole triples, in a drawn order, some twice."""
    draw = torch.Generator().manual_seed(5)
    tops = NODES, RELATIONS, NODES
    columns = [torch.randint(top, (count,), generator=draw).tolist() for top in tops]
    frame = pd.DataFrame(dict(zip(("head", "relation", "tail"), columns))).astype(str)
    left = torch.randint(4, (count,), generator=draw).tolist()
    for row, which in enumerate(left):
        if which < 3:
            frame.iloc[row, which] = None
    return frame


def one_by_one(model, data, frame, **options) -> list[pd.DataFrame]:
    found = []
    for row in frame.astype(object).where(frame.notna(), None).to_dict("records"):
        whole, pair = all(row.values()), row["relation"] is None
        given = {} if whole else {key: options[key] for key in options if key != "among" or not pair}
        found.append(predict(model, data, **row, **given))
    return found


def many(model, bed, frame, k=10, among=None, **options) -> pd.DataFrame:
    data = bed.data
    chosen = None if among is None else naming.among(data, among)
    asked = understood(read_questions(frame), data)
    return pa.concat_tables(list(predict_many(model, bed, asked, k, among=chosen, **options))).to_pandas()


@pytest.mark.parametrize(
    "options", [{}, {"unknown_only": True}, {"among": "even"}, {"among": ["3", "7", "8"], "unknown_only": True}]
)
def test_as_one_by_one(options, monkeypatch):
    """Scores of few values, so that most answers are tied, and cut off within ties."""
    module = sys.modules[predict_many.__module__]
    monkeypatch.setattr(module, "AT_ONCE", 7)
    monkeypatch.setattr(module, "QUERIES", 5)
    there, model, frame = ground(), Tabled(coarse(3)), questions(32)
    for k in (3, 99):
        model.encoded = 0
        answers = many(model, there, frame, k, **options)
        assert model.encoded == 1
        apart = one_by_one(model, there.data, frame, k=k, **options)
        assert answers["question"].is_monotonic_increasing
        for number, alone in enumerate(apart):
            mine = answers[answers["question"] == number]
            assert len(mine) == len(alone)
            for column in alone:
                assert mine[column].tolist() == alone[column].tolist(), (number, column)
            assert mine["rank"].tolist() == list(range(1, len(alone) + 1))


@pytest.mark.parametrize("among", [None, ["3", "7", "8"]])
def test_whole_triples_are_ranked(among):
    """As each alone is, among the same; who is none of them among all."""
    there, model = ground(), Tabled(coarse(3))
    frame = questions().dropna()
    answers = many(model, there, frame, among=among)
    chosen = None if among is None else torch.tensor([3, 7, 8])
    for row, (head, relation, tail) in zip(answers.to_dict("records"), frame.astype(int).values.tolist()):
        for side, target in (("tail", tail), ("head", head)):
            inside = chosen is not None and target in (3, 7, 8)
            triplet = Triplets(*(torch.tensor([index]) for index in (head, relation, tail)))
            alone = ranked(model, there, triplet, chosen if inside else None).of(side)
            assert row[f"{side}_rank"] == float(alone.realistic)
            assert row[f"{side}_candidates"] == int(alone.candidates)
    assert set(answers["asked"]) == {"triple"}


def test_head_and_tail_answers_of_one_triple_agree():
    """Inverse relations have scores of their own: ``score`` is that of the tail, whoever asks, and heads show both."""
    there, model = ground(), Tabled(torch.randn(2 * RELATIONS, NODES, NODES))
    tails = pd.DataFrame({"head": list(map(str, range(NODES))), "relation": "1", "tail": None})
    heads = pd.DataFrame({"head": None, "relation": "1", "tail": list(map(str, range(NODES)))})
    answers = many(model, there, pd.concat([tails, heads], ignore_index=True), k=NODES)
    assert answers["asked"].value_counts().to_dict() == {"tail": NODES**2, "head": NODES**2}
    both = answers.pivot(index=["head", "tail"], columns="asked", values=["score", "head_score"])
    assert both["score", "head"].equals(both["score", "tail"])
    assert both["head_score", "tail"].isna().all()
    assert (both["head_score", "head"] - both["score", "head"]).abs().min() > 1e-4
    for (head, tail), row in both.iterrows():
        assert row["head_score", "head"] == pytest.approx(float(model.score[1 + RELATIONS, int(tail), int(head)]))


def test_the_best_by_a_whole_sort():
    """Against a stable sort of each row, with ties, infinities and places that do not count."""
    draw = torch.Generator().manual_seed(1)
    for width in (1, 4, 30):
        score = torch.randint(-2, 3, (40, width), generator=draw).float()
        score[torch.rand(score.shape, generator=draw) < 0.2] = -torch.inf
        away = torch.rand(score.shape, generator=draw) < 0.4
        for k in (1, 3, 30, 40):
            place, value, count = best(score, k, away.nonzero().unbind(1))
            for row in range(len(score)):
                order = score[row].sort(descending=True, stable=True).indices
                wanted = [i for i in order.tolist() if not away[row, i]][:k]
                assert place[row, : count[row]].tolist() == wanted
                assert value[row, : count[row]].tolist() == score[row, wanted].tolist()


def test_said_by_hand():
    """Stated has the last word over denied, and the last row over earlier ones."""
    stated = Triplets(*torch.tensor([[0, 0, 2, 0], [0, 1, 1, 0], [1, 2, 0, 1]]))
    denied = Triplets(*torch.tensor([[0, 1], [0, 0], [1, 1]]))
    data = assemble(stated, torch.tensor([2, 1, 0, 0]), list("abc"), ["r", "s"], denied, torch.tensor([0, 0]))
    asked = Triplets(*torch.tensor([[0, 0, 2, 1, 2, 0], [0, 1, 1, 0, 0, 1], [1, 2, 0, 1, 2, 1]]))
    assert [WORDS[i] for i in Said(data)(asked)] == ["train", "valid", "train", "denied", "unknown", "unknown"]
    none = Triplets(*[torch.empty(0, dtype=torch.long)] * 3)
    silent = assemble(none, none.rel_type, list("abc"), ["r", "s"])
    assert [WORDS[i] for i in Said(silent)(asked)] == ["unknown"] * 6


def test_files_of_questions(tmp_path):
    """The same from every kind of file, with a column for people, quotes, blank lines and a missing column."""
    data = ground().data
    data["entity"].names = ["a,b", 'c"d', *map(str, range(2, NODES))]
    (tmp_path / "q.csv").write_text('Relation,note,head,tail\n1,x,"a,b",\n\n0,,,"c""d"\n2,,"c""d",5\n')
    (tmp_path / "q.tsv").write_text('note\thead\trelation\ttail\nx\ta,b\t1\t\n\t\t0\tc"d\n\tc"d\t2\t5\n')
    frame = pd.DataFrame({"head": ["a,b", None, 'c"d'], "relation": ["1", "0", "2"], "tail": [" ", 'c"d', "5"]})
    frame.to_parquet(tmp_path / "q.parquet")
    for source in (tmp_path / "q.csv", tmp_path / "q.tsv", tmp_path / "q.parquet", frame):
        asked = read_questions(source)
        meant = understood(asked, data)
        assert torch.stack([meant.head, meant.relation, meant.tail]).tolist() == [[0, -1, 1], [1, 0, 2], [-1, 1, 5]]
        assert meant.place.tolist() == [0, 1, 2]
    assert read_questions(tmp_path / "q.csv").number.tolist() == [2, 4, 5]
    assert read_questions(tmp_path / "q.csv").aside == ["note"]
    two = understood(read_questions(frame[["relation", "tail"]].iloc[1:]), data)
    assert two.head.tolist() == [-1, -1]


def test_names_come_back_from_tables(tmp_path):
    """As pandas quotes them in a TSV, as answers are written for spreadsheets, and names that look so by themselves."""
    data = ground().data
    names = ['the "best"', "=sum", '"quoted"', "'=kept", *map(str, range(4, NODES))]
    data["entity"].names = names
    heads = [*names[:4], "'=sum"]
    pd.DataFrame({"head": heads, "relation": "1"}).to_csv(tmp_path / "q.tsv", sep="\t", index=False)
    assert '"the ""best"""' in (tmp_path / "q.tsv").read_text()
    assert understood(read_questions(tmp_path / "q.tsv"), data).head.tolist() == [0, 1, 2, 3, 1]
    (tmp_path / "plain.tsv").write_text('head\trelation\nthe "best"\t1\n"quoted"\t1\n')
    assert understood(read_questions(tmp_path / "plain.tsv"), data).head.tolist() == [0, 2]


def test_unknown_names_are_all_told_of(tmp_path):
    data = ground().data
    data["entity"].labels = ["twin", "twin", *[""] * (NODES - 2)]
    file = tmp_path / "q.tsv"
    lines = ["head\trelation\ttail", "1\t0\t", "nobody\t0\t", "\tknows\t2", "twin\t0\t", "nobody\t1\t", "4\t\t5"]
    file.write_text("\n".join(lines))
    with pytest.raises(UserError) as told:
        understood(read_questions(file), data)
    assert str(told.value) == (
        f"{file}: 3 names in 4 of 6 questions are not of one entity or relation of the data: 'nobody' (head, line 3), "
        "'knows' (relation, line 4), 'twin' (head, line 5, 2 are called so): fix them, or leave these questions out "
        "with --skip-unknown."
    )
    meant = understood(read_questions(file), data, skip_unknown=True)
    assert meant.place.tolist() == [0, 5]
    assert meant.left_out is not None
    assert meant.left_out.startswith(f"Left out: {file}: 3 names in 4 of 6 questions")
    file.write_text("head\trelation\n11\t0\n111\t0\n111\t1")
    with pytest.raises(UserError, match=r"q.tsv, line 3 and in 1 more: There is no entity '111' .*did you mean '11'"):
        understood(read_questions(file), data)
    many_wrong = pd.DataFrame({"head": [f"x{i}" for i in range(9)], "relation": "0"})
    with pytest.raises(UserError, match=r"9 names in 9 of 9 .*'x4' \(head, row 4\) and 4 more: fix the names\.$"):
        understood(read_questions(many_wrong), data, skip_unknown=True)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "is empty"),
        ("head\trelation\ttail\n", "holds no questions"),
        ("a\tr\tb\n", "must name its columns head, relation and tail"),
        ("head\trelation\thead\n", "two columns head"),
        ("head\trelation\ttail\n1\t0\n", "line 2: it has 2 columns and the first line 3"),
        ("head\trelation\ttail\n1\t\t\n\t\t\n1\t0\t\n", "line 2, 3 give fewer than two of head, relation"),
    ],
)
def test_bad_files_of_questions(tmp_path, text, wrong):
    file = tmp_path / "q.tsv"
    file.write_text(text)
    with pytest.raises(UserError, match=wrong):
        read_questions(file)


def test_bad_questions(tmp_path):
    there, model = ground(), Tabled(coarse(3))
    for frame, wrong in (
        (pd.DataFrame({"head": [1], "relation": ["0"]}), "column head holds values that are not text"),
        (pd.DataFrame({"head": ["1"]}), "must name its columns"),
    ):
        with pytest.raises(UserError, match=wrong):
            read_questions(frame)
    pairs = pd.DataFrame({"head": ["1"], "tail": ["2"]})
    wholes = pairs.assign(relation="0")
    with pytest.raises(UserError, match="nothing to choose among"):
        many(model, there, pairs, among="even")
    with pytest.raises(UserError, match="leave --new out"):
        many(model, there, wholes, unknown_only=True)
    with pytest.raises(UserError, match="at least 1"):
        many(model, there, pairs, k=0)
    with pytest.raises(UserError, match=r"questions are read from files called"):
        read_questions(tmp_path / "q.xlsx")
    model.score[0, 1, 5] = torch.nan
    with pytest.raises(UserError, match="NaN"):
        many(model, there, pd.DataFrame({"head": ["1"], "relation": ["0"]}))
    pd.DataFrame({"head": [1], "tail": [2]}).to_parquet(tmp_path / "q.parquet")
    with pytest.raises(UserError, match="column head holds int64: give names as text"):
        read_questions(tmp_path / "q.parquet")


def test_files_of_answers(tmp_path, monkeypatch):
    """Every form says the same; parquet has a row group for each part."""
    monkeypatch.setattr(sys.modules[predict_many.__module__], "AT_ONCE", 40)
    there, model, frame = ground(), Tabled(coarse(3)), questions()
    there.data["entity"].names = ["=a", *there.data["entity"].names[1:]]
    asked = understood(read_questions(frame.replace("0", "1")), there.data)
    whole = many(model, there, frame.replace("0", "1"), k=3)
    for kind in ("parquet", "csv", "tsv", "json"):
        write_answers(predict_many(model, there, asked, 3), tmp_path / f"a.{kind}", kind)
    file = pa.parquet.ParquetFile(tmp_path / "a.parquet")
    assert file.num_row_groups == 3
    assert file.read().to_pandas().equals(whole)
    rows = json.loads((tmp_path / "a.json").read_text())
    assert pd.DataFrame(rows)["head_score"].isna().sum() == whole["head_score"].isna().sum() > 0
    harmless = whole.replace("=a", "'=a")
    assert (whole["tail"] == "=a").any()
    for kind, sign in (("csv", ","), ("tsv", "\t")):
        read = pd.read_csv(tmp_path / f"a.{kind}", sep=sign, dtype={"head": str, "relation": str, "tail": str})
        assert read[["question", "head", "relation", "tail"]].equals(harmless[["question", "head", "relation", "tail"]])
        assert read["score"].tolist() == pytest.approx(whole["score"].tolist())
    with pytest.raises(UserError, match="not as xml"):
        write_answers([], tmp_path / "a.xml", "xml")
