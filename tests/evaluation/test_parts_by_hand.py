"""What each evaluator adds to the figures it gives: its key, its own options before the testbed's, what it refuses."""

import sys
from fractions import Fraction

import pytest
import torch
from evaluation.tabled import NODES, RELATIONS, Tabled, bed, coarse, index_of, world
from examples import bed as toy_bed
from examples import kge
from torch.testing import assert_close

from gnnneg.data.statements import PAIR
from gnnneg.errors import UserError
from gnnneg.evaluation import (
    Clustering,
    Evaluator,
    Findings,
    KnownNegatives,
    PairClassification,
    ProbabilityCalibration,
    Ranking,
    Ranks,
    RelationRanking,
    TripleClassification,
    matched,
    ranks,
    summary,
)
from gnnneg.evaluation.classification import average_precision, judge, labelled, thresholds
from gnnneg.evaluation.drawn import unknown
from gnnneg.evaluation.entity_ranking import ranked
from gnnneg.evaluation.nodes import accuracy
from gnnneg.evaluation.strata import _quartiles, strata, table
from gnnneg.records import Query, Triplets

pytestmark = pytest.mark.filterwarnings("ignore:Ties decide")


def facts(*rows: tuple[int, int, int]) -> Triplets:
    return Triplets(*(torch.tensor(column) for column in zip(*rows)))


def asked_of(**policy):
    stated, tested = world(0)
    return bed(NODES, RELATIONS, {"train": stated, "valid": tested, "test": tested}, **policy)


def test_under_which_key():
    assert (Ranking().key, Ranking(per="degree").key) == ("", "degree")
    keys = {RelationRanking: "RelationRanking", TripleClassification: "classification", Clustering: "Clustering"}
    keys |= {KnownNegatives: "verified_negatives", ProbabilityCalibration: "calibration"}
    assert {part: part().key for part in keys} == keys


def test_options_of_ones_own_come_first():
    """Hits among as many drawn as the testbed says, unless the part says it."""
    model = Tabled(coarse())
    for part, policy, name in (
        (Ranking(), {"sampled": 3}, "hits@10_3"),
        (Ranking(sampled=4), {"sampled": 3}, "hits@10_4"),
        (Ranking(sampled=4), {}, "hits@10_4"),
    ):
        found = part(model, asked_of(**policy))
        assert [key for key in found.figures if key.startswith("hits@10_")] == [name]
        assert found.counts == {"queries": 70}
    assert not any(key.startswith("hits@10_") for key in Ranking()(model, asked_of()).figures)


@pytest.mark.filterwarnings("error")
def test_figures_while_training():
    """Numbers of both sides together, whose names are known before; of ties nothing is said yet."""
    model, judged_on = Tabled(coarse()), asked_of()
    found = Ranking("valid").validate(model, judged_on)
    assert Ranking("valid").metrics(judged_on) == list(found)
    assert all(isinstance(value, float) for value in found.values())
    assert {"mrr", "hits@10", "z_mrr"} <= found.keys()
    assert not {"head", "tail"} & found.keys()
    with pytest.warns(UserWarning, match="Ties decide"):
        assert summary(Ranking("valid").ranks(model, judged_on))["mrr"] == found["mrr"]


@pytest.mark.parametrize("part", [Ranking, RelationRanking])
def test_a_split_without_statements(part):
    judged_on = bed(NODES, RELATIONS, {"train": world(0)[0]})
    for ask in (part("valid"), part("valid").ranks):
        with pytest.raises(UserError, match="has no valid statements to rank"):
            ask(Tabled(coarse()), judged_on)
    assert part("train")(Tabled(coarse()), judged_on).figures["mrr"] > 0


def test_candidate_tails_are_for_tails_alone():
    """The data set says among which entities tails are looked for; the sides stand in the order tails, heads."""
    judged_on, model = asked_of(), Tabled(coarse())
    judged_on.data["entity"].candidate_tails = torch.tensor([0, 1, 2])
    found = Ranking().ranks(model, judged_on)
    assert found.side.tolist() == [0] * 35 + [1] * 35
    free = ranks(model, None, judged_on.statements("test"), judged_on.known)
    assert torch.equal(found.of("head").optimistic, free.of("head").optimistic)
    assert int(found.of("tail").candidates.max()) <= 4
    assert int(found.of("head").candidates.max()) > 4


def test_in_parts_there_is_a_table_alone():
    found = Ranking(per="side")(Tabled(coarse()), asked_of())
    assert found.figures == {}
    assert found.table["stratum"].tolist() == ["tail", "head"]
    assert found.plain()[0]["queries"] == 35
    assert set(found.kept()) == {"tail", "head"}
    assert found.kept()["tail"]["queries"] == 35


def test_findings_in_json():
    table = Ranking(per="side")(Tabled(coarse()), asked_of()).table
    assert list(Findings({"mrr": 1.0}, table, "sides").plain()) == ["mrr", "sides"]
    assert Findings({"mrr": 1.0}, table).plain().keys() == {"mrr", "rows"}
    assert Findings({"mrr": 1.0, "sure": True}).plain() == {"mrr": 1.0, "sure": True}
    assert Findings({"mrr": 1.0, "deep": {"sure": True}}, table).kept() == {"mrr": 1.0, "deep": {"sure": 1}}
    assert Findings({}).kept() == {}
    with pytest.raises(UserError, match=r"^Findings: deep is"):
        Findings({"mrr": {"deep": "x"}})


def test_a_part_has_its_class_as_key_and_no_one_elses():
    class Own(TripleClassification):
        pass

    class Named(Evaluator):
        key = "named"

        def forward(self, model, testbed):
            return Findings({})

    assert (Own.key, Named.key) == ("Own", "named")
    assert Named()(Tabled(coarse()), asked_of()).figures == {}
    with pytest.raises(UserError, match="no test statements"):
        Named()(Tabled(coarse()), bed(NODES, RELATIONS, {"train": world(0)[0]}))


# what is drawn


def test_a_split_that_denies_nothing_is_judged_against_drawn_ones():
    stated, tested = world(1)
    split = {"train": stated, "valid": tested, "test": facts((0, 0, 1), (1, 1, 2))}
    drawn = bed(NODES, RELATIONS, split, {"valid": facts((3, 0, 4))}, seed=1)
    model = Tabled(coarse(1, levels=50))
    part = ProbabilityCalibration()
    found = part(model, drawn)
    assert found.figures["valid"] == {"stated": 35, "denied": 1, "drawn": False}
    assert found.figures["test"] == {"stated": 2, "denied": 2, "drawn": True}
    assert found.counts == {"stated": 2, "denied": 2}
    assert "Fitted on valid: 35 stated and 1 denied." in found.remarks
    assert "Judged on test: 2 stated and 2 random, since none is denied." in found.remarks
    score, label, was_drawn = part.labelled(model, drawn, "valid")
    assert (len(score), int(label.sum()), was_drawn) == (36, 35, False)
    assert label[:35].all()
    assert score[35] == model.score[0, 3, 4]
    assert {"score", "platt", "isotonic"} < found.figures.keys()


def test_verified_ones_of_valid_and_of_test():
    """Each split against its own; random ones join them, and the seed decides which."""
    stated, tested = world(2)
    denied = {"valid": facts((0, 0, 1), (1, 0, 5)), "test": facts((2, 1, 3))}
    judged_on = bed(NODES, RELATIONS, {"train": stated, "valid": tested, "test": facts((2, 1, 4))}, denied)
    model = Tabled(coarse(2))
    assert KnownNegatives("test")(model, judged_on).figures["stated"] == 1
    found = KnownNegatives("valid")(model, judged_on)
    assert found.figures["stated"] == 35
    assert found.figures["random"] == 100
    assert found.plain()["relations"][0]["relation"] == "0"


def test_a_query_without_answers_draws_from_everybody_whatever_the_next_one_knows():
    """Query (1, r, ?) has no answers, and of the next one the first entity is known: the last entity is drawn, too."""
    query = Query(torch.tensor([1, 2]), torch.tensor([0, 0]))
    drawn = unknown(query, index_of(facts((2, 0, 0)), 5, 1), 500, torch.Generator().manual_seed(0))
    assert [set(row) for row in drawn.tolist()] == [{0, 1, 2, 3, 4}, {1, 2, 3, 4}]


def test_nobody_unknown_is_drawn_twice_as_often():
    """Of five entities 4 is known: the others come alike, the last as well."""
    query = Query(torch.tensor([0]), torch.tensor([0]))
    drawn = unknown(query, index_of(facts((0, 0, 4)), 5, 1), 4000, torch.Generator().manual_seed(0))
    share = drawn[0].bincount(minlength=5) / 4000
    assert_close(share, torch.tensor([0.25] * 4 + [0.0]), atol=0.03, rtol=0)


# scores and labels


def test_stated_stand_before_denied():
    model, stated, denied = Tabled(coarse()), facts((0, 1, 2), (3, 0, 4)), facts((5, 2, 6))
    score, label, rel_type = labelled(model, None, stated, denied)
    assert label.tolist() == [True, True, False]
    assert rel_type.tolist() == [1, 0, 2]
    assert score.tolist() == [float(model.score[r, h, t]) for h, r, t in ((0, 1, 2), (3, 0, 4), (5, 2, 6))]


def test_figures_by_relation():
    """Relation 1 alone, of which validation calls all from 2 on true."""
    fitted = thresholds(
        torch.tensor([1.0, 2.0, 5.0, 4.0]), torch.tensor([False, True, False, True]), torch.tensor([1, 1, 0, 0]), 2
    )
    score, label = torch.tensor([2.0, 1.9, 3.0]), torch.tensor([True, True, False])
    figures, table = judge(fitted, score, label, torch.tensor([1, 1, 1]))
    assert (figures["accuracy"], figures["precision"], figures["recall"]) == pytest.approx((1 / 3, 1 / 2, 1 / 2))
    row = table.to_dict("records")[0]
    assert (row["relation"], row["stated"], row["denied"], row["threshold"]) == ("1", 2, 1, 2.0)
    assert (row["fallback"], "count" in row, figures["count"]) == (False, False, 3)
    assert average_precision(torch.tensor([3.0, 2.0, 1.0]), torch.tensor([True, False, True])) == pytest.approx(5 / 6)
    assert average_precision(torch.tensor([1.0, 1.0]), torch.tensor([True, False])) == pytest.approx(1 / 2)


def test_a_class_that_ties_is_not_right():
    """Nodes 0 and 1 of class 1: the first scores it best, the second ties with class 0."""
    score = torch.zeros(2, 3, 3)
    score[0, 0, 1] = 1.0
    nodes = facts((0, 0, 1), (1, 0, 1))
    assert accuracy(Tabled(score), None, nodes, 3) == 0.5
    score[0, 1, 1], score[0, 1, 2] = 1.0, 2.0
    assert accuracy(Tabled(score), None, nodes, 2) == 1.0  # of two classes there is no third
    with pytest.raises(UserError, match="no node to judge"):
        accuracy(Tabled(score), None, Triplets(*[torch.empty(0, dtype=torch.long)] * 3), 3)
    score[0, 1, 0] = torch.nan
    with pytest.raises(UserError, match="A score is NaN"):
        accuracy(Tabled(score), None, nodes, 3)


def test_pairs_too_few_to_match(monkeypatch):
    """Forty pairs in all; matched by degree there may be fewer than two of each label a fold: no figures of them."""
    monkeypatch.setattr("gnnneg.evaluation.pairs.TREES", 1)
    judged_on = toy_bed()
    found = PairClassification()(kge(), judged_on).table
    assert found["among"].tolist() == ["all"] * 6 + ["degree-matched"] * 6
    assert found["of"].tolist() == ["vectors"] * 2 + ["random"] * 2 + ["counts"] * 2 + found["of"].tolist()[:6]
    assert found["features"].tolist() == ["hadamard", "concatenation"] * 6
    assert found["pairs"][:6].tolist() == [40] * 6
    assert found["positive"][:6].tolist() == [20] * 6
    few = judged_on.data[PAIR]
    few.edge_label_index, few.edge_label = torch.tensor([[0] * 10, [1] * 10]), torch.tensor([1, 0] * 5)
    found = PairClassification()(kge(), judged_on).table  # ten pairs alike: all of them match
    assert found["pairs"].tolist() == [10] * 12
    assert found["f1"].notna().all()
    few.edge_label_index = torch.tensor([[0, 0, 0, 0] + [2] * 6, [1, 1, 1, 1] + [3] * 6])
    few.edge_label = torch.tensor([1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    rest = PairClassification()(kge(), judged_on).table
    left = int(rest["pairs"][11])
    assert (
        rest["positive"][11]
        == left // 2
        == matched(few.edge_label_index, few.edge_label, torch.arange(11)).numel() // 2
    )
    assert rest["f1"][6:].isna().all()


def test_given_candidates_come_before_the_data_sets_own():
    """On both sides."""
    judged_on, model = asked_of(), Tabled(coarse())
    judged_on.data["entity"].candidate_tails = torch.tensor([0, 1, 2])
    some = torch.tensor([3, 4, 5, 6, 7])
    found = ranked(model, judged_on, judged_on.statements("test"), some)
    wanted = ranks(model, None, judged_on.statements("test"), judged_on.known, candidates=some[None])
    assert torch.equal(found.candidates, wanted.candidates)
    assert torch.equal(found.optimistic, wanted.optimistic)


def test_the_first_that_is_no_number_is_named():
    with pytest.raises(UserError, match=r"^Findings: one is 'x': figures"):
        Findings({"sure": 1.0, "one": "x", "two": "y"})


def test_verified_ones_by_relation():
    """Relation 0: 3 before the denied 1 and 2, from both sides alike; relation 1 has two denied of nothing asked."""
    score = torch.arange(6.0).expand(4, 6, 6).clone()
    denied = facts((0, 0, 1), (0, 0, 2), (4, 1, 1), (4, 1, 2))
    split = {"test": facts((0, 0, 3), (5, 1, 0))}
    found = KnownNegatives(num_random=0)(Tabled(score), bed(6, 2, split, {"test": denied}))
    rows = found.table.to_dict("records")
    assert [(row["relation"], row["stated"], row["denied"], row["queries"]) for row in rows] == [
        ("0", 1, 2, 1),
        ("1", 1, 2, 0),
    ]
    assert (rows[0]["auroc"], rows[0]["mrr"], rows[0]["hits@1"]) == (1, 1, 1)
    assert rows[1]["auroc"] == 0
    assert (found.figures["queries"], found.figures["without_denied"]) == (1, 3)
    assert found.figures["verified"]["amr"] == 0.5  # the first of three, of whom one by chance is the second


@pytest.mark.parametrize(("cells", "wanted"), [(1, [1, 1, 1]), (10, [2, 1]), (100, [3])])
def test_verified_and_random_ones_at_once(monkeypatch, cells, wanted):
    """Three questions of one, two and two denied answers, and three random ones each: 4 + 4, or 5 + 5, or all."""
    monkeypatch.setattr(sys.modules[KnownNegatives.__module__], "CELLS", cells)
    denied = facts((0, 0, 1), (1, 0, 1), (1, 0, 2), (2, 0, 1), (2, 0, 4))
    split = {"test": facts((0, 0, 5), (1, 0, 5), (2, 0, 5))}
    model = Tabled(torch.zeros(2, 6, 6))
    found = KnownNegatives(num_random=3)(model, bed(6, 1, split, {"test": denied}))
    assert [rows for rows, _ in model.asked[-2 * len(wanted) :]] == [rows for rows in wanted for _ in range(2)]
    assert found.figures["queries"] == 3


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 11])
def test_quartiles_as_fractions(size):
    """Between the two counts that stand around each quarter of the way, rounded down."""
    count = torch.randint(1000, (size,))
    value, wanted = sorted(count.tolist()), []
    for quarter in (1, 2, 3):
        place = Fraction(quarter * (size - 1), 4)
        low = int(place)
        above = value[min(low + 1, size - 1)]
        wanted.append(int(value[low] + (place - low) * (above - value[low])))
    assert _quartiles(count) == wanted


def test_one_stratum_of_degree():
    """Degrees 1 and 1; then 9, 9, 1 and 1, whose quartiles are 1, 5 and 9. The larger stratum comes first."""
    one = torch.ones(3, dtype=torch.long)
    found = Ranks(one, 0 * one, torch.arange(3), 0 * one, one, one, 9 * one)
    assert strata(found, facts((0, 0, 1)), 3, 1)["degree"] == ["1", "1", "0"]
    wide = facts(*((0, 0, 1) for _ in range(9)), (2, 0, 3))
    assert strata(found, wide, 4, 1)["degree"] == ["6–9", "6–9", "1"]
    rows = table(found, ["a", "b", "b"])
    assert (rows["stratum"].tolist(), rows.index.tolist()) == (["b", "a"], [0, 1])
