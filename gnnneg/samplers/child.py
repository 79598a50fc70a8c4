"""A small model that proposes negatives for a large one."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import draws, finite, positive, step_size
from gnnneg.errors import UserError
from gnnneg.interfaces import Model, Sampler, Scorer
from gnnneg.looking import looked_at
from gnnneg.records import Negatives, Query
from gnnneg.samplers.gumbel import perturbed
from gnnneg.stateful import OwnOptimizer


class Child(OwnOptimizer, Sampler):
    r"""Draws with a small model of any class, trained in alternation with the main one. Its candidates are hard,
    distinct, and unlikely to be true.

    Its scores in evaluation mode are :math:`g`. It draws without replacement, with probability proportional to
    :math:`e^{g_j / T}`, from the candidates that it scores below the target by a margin, :math:`g_j < g_0 - m`. In
    training mode it then takes a step of its own on the batch: cross-entropy of the target against the proposed
    candidates. A candidate that this model takes for an answer is left out as a likely false negative. The model is
    small, so it can score many candidates. It is not the main model, so it does not repeat the main model's errors.
    Wrap it in :class:`Diverse` for variety of vectors, in :class:`Curriculum` for a start without it.

    Cost: the child's scores of the proposed candidates, once without gradients, and once with a backward pass.

    Args:
        proposal (Sampler): Offers the candidates.
        child (Model): The small model. It looks vectors up.
        num_negatives (int): Candidates drawn per query.
        lr (float): Step size of its own Adagrad. (default: :obj:`0.1`)
        temperature (float): :math:`T`. (default: :obj:`1.0`)
        margin (float): :math:`m`; with minus infinity no candidate is left out. (default: :obj:`0.0`)

    Raises:
        UserError: If the child needs a graph.
    """

    def __init__(
        self,
        proposal: Sampler,
        child: Model,
        num_negatives: int,
        lr: float = 0.1,
        temperature: float = 1.0,
        margin: float = 0.0,
    ):
        super().__init__()
        draws("Child", num_negatives=num_negatives)
        step_size("Child", lr=lr)
        positive("Child", temperature=temperature)
        finite("Child", margin=margin)
        if child.uses_graph:
            raise UserError("Child: a child that passes messages is not supported; use one that looks vectors up.")
        self.proposal, self.child, self.num_negatives = proposal, child, num_negatives
        self.temperature, self.margin = temperature, margin
        self.lr = lr

    def new_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adagrad(self.child.parameters(), lr=self.lr)

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        offered = self.proposal(query, target, critic, rng)
        judge = looked_at(self.child, None, query)  # who chooses drops nothing, who learns does
        score, own = judge(offered.index).float(), judge(target[:, None]).float()
        if self.training:
            # whoever asks may be without gradients, or in half precision, which loses small ones without loss scaling
            with torch.enable_grad(), torch.autocast(target.device.type, enabled=False):
                self._learn(query, target, offered)
        # the target among the candidates scores as the target does, in whatever order a kernel adds up
        score = torch.where(offered.index == target[:, None], own, score)
        suspected = (score >= own - self.margin) | (offered.weight == 0)
        key = perturbed(score / self.temperature, rng).masked_fill(suspected, -torch.inf)
        column = key.topk(min(self.num_negatives, key.size(1)), dim=1).indices
        drawn = offered.take(column)
        return Negatives(drawn.index, drawn.weight.masked_fill(suspected.gather(1, column), 0.0))

    def _learn(self, query: Query, target: Int[Tensor, "b"], offered: Negatives) -> None:
        """One step of cross-entropy."""
        scorer = self.child.scorer(self.child.encode(None), query)
        own, others = scorer(target[:, None]).float(), scorer(offered.index).float() + offered.weight.log()
        loss = (torch.logsumexp(torch.cat([own, others], dim=1), 1) - own[:, 0]).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
