"""Ranking against verified negatives: do true answers come before answers that were checked and found to be false?"""

import pandas as pd
import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import Data

from gnnneg.checks import DRAWN, whole
from gnnneg.data.known import Answers, KnownAnswers
from gnnneg.data.statements import POLARITIES
from gnnneg.evaluation.classification import auroc, average_precision, labelled
from gnnneg.evaluation.drawn import unknown
from gnnneg.evaluation.entity_ranking import Split
from gnnneg.evaluation.evaluator import Evaluator, Findings, refuse_undenied
from gnnneg.evaluation.metrics import hits, mrr, summary
from gnnneg.evaluation.ranking import among
from gnnneg.evaluation.record import Ranks
from gnnneg.evaluation.testbed import Testbed
from gnnneg.interfaces import Model
from gnnneg.kernels.ragged import entries
from gnnneg.looking import judging
from gnnneg.records import Query, Triplets, asked

CELLS = 1 << 20  # scores at once


class KnownNegatives(Evaluator):
    """Ranks stated triplets among the denied answers to the same question, on both sides, and separates the two by
    score.

    A random candidate is easy and may be true; a verified negative is neither. A question without denied answers is
    counted and not ranked. A denied triplet that is also stated is left out.

    It finds the :func:`~gnnneg.evaluation.summary` of ranks among denied answers alone as ``verified`` and among random
    ones too as ``with_random`` (both missing if no question has a denied answer); ``auroc`` and ``average_precision``
    of stated against denied triplets, over all questions; the numbers of questions that were ranked and that were not
    (``queries``, ``without_denied``), and ``stated``, ``denied``, ``contradicted`` (denied and stated) and ``random``
    counts. And a table by relation.

    Args:
        split (str): The split. (default: :obj:`"test"`)
        num_random (int): Random candidates in addition to the denied ones, drawn with replacement among entities that
            are no known answers. (default: :obj:`100`)
    """

    key = "verified_negatives"

    def __init__(self, split: Split = "test", num_random: int = 100):
        super().__init__()
        whole("KnownNegatives", 0, DRAWN, num_random=num_random)
        self.split, self.num_random = split, num_random

    def refuse(self, testbed: Testbed) -> None:
        refuse_undenied(testbed, (self.split,), "Ranking against verified negatives")

    def forward(self, model: Model, testbed: Testbed) -> Findings:
        there, names = testbed.on(self.split), testbed.data.relation_names
        known, device, graph = there.known, there.known.device, there.graph_for(model)
        stated, denied = (
            Triplets(*(column.to(device) for column in testbed.statements(self.split, polarity)))
            for polarity in POLARITIES
        )
        query, answer = asked(denied, known.num_relations)
        wrong = known.contains(query, answer[:, None]) | there.answers(stated).contains(query, answer[:, None])
        denied = Triplets(*(column[~wrong[:, 0]] for column in denied))

        score, label, rel_type = labelled(model, graph, stated, denied)
        rng = there.draws(device)
        verified, mixed, total = _ranks(model, graph, stated, there.answers(denied), known, self.num_random, rng)
        figures = {
            "verified": summary(verified) if len(verified) else None,
            "with_random": summary(mixed) if len(mixed) else None,
            "auroc": auroc(score, label),
            "average_precision": average_precision(score, label),
            "queries": len(verified),
            "without_denied": total - len(verified),
            "stated": int(label.sum()),
            "denied": int((~label).sum()),
            "contradicted": int(wrong.sum()),
            "random": self.num_random,
        }
        rows = []
        for r in rel_type.unique().tolist():
            mine, ranked = rel_type == r, verified.take(verified.rel_type == r)
            rows.append(
                {
                    "relation": names[r],
                    "stated": int(label[mine].sum()),
                    "denied": int((~label[mine]).sum()),
                    "auroc": auroc(score[mine], label[mine]),
                    "queries": len(ranked),
                    "mrr": mrr(ranked.realistic),  # missing where there are none
                    "hits@1": hits(ranked.realistic, 1),
                }
            )
        return Findings(figures, pd.DataFrame(rows), "relations")


def _ranks(
    model: Model,
    graph: Data | None,
    stated: Triplets,
    denied: KnownAnswers,
    known: Answers,
    num_random: int,
    rng: torch.Generator | None,
) -> tuple[Ranks, Ranks, int]:
    """The ranks among denied answers, the ranks among denied and random ones, and the number of all questions."""
    sides = [asked(stated, known.num_relations, head) for head in (False, True)]
    anchor, rel_type = (torch.cat([getattr(query, name) for query, _ in sides]) for name in ("anchor", "rel_type"))
    target = torch.cat([answer for _, answer in sides])
    side = torch.arange(target.numel(), device=target.device) // max(stated.rel_type.numel(), 1)
    length = denied.count(Query(anchor, rel_type))
    # of like length together, since rows are padded to the longest
    order = length.argsort(stable=True)
    order = order[length[order] > 0]
    outcome = torch.empty(2, 3, order.numel(), dtype=torch.long, device=target.device)
    with judging(model):
        encoding = model.encode(graph)
        begin = 0
        while begin < order.numel():
            width = torch.arange(1, order.numel() - begin + 1, device=order.device) * (
                length[order[begin:]] + num_random
            )
            end = begin + max(1, int((width <= CELLS).sum()))
            mine = order[begin:end]
            query, answer = Query(anchor[mine], rel_type[mine]), target[mine]
            scorer = model.scorer(encoding, query)
            one = among(scorer, query, answer, known, _padded(denied, query, answer))
            outcome[0, :, begin:end] = torch.stack([one.above, one.tied, one.rivals])
            if num_random:
                drawn = unknown(query, known, num_random, rng)
                # the target is no rival of its own, so it can stand where nothing is
                drawn = torch.where((drawn < 0) | denied.contains(query, drawn), answer[:, None], drawn)
                one = one + among(scorer, query, answer, known, drawn)
            outcome[1, :, begin:end] = torch.stack([one.above, one.tied, one.rivals])
            begin = end
    back = order.argsort()  # in the order of the questions
    said = anchor[order], rel_type[order] % known.num_relations, target[order], side[order]
    verified, mixed = (
        Ranks(*(column[back].cpu() for column in (*said, 1 + above, 1 + above + tied, 1 + rivals)))
        for above, tied, rivals in outcome
    )
    return verified, mixed, target.numel()


def _padded(denied: KnownAnswers, query: Query, target: Int[Tensor, "b"]) -> Int[Tensor, "b k"]:
    """The denied answers of each query; short rows are filled with the target, which is not its own rival."""
    _, entity = denied.answers(query)
    length = denied.count(query)
    row, column = entries(length)
    index = target[:, None].repeat(1, int(length.max()))
    index[row, column] = entity
    return index
