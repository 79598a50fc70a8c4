"""Relation prediction: which relation holds between head and tail?"""

import torch

from gnnneg.errors import UserError
from gnnneg.evaluation.asking import at_once
from gnnneg.evaluation.entity_ranking import Split
from gnnneg.evaluation.evaluator import Evaluator, Findings
from gnnneg.evaluation.metrics import summary
from gnnneg.evaluation.record import SIDES, Ranks
from gnnneg.evaluation.testbed import Testbed
from gnnneg.interfaces import Model
from gnnneg.looking import judging
from gnnneg.records import Query

BATCH = 1024  # queries at once


class RelationRanking(Evaluator):
    """Ranks each statement's relation among all relations not known to hold between its head and tail.

    It scores the query ``(head, r) -> ?`` of every relation, with the tail as the single candidate, so it works for
    every model. Cost: ``num_relations`` queries a statement.

    Args:
        split (str): The split. (default: :obj:`"test"`)
    """

    def __init__(self, split: Split = "test"):
        super().__init__()
        self.split = split

    def forward(self, model: Model, testbed: Testbed) -> Findings:
        found = self.ranks(model, testbed)
        return Findings(summary(found), counts={"queries": len(found)})

    def ranks(self, model: Model, testbed: Testbed) -> Ranks:
        """The ranks, one a statement.

        Raises:
            UserError: If there is nothing to rank or a score is NaN.
        """
        self.refuse(testbed)
        there, known = testbed.on(self.split), testbed.on(self.split).known
        device, size = known.device, known.num_relations
        head_index, rel_type, tail_index = (t.to(device) for t in testbed.statements(self.split))
        every = torch.arange(size, device=device)
        outcome = []
        with judging(model):
            encoding = model.encode(there.graph_for(model))
            most = at_once(model, known.num_nodes, BATCH, there.memory_mib)
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
