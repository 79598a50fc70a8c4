"""The other queries' targets."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query


class InBatch(Sampler):
    r"""The targets of the batch, ``(1, b)``; a query's own target has weight 0.

    An entity occurs in proportion to its frequency as a target, so training pushes popular entities down too much.
    :class:`Corrected` undoes that; :math:`q(u)` is the frequency of :math:`u` among the answers of the predicted sides.
    Cost: only the look-up of :math:`q`; 16 bytes an entity.

    Args:
        known (KnownAnswers): Training facts.
    """

    share: Tensor

    def __init__(self, known: KnownAnswers):
        super().__init__()
        inverse = (known.key // known.num_nodes >= known.num_relations).repeat_interleave(known.offset.diff())
        count = [torch.bincount(known.answer[inverse == side], minlength=known.num_nodes) for side in (False, True)]
        share = torch.stack(count).double()
        self.register_buffer("share", share / share.sum(1, keepdim=True), persistent=False)
        self.num_relations, self.has_answers = known.num_relations, len(known) > 0

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        return Negatives(target[None], (target[:, None] != target[None]).float())

    def log_prob(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, index: Int[Tensor, "c k"]
    ) -> Float[Tensor, "w l"]:
        if not self.has_answers:
            raise UserError(
                "InBatch knows no statements, and so not how frequent its candidates are: give it the training facts, "
                "or do not correct it."
            )
        head = (query.rel_type >= self.num_relations).double().mean()
        return torch.lerp(self.share[0, index], self.share[1, index], head).log().float()
