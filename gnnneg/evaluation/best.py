"""The best of many scores; ties are in the order of the candidates."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gnnneg.errors import UserError

Pairs = tuple[Tensor, Tensor]


def best(
    score: Float[Tensor, "b n"], k: int, gone: Pairs | None = None
) -> tuple[Int[Tensor, "b l"], Float[Tensor, "b l"], Int[Tensor, "b"]]:
    """The places of the ``k`` highest scores of each row, the highest first; equal scores are in the order of the row.

    Cost: one partial sort, and a whole one for rows in which a tie extends beyond the ``k``-th place.

    Args:
        score (torch.Tensor): ``(b, n)``.
        k (int): The largest number of places.
        gone (tuple, optional): Rows and places ``(m,)`` that do not count.

    Returns:
        Places and scores ``(b, l)`` with ``l`` at most ``k``, and the number of each row that count. Values after these
        have no meaning.

    Raises:
        UserError: If a score is NaN, even in a place that does not count.
    """
    rows, width = score.shape
    if bool(score.amin(1).isnan().any()):  # a minimum hands NaN on, and needs no mask of the scores' size
        refuse_nan(score)
    left = torch.full((rows,), width, device=score.device)
    if gone is not None:
        score = score.index_put(gone, torch.tensor(-torch.inf, device=score.device))
        left = left - gone[0].bincount(minlength=rows)
    count, size = left.clamp(max=k), min(k, width)
    value, place = score.topk(min(k + 1, width), dim=1)
    # a tie of what is taken with what is not; what does not count stands at minus infinity, as real scores may
    slow = value[:, k] == value[:, k - 1] if width > k else torch.zeros_like(count, dtype=torch.bool)
    slow = slow | (value.gather(1, count.clamp(min=1)[:, None] - 1)[:, 0] == -torch.inf)
    slow &= count > 0
    place, order = place[:, :size].sort(dim=1)
    value, again = value[:, :size].gather(1, order).sort(dim=1, descending=True, stable=True)
    place = place.gather(1, again)
    if bool(slow.any()):
        place[slow], value[slow] = _by_whole_sort(score[slow], size, _rows(gone, slow))
    return place, value, count


def _rows(gone: Pairs | None, chosen: Bool[Tensor, "b"]) -> Pairs | None:
    """The places that do not count, of some rows only."""
    if gone is None:
        return None
    number, mine = chosen.cumsum(0) - 1, chosen[gone[0]]
    return number[gone[0][mine]], gone[1][mine]


def _by_whole_sort(score: Float[Tensor, "b n"], size: int, gone: Pairs | None) -> tuple[Tensor, Tensor]:
    order = score.sort(dim=1, descending=True, stable=True).indices
    if gone is not None:
        counts = torch.ones_like(score, dtype=torch.bool).index_put(gone, torch.tensor(False, device=score.device))
        # those that count first, each in its order
        first = counts.gather(1, order).int().sort(dim=1, descending=True, stable=True).indices
        order = order.gather(1, first)
    place = order[:, :size]
    return place, score.gather(1, place)


def refuse_nan(score: Float[Tensor, "*s"]) -> None:
    """Refuses scores of a model that has diverged.

    Raises:
        UserError: If one is NaN.
    """
    if bool(score.isnan().any()):
        raise UserError("The model scores NaN: it has diverged, so load an earlier checkpoint or train more gently.")
