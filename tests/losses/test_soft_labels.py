"""What a soft label of the negatives does to a loss, by hand."""

import pytest
import torch
from examples import NODES, RELATIONS, kge, known
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.errors import UserError
from gnnneg.generators import EMU
from gnnneg.interfaces import Loss
from gnnneg.labels import SlotLabel
from gnnneg.losses import InfoNCE, MarginRanking
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction

ONE = torch.ones(1, 1)


def test_a_soft_label_shrinks_the_margin_by_hand():
    """Margin 4 and label 0.75 leave a margin of 1: 1 + 0.5 - 1 and 1 - 2 - 1, of which the first counts."""
    value = MarginRanking(4.0)(torch.tensor([[1.0]]), torch.tensor([[0.5, -2.0]]), ONE, 0.75)
    assert_close(value, torch.tensor([0.25]))


def test_info_nce_counts_two_weighted_negatives_and_one_weight_for_all():
    """A soft label over weights written out for two negatives, and over one weight for all."""
    positive, negative, weight = torch.randn(3, 1), torch.randn(3, 2), torch.rand(3, 2) + 0.5
    for given in (weight, weight[:, :1], weight[:1, :1]):
        each = given.expand(3, 2)
        log_p = torch.cat([positive, negative], 1) - torch.cat([positive, negative + each.log()], 1).logsumexp(
            1, keepdim=True
        )
        expected = -(log_p[:, 0] + 0.3 * (each * log_p[:, 1:]).sum(1))
        assert_close(InfoNCE()(positive, negative, given, 0.3), expected)


class Deaf(Loss):
    """A loss of one's own that forgets its label."""

    def forward(self, positive, negative, weight, label=0.0):
        return (weight * negative.exp()).sum(1) - positive.squeeze(1)


class Heedful(Deaf):
    def forward(self, positive, negative, weight, label=0.0):
        return (weight * (1 - torch.as_tensor(label)) * negative.exp()).sum(1) - positive.squeeze(1)


def test_soft_labels_that_a_loss_of_ones_own_does_not_read_are_refused():
    def task(loss, label=0.0, generators=()):
        return LinkPrediction(kge(), Both(RELATIONS), Uniform(NODES, 3), loss, generators, soft_label=label)

    for options in ({"label": 0.25}, {"label": SlotLabel(known(), 0.3)}, {"generators": [EMU(0.5, soft_label=0.1)]}):
        with pytest.raises(UserError, match="Deaf does not read soft labels, and LinkPrediction gives it some"):
            task(Deaf(), **options)
        for loss in (Heedful(), InfoNCE()):
            task(loss, **options)
    task(Deaf(), generators=[EMU(0.5)])  # none is given
