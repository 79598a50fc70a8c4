"""What each figure does at an edge: ties, nobody, one of a kind, a budget of nothing; names and parts by hand."""

import math

import pandas as pd
import pytest
import torch
from evaluation.tabled import NODES, RELATIONS, Tabled, bed, coarse, world
from examples import bed as toy_bed
from examples import kge
from torch.testing import assert_close

from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.evaluation import (
    Calibration,
    Clustering,
    PairClassification,
    ProbabilityCalibration,
    Ranks,
    RelationRanking,
    TripleClassification,
    clustering,
    geometry,
    neighbors,
    representations,
    vectors,
)
from gnnneg.evaluation.asking import device_of
from gnnneg.evaluation.calibration import Isotonic, Platt, brier, expected_calibration_error
from gnnneg.evaluation.classification import auroc, average_precision
from gnnneg.evaluation.drawn import corruptions, unknown
from gnnneg.evaluation.metrics import amri, amrr, expected_mr, expected_mrr, expected_sampled_hits, z_mrr
from gnnneg.evaluation.pairs import matched
from gnnneg.evaluation.predict import _known
from gnnneg.evaluation.ranking import _cells, _columns, _spans, counts
from gnnneg.evaluation.strata import _quartiles, strata, tables
from gnnneg.interfaces import Corruption
from gnnneg.records import Negatives, Query, Triplets
from gnnneg.samplers import Uniform

pytestmark = pytest.mark.filterwarnings("ignore:Ties decide")


def ranks_of(*rows: tuple[int, int, int, int, int, int, int]) -> Ranks:
    return Ranks(*torch.tensor(rows).T)


# probabilities


def test_a_curve_bends_where_blocks_part():
    """Three scores of which each half is stated are one block; a fourth that is higher is another."""
    score = torch.tensor([1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0])
    label = torch.tensor([1, 0, 0, 1, 1, 0, 1]).bool()
    found = Isotonic.fit(score, label)
    assert (found.score, found.probability) == ([1.0, 3.0, 4.0], [0.5, 0.5, 1.0])
    falling = Isotonic.fit(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([True, True, False]))
    assert falling.score == [1.0, 3.0]
    assert falling.probability == pytest.approx([2 / 3, 2 / 3])


@pytest.mark.parametrize(("stated", "denied"), [(1, 1), (1, 9), (9, 1)])
def test_platt_of_scores_that_say_nothing(stated, denied):
    """The mean of the targets: (N + 1) / (N + 2) of each stated, 1 / (M + 2) of each denied."""
    label = torch.arange(stated + denied) < stated
    fitted = Platt.fit(torch.zeros(stated + denied), label)
    mean = (stated * (stated + 1) / (stated + 2) + denied / (denied + 2)) / (stated + denied)
    assert_close(fitted(torch.zeros(1)).item(), mean)
    assert fitted.slope == pytest.approx(0, abs=1e-9)


def test_a_calibration_counts_both():
    score, label = torch.tensor([2.0, 1.0, 0.0, -1.0, 3.0]), torch.tensor([1, 0, 1, 0, 1]).bool()
    for drawn in (False, True):
        fitted = Calibration.fit(score, label, drawn)
        assert (fitted.stated, fitted.denied, fitted.drawn) == (3, 2, drawn)
        assert Calibration.from_dict(fitted.to_dict()) == fitted
    judged = fitted.judge(score, label)
    assert set(judged) == {"score", "platt", "isotonic"}
    assert judged["score"]["brier"] == pytest.approx(float((score.sigmoid() - label.float()).square().mean()), rel=1e-6)


def test_errors_of_probabilities_by_hand():
    probability, label = torch.tensor([0.0, 0.5, 1.0, 0.25]), torch.tensor([0, 1, 1, 1]).bool()
    assert brier(probability, label) == (0.25 + 0.75**2) / 4
    # of two bins the lower is closed to the right: 0, .5 and .25 against 1
    assert expected_calibration_error(probability, label, 2) == pytest.approx(abs(2 - 0.75) / 4)
    assert expected_calibration_error(probability, label, 4) == pytest.approx((0.75 + 0.5) / 4)


# classification


def test_areas_by_hand():
    label = torch.tensor([1, 0, 1, 0]).bool()
    assert auroc(torch.tensor([3.0, 2.0, 1.0, 1.0]), label) == (1 + 1 + 0 + 0.5) / 4
    assert average_precision(torch.tensor([3.0, 2.0, 1.0, 1.0]), label) == pytest.approx((1 + 2 / 4) / 2)
    assert auroc(torch.tensor([1.0, 0.0]), torch.tensor([True, False])) == 1.0
    assert math.isnan(auroc(torch.tensor([1.0]), torch.tensor([True])))
    assert math.isnan(average_precision(torch.tensor([1.0]), torch.tensor([False])))
    assert average_precision(torch.tensor([1.0, 2.0]), torch.tensor([True, True])) == 1.0


def test_a_remark_where_scores_tell_nothing_apart():
    stated, tested = world(0)
    both = {"train": stated, "valid": tested, "test": tested}
    flat = Tabled(torch.zeros(2 * RELATIONS, NODES, NODES))
    few = Triplets(*(column[:1] for column in world(1)[1]))
    found = TripleClassification()(flat, bed(NODES, RELATIONS, both, {"valid": few, "test": few}))
    assert len(found.remarks) == 1
    assert found.remarks[0].startswith("Calling every statement true (all_true) is as accurate")
    told = Tabled(-torch.ones(2 * RELATIONS, NODES, NODES))
    told.score[tested.rel_type, tested.head_index, tested.tail_index] = 1.0
    denied = Triplets(tested.tail_index, tested.rel_type, tested.head_index)
    keep = told.score[denied.rel_type, denied.head_index, denied.tail_index] < 0
    denied = Triplets(*(column[keep] for column in denied))
    found = TripleClassification()(told, bed(NODES, RELATIONS, both, {"valid": denied, "test": denied}))
    assert found.remarks == ()
    assert found.figures["accuracy"] == 1.0


# clusters and pairs


def test_clusters_of_a_data_sets_types():
    """The evaluator is the function, of the types that the data set has, begun as often as it is told."""
    testbed, model = toy_bed(), kge()
    wanted, table = clustering(representations(model, testbed.graph), testbed.data["entity"].type, 3)
    found = Clustering(seeds=3)(model, testbed)
    assert found.figures == wanted
    assert found.rows == "seeds"
    pd.testing.assert_frame_equal(found.table, table)
    assert len(table) == 3
    with pytest.raises(UserError, match="have no types to compare clusters with"):
        Clustering().refuse(toy_bed(bare=True))
    with pytest.raises(UserError, match="no labelled pairs of entities to classify"):
        PairClassification().refuse(toy_bed(bare=True))


def test_pairs_are_matched_cell_by_cell():
    """Degrees 1, 1, 3 and 0 of four entities: bins 1, 1, 2 and 0, so that only pairs of the first two match."""
    degree = torch.tensor([1, 1, 3, 0])
    pairs = torch.tensor([[0, 1, 0, 2, 0], [1, 0, 1, 0, 3]])
    label = torch.tensor([1, 0, 1, 1, 0])
    for seed in range(5):
        kept = matched(pairs, label, degree, torch.Generator().manual_seed(seed)).tolist()
        assert kept in ([0, 1], [1, 2])
    assert matched(pairs[:, :0], label[:0], degree).tolist() == []
    with pytest.raises(UserError, match="A pair is labelled 2"):
        matched(pairs, torch.tensor([1, 0, 2, 1, 0]), degree)


# strata and records


def test_degrees_are_parted_where_training_saw_them():
    """Quartiles of the degrees 1, 1, 2 and 4; two entities that training never saw stand apart and move no border."""
    train = Triplets(torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 0, 0]), torch.tensor([1, 2, 0, 3]))
    # degrees: 0 has 4, 1 has 2, 2 and 3 have 1 each, 4 and 5 none
    some = ranks_of(*((0, 0, target, 0, 1, 1, 3) for target in range(6)))
    found = strata(some, train, 6, 2)
    assert _quartiles(torch.tensor([4, 2, 1, 1])) == [1, 1, 2]
    assert found["degree"] == ["3+", "2", "1", "1", "0", "0"]
    assert found["cardinality"] == [found["cardinality"][0]] * 6
    unseen = strata(ranks_of((0, 1, 0, 0, 1, 1, 3)), train, 6, 2)
    assert unseen["cardinality"] == ["unseen"]
    parts = tables(some, train, 6, 2)
    assert parts["degree"]["queries"].tolist() == [2, 2, 1, 1]
    assert parts["relation"]["stratum"].tolist() == ["0"]
    assert tables(some, train, 6, 2, ["r", "s"])["relation"]["stratum"].tolist() == ["r"]


def test_ranks_are_written_by_name(tmp_path):
    some = ranks_of((0, 1, 2, 0, 1, 2, 3), (2, 0, 1, 1, 1, 1, 2), (1, 0, 0, 2, 2, 2, 2))
    path = tmp_path / "ranks.parquet"
    some.to_parquet(path, ["a", "b", "c"], ["r", "s"], {"degree": ["0", "1", "0"]})
    frame = pd.read_parquet(path)
    assert frame["anchor_name"].tolist() == ["a", "c", "b"]
    assert frame["relation_name"].tolist() == ["s", "r", "r"]
    assert frame["target_name"].tolist() == ["c", "b", "a"]
    assert frame["side"].tolist() == ["tail", "head", "relation"]
    assert frame["degree"].tolist() == ["0", "1", "0"]
    again = Ranks.from_parquet(path)
    for name in vars(some):
        assert torch.equal(getattr(again, name), getattr(some, name))
    some.to_parquet(path)
    assert set(pd.read_parquet(path).columns) == set(vars(some))
    assert some.of("relation").target.tolist() == [0]


# ranks and chance


def test_figures_of_one_candidate_are_no_chance():
    one, sure = torch.ones(3, dtype=torch.double), torch.ones(3, dtype=torch.long)
    assert (amri(one, sure), amrr(one, sure), z_mrr(one, sure)) == (0.0, 0.0, 0.0)
    two = torch.full((3,), 2)
    assert (expected_mr(two), expected_mrr(two)) == (1.5, pytest.approx(0.75))
    assert amri(one, two) == 1.0
    assert amrr(one, two) == pytest.approx(1.0)
    assert expected_sampled_hits(one, sure, 10, 1) == 1.0
    worst = torch.tensor([3.0], dtype=torch.double)
    assert expected_sampled_hits(worst, torch.tensor([3]), 1, 2) == pytest.approx(0.0)
    assert expected_sampled_hits(torch.tensor([2.0], dtype=torch.double), torch.tensor([3]), 1, 2) == pytest.approx(
        0.25
    )
    assert expected_sampled_hits(torch.tensor([2.0], dtype=torch.double), torch.tensor([3]), 2, 2) == pytest.approx(
        0.75
    )


def test_a_budget_of_memory_in_columns():
    """Eight bytes a score; at least one column; of several parts none is much narrower, in steps of 64."""
    assert _cells(1.0) == 131072
    assert _columns(100, 0.0, 8) == 1
    assert _columns(100, 1.0, 8) == 100
    assert _columns(1000, 1.0, 1024) == 128
    assert _columns(200, 1.0, 1024) == 128
    assert _columns(130, 1.0, 1040) == 126
    assert list(_spans(7, 3)) == [(0, 3), (3, 6), (6, 7)]
    assert list(_spans(0, 3)) == [(0, 0)]


def test_nobody_is_among_none():
    model = Tabled(coarse())
    query = Query(torch.tensor([0]), torch.tensor([0]))
    stated, _ = world(0)
    known = bed(NODES, RELATIONS, {"train": stated}).known
    found = counts(model.scorer(None, query), query, torch.tensor([0]), torch.tensor([3]), known, 5, 5)
    assert (found.above.tolist(), found.tied.tolist(), found.rivals.tolist()) == ([0], [0], [0])
    assert model.asked == []


def test_relations_of_which_one_is_no_number():
    stated, tested = world(0)
    score = coarse()
    score[1, tested.head_index[3], tested.tail_index[3]] = torch.nan
    with pytest.raises(UserError, match="The model scores NaN"):
        RelationRanking()(Tabled(score), bed(NODES, RELATIONS, {"train": stated, "test": tested}))


# draws


def test_who_is_left_to_be_drawn():
    """Of four entities 1 and 2 are known, or all of them: what is left is drawn evenly, or nobody."""
    rows = Triplets(*torch.tensor([(0, 0, 1), (0, 0, 2), *((1, 0, tail) for tail in range(4)), (2, 0, 0)]).T)
    known = KnownAnswers(rows, 4, 1)
    query = Query(torch.tensor([0, 1, 2, 3]), torch.tensor([0, 0, 0, 0]))
    found = unknown(query, known, 600, torch.Generator().manual_seed(0))
    assert found[1].unique().tolist() == [-1]
    for row, left in ((0, [0, 3]), (2, [1, 2, 3]), (3, [0, 1, 2, 3])):
        assert found[row].unique().tolist() == left
        share = found[row].bincount(minlength=4)[left] / 600
        assert_close(share, torch.full((len(left),), 1 / len(left)), atol=0.07, rtol=0)
    stated = Triplets(torch.tensor([0] * 200), torch.tensor([0] * 200), torch.tensor([1] * 200))
    wrong = corruptions(stated, known, torch.Generator().manual_seed(0))
    tails, heads = wrong.head_index == 0, wrong.tail_index == 1
    assert (tails | heads).all()
    assert set(wrong.tail_index[tails].tolist()) == {0, 3}
    assert set(wrong.head_index[heads & ~tails].tolist()) == {2, 3}
    assert 60 < int(tails.sum()) < 140


def test_what_the_data_say_of_each():
    """The relation asked, between two entities; what is stated has the last word."""
    stated, wrong = Triplets(*torch.tensor([(0, 1, 2), (0, 2, 2)]).T), Triplets(*torch.tensor([(0, 0, 2), (0, 1, 2)]).T)
    data = bed(4, 3, {"valid": stated}, {"train": wrong}).data
    every = torch.arange(3)
    asked = Triplets(torch.zeros(3, dtype=torch.long), every, torch.full((3,), 2))
    assert _known(asked, data) == ["denied", "valid", "valid"]
    tails = Triplets(torch.zeros(4, dtype=torch.long), torch.ones(4, dtype=torch.long), torch.arange(4))
    assert _known(tails, data) == ["unknown", "unknown", "valid", "unknown"]
    heads = Triplets(torch.arange(4), torch.zeros(4, dtype=torch.long), torch.full((4,), 2))
    assert _known(heads, data) == ["denied", "unknown", "unknown", "unknown"]


class Tails(Corruption):
    def forward(self, triplets, rng=None):
        return Query(triplets.head_index, triplets.rel_type), triplets.tail_index


def test_a_cloud_of_nobody():
    class Nobody(Uniform):
        def forward(self, *given):
            found = super().forward(*given)
            return Negatives(found.index, torch.zeros_like(found.weight))

    stated, _ = world(0)
    some = Triplets(*(column[:4] % 3 for column in stated))
    with pytest.raises(UserError, match="No query has any negatives"):
        geometry(Nobody(11, 3), [], kge(), None, some, Tails())


def test_where_a_model_lives():
    assert device_of(torch.nn.Identity()) == torch.device("cpu")


def test_probabilities_of_a_split_without_statements():
    stated, _ = world(0)
    with pytest.raises(UserError, match="there are no valid ones"):
        ProbabilityCalibration().refuse(bed(NODES, RELATIONS, {"train": stated, "test": stated}))
    with pytest.raises(UserError, match="there are no test ones"):
        ProbabilityCalibration().refuse(bed(NODES, RELATIONS, {"train": stated, "valid": stated}))


def test_vectors_and_neighbors_by_name():
    """Rows of the tables under their names; the nearest by cosine, without the entity itself, best first."""
    testbed, model = toy_bed(), kge()
    found = vectors(model, testbed.data, testbed.graph)
    table, relation = model.encoder.weight.detach(), model.decoder.relation.weight.detach()
    assert found.entities.index.tolist() == testbed.data["entity"].names
    assert found.relations.index.tolist()[:3] == testbed.data.relation_names
    assert torch.equal(torch.tensor(found.entities.to_numpy()), table)
    assert torch.equal(torch.tensor(found.relations.to_numpy()), relation)
    cosine = torch.nn.functional.cosine_similarity(table, table[4:5])
    order = [i for i in cosine.argsort(descending=True).tolist() if i != 4]
    for k in (1, 3, 50):
        near = neighbors(model, testbed.data, testbed.graph, "4", k)
        assert near["entity"].tolist() == [str(i) for i in order[:k]]
        assert_close(torch.tensor(near["cosine"].tolist()), cosine[order[:k]])
    with pytest.raises(UserError, match="The number of neighbors must be at least 1, not 0"):
        neighbors(model, testbed.data, testbed.graph, "4", 0)
