"""What a soft label of the negatives does to a loss, by hand."""

import torch
from torch.testing import assert_close

from gnnneg.losses import InfoNCE, MarginRanking

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
