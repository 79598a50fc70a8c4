"""Many questions to one model: the graph is encoded once, and answers come in parts, in the order of the questions."""

import numbers
from collections.abc import Callable, Iterator

import pyarrow as pa
import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.questions import NONE, Questions
from gnnneg.data.statements import LINKED, triplets
from gnnneg.errors import UserError, echo
from gnnneg.evaluation.answers import Columns, Form
from gnnneg.evaluation.asking import at_once, device_of
from gnnneg.evaluation.best import Pairs, best, refuse_nan
from gnnneg.evaluation.entity_ranking import ranked
from gnnneg.evaluation.predict import of_triplets
from gnnneg.evaluation.said import WORDS, Said
from gnnneg.evaluation.testbed import Testbed
from gnnneg.interfaces import Encoding, Model
from gnnneg.kernels.everyone import everyone
from gnnneg.looking import judging
from gnnneg.records import Query, Triplets

QUERIES = 512  # scored at once
AT_ONCE = 1 << 13  # questions in a part
ANSWERS = 1 << 18  # and about how many answers


def predict_many(
    model: Model,
    testbed: Testbed,
    questions: Questions,
    k: int = 10,
    *,
    unknown_only: bool = False,
    among: Int[Tensor, "m"] | None = None,
    silent: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[pa.Table]:
    """The answers of :func:`~gnnneg.evaluation.predict` to many questions, some thousands at a time.

    The model encodes once, and a question that occurs twice within a part is answered once. Equal scores are in the
    order of the entities, as in :func:`~gnnneg.evaluation.predict`. Scores may differ by rounding.

    Args:
        model (Model): A trained model.
        testbed (Testbed): The data, for names and known statements, and the graph for the model's messages.
        questions (Questions): Each with two of head, relation and tail, or all three.
        k (int): The largest number of answers to each. (default: :obj:`10`)
        unknown_only (bool): Leaves out answers that the data state or deny. (default: :obj:`False`)
        among (torch.Tensor, optional): Limits answers, and the ranking of whole triples, to these entities, in
            ascending order.
        silent (bool): Whether to ignore the data's statements: then no answer is called known and nothing is ranked.
            (default: :obj:`False`)
        progress (Callable, optional): Called with the questions answered and all.

    Returns:
        Tables with the columns ``question`` (the row asked, from 0), ``asked`` (``"tail"``, ``"head"``, ``"relation"``
        or ``"triple"``), ``rank`` (of the answer, from 1), ``head, relation, tail, score``, ``head_score`` if a head, a
        relation or a triple is asked about, ``known``; for whole triples the filtered, realistic ``tail_rank`` and
        ``head_rank`` with the numbers of ``tail_candidates`` and ``head_candidates``, which are all entities if the
        target is not in :obj:`among`; labels if the data have some.

    Raises:
        UserError: If an option applies to no question, a score is NaN, or a graph of labelled nodes is asked for
            anything but classes.

    Cost: one score for each distinct question of a part and each candidate; memory as the testbed says, plus the
    answers of a part.
    """
    if isinstance(k, bool) or not isinstance(k, numbers.Integral):
        raise UserError(f"The number of answers is {echo(k)}: give a whole number.")
    if k < 1:
        raise UserError(f"The number of answers must be at least 1, not {k}.")
    whole = (questions.head != NONE) & (questions.relation != NONE) & (questions.tail != NONE)
    if unknown_only and bool(whole.all()):
        raise UserError("A whole triple has no other answers to choose among: leave --new out.")
    if among is not None and bool((questions.relation == NONE).all()):
        raise UserError("No entity is asked for, so there is nothing to choose among: leave the head or the tail out.")
    if LINKED in testbed.data.edge_types:
        if bool((questions.tail != NONE).any() | (questions.relation == NONE).any()):
            raise UserError(
                "In a graph of labelled nodes only classes are asked for: give head and relation of each question."
            )
        classes = testbed.data["entity"].candidate_tails
        among = classes if among is None else classes[torch.isin(classes, among)]
        if not among.numel():
            raise UserError("None of the entities to choose among is a class, and this graph has classes as tails.")
    return _Asking(model, testbed, questions, k, unknown_only, among, silent, whole).tables(progress)


class _Asking:
    """What all parts have in common."""

    def __init__(
        self,
        model: Model,
        testbed: Testbed,
        questions: Questions,
        k: int,
        unknown_only: bool,
        among: Tensor | None,
        silent: bool,
        whole: Bool[Tensor, "b"],
    ):
        self.model, self.testbed, self.questions = model, testbed, questions
        self.k = min(int(k), max(testbed.num_nodes, model.num_relations))
        self.unknown_only, self.among, self.silent, self.whole = unknown_only, among, silent, whole
        self.data: HeteroData = testbed.data
        self.device, self.num_nodes = device_of(model), testbed.num_nodes
        heads, relations = questions.head == NONE, questions.relation == NONE
        self.kind = torch.where(whole, 3, torch.where(relations, 2, heads.long()))
        ranks = not silent and bool(whole.any())
        self.form = Form(self.data, questions.place, self.kind, bool((self.kind > 0).any()), ranks)

    def tables(self, progress: Callable[[int, int], None] | None) -> Iterator[pa.Table]:
        with judging(self.model):
            graph = self.testbed.graph_for(self.model)
            self.encoding: Encoding = self.model.encode(graph)
            self.said = None if self.silent else Said(self.data)
            self.known = None
            if self.unknown_only:
                every = [triplets(self.data, polarity) for polarity in ("stated", "denied")]
                self.known = self.testbed.answers(*every)
        total, step = len(self.questions), max(1, min(AT_ONCE, ANSWERS // self.k))
        for begin in range(0, total, step):
            with judging(self.model):
                part = torch.arange(begin, min(begin + step, total))
                found = [self._part(part[self.kind[part] == kind], kind) for kind in range(4)]
            yield self.form.table([one for one in found if one is not None])
            if progress is not None:
                progress(min(begin + step, total), total)

    def _part(self, row: Int[Tensor, "b"], kind: int) -> Columns | None:
        """The answers to questions of one kind, by column."""
        if not row.numel():
            return None
        if kind == 3:
            return self._triples(row)
        return self._relations(row) if kind == 2 else self._entities(row, head=kind == 1)

    def _entities(self, row: Int[Tensor, "b"], head: bool) -> Columns:
        given = (self.questions.tail if head else self.questions.head)[row]
        relation = self.questions.relation[row]
        size = self.model.num_relations
        # each distinct question once
        key, mine = torch.unique(relation * self.num_nodes + given, return_inverse=True)
        anchor, rel_type = key % self.num_nodes, key // self.num_nodes
        index = everyone(self.num_nodes, self.device) if self.among is None else self.among[None].to(self.device)
        cells = int(self.testbed.memory_mib * 2**18 / 4)  # a score, and as much again of working memory
        rows = max(
            1, min(at_once(self.model, self.num_nodes, QUERIES, self.testbed.memory_mib), cells // index.size(1))
        )
        places, scores, counts = [], [], []
        for some, asks in zip(anchor.split(rows), (rel_type + size * head).split(rows)):
            query = Query(some.to(self.device), asks.to(self.device))
            score = self.model.scorer(self.encoding, query)(index).float()
            place, value, count = best(score, self.k, self._gone(query))
            places.append(place.cpu() if self.among is None else self.among[place.cpu()])
            scores.append(value.cpu())
            counts.append(count.cpu())
        place, value, count = torch.cat(places), torch.cat(scores), torch.cat(counts)
        there = torch.arange(place.size(1)) < count[:, None]
        other, fixed = place[there], _spread(anchor, there)
        kind = _spread(rel_type, there)
        answers = Triplets(other, kind, fixed) if head else Triplets(fixed, kind, other)
        found: Columns = {"score": value[there]}
        if head:
            found["head_score"] = found["score"]
            found["score"] = of_triplets(self.model, self.encoding, answers, self.num_nodes)
        return self._expanded(row, mine, there, answers, found)

    def _gone(self, query: Query) -> Pairs | None:
        """The known answers among the candidates."""
        if self.known is None:
            return None
        row, entity = self.known.answers(query)
        if self.among is None:
            return row, entity
        among = self.among.to(entity.device)
        place = torch.searchsorted(among, entity).clamp(max=among.numel() - 1)
        inside = among[place] == entity
        return row[inside], place[inside]

    def _relations(self, row: Int[Tensor, "b"]) -> Columns:
        key, mine = torch.unique(
            self.questions.head[row] * self.num_nodes + self.questions.tail[row], return_inverse=True
        )
        head, tail, size = key // self.num_nodes, key % self.num_nodes, self.model.num_relations
        places, scores, counts = [], [], []
        for one, other in zip(head.split(QUERIES), tail.split(QUERIES)):
            every = torch.arange(size).repeat(len(one))
            asked = Triplets(one.repeat_interleave(size), every, other.repeat_interleave(size))
            score = of_triplets(self.model, self.encoding, asked, self.num_nodes).view(-1, size)
            gone = None
            if self.unknown_only and self.said is not None:
                known = (self.said(asked) != WORDS.index("unknown")).view(-1, size).nonzero()
                gone = known[:, 0], known[:, 1]
            place, value, count = best(score, self.k, gone)
            places.append(place)
            scores.append(value)
            counts.append(count)
        place, value, count = torch.cat(places), torch.cat(scores), torch.cat(counts)
        there = torch.arange(place.size(1)) < count[:, None]
        answers = Triplets(_spread(head, there), place[there], _spread(tail, there))
        found = {"score": value[there]}
        found["head_score"] = of_triplets(self.model, self.encoding, answers, self.num_nodes, head=True)
        return self._expanded(row, mine, there, answers, found)

    def _triples(self, row: Int[Tensor, "b"]) -> Columns:
        answers = Triplets(self.questions.head[row], self.questions.relation[row], self.questions.tail[row])
        score, head_score = (
            of_triplets(self.model, self.encoding, answers, self.num_nodes, head=head) for head in (False, True)
        )
        found = {"score": score, "head_score": head_score}
        if not self.silent:
            found |= self._ranks(answers)
        every = torch.ones(len(row), 1, dtype=torch.bool)
        return self._expanded(row, torch.arange(len(row)), every, answers, found)

    def _ranks(self, answers: Triplets) -> Columns:
        ranks = ranked(self.model, self.testbed, answers, self.among, self.encoding)
        found: Columns = {}
        for side, target in (("tail", answers.tail_index), ("head", answers.head_index)):
            one = ranks.of(side)
            rank, candidates = one.realistic, one.candidates
            if self.among is not None:  # who is none of them is ranked among all, as a single triple is
                outside = (~torch.isin(target, self.among)).nonzero()[:, 0]
                if outside.numel():
                    others = Triplets(*(column[outside] for column in answers))
                    every = ranked(self.model, self.testbed, others, None, self.encoding).of(side)
                    rank, candidates = rank.index_put((outside,), every.realistic), candidates.clone()
                    candidates[outside] = every.candidates
            found |= {f"{side}_rank": rank, f"{side}_candidates": candidates}
        return found

    def _expanded(
        self, row: Tensor, mine: Tensor, there: Bool[Tensor, "u l"], answers: Triplets, found: Columns
    ) -> Columns:
        """The answers to distinct questions, repeated for each question."""
        for score in (found["score"], found.get("head_score")):
            if score is not None:
                refuse_nan(score)
        count = there.sum(1)
        begin, length = (count.cumsum(0) - count)[mine], count[mine]
        question = row.repeat_interleave(length)
        rank = torch.arange(len(question)) - (length.cumsum(0) - length).repeat_interleave(length)
        place = begin.repeat_interleave(length) + rank
        known = None if self.said is None else self.said(answers)
        columns = {"head": answers.head_index, "relation": answers.rel_type, "tail": answers.tail_index, **found}
        if known is not None:
            columns["known"] = known
        return {"row": question, "rank": rank + 1, **{name: column[place] for name, column in columns.items()}}


def _spread(column: Int[Tensor, "u"], there: Bool[Tensor, "u l"]) -> Int[Tensor, "m"]:
    """Values of questions, repeated for each of their answers."""
    return column[:, None].expand(there.shape)[there]
