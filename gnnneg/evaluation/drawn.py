"""Entities that are no known answers, drawn exactly."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.data.known import Answers
from gnnneg.kernels.ragged import entries, offsets
from gnnneg.records import Query, Triplets, asked


def unknown(query: Query, known: Answers, size: int, rng: torch.Generator | None = None) -> Int[Tensor, "b k"]:
    """Draws entities that are no known answers of a query, uniformly and with replacement; -1 if there are none.

    It needs no rejection. Let the sorted known answers be :math:`a_0 < a_1 < \\dots`. Before the :math:`u`-th of the
    other entities there are as many known answers as there are :math:`j` with :math:`a_j - j \\le u`.

    Args:
        query (Query): The queries.
        known (Answers): Answers that are not drawn. size (int): Entities a query.
        rng (torch.Generator, optional): Draws.
    """
    length = known.count(query)
    others = known.num_nodes - length
    chance = torch.rand(length.numel(), size, generator=rng, device=length.device, dtype=torch.double)
    number = (chance * others[:, None]).long().minimum((others - 1).clamp(min=0)[:, None])
    row, answer = known.answers(query)
    before, first = answer - entries(length)[1], offsets(length)[:-1]
    width = known.num_nodes + 1  # rows apart from each other in one ascending key
    rows = torch.arange(length.numel(), device=length.device)[:, None]
    passed = torch.searchsorted(row * width + before, rows * width + number, right=True) - first[:, None]
    return torch.where(others[:, None] > 0, number + passed, -1)


def corruptions(triplets: Triplets, known: Answers, rng: torch.Generator | None = None) -> Triplets:
    """One unknown statement for each stated one: a random side gets an entity that is no known answer there.

    Statements of which every entity is a known answer are left out.

    Args:
        triplets (Triplets): Stated triplets.
        known (Answers): Answers that are not drawn.
        rng (torch.Generator, optional): Draws.
    """
    head_index, rel_type, tail_index = triplets
    head = torch.rand(rel_type.numel(), generator=rng, device=rel_type.device) < 0.5
    query, _ = asked(triplets, known.num_relations, head)
    found = unknown(query, known, 1, rng)[:, 0]
    kept = found >= 0
    return Triplets(
        torch.where(head, found, head_index)[kept], rel_type[kept], torch.where(head, tail_index, found)[kept]
    )
