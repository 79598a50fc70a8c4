"""Bounds of chunks, what is counted at which time, and words for queries of several relations and both sides."""

import math
import sys
from types import SimpleNamespace

import pytest
import torch
from evaluation.tabled import Tabled, bed, coarse, index_of, world
from examples import CHANNELS, NODES, RELATIONS, Fixed, kge, known, toy
from torch.testing import assert_close

from gnnneg.corruption import Both, Tail
from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import Pools
from gnnneg.decoders import DistMult
from gnnneg.encoders import Lookup
from gnnneg.errors import UserError
from gnnneg.evaluation import (
    Calibration,
    Platt,
    Ranks,
    Testbed,
    diagnose,
    expected_calibration_error,
    geometry,
    plane,
    predict,
    ranks,
    shown,
    summary,
    tables,
)
from gnnneg.evaluation.asking import at_once
from gnnneg.evaluation.classification import _best, auroc, thresholds
from gnnneg.evaluation.geometry import _axes
from gnnneg.generators import EMU
from gnnneg.models import KGEModel
from gnnneg.records import Triplets
from gnnneg.samplers import Uniform


def facts(*rows: tuple[int, int, int]) -> Triplets:
    return Triplets(*(torch.tensor(column) for column in zip(*rows)))


def test_what_a_model_holds_for_a_query():
    """262,144 numbers a MiB; at least one query, and no more than are wanted."""
    model = kge()
    assert at_once(model, 1 << 40, 5) == 5  # it holds nothing
    model.activations = 64
    assert at_once(model, 1 << 10, 5, 1.0) == 4
    assert at_once(model, 1 << 10, 3, 1.0) == 3
    assert at_once(model, 1 << 30, 3, 1.0) == 1
    assert at_once(model, 1 << 10, 1 << 20) == 1024  # of 256 MiB
    assert at_once(model, 0, 5, 1.0) == 5


# what is drawn


def test_words_of_two_relations_and_both_sides():
    asked = facts((0, 1, 2), (1, 0, 0))
    sampler = Fixed(torch.tensor([[0], [1], [2], [2]]), torch.ones(4, 1))
    told = shown(
        sampler,
        Tabled(torch.zeros(4, 3, 3)),
        None,
        asked,
        KnownAnswers(asked, 3, 2),
        Both(2),
        ["a", "b", "c"],
        ["likes", "knows"],
        relation_labels=["is fond of", None],
    )
    keys = "anchor", "relation", "relation_label", "side", "target"
    assert [tuple(one[key] for key in keys) for one in told] == [
        ("a", "knows", "", "tail", "c"),
        ("b", "likes", "is fond of", "tail", "a"),
        ("c", "knows", "", "head", "a"),
        ("a", "likes", "is fond of", "head", "b"),
    ]
    assert [(one["negatives"][0]["name"], one["negatives"][0]["true"]) for one in told] == [
        ("a", False),
        ("b", False),
        ("c", False),
        ("c", False),
    ]
    assert "target_label" not in told[0]


def test_a_candidate_that_ties_with_the_target_is_not_above_it():
    found = diagnose(
        Fixed(torch.tensor([[1, 2]]), torch.ones(1, 2)),
        Tabled(torch.tensor([[[1.0, 1.0, 2.0]]]).expand(2, 3, 3)),
        None,
        facts((0, 0, 0)),
        KnownAnswers(facts((0, 0, 0)), 3, 1),
        Tail(1),
    )
    assert found["above_target"] == 0.5
    assert found["margin"] == -0.5
    # two tie at 1, in the middle of the lower two thirds; 2 is above both, half of the last third
    assert found["hardness"] == pytest.approx((1 / 3 + 5 / 6) / 2)
    assert found["percentiles"][6] == found["percentiles"][16] == 0.5


def test_shared_candidates_that_are_there_for_some():
    """Entities 1 and 2 for both queries, 2 absent for the first."""
    asked = facts((0, 0, 0), (1, 0, 0))
    found = diagnose(
        Fixed(torch.tensor([[1, 2]]), torch.tensor([[1.0, 0.0], [1.0, 1.0]])),
        Tabled(torch.zeros(2, 4, 4)),
        None,
        asked,
        KnownAnswers(asked, 4, 1),
        Tail(1),
    )
    assert (found["drawn"], found["coverage"], found["absent"]) == (3, 0.5, 0.25)
    assert found["perplexity"] == pytest.approx(math.exp(-(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))))


diagnosis = sys.modules[diagnose.__module__]


class Clock:
    """A second later at each look."""

    def __init__(self, step: float = 1.0):
        self.now, self.step = 0.0, step

    def perf_counter(self) -> float:
        self.now += self.step
        return self.now


@pytest.mark.parametrize(("batch_size", "rate"), [(4, 12.0), (3, 3.0), (2, 6.0), (1, 3.0)])
def test_the_first_of_several_batches_is_not_timed(monkeypatch, batch_size, rate):
    """Four queries of three candidates; a draw takes a second by this clock."""
    asked = facts(*((i, 0, i) for i in range(4)))
    means = Fixed(torch.zeros(4, 3).long(), torch.ones(1, 1)), Tabled(torch.zeros(2, 4, 4)), None, asked
    means = *means, KnownAnswers(facts((0, 0, 0)), 4, 1), Tail(1)
    monkeypatch.setattr(diagnosis, "time", Clock())
    assert diagnose(*means, batch_size=batch_size)["per_second"] == rate
    monkeypatch.setattr(diagnosis, "time", Clock(0.0))
    assert diagnose(*means, batch_size=batch_size)["per_second"] == 0.0


@pytest.mark.parametrize(
    ("scored", "cells", "wanted"), [(100, 1000, [4, 4, 2]), (4, 1000, [2, 2, 2]), (100, 12, [3, 3, 2]), (1, 1, [1] * 3)]
)
def test_how_many_queries_are_scored_for_hardness(monkeypatch, scored, cells, wanted):
    """Ten queries in batches of two statements from both sides, of four entities each."""
    model = Tabled(torch.zeros(2, 4, 4))
    asked = facts(*((i % 4, 0, i % 3) for i in range(5)))
    monkeypatch.setattr(diagnosis, "CELLS", cells)
    sampler = Fixed(torch.tensor([[0]]), torch.ones(1, 1))
    diagnose(sampler, model, None, asked, KnownAnswers(facts((3, 0, 3)), 4, 1), Both(1), batch_size=2, scored=scored)
    assert [rows for rows, _ in model.asked] == wanted


def test_progress_of_uneven_batches():
    asked, seen = facts(*((i, 0, i) for i in range(4))), []
    means = Fixed(torch.tensor([[0, 1]]), torch.ones(1, 1)), Tabled(torch.zeros(2, 4, 4)), None, asked
    diagnose(*means, index_of(asked, 4, 1), Tail(1), batch_size=3, progress=lambda done, all: seen.append((done, all)))
    assert seen == [(3, 4), (4, 4)]


# where they lie


def test_clouds_of_several_generators_of_one_class_have_numbers():
    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(0)
    makers = [EMU(0.5), EMU(0.6), EMU(0.7)]
    found = geometry(Uniform(NODES, 4), makers, kge(), None, toy(), Both(RELATIONS), draw, queries=3)
    assert list(found) == ["sampled", "EMU", "EMU 2", "EMU 3"]


def test_absent_negatives_have_no_place():
    """Only the third of three is there, and for the second query none: a cosine, a point, no pair to compare."""
    torch.manual_seed(0)
    model, asked = kge(), facts((0, 0, 1), (1, 0, 2))
    sampler = Fixed(torch.tensor([[3, 4, 5], [6, 7, 8]]), torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))
    found = geometry(sampler, [], model, None, asked, Tail(RELATIONS))["sampled"]
    table = model.encoder.weight.detach()
    assert found["cosine"] == pytest.approx(float(torch.cosine_similarity(table[5], table[1], dim=0)), abs=1e-6)
    assert found["likeness"] is None
    assert found["pairs"] == [0.0] * 50
    assert len(found["points"]) == 1
    assert found["rank"] == pytest.approx(1, abs=1e-5)
    assert found["isotropy"] == pytest.approx(1, abs=1e-5)
    assert CHANNELS > 1


def test_no_more_than_so_many_negatives_are_looked_at(monkeypatch):
    monkeypatch.setattr(sys.modules["gnnneg.evaluation.geometry"], "MOST", 2)  # the package's name is a function
    torch.manual_seed(0)
    sampler = Fixed(torch.tensor([[3, 4, 5]]), torch.tensor([[1.0, 1.0, 1.0]]))
    found = geometry(sampler, [], kge(), None, facts((0, 0, 1)), Tail(RELATIONS))["sampled"]
    assert len(found["points"]) == 2


# thresholds, ranks, probabilities


def test_a_threshold_above_all():
    score = torch.tensor([1.0, 2.0])
    above = _best(score, torch.tensor([False, False]))
    assert 2.0 < above < 2.0 + 1e-6
    assert _best(score, torch.tensor([True, True])) == 1.0
    assert _best(score, torch.tensor([False, True])) == 2.0
    fitted = thresholds(score, torch.tensor([False, True]), torch.tensor([1, 1]), 3)
    assert fitted.seen.tolist() == [False, True, False]
    assert math.isnan(auroc(score, torch.tensor([True, True])))


def test_ranks_of_one_statement_in_both_questions():
    """Sides, relations and targets stand in the order tails, heads; candidates are counted with the target."""
    score = torch.zeros(4, 3, 3)
    score[1, 0], score[3, 2] = torch.tensor([3.0, 2.0, 1.0]), torch.tensor([0.0, 5.0, 1.0])
    stated = facts((0, 1, 2))
    found = ranks(Tabled(score), None, stated, KnownAnswers(stated, 3, 2))
    assert (found.anchor.tolist(), found.rel_type.tolist(), found.target.tolist()) == ([0, 2], [1, 1], [2, 0])
    assert (found.side.tolist(), found.optimistic.tolist(), found.candidates.tolist()) == ([0, 1], [3, 3], [3, 3])


def test_a_table_of_metrics_by_hand():
    """Ranks 1 to 2 (a tie), 3 and 11, all of one relation, two of them of tails."""
    one = torch.zeros(3, dtype=torch.long)
    found = Ranks(
        one, one, one, torch.tensor([0, 0, 1]), torch.tensor([1, 3, 11]), torch.tensor([2, 3, 11]), 21 + 0 * one
    )
    parts = tables(found, facts((0, 0, 1)), 2, 1)
    assert parts["side"]["stratum"].tolist() == ["tail", "head"]  # the larger first
    tail = parts["side"].iloc[0]
    assert (tail["queries"], tail["hits@1"], tail["hits@3"], tail["hits@10"], tail["mr"]) == (2, 0, 1, 1, 2.25)
    assert tail["mrr"] == pytest.approx((1 / 1.5 + 1 / 3) / 2)
    assert tail["mrr_optimistic"] == pytest.approx((1 + 1 / 3) / 2)
    assert tail["mrr_pessimistic"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert tail["amri"] == pytest.approx(1 - 1.25 / 10)
    head = parts["side"].iloc[1]
    assert (head["hits@1"], head["hits@3"], head["hits@10"], head["mr"]) == (0, 0, 0, 11)
    assert parts["relation"]["stratum"].tolist() == ["0"]
    assert parts["cardinality"]["stratum"].tolist() == ["1-1 tail", "1-1 head"]
    assert parts["degree"]["stratum"].tolist() == ["1"]


def test_bins_of_probabilities_have_their_upper_edge():
    """15 bins: 1/15 is the first's, a little more the second's, and 0 the first's as well."""
    label = torch.tensor([True, False])
    apart = torch.tensor([1 / 15 - 1e-6, 1 / 15 + 1e-4], dtype=torch.double)
    assert expected_calibration_error(apart, label) == pytest.approx((1 - 1 / 15 + 1 / 15) / 2, abs=1e-3)
    together = torch.tensor([0.0, 1 / 15 - 1e-6], dtype=torch.double)
    assert expected_calibration_error(together, label) == pytest.approx((1 - 1 / 15) / 2, abs=1e-3)


def test_platt_by_hand_of_uneven_labels():
    """Three stated and one denied at 1 and 0: targets 4/5 and 1/3, met by a curve of two numbers."""
    fitted = Platt.fit(torch.tensor([1.0, 1.0, 1.0, 0.0]), torch.tensor([True, True, True, False]))
    asked = fitted(torch.tensor([1.0, 0.0]))
    assert_close(asked, torch.tensor([4 / 5, 1 / 3]).to(asked.dtype), atol=1e-6, rtol=0)
    whole = Calibration.fit(torch.tensor([1.0, 1.0, 1.0, 0.0]), torch.tensor([True, True, True, False]))
    assert (whole.stated, whole.denied, whole.drawn) == (3, 1, False)
    assert whole.judge(torch.tensor([0.0]), torch.tensor([True]))["score"]["brier"] == pytest.approx(0.25)


# the testbed


def test_a_testbed_of_some_splits():
    stated, tested = world(0)
    with pytest.warns(UserWarning, match="facts of train and valid splits only"):
        some = bed(12, 3, {"train": stated, "test": tested}, filter=("train", "valid"))
    assert len(some.known) == len(KnownAnswers(stated, 12, 3))
    with pytest.warns(UserWarning, match="facts of no splits only"):
        assert not len(bed(12, 3, {"train": stated, "test": tested}, filter=()).known)
    whole = bed(12, 3, {"train": stated, "test": tested}, filter=("test", "valid", "train"))
    assert (whole.num_nodes, whole.num_relations) == (12, 3)
    assert whole.on("test") is whole
    assert isinstance(whole, Testbed)
    with pytest.warns(UserWarning, match="facts of train splits only"):
        elsewhere = bed(12, 3, {"train": stated}, test_graph=whole.data, filter=("train",))
    assert elsewhere.on("valid") is elsewhere
    assert elsewhere.on("test").data is whole.data
    assert elsewhere.on("test").on("test").data is whole.data
    assert torch.equal(whole.draws().get_state(), torch.Generator().manual_seed(0).get_state())
    assert len(known().key) > 0
    assert coarse().shape[0] == 6


def test_axes_are_of_what_differs():
    """Far from the origin, the two directions in which points differ, the larger first, each mostly positive."""
    cloud = torch.tensor([[2.0, 0.0, 9.0], [-2.0, 0.0, 9.0], [0.0, 1.0, 9.0], [0.0, -1.0, 9.0]])
    assert_close(_axes(cloud), torch.eye(3)[:, :2], atol=1e-6, rtol=0)
    assert_close(_axes(-cloud), torch.eye(3)[:, :2], atol=1e-6, rtol=0)
    assert_close(_axes(torch.tensor([[1.0], [3.0]])), torch.tensor([[1.0, 0.0]]))


def test_the_picture_is_of_the_first_query():
    """Whose cloud lies in the first two coordinates, and that of the second in two others."""
    torch.manual_seed(0)
    model = kge()
    table = model.encoder.weight.data.zero_()
    table[:5, :2], table[5:10, 2:4] = torch.randn(5, 2), torch.randn(5, 2)
    sampler = Fixed(torch.tensor([[2, 3, 4], [7, 8, 9]]), torch.ones(1, 1))
    found = geometry(sampler, [], model, None, facts((0, 0, 1), (5, 0, 6)), Tail(RELATIONS))["sampled"]
    assert_close(torch.tensor(found["points"]).norm(dim=1), (table[2:5] - table[1]).norm(dim=1), rtol=1e-4, atol=1e-5)


def test_what_is_made_of_absent_negatives_has_no_place_either():
    torch.manual_seed(0)
    sampler = Fixed(torch.tensor([[3, 4, 5], [6, 7, 8]]), torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]))
    asked, draw = facts((0, 0, 1), (1, 0, 2)), torch.Generator().manual_seed(0)
    found = geometry(sampler, [EMU(0.5)], kge(), None, asked, Tail(RELATIONS), draw)
    assert [len(cloud["points"]) for cloud in found.values()] == [2, 2]
    assert sum(found["EMU"]["pairs"]) == pytest.approx(1)  # one pair: both of the first query
    assert max(found["EMU"]["pairs"]) == pytest.approx(1)


@pytest.mark.parametrize("how", [geometry, plane])
def test_without_a_graph_as_many_queries_as_wanted(how, monkeypatch):
    """How much a model holds for each node counts for nothing where no nodes are passed over."""
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)  # for speed
    torch.manual_seed(0)
    model, sizes = kge(), []
    scorer, model.activations = model.scorer, 1 << 20
    model.scorer = lambda encoding, query: sizes.append(query.anchor.numel()) or scorer(encoding, query)
    draw = torch.Generator().manual_seed(0)
    how(Uniform(NODES, 4), (), model, None, facts(*((i, 0, i + 1) for i in range(9))), Tail(RELATIONS), draw, queries=7)
    assert sizes == [7]


def test_a_model_that_holds_much_is_asked_less_at_once():
    """Of 256 MiB two queries fit."""
    model = Tabled(torch.zeros(2, 4, 4))
    model.activations = 1 << 23
    asked, seen = facts(*((i, 0, i) for i in range(4))), []
    means = Fixed(torch.tensor([[0, 1]]), torch.ones(1, 1)), model, None, asked, index_of(asked, 4, 1), Tail(1)
    diagnose(*means, progress=lambda done, all: seen.append(done))
    assert seen == [2, 4]


def test_hits_among_one_drawn():
    one = torch.ones(1, dtype=torch.long)
    assert summary(Ranks(one, one, one, 0 * one, one, one, 5 * one), 1)["hits@10_1"] == 1
    with pytest.raises(UserError, match="among 0 random negatives"):
        summary(Ranks(one, one, one, 0 * one, one, one, 5 * one), 0)


def test_types_of_targets_that_have_several_and_one():
    """Entity 1 is of types 0 and 1, 2 of type 1, 3 of type 2, 0 of none: who shares a type with 2, and who with 0?"""
    types = Pools(torch.tensor([0, 1, 1, 2]), torch.tensor([1, 1, 2, 3]), 3)
    asked = facts((0, 0, 2), (1, 0, 1), (2, 0, 0), (3, 0, 3))
    for entity, wanted in ((3, 1 / 4), (1, 2 / 4), (2, 2 / 4), (0, 0)):
        sampler = Fixed(torch.tensor([[entity]]), torch.ones(1, 1))
        found = diagnose(
            sampler, Tabled(torch.zeros(2, 4, 4)), None, asked, index_of(asked, 4, 1), Tail(1), types=types
        )
        assert found["type_consistency"] == wanted


def test_the_plane_shows_what_is_there(monkeypatch):
    """Two negatives of each query at most, and of these no absent ones, be they sampled or made of those."""
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    torch.manual_seed(0)
    weight = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    sampler = Fixed(torch.tensor([[3, 4, 5], [5, 6, 7], [7, 8, 9]]), weight)
    asked, draw = facts((0, 0, 1), (1, 0, 2), (2, 0, 1)), torch.Generator().manual_seed(0)
    found = plane(sampler, [EMU(0.5)], kge(), None, asked, Tail(RELATIONS), draw)
    assert {name: len(points) for name, points in found["pca"].items()} == {"positive": 3, "sampled": 3, "EMU": 3}
    assert found["rel_type"] == 0
    few = plane(Uniform(NODES, 2), [], kge(), None, asked, Tail(RELATIONS), draw, queries=2)
    assert len(few["pca"]["positive"]) == 2


@pytest.mark.parametrize(("count", "perplexity"), [(6, 17 / 3), (40, 30.0)])
def test_how_many_neighbours_a_point_has_in_the_plane(monkeypatch, count, perplexity):
    """A third of the other points, thirty at most; vectors of two numbers can be laid out."""
    seen = []

    class Fake:
        def __init__(self, **given):
            seen.append(given)

        def fit_transform(self, cloud):
            return cloud[:, :2]

    monkeypatch.setitem(sys.modules, "sklearn.manifold", SimpleNamespace(TSNE=Fake))
    model = KGEModel(Lookup(NODES, 2, bound=0.5), DistMult(RELATIONS, 2))
    asked = facts(*((i % NODES, 0, (i + 1) % NODES) for i in range(count)))
    found = plane(Uniform(NODES, 2), [], model, None, asked, Tail(RELATIONS), torch.Generator().manual_seed(0))
    assert [len(points) for points in found["tsne"].values()] == [count, 2 * count]
    assert seen[0]["perplexity"] == pytest.approx(perplexity)
    assert 0 <= seen[0]["random_state"] < 1 << 31


def test_the_one_best_answer():
    data = bed(4, 1, {"train": facts((0, 0, 1))}).data
    score = torch.zeros(2, 4, 4)
    score[0, 0, 2] = 1.0
    assert predict(Tabled(score), data, head="0", relation="0", k=1)["tail"].tolist() == ["2"]


def test_progress_among_given_candidates():
    stated, tested = world(0)
    seen: list[tuple[int, int]] = []
    ranks(
        Tabled(coarse()),
        None,
        tested,
        index_of(stated),
        candidates=torch.tensor([[0, 1, 2]]),
        batch_size=30,
        progress=lambda done, all: seen.append((done, all)),
    )
    assert seen[-1] == (70, 70)
    assert len(seen) >= 3
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
