"""Which halves of a statement training has seen."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from gnnneg.evaluation.record import SIDES, Ranks
from gnnneg.records import Triplets

HALVES = ("neither", "only answer", "only query", "both")
CHUNK = 1 << 20  # training statements that are looked up at once


def half_links(ranks: Ranks, train: Triplets, num_nodes: int) -> Int[Tensor, "b"]:
    r"""Of each query, which of its two half-links training has seen: a position in :obj:`HALVES`.

    The strata of `"Half a Link can Be Enough to Predict a Whole Link"
    <https://arxiv.org/abs/2606.18001>`_. A statement :math:`(h, r, t)` has the half-links :math:`(h, r)` and :math:`(r,
    t)`. One is seen if a training statement :math:`(h, r, \cdot)`, or :math:`(\cdot, r, t)`, has it:

    .. math::
        2 \cdot [\text{the half of the query is seen}] + [\text{the half of the answer is seen}]

    If the tail is asked, :math:`(h, r)` is the half of the query and :math:`(r, t)` that of the answer. If the head is
    asked, it is the other way round.

    The names of the strata, and these points, are assumptions where the abstract of the paper does not settle them:
    the order counts, so :math:`(e, r, \cdot)` and :math:`(\cdot, r, e)` are different halves; a query of a relation
    counts as one of the tail; and a statement that is itself in training has seen both of its halves.

    Cost: each distinct half of a query is sorted once, and each training statement is looked up among them. Memory is
    that of the queries and of :data:`CHUNK` training statements.

    Args:
        ranks (Ranks): The queries.
        train (Triplets): The stated statements that the model sees: those of training, or of the graph to test on.
        num_nodes (int): Number of entities.
    """
    heads = ranks.side == SIDES.index("head")
    head, tail = torch.where(heads, ranks.target, ranks.anchor), torch.where(heads, ranks.anchor, ranks.target)
    of_head = _seen(ranks.rel_type, head, train.rel_type, train.head_index, num_nodes)
    of_tail = _seen(ranks.rel_type, tail, train.rel_type, train.tail_index, num_nodes)
    query, answer = torch.where(heads, of_tail, of_head), torch.where(heads, of_head, of_tail)
    return 2 * query.long() + answer.long()


def _seen(
    rel_type: Int[Tensor, "b"],
    node: Int[Tensor, "b"],
    train_rel: Int[Tensor, "n"],
    train_node: Int[Tensor, "n"],
    num_nodes: int,
) -> Bool[Tensor, "b"]:
    """Whether training has a relation together with an entity, on one side."""
    asked, place = torch.unique(rel_type.long() * num_nodes + node, return_inverse=True)
    found = torch.zeros(asked.numel(), dtype=torch.bool)
    for begin in range(0, train_rel.numel() if asked.numel() else 0, CHUNK):
        key = train_rel[begin : begin + CHUNK].long() * num_nodes + train_node[begin : begin + CHUNK]
        at = torch.searchsorted(asked, key).clamp(max=asked.numel() - 1)
        found[at[asked[at] == key]] = True
    return found[place]
