"""Exact filtered ranking: it counts the candidates that beat or tie each target, and does not sort."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch_geometric.data import Data

from gnnneg import distributed
from gnnneg.data.known import Answers
from gnnneg.errors import UserError
from gnnneg.evaluation.asking import at_once
from gnnneg.evaluation.record import Ranks
from gnnneg.interfaces import Encoding, Model, Scorer
from gnnneg.kernels.bisection import bisected
from gnnneg.kernels.counting import count_ranks
from gnnneg.kernels.everyone import consecutive
from gnnneg.kernels.ragged import offsets
from gnnneg.looking import judging
from gnnneg.records import Query, Triplets, asked

QUERIES = 512  # at once: fewer read the candidates' vectors too often, and more leave the caches of a CPU
FULL = 64  # candidates that a matrix product scores as it scores a million


@dataclass(frozen=True)
class Counts:
    """The numbers of candidates above each target, tied with it, and in all. They are sums over candidates, so parts
    can be added.
    """

    above: Int[Tensor, "m"]
    tied: Int[Tensor, "m"]
    rivals: Int[Tensor, "m"]

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.above + other.above, self.tied + other.tied, self.rivals + other.rivals)


def ranks(
    model: Model,
    graph: Data | None,
    triplets: Triplets,
    known: Answers,
    *,
    candidates: Int[Tensor, "c k"] | None = None,
    memory_mib: float = 256.0,
    batch_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    encoding: Encoding | None = None,
    heads: bool = True,
) -> Ranks:
    r"""Ranks both sides of ``triplets`` among all entities that are not known answers.

    .. math::
        \mathrm{rank} = 1 + \#\{c : s_c > s_t\} + \tfrac{1}{2} \#\{c \neq t : s_c = s_t\}

    is the realistic rank; the optimistic one leaves the last term out, the pessimistic one counts it whole. It is a sum
    over candidates, so it does not depend on the chunks of queries and candidates. The model encodes once, and each
    distinct query is scored once for all its targets (FB15k-237 has 40,932 test queries, of which 22,850 are distinct).
    A target is scored in the same matrix as its rivals, and its score is read from there if it is a candidate, so ties
    are exact.

    Args:
        model (Model): The model to evaluate, in evaluation mode; its mode is restored afterwards.
        graph (torch_geometric.data.Data, optional): The graph for the model's messages.
        triplets (Triplets): Statements to rank. None is dropped, not even those of entities unseen in training.
        known (Answers): Answers that are left out of the ranking, usually all stated facts.
        candidates (torch.Tensor, optional): Entities to rank among instead of all: shared ``(1, k)``, or ``(2 * b, k)``
            for the tail questions followed by the head questions. The target need not be among them.
        memory_mib (float): About how much memory the scores may take. (default: :obj:`256.0`)
        batch_size (int, optional): Queries scored at once, for models that need much memory themselves.
        progress (Callable, optional): Called with the queries done and the queries in all.
        encoding (Encoding, optional): The model's encoding of the graph, if it exists already. (default: made here)
        heads (bool): Whether heads are ranked, too; a model of classes has no scores for them. (default: :obj:`True`)

    Returns:
        Tail questions in the order of ``triplets``, then head questions, on the CPU.

    Raises:
        UserError: If there is nothing to rank or a score is NaN.
    """
    if not triplets.head_index.numel():
        raise UserError("There are no statements to rank: choose a split that has some.")
    device = known.device
    questions = [
        asked(Triplets(*(t.to(device) for t in triplets)), known.num_relations, head)
        for head in ((False, True) if heads else (False,))
    ]
    anchor = torch.cat([query.anchor for query, _ in questions])
    rel_type = torch.cat([query.rel_type for query, _ in questions])
    target = torch.cat([answer for _, answer in questions])
    done, total = 0, target.numel()
    most = at_once(model, known.num_nodes, batch_size or QUERIES, memory_mib)
    outcome = torch.empty(3, total, dtype=torch.long, device=device)
    with judging(model):
        encoding = model.encode(graph) if encoding is None else encoding
        if candidates is None:
            key, row = torch.unique(rel_type.long() * known.num_nodes + anchor, return_inverse=True)
            order = row.argsort(stable=True)
            first = offsets(row.bincount(minlength=key.numel())).tolist()
            size = min(most, key.numel())
            columns = _columns(known.num_nodes, memory_mib, size)
            spans = list(_spans(known.num_nodes, columns))
            for begin in range(0, key.numel(), size):
                part = key[begin : begin + size]
                mine = order[first[begin] : first[begin + part.numel()]]
                query = Query(part % known.num_nodes, part // known.num_nodes)
                scorer, local = model.scorer(encoding, query), row[mine] - begin
                whole = spans == [(0, known.num_nodes)]
                own = None if whole else own_scores(scorer, local, target[mine], columns)
                result = None
                for start, stop in spans:
                    more = counts(scorer, query, local, target[mine], known, start, stop, own)
                    result = more if result is None else result + more
                assert result is not None
                outcome[:, mine] = torch.stack([result.above, result.tied, result.rivals])
                done += mine.numel()
                if progress is not None:
                    progress(done, total)
        else:
            candidates = candidates.to(device)
            rows = max(1, min(_cells(memory_mib) // max(candidates.size(1), 1), most))
            for begin in range(0, total, rows):
                part = slice(begin, min(begin + rows, total))
                query = Query(anchor[part], rel_type[part])
                index = candidates if candidates.size(0) == 1 else candidates[part]
                result = among(model.scorer(encoding, query), query, target[part], known, index)
                outcome[:, part] = torch.stack([result.above, result.tied, result.rivals])
                if progress is not None:
                    progress(part.stop, total)
    if candidates is None:
        distributed.summed(outcome)
    above, tied, rivals = outcome.cpu()
    side = torch.arange(total) // triplets.head_index.numel()
    relation = rel_type.cpu() % known.num_relations
    return Ranks(anchor.cpu(), relation, target.cpu(), side, 1 + above, 1 + above + tied, 1 + rivals)


def counts(
    scorer: Scorer,
    query: Query,
    row: Int[Tensor, "m"],
    target: Int[Tensor, "m"],
    known: Answers,
    start: int,
    stop: int,
    own: Float[Tensor, "m"] | None = None,
) -> Counts:
    """Counts among the entities ``start`` to ``stop``: a part of the rank's sum, for chunks of candidates and for
    shards.

    Args:
        scorer (Scorer): Scores ``query``.
        query (Query): Distinct queries.
        row (torch.Tensor): The query of each target, sorted.
        target (torch.Tensor): True answers, inside the span or not.
        known (Answers): Answers left out.
        start (int): First entity.
        stop (int): One past the last entity.
        own (torch.Tensor, optional): The targets' :func:`own_scores`, for those outside the span.
            (default: :obj:`None`, found here)
    """
    if start == stop:
        none = torch.zeros_like(target)
        return Counts(none, none, none)
    score = scorer(consecutive(start, stop, target.device))
    inside = (target >= start) & (target < stop)
    # a target is read where it stands as a candidate: scored elsewhere it may differ from itself in the last bit
    target_score = score[row, torch.where(inside, target - start, 0)]
    if (start, stop) != (0, known.num_nodes):
        own = own_scores(scorer, row, target, stop - start) if own is None else own
        target_score = torch.where(inside, target_score, own.to(score.dtype))
    above, tied = _compare(score, target_score, row, query)

    # known answers are few: sorted by score within their query, a bisection says how many lie above or beside a target
    known_row, entity = known.answers(query, start, stop)
    value, by_score = score[known_row, entity - start].sort()
    known_row, by_row = known_row[by_score].sort(stable=True)
    value = value[by_row]
    length = known_row.bincount(minlength=query.anchor.numel())
    end = length.cumsum(0)[row]
    begin = end - length[row]
    low, high = (bisected(value, begin, end, target_score, right) for right in (False, True))
    above, tied, rivals = above - (end - high), tied - (high - low), (stop - start) - (end - begin)

    # the target is no rival of its own: gone with the known answers if it is one, else it goes now
    asking = Query(query.anchor[row], query.rel_type[row])
    itself = (inside & ~known.contains(asking, target[:, None])[:, 0]).long()
    return Counts(above, tied - itself, rivals - itself)


def own_scores(scorer: Scorer, row: Int[Tensor, "m"], target: Int[Tensor, "m"], columns: int) -> Float[Tensor, "m"]:
    """The score of each target, for spans that do not contain it; so many distinct targets are scored at once."""
    answer, place = torch.unique(target, return_inverse=True)
    order, found = place.argsort(), []
    ends = offsets(place.bincount(minlength=answer.numel())).tolist()
    for begin in range(0, answer.numel(), columns):
        part = answer[begin : begin + columns]
        mine = order[ends[begin] : ends[begin + part.numel()]]
        # narrow matrix products round otherwise than wide ones: some columns are asked again to fill up
        spare = min(columns, -(-part.numel() // FULL) * FULL) - part.numel()
        index = torch.cat([part, part[-1:].expand(spare)])[None]
        found.append(scorer(index)[row[mine], place[mine] - begin])
    score = torch.cat(found)
    return torch.empty_like(score).scatter_(0, order, score)


def _compare(
    score: Float[Tensor, "u n"], target_score: Float[Tensor, "m"], row: Int[Tensor, "m"], query: Query
) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
    """The numbers of scores in row ``row[i]`` that are above, and equal to, ``target_score[i]``."""
    # as many targets at once as there are rows: where there is no kernel, a target costs a row of its own
    parts = [
        count_ranks(score, mine, place)
        for mine, place in zip(target_score.split(score.size(0)), row.split(score.size(0)))
    ]
    above, tied = (torch.cat(column) for column in zip(*parts))
    _refuse_nan(above < 0, Query(query.anchor[row], query.rel_type[row]))
    return above, tied


def among(scorer: Scorer, query: Query, target: Int[Tensor, "b"], known: Answers, index: Int[Tensor, "c k"]) -> Counts:
    """Counts among given candidates; the targets are scored in the same call, after them."""
    same = index == target[:, None]
    if index.size(0) == 1:
        answer, place = torch.unique(target, return_inverse=True)
        score, behind = scorer(torch.cat([index, answer[None]], dim=1)), place + index.size(1)
    else:
        score, behind = scorer(torch.cat([index, target[:, None]], dim=1)), index.size(1)
    # as in counts: a candidate's own column has the last word
    target_score = score.gather(1, torch.where(same.any(1), same.int().argmax(1), behind)[:, None])
    _refuse_nan(score.amin(1).isnan(), query)  # a minimum hands NaN on, and needs no mask of the scores' size
    score = score[:, : index.size(1)]
    rival = ~known.contains(query, index) & ~same
    return Counts(((score > target_score) & rival).sum(1), ((score == target_score) & rival).sum(1), rival.sum(1))


def _cells(memory_mib: float) -> int:
    """The number of scores at once: each needs eight bytes, of which four are working memory."""
    return int(memory_mib * 2**20 / 8)


def _columns(width: int, memory_mib: float, rows: int) -> int:
    """The number of candidates at once, the same each time, so that scores and the same amount of working memory fit
    the budget.
    """
    most = max(1, min(width, _cells(memory_mib) // rows))
    even = -(-width // -(-width // most))  # what is left for the end is not narrow
    return min(most, -(-even // FULL) * FULL)


def _spans(num_nodes: int, columns: int) -> Iterator[tuple[int, int]]:
    """The entities among which this process ranks, so many at once: all, unless several processes share them."""
    first, last = distributed.block(num_nodes)
    for start in range(first, max(last, first + 1), columns):  # one that holds none has one span, of none
        yield start, min(start + columns, last)


def _refuse_nan(bad: Bool[Tensor, "b"], query: Query) -> None:
    if bool(bad.any()):
        row = int(bad.int().argmax())
        raise UserError(
            f"The model scores NaN (first where entity {int(query.anchor[row])} is asked by relation "
            f"{int(query.rel_type[row])}): it has diverged, so load an earlier checkpoint or train "
            "with a lower learning rate."
        )
