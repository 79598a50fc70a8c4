"""Relation prediction: which relation holds between head and tail?"""

import torch
from torch_geometric.data import Data

from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.evaluation.asking import at_once
from gnnneg.evaluation.entity_ranking import Split
from gnnneg.evaluation.evaluator import Evaluator, Findings
from gnnneg.evaluation.metrics import summary
from gnnneg.evaluation.record import SIDES, Ranks
from gnnneg.evaluation.testbed import Testbed
from gnnneg.interfaces import Model
from gnnneg.looking import judging
from gnnneg.records import Query, Triplets


class RelationRanking(Evaluator):
    """Which relation holds between head and tail: see :func:`relation_ranks`.

    Args:
        split (str): Whose statements are asked. (default: :obj:`"test"`)
    """

    def __init__(self, split: Split = "test"):
        super().__init__()
        self.split = split

    def forward(self, model: Model, testbed: Testbed) -> Findings:
        there, asked = testbed.on(self.split), testbed.statements(self.split)
        found = relation_ranks(model, there.graph, asked, there.known, memory_mib=there.memory_mib)
        return Findings(summary(found), counts={"queries": len(found)})


def relation_ranks(
    model: Model,
    graph: Data | None,
    triplets: Triplets,
    known: KnownAnswers,
    *,
    batch_size: int = 1024,
    memory_mib: float = 256.0,
) -> Ranks:
    """Ranks each statement's relation among all relations not known to hold between its head and tail.

    Every relation is asked, ``(head, r) -> ?``, with the tail as its single candidate, so it works for every model.
    Cost: ``num_relations`` queries a statement.

    Args:
        model (Model): What is judged.
        graph (torch_geometric.data.Data, optional): What the model may look at.
        triplets (Triplets): Statements to rank.
        known (KnownAnswers): Statements left out of the ranking, by custom all stated facts.
        batch_size (int): Queries at once. (default: :obj:`1024`)
        memory_mib (float): About how much memory they may take. (default: :obj:`256.0`)

    Raises:
        UserError: If there is nothing to rank or a score is NaN.
    """
    if not triplets.head_index.numel():
        raise UserError("There are no statements to rank: choose a split that has some.")
    device, size = known.key.device, known.num_relations
    head_index, rel_type, tail_index = (t.to(device) for t in triplets)
    every = torch.arange(size, device=device)
    outcome = []
    with judging(model):
        encoding = model.encode(graph)
        most = at_once(model, known.num_nodes, batch_size, memory_mib)
        step = max(1, most // size)
        for begin in range(0, head_index.numel(), step):
            head, true, tail = (t[begin : begin + step] for t in (head_index, rel_type, tail_index))
            query = Query(head.repeat_interleave(size), every.repeat(head.numel()))
            candidate = tail.repeat_interleave(size)[:, None]
            # a statement alone may ask more than fits
            parts = zip(query.anchor.split(most), query.rel_type.split(most), candidate.split(most))
            asked = [model.scorer(encoding, Query(anchor, kind))(answer) for anchor, kind, answer in parts]
            score = torch.cat(asked).view(-1, size)
            if bool(score.isnan().any()):
                raise UserError("The model scores NaN: it has diverged, so load an earlier checkpoint.")
            rival = ~known.contains(query, candidate).view(-1, size) & (every != true[:, None])
            wanted = score.gather(1, true[:, None])
            above, tied = ((score > wanted) & rival).sum(1), ((score == wanted) & rival).sum(1)
            outcome.append(torch.stack([above, tied, rival.sum(1)]))
    above, tied, rivals = torch.cat(outcome, dim=1).cpu()
    side = torch.full_like(above, SIDES.index("relation"))
    return Ranks(head_index.cpu(), rel_type.cpu(), tail_index.cpu(), side, 1 + above, 1 + above + tied, 1 + rivals)
