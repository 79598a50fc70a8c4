"""Labelled pairs that are held back: which, how many of each label, and that no figure of the others knows of them."""

from dataclasses import replace
from itertools import product

import pytest
import torch
from examples import bed, kge

from gnnneg.data.statements import PAIR
from gnnneg.errors import UserError
from gnnneg.evaluation import PairClassification, Testbed, pair_classification, representations
from gnnneg.evaluation.held_back import held_back


def line(size: int) -> torch.Tensor:
    """Pairs of neighbours, each once."""
    return torch.stack([torch.arange(size), torch.arange(size) + 1])


def test_a_share_of_each_label():
    """Of 40 positive and 8 negative pairs a quarter: 10 and 2, others for another seed, the same for the same."""
    pairs, label = line(48), (torch.arange(48) < 40).long()
    drawn = [held_back(pairs, label, 0.25, seed) for seed in (0, 0, 1)]
    for held in drawn:
        assert (int(held[label == 1].sum()), int(held[label == 0].sum())) == (10, 2)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert held_back(pairs, label, 0.0).tolist() == [False] * 48


def test_every_pair_has_the_same_chance():
    """Of 8 pairs 2, in 600 draws: each 150 times, give or take four standard deviations of 10.6."""
    pairs, label = line(8), torch.ones(8)
    often = sum(held_back(pairs, label, 0.25, seed).long() for seed in range(600))
    assert int(often.sum()) == 1200
    assert ((often - 150).abs() < 43).all()


def test_a_pair_that_is_said_twice_is_on_one_side():
    """Twenty pairs, each again the other way round: the second time it is where it was the first time."""
    pairs, label = line(20), torch.arange(20) % 2
    both = torch.cat([pairs, pairs.flip(0)], 1)
    for seed in range(5):
        held = held_back(both, label.repeat(2), 0.3, seed)
        assert torch.equal(held[:20], held[20:])
        assert [int(held[:20][label == sign].sum()) for sign in (0, 1)] == [3, 3]
    disputed = held_back(both, torch.cat([label, 1 - label]), 0.5, 0)  # said to be both
    assert torch.equal(disputed[:20], disputed[20:])
    assert int(disputed.sum()) == 20


def test_the_order_of_rows_changes_nothing():
    pairs, label = torch.randint(30, (2, 80)), torch.randint(2, (80,))
    order, turned = torch.randperm(80), torch.rand(80) < 0.5
    again = torch.where(turned, pairs.flip(0), pairs)[:, order]
    assert torch.equal(held_back(again, label[order], 0.4, 3), held_back(pairs, label, 0.4, 3)[order])


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_shares_out_of_range(share):
    with pytest.raises(UserError, match=r"^evaluation\.pairs_held_back is .*: give a share from 0 to below 1\.$"):
        held_back(line(4), torch.ones(4), share)


def test_seeds_out_of_range_and_other_labels():
    with pytest.raises(UserError, match=r"^evaluation\.pairs_seed is -1: give a whole number from 0 to"):
        held_back(line(4), torch.ones(4), 0.5, -1)
    with pytest.raises(UserError, match="A pair is labelled 3"):
        held_back(line(4), torch.full((4,), 3), 0.5)


@pytest.fixture
def judged_on(monkeypatch) -> Testbed:
    """Forty pairs, half of each label, of which half are held back."""
    monkeypatch.setattr("gnnneg.evaluation.pairs.TREES", 3)
    return replace(bed(), pairs_held_back=0.5)


def test_the_two_splits_are_all_pairs_and_share_none(judged_on):
    store = judged_on.data[PAIR]
    store.edge_label_index = torch.stack([torch.arange(40) % 11, torch.arange(40)])  # each another
    parts = [judged_on.pairs(split) for split in ("valid", "test")]
    rows = [set(map(tuple, pairs.T.tolist())) for pairs, _ in parts]
    assert not rows[0] & rows[1]
    assert rows[0] | rows[1] == set(map(tuple, store.edge_label_index.T.tolist()))
    assert [int(label.sum()) for _, label in parts] == [10, 10]
    assert replace(judged_on, seed=5).pairs("valid")[0].equal(parts[0][0])  # of runs of all seeds
    assert not replace(judged_on, pairs_seed=5).pairs("valid")[0].equal(parts[0][0])


def test_figures_are_those_of_a_data_set_without_the_other_pairs(judged_on):
    model = kge()
    for split in ("valid", "test"):
        pairs, label = judged_on.pairs(split)
        alone = bed()
        alone.data[PAIR].edge_label_index, alone.data[PAIR].edge_label = pairs, label
        found = PairClassification(split)(model, judged_on)
        assert found.table.equals(PairClassification()(model, alone).table)
        assert found.remarks[0].startswith(f"{label.numel()} of 40 labelled pairs, which are ")
    pairs, label = judged_on.pairs("valid")
    expected, _ = pair_classification(representations(model, judged_on.graph), pairs, label)
    said = PairClassification("valid").validate(model, judged_on)
    assert said == {f"pair_{name}": expected[name] for name in ("f1", "f1_mean", "accuracy", "auroc")}
    assert list(said) == PairClassification("valid").metrics(judged_on)
    assert PairClassification()(model, bed()).remarks == ()


def test_labels_of_test_do_not_move_validation_nor_the_other_way_round(judged_on, monkeypatch):
    """Whoever is held back being the same."""
    store, model = judged_on.data[PAIR], kge()
    held = held_back(store.edge_label_index, store.edge_label, 0.5)
    monkeypatch.setattr("gnnneg.evaluation.testbed.held_back", lambda *_: held)
    before = {split: PairClassification(split)(model, judged_on).plain() for split in ("valid", "test")}
    label = store.edge_label.clone()
    for split, others in (("valid", ~held), ("test", held)):
        store.edge_label = label.clone()
        store.edge_label[others] = label[others].flip(0)
        assert PairClassification(split)(model, judged_on).plain() == before[split]


def test_what_cannot_be_judged_is_refused_before_training(judged_on):
    with pytest.raises(
        UserError, match=r"^No labelled pairs are held back .* give evaluation\.pairs_held_back a share"
    ):
        PairClassification("valid").refuse(bed())
    for split, share in product(("valid", "test"), (0.1, 0.9)):  # what is too much for one is too little for the other
        with pytest.raises(UserError, match=r"there are [1-4] positive and .* change evaluation\.pairs_held_back\."):
            PairClassification(split).refuse(replace(judged_on, pairs_held_back=share))
    with pytest.raises(UserError, match="labelled pairs are of valid or test"):
        PairClassification("train")
