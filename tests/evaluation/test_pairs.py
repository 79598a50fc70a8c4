"""Pair classification against scikit-learn's own cross-validation, and matching on pairs whose label is a count."""

import sys
from collections import Counter

import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score

from gnnneg.errors import MissingExtra, UserError
from gnnneg.evaluation import concatenation, hadamard, matched, pair_classification, representations


def test_features_by_hand():
    x, y = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0]])
    assert hadamard(x, y).tolist() == [[3.0, -2.0]]
    assert concatenation(x, y).tolist() == [[1.0, 2.0, 3.0, -1.0]]


@pytest.mark.parametrize("features", [hadamard, concatenation])
def test_scikit_learn_agrees(features):
    """Entities alike in their first coordinate belong together, with some noise."""
    vector, pairs = torch.randn(40, 3), torch.randint(40, (2, 150))
    label = (vector[pairs[0], 0] * vector[pairs[1], 0] + torch.randn(150) / 5 > 0).long()
    figures, table = pair_classification(vector, pairs, label, features, seed=7)
    x, y = features(vector[pairs[0]], vector[pairs[1]]).numpy(), label.numpy()
    forest, folds = RandomForestClassifier(100, random_state=42), StratifiedKFold(5, shuffle=True, random_state=7)
    for ours, theirs in (("f1", "f1_weighted"), ("accuracy", "accuracy"), ("auroc", "roc_auc")):
        expected = cross_val_score(forest, x, y, cv=folds, scoring=theirs)
        assert table[ours].tolist() == pytest.approx(expected.tolist())
    assert figures["f1"] == pytest.approx(sorted(table["f1"])[2])
    assert figures["f1_mean"] == pytest.approx(table["f1"].sum() / 5)
    assert figures["f1_std"] == pytest.approx(torch.tensor(table["f1"].tolist()).std().item(), abs=1e-6)
    assert (figures["pairs"], figures["positive"]) == (150, int(label.sum()))
    assert table["tested"].sum() == 150
    assert set(table["trained"] + table["tested"]) == {150}
    if features is hadamard:  # the sign of one coordinate of the product
        assert figures["f1"] > 0.8


def counted(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """4,000 pairs of which the busier are the likelier positive: the label is a matter of degree alone."""
    draw = torch.Generator().manual_seed(seed)
    degree = (2 ** (6 * torch.rand(600, generator=draw))).long()
    pairs = torch.randint(600, (2, 4000), generator=draw)
    busy = (degree[pairs] + 1.0).log2().floor().sum(0)
    return pairs, (torch.rand(4000, generator=draw) < torch.sigmoid(busy - 6)).long(), degree


def test_matched_pairs_have_equal_degrees():
    pairs, label, degree = counted()
    kept = matched(pairs, label, degree, torch.Generator().manual_seed(1))
    assert kept.tolist() == sorted(set(kept.tolist()))

    def bins(row: int) -> tuple[int, int]:
        return tuple((int(degree[pairs[end, row]]) + 1).bit_length() for end in (0, 1))

    wanted = [Counter(bins(row) for row in range(4000) if label[row] == sign) for sign in (0, 1)]
    found = [Counter(bins(row) for row in kept.tolist() if label[row] == sign) for sign in (0, 1)]
    assert found[0] == found[1] == wanted[0] & wanted[1]  # as many as there are of the rarer label
    again, other = (matched(pairs, label, degree, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert torch.equal(kept, again)
    assert not torch.equal(kept, other)


def test_counts_do_not_tell_matched_pairs_apart():
    """A classifier of degrees alone is good on all pairs and at chance on matched ones."""
    pairs, label, degree = counted()
    # each pair has entities of its own, or the forest would learn who they are
    busy = degree[pairs].T.reshape(-1, 1)
    own = torch.arange(8000).view(-1, 2).T
    level = (busy + 1.0).log2().floor()
    assert pair_classification(level, own, label, concatenation)[0]["auroc"] > 0.8
    kept = matched(own, label, busy, torch.Generator().manual_seed(0))
    assert kept.numel() > 500
    assert pair_classification(level, own[:, kept], label[kept], concatenation)[0]["auroc"] < 0.53


def test_several_counts_are_matched():
    """Two ends with (stated, denied) counts: pairs 0 and 1 agree in both, pair 2 differs in denied."""
    degree = torch.tensor([[3, 1], [6, 2], [6, 7]])
    pairs = torch.tensor([[0, 0, 0], [1, 1, 2]])
    assert matched(pairs, torch.tensor([1, 0, 0]), degree).tolist() == [0, 1]
    assert matched(pairs[:, [0, 2]], torch.tensor([1, 0]), degree).tolist() == []
    assert matched(pairs[:, [0, 2]], torch.tensor([1, 0]), degree[:, 0]).tolist() == [0, 1]
    assert matched(pairs[:, :0], torch.empty(0), degree).tolist() == []


def test_bad_pairs(monkeypatch):
    vector, pairs = torch.randn(9, 2), torch.randint(9, (2, 30))
    few = torch.zeros(30)
    few[:4] = 1
    with pytest.raises(UserError, match="there are 4 positive and 26 negative ones"):
        pair_classification(vector, pairs, few)
    with pytest.raises(UserError, match="labelled -1"):
        pair_classification(vector, pairs, torch.arange(30) % 2 - 1)
    with pytest.raises(UserError, match="not finite"):
        pair_classification(vector / 0, pairs, torch.arange(30) % 2)
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(MissingExtra, match=r"gnnneg\[plot\]"):
        pair_classification(vector, pairs, torch.arange(30) % 2)


def test_representations_are_the_encoders():
    from gnnneg import DistMult, KGEModel, Lookup
    from gnnneg.data.statements import message_graph
    from gnnneg.datasets import load

    data = load("synthetic")
    size = data["entity"].num_nodes
    model = KGEModel(Lookup(size, 4), DistMult(12, 4))
    found = representations(model, message_graph(data))
    assert torch.equal(found, model.encoder.weight)
    assert not found.requires_grad
    with torch.no_grad():
        model.encoder.weight.add_(1)  # what was taken stays as it was
    assert not torch.equal(found, model.encoder.weight)
