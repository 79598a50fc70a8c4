"""What is judged, by whom and on what: small changes to it that other tests do not notice."""

import hashlib
import sys

import pandas as pd
import pytest
import torch
from experiment.helpers import ring, trained

from gnnneg import UserError
from gnnneg.data.statements import PAIR, triplets
from gnnneg.evaluation import (
    Clustering,
    PairClassification,
    ProbabilityCalibration,
    Testbed,
    metrics,
    pairs,
    probability_calibration,
    representations,
)
from gnnneg.evaluation.pairs import FOLDS
from gnnneg.experiment import folder
from gnnneg.experiment.lock import LOCK
from gnnneg.records import Triplets

NONE = torch.empty(0, dtype=torch.long)


@pytest.fixture(scope="module")
def run():
    return trained(ring(), None, epochs=1)


def scores(run, part: Triplets) -> list[float]:
    names, relations = run.data["entity"].names, run.data.relation_names
    rows = zip(*(column.tolist() for column in part))
    return [run.predict(names[h], relations[r], names[t])["score"].item() for h, r, t in rows]


def test_labelled_statements_are_the_splits_own(run):
    score, label, drawn = ProbabilityCalibration().labelled(run.model, run.testbed, "valid")
    stated, denied = (triplets(run.data, polarity, "valid") for polarity in ("stated", "denied"))
    assert label.tolist() == [True] * len(stated.rel_type) + [False] * len(denied.rel_type)
    assert score.tolist() == pytest.approx(scores(run, stated) + scores(run, denied), rel=1e-4)
    assert drawn is False


def test_where_nothing_is_denied_as_many_are_drawn_and_none_is_true(run, monkeypatch):
    data = ring()
    store = data["entity", "denied", "entity"]
    store.edge_index, store.edge_type, store.split = torch.empty(2, 0, dtype=torch.long), NONE, NONE
    asked = []
    monkeypatch.setattr(
        probability_calibration,
        "labelled",
        lambda model, graph, *parts: asked.append(parts) or (NONE.float(), NONE.bool(), 0),
    )
    assert ProbabilityCalibration().labelled(run.model, Testbed(data, seed=3), "valid")[2] is True
    ((stated, denied),) = asked
    assert len(denied.rel_type) == len(stated.rel_type) == 4
    true = set(zip(*(column.tolist() for column in triplets(data))))
    assert not true & set(zip(*(column.tolist() for column in denied)))
    store = data["entity", "stated", "entity"]
    store.split = torch.zeros_like(store.split)
    with pytest.raises(UserError, match="there are no valid ones"):
        ProbabilityCalibration().labelled(run.model, Testbed(data, seed=3), "valid")


@pytest.mark.parametrize("alike", [FOLDS, FOLDS - 1])
def test_pairs_are_classified_by_vectors_noise_and_counts(run, monkeypatch, alike):
    """Those that degrees do not tell apart too, if enough of them are left for every fold."""
    data, asked = ring(), []
    half = 2 * FOLDS  # so many in all, of which the matched are given here
    data[PAIR].edge_label_index = torch.stack([torch.arange(half) % 20, (torch.arange(half) + 1) % 20])
    data[PAIR].edge_label = torch.arange(half) % 2
    monkeypatch.setattr(pairs, "matched", lambda *_: torch.arange(2 * alike))
    monkeypatch.setattr(
        pairs,
        "pair_classification",
        lambda of, pairs, label, by: asked.append((of, pairs.size(1))) or ({"f1": 0.5}, None),
    )
    table = PairClassification()(run.model, Testbed(data, seed=5)).table
    assert len(table) == 12
    assert len(asked) == (12 if alike == FOLDS else 6)
    vectors, noise, counts = asked[0][0], asked[2][0], asked[4][0]
    assert torch.equal(vectors, representations(run.model, run.testbed.graph))
    assert torch.equal(noise, torch.randn(vectors.shape, generator=torch.Generator().manual_seed(5)))
    for column, polarity in enumerate(("stated", "denied")):
        part = triplets(data, polarity, "train")
        ends = torch.cat([part.head_index, part.tail_index])
        assert counts[:, column].tolist() == torch.bincount(ends, minlength=20).tolist()
    if alike < FOLDS:
        left = table[table["among"] == "degree-matched"]
        assert left["f1"].isna().all()
        assert set(left["pairs"]) == {2 * alike}
        assert set(left["positive"]) == {alike}


def test_clusters_are_of_the_models_vectors(run, monkeypatch):
    data, asked = ring(), []
    data["entity"].type = torch.eye(20, 2, dtype=torch.bool)
    found = lambda *given: asked.append(given) or ({}, pd.DataFrame())  # noqa: E731
    monkeypatch.setattr(sys.modules[Clustering.__module__], "clustering", found)
    Clustering(7)(run.model, Testbed(data))
    ((vectors, types, seeds),) = asked
    assert seeds == 7
    assert torch.equal(vectors, representations(run.model, run.testbed.graph))
    assert torch.equal(torch.as_tensor(types).bool(), data["entity"].type)


def test_weights_are_told_apart_by_their_digest(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    assert folder.weights(tmp_path) == hashlib.sha256(b"weights").hexdigest()


def test_which_folders_are_used(tmp_path):
    """A lock alone does not count; only what has a config can be gone on with."""
    run = tmp_path / "run"
    folder.claim(run)
    run.mkdir()
    folder.claim(run)
    (run / LOCK).write_text("")
    folder.claim(run)
    (run / "other").write_text("mine")
    with pytest.raises(UserError, match=r"run is not empty: choose another folder with --out\."):
        folder.claim(run)
    (run / "config.yaml").write_text("")
    with pytest.raises(UserError, match=r"is not empty: go on with 'gnnneg resume .*run' or choose another"):
        folder.claim(run)
    assert (run / "other").read_text() == "mine"
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file is not empty"):
        folder.claim(tmp_path / "file")


def test_one_candidate_leaves_no_chance():
    """Where nothing competes the first rank says nothing, and no figure is missing for it."""
    rank, candidates = torch.ones(3, dtype=torch.double), torch.ones(3, dtype=torch.long)
    assert metrics.expected_sampled_hits(rank, candidates, 10, 50) == 1
    assert metrics.amri(rank, candidates) == metrics.amrr(rank, candidates) == metrics.z_mrr(rank, candidates) == 0
    assert metrics.expected_mr(candidates) == 1
    assert metrics.variance_mrr(candidates) == pytest.approx(0, abs=1e-12)


def test_of_one_negative_the_chance_is_that_it_scores_below():
    rank, candidates = torch.tensor([3.0], dtype=torch.double), torch.tensor([5])
    assert metrics.expected_sampled_hits(rank, candidates, 1, 1) == pytest.approx(1 - 2 / 4)
    assert metrics.expected_sampled_hits(rank, candidates, 2, 1) == 1
